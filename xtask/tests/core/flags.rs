//! The user's own flags, and what is not inherited from the cargo that started this program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask::cargo::inherited::clean;
use xtask_config::cargo_config::{CargoConfig, FlagRoad, UserFlags, WrapperKind};
use xtask_process::exec::Cmd;

use crate::support::{GNU, Machine, triple};

/// The flags that go with ours.
fn flags(set: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    texts(&settings(set, files).handed)
}

fn texts(flags: &[xtask_config::cargo_config::UserFlag]) -> String {
    flags.iter().map(|flag| flag.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A machine with a workspace below a folder, and with Cargo's home beside it. `set` are variables, `files` config files.
fn machine(set: &[(&str, &str)], files: &[(&str, &str)]) -> Machine {
    let machine = Machine::new();
    let home = machine.path().join("home").display().to_string();
    machine.file("home/credentials.toml", "");
    machine.file("above/ws/src/main.rs", "fn main() {}\n");
    machine.file("above/ws/Cargo.toml", "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    for (name, text) in files {
        machine.file(name, text);
    }
    set.iter().fold(machine.set("CARGO_HOME", home), |m, (key, value)| m.set(key, *value))
}

fn configuration(machine: &Machine) -> CargoConfig {
    CargoConfig::ask(&machine.host(), &machine.path().join("above/ws")).unwrap_or_else(|e| panic!("{e}"))
}

/// What rustc says of a machine like this one, as far as expressions ask.
fn cfg(flags: &[String]) -> Vec<String> {
    let known = ["unix", "target_os=\"linux\"", "target_arch=\"x86_64\"", "target_env=\"gnu\""];
    let own = flags.iter().filter_map(|flag| flag.strip_prefix("--cfg=")).map(str::to_owned);
    known.map(str::to_owned).into_iter().chain(own).collect()
}

fn settings(set: &[(&str, &str)], files: &[(&str, &str)]) -> UserFlags {
    let machine = machine(set, files);
    configuration(&machine).user_flags(&triple(GNU), &machine.host(), &[], &cfg)
}

const NEAR: &str = "above/ws/.cargo/config.toml";
const ABOVE: &str = "above/.cargo/config.toml";
const HOME: &str = "home/config.toml";
const OWN: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";

/// A file of Cargo's configuration with flags for the target in a list.
const LISTED: &str = "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clist\"]\n";

#[test]
fn of_the_variables_the_strongest_alone() {
    let all = [
        ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}a b\u{1f}-O"),
        ("RUSTFLAGS", " -Crustflags  -Ctwo "),
        (OWN, "-Ctarget"),
        ("CARGO_BUILD_RUSTFLAGS", "-Cbuild"),
    ];
    for (first, expected) in
        ["--cfg a b -O", "-Crustflags -Ctwo", "-Ctarget", "-Cbuild"].into_iter().enumerate()
    {
        assert_eq!(flags(&all[first..], &[]), expected);
    }
    assert_eq!(flags(&[("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Cother")], &[]), "");
    assert_eq!(flags(&[], &[]), "");
}

#[test]
fn a_variable_that_is_set_and_empty_turns_off_what_files_say() {
    let build = [(NEAR, "build.rustflags = [\"-Cbuild\"]")];
    for key in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        for files in [&build[..], &[(NEAR, LISTED)]] {
            let found = settings(&[(key, ""), (OWN, "-Ctarget")], files);
            assert_eq!(found.all().count(), 0, "{key}");
        }
    }
    // To these, nothing is nothing.
    for key in [OWN, "CARGO_BUILD_RUSTFLAGS"] {
        assert_eq!(flags(&[(key, "")], &build), "-Cbuild", "{key}");
    }
    // What Cargo would join with ours must not be in the call.
    assert_eq!(settings(&[("RUSTFLAGS", "")], &build).road, FlagRoad::Config);
    assert_eq!(settings(&[("RUSTFLAGS", "")], &[(NEAR, LISTED)]).road, FlagRoad::Variable);
    let table = "[target.'cfg(unix)']\nrustflags = [\"-Cunix\"]";
    assert_eq!(settings(&[("RUSTFLAGS", "-Cx")], &[(NEAR, table)]).road, FlagRoad::Variable);
    let table = "[target.'cfg(windows)']\nrustflags = [\"-Cunix\"]";
    assert_eq!(settings(&[("RUSTFLAGS", "-Cx")], &[(NEAR, table)]).road, FlagRoad::Config);
}

#[test]
fn lists_of_all_files_are_joined_the_nearest_last() {
    let files = [
        (HOME, "[build]\nrustflags = [\"-Chome\"]"),
        (ABOVE, "[build]\nrustflags = [\"-Cabove\", \"-Ctwo\"]"),
        (NEAR, "build.rustflags = [\"-Cnear x\"]"),
    ];
    assert_eq!(flags(&[], &files), "-Chome -Cabove -Ctwo -Cnear x");
    // As Cargo does it (tried with 1.95): the variable is one more, the strongest, list.
    assert_eq!(flags(&[("CARGO_BUILD_RUSTFLAGS", "-Cenv")], &files[2..]), "-Cnear x -Cenv");
    assert_eq!(flags(&[("RUSTFLAGS", "-Call")], &files), "-Call");
    // Of texts, the nearest alone.
    let texts = [(ABOVE, "build.rustflags = \"-Cabove\""), (NEAR, "build.rustflags = \"-Cnear  -Ctwo\"")];
    assert_eq!(flags(&[], &texts), "-Cnear -Ctwo");
}

#[test]
fn flags_of_a_target_in_a_file_are_left_to_cargo() {
    // Cargo adds them to ours by itself, and leaves those of [build] out.
    let build = "[build]\nrustflags = [\"-Cbuild\"]\n";
    for (table, first) in [("x86_64-unknown-linux-gnu", true), ("'cfg(unix)'", false)] {
        let text = format!("{build}[target.{table}]\nrustflags = [\"-Ct\"]");
        for files in [&[(NEAR, text.as_str())][..], &[(HOME, text.as_str()), (NEAR, build)]] {
            let found = settings(&[], files);
            assert_eq!((found.handed.len(), found.road), (0, FlagRoad::Config), "{table}");
            assert_eq!(found.around(["ours"]), if first { ["-Ct", "ours"] } else { ["ours", "-Ct"] });
        }
    }
    for table in [
        "aarch64-unknown-linux-gnu]\nrustflags = [\"-Ct\"]",
        "x86_64-unknown-linux-gnu]\nlinker = \"l\"",
        "'cfg(windows)']\nrustflags = [\"-Ct\"]",
        "'cfg(all(windows, target_env = \"msvc\"))']\nrustflags = [\"-Ct\"]",
        "'cfg(no expression']\nrustflags = [\"-Ct\"]",
        "'cfg(unix)']\nrustflags = []",
    ] {
        assert_eq!(flags(&[], &[(NEAR, &format!("{build}[target.{table}"))]), "-Cbuild", "{table}");
    }
}

#[test]
fn the_old_file_name_wins_as_in_cargo() {
    let old = ("above/ws/.cargo/config", "build.rustflags = [\"-Cold\"]");
    assert_eq!(flags(&[], &[old, (NEAR, "build.rustflags = [\"-Cnew\"]")]), "-Cold");
}

#[test]
fn included_files_count_and_are_named() {
    let files = [
        (
            NEAR,
            "include = [\"sub/more.toml\", { path = \"gone.toml\", optional = true }]\nbuild.rustflags = [\"-Cnear\"]",
        ),
        (
            "above/ws/.cargo/sub/more.toml",
            "build.rustflags = [\"-Cmore\"]\nbuild.rustc-wrapper = \"tools/wrap\"\n[profile.small]\ninherits = \"release\"",
        ),
    ];
    let found = settings(&[], &files);
    assert_eq!(texts(&found.handed), "-Cmore -Cnear");
    let origins: Vec<&str> = found.handed.iter().map(|flag| flag.origin.as_str()).collect();
    assert!(origins[0].ends_with("above/ws/.cargo/sub/more.toml"), "{origins:?}");
    assert!(origins[1].starts_with("build.rustflags in ") && origins[1].ends_with(NEAR), "{origins:?}");
    let machine = machine(&[], &files);
    let configuration = configuration(&machine);
    assert_eq!(configuration.profiles().collect::<Vec<_>>(), ["small"]);
    // A path begins where the folder is that holds the folder of the file.
    let wrapper = configuration.wrapper(WrapperKind::All, &machine.host()).unwrap();
    assert_eq!(machine.short(&wrapper.program.display().to_string()), "~/above/ws/.cargo/tools/wrap");
}

#[test]
fn a_broken_file_is_refused_in_cargos_words() {
    let refused = |text: &str| {
        let machine = machine(&[], &[(NEAR, text)]);
        CargoConfig::ask(&machine.host(), &machine.path().join("above/ws")).unwrap_err().to_string()
    };
    for text in ["[build", "build.rustflags = 3.5", "include = 7"] {
        assert!(refused(text).contains("config.toml"), "{}", refused(text));
    }
    // What is none of this program's business, it is silent about.
    for text in ["build = 3", "build.rustflags = 3", "[target]\nx86_64-unknown-linux-gnu = 1", "[env]\nX = 1"]
    {
        assert_eq!(flags(&[], &[(NEAR, text)]), "", "{text}");
    }
}

#[test]
fn a_text_for_the_target_is_taken_over_since_no_list_can_join_it() {
    let text = "[target.x86_64-unknown-linux-gnu]\nrustflags = \"-Ctext -Ctwo\"\n";
    let found = settings(&[(OWN, "-Cenv")], &[(NEAR, text)]);
    assert_eq!(found.road, FlagRoad::Variable);
    assert_eq!(texts(&found.handed), "-Ctext -Ctwo -Cenv");
    assert_eq!(settings(&[], &[(NEAR, LISTED)]).road, FlagRoad::Config);
}

#[test]
fn a_runner_of_the_users_own_is_seen() {
    let has = |set: &[(&str, &str)], files: &[(&str, &str)]| {
        let machine = machine(set, files);
        configuration(&machine).has_runner(&triple(GNU), &machine.host(), &|| cfg(&[]))
    };
    let file = "[target.x86_64-unknown-linux-gnu]\nrunner = \"sudo\"\n";
    assert!(has(&[], &[(HOME, file)]));
    assert!(has(&[], &[(HOME, "[target.'cfg(unix)']\nrunner = [\"sudo\", \"-n\"]\n")]));
    assert!(!has(&[], &[(HOME, "[target.'cfg(windows)']\nrunner = \"sudo\"\n")]));
    assert!(has(&[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "sudo")], &[]));
    assert!(!has(&[("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "sudo")], &[]));
}

#[test]
fn programs_are_named_by_variables_then_by_files() {
    let named = |set: &[(&str, &str)], text: &str| {
        let machine = machine(set, &[(NEAR, text)]);
        let (configuration, host) = (configuration(&machine), machine.host());
        let wrapper = configuration.wrapper(WrapperKind::All, &host);
        let linker = configuration.linker(&triple(GNU), &host, &|| cfg(&[]));
        let said = |program: Option<xtask_config::cargo_config::ConfiguredProgram>| {
            program.map(|program| machine.short(&program.program.display().to_string())).unwrap_or_default()
        };
        (said(wrapper), said(linker))
    };
    let text = "[build]\nrustc-wrapper = \"sccache\"\n[target.'cfg(unix)']\nlinker = \"tools/ld\"\n";
    assert_eq!(named(&[], text), ("sccache".into(), "~/above/ws/tools/ld".into()));
    let linker = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER";
    let set = [("RUSTC_WRAPPER", "other"), ("CARGO_BUILD_RUSTC_WRAPPER", "third"), (linker, "/ld")];
    assert_eq!(named(&set, text), ("other".into(), "/ld".into()));
    assert_eq!(named(&set[1..2], text).0, "third");
    let machine = machine(&[], &[(NEAR, "[build]\nrustc = \"tools/rustc\"\n")]);
    let mut host = machine.host();
    configuration(&machine).configure(&mut host);
    assert_eq!(machine.short(host.given("CARGO_BUILD_RUSTC").unwrap()), "~/above/ws/tools/rustc");
    // An empty variable turns the wrapper off.
    assert_eq!(named(&[("RUSTC_WRAPPER", "")], text).0, "");
    assert_eq!(named(&[], "[build]\nrustc-wrapper = \"\"\n").0, "");
    let by_name = "[target.x86_64-unknown-linux-gnu]\nlinker = \"by-name\"\n";
    assert_eq!(named(&[], &format!("{text}{by_name}")).1, "by-name");
}

#[test]
fn variables_of_files_name_c_tools_unless_the_environment_does() {
    let text = "[env]\nCC = { value = \"gcc\", force = true }\nTARGET_CC = \"clang\"\nAR_x = \"ar\"\n\
                CC_x = { value = \"tools/cc\", relative = true }\nCCACHE_DIR = \"/x\"\nHOME = { value = \"/x\", force = true }\n";
    let machine = machine(&[("CC", "mine"), ("TARGET_CC", "mine"), ("AR_x", "")], &[(NEAR, text)]);
    let mut host = machine.host();
    configuration(&machine).configure(&mut host);
    let of = |key: &str| machine.short(host.given(key).unwrap_or("-"));
    assert_eq!(["CC", "TARGET_CC", "AR_x", "CC_x"].map(of), ["gcc", "mine", "", "~/above/ws/tools/cc"]);
    assert_eq!(["CCACHE_DIR", "HOME"].map(of), ["-", "-"], "of no concern");
    assert_eq!(machine.short(&host.said("CC")), format!("CC=gcc ([env] in ~/{NEAR})"));
    assert_eq!(host.said("TARGET_CC"), "TARGET_CC=mine");
}

/// What Cargo gives to rustc for a target, told by a rustc that prints what it gets.
fn cargos_flags(machine: &Machine, more: &Cmd) -> Vec<String> {
    let log = machine.path().join("flags");
    let _ = std::fs::remove_file(&log);
    let script = format!(
        "for last; do :; done\nif [ \"$last\" = flags-of-cargo ]; then printf '%s\\n' \"$@\" > {}; exit; fi\nexec {} \"$@\"",
        log.display(),
        std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into())
    );
    let rustc = machine.program("rustc-that-tells", &script);
    let mut cmd = Cmd::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["rustc", "-Zunstable-options", "--print", "flags-of-cargo", "--target", GNU])
        .args(&more.args)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", rustc)
        .env("CARGO_CACHE_RUSTC_INFO", "0")
        .cwd(machine.path().join("above/ws"));
    for key in ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        cmd = cmd.env_remove(key);
    }
    for (key, value) in machine.host().vars().filter(|(key, _)| *key != "PATH") {
        cmd = cmd.env(key, value);
    }
    cmd.env.extend(more.env.clone());
    let output = cmd.capture(Duration::from_secs(60)).unwrap();
    assert!(output.ok(), "{}", output.errors());
    let words = std::fs::read_to_string(log).unwrap();
    let words: Vec<&str> = words.lines().collect();
    let [flags @ .., "--target", _, "--print", _] = words.as_slice() else { panic!("{words:?}") };
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

/// Cargo itself is the judge: of what a user's flags are, and of whether they reach rustc with ours.
#[test]
fn flags_are_those_of_cargo_and_reach_rustc_with_ours() {
    let build = "build.rustflags = [\"--cfg=build\", \"--cfg=two\"]\n";
    let text = "[target.x86_64-unknown-linux-gnu]\nrustflags = \"--cfg=text --cfg=two\"\n";
    let listed = "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"--cfg=list\"]\n";
    let tables = "[target.'cfg(unix)']\nrustflags = \"--cfg=unix\"\n[target.'cfg(windows)']\nrustflags = [\"--cfg=no\"]\n\
                  [target.'cfg(list)']\nrustflags = [\"--cfg=listed\"]\n";
    let include = "include = [\"more.toml\"]\n";
    let more = |text: &str| ("above/ws/.cargo/more.toml", text.to_owned());
    let empty = "[target.x86_64-unknown-linux-gnu]\nrustflags = \"\"\n";
    type Case<'a> = (&'a [(&'a str, &'a str)], Vec<(&'a str, String)>);
    let cases: Vec<Case> = vec![
        (&[], vec![(NEAR, build.into())]),
        (&[], vec![(NEAR, format!("{build}{listed}"))]),
        (&[(OWN, "--cfg=env")], vec![(NEAR, format!("{build}{listed}{tables}")), (HOME, listed.into())]),
        (&[(OWN, "")], vec![(NEAR, build.into())]),
        (&[("CARGO_BUILD_RUSTFLAGS", "--cfg=a  --cfg=b")], vec![(NEAR, build.into())]),
        (&[(OWN, "--cfg=env")], vec![(NEAR, text.into())]),
        (&[], vec![(NEAR, format!("{text}{tables}"))]),
        (&[], vec![(NEAR, format!("{build}{empty}"))]),
        (&[("RUSTFLAGS", "")], vec![(NEAR, format!("{listed}{tables}"))]),
        (&[("RUSTFLAGS", " --cfg=a ")], vec![(NEAR, build.into())]),
        (&[("RUSTFLAGS", "--cfg=a")], vec![(NEAR, text.into())]),
        (
            &[("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}a=\"b c\""), ("RUSTFLAGS", "x")],
            vec![(NEAR, tables.into())],
        ),
        (&[], vec![(NEAR, format!("{include}{build}")), more("build.rustflags = [\"--cfg=included\"]")]),
        (
            &[],
            vec![
                (NEAR, format!("{include}{build}")),
                more("[target.x86_64-unknown-linux-gnu]\nrustflags = \"--cfg=t\""),
            ],
        ),
    ];
    let ours = ["--cfg=ours", "--cfg=o=\"with space\""].map(str::to_owned);
    for (set, files) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let machine = machine(set, &files);
        let found = configuration(&machine).user_flags(&triple(GNU), &machine.host(), &ours, &cfg);
        let all = |flags: Vec<&str>| flags.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let plain = cargos_flags(&machine, &Cmd::new(""));
        assert_eq!(all(found.around([])), plain, "{set:?} {files:?}");
        // As a call of ours has them.
        let handed =
            found.handed.iter().map(|flag| flag.text.clone()).chain(ours.clone()).collect::<Vec<_>>();
        let call = [OWN, "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"]
            .iter()
            .fold(Cmd::new(""), |cmd, key| cmd.env_remove(key));
        let call = match found.road {
            FlagRoad::Config => call.arg("--config").arg(format!("target.{GNU}.rustflags={handed:?}")),
            FlagRoad::Variable => call.env("CARGO_ENCODED_RUSTFLAGS", handed.join("\u{1f}")),
        };
        let with_ours = found.around(ours.iter().map(String::as_str));
        assert_eq!(cargos_flags(&machine, &call), all(with_ours), "{set:?} {files:?}");
    }
}

/// What `clean` does to these variables: removed, or set to something.
fn cleaned(vars: &[(&str, &str)], target_dir: &str) -> Vec<String> {
    let machine = vars.iter().fold(Machine::new(), |m, (key, value)| m.set(key, *value));
    let cmd = clean(Cmd::new("cargo"), &machine.host(), Path::new(target_dir));
    let said = |(key, value): (&std::ffi::OsString, &Option<std::ffi::OsString>)| {
        let value = value.as_ref().map_or("removed".into(), |v| v.to_string_lossy().into_owned());
        format!("{} {value}", key.to_string_lossy())
    };
    cmd.env.iter().map(said).collect()
}

#[test]
fn what_cargo_run_sets_goes_and_what_the_user_set_stays() {
    let gone = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_VERSION_MAJOR",
        "CARGO_BIN_EXE_cargo-xtask",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC",
    ];
    for key in gone {
        assert_eq!(cleaned(&[(key, "x")], "/t"), [format!("{key} removed")]);
    }
    let stays =
        ["CARGO_HOME", "CARGO", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CC", "OUT_DIRS"];
    for key in stays {
        assert!(cleaned(&[(key, "x")], "/t").is_empty(), "{key}");
    }
}

#[test]
fn library_paths_lose_what_cargo_put_in_front() {
    let machine = Machine::new();
    let sysroot: PathBuf = machine.path().join("toolchain/lib");
    machine.file("toolchain/lib/rustlib/components", "");
    let sysroot = sysroot.display();
    let cargo = format!("/t/debug/deps:/t/debug:{sysroot}/rustlib/x86_64-unknown-linux-gnu/lib:{sysroot}");
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", &cargo)], "/t"), ["LD_LIBRARY_PATH removed"]);
    let both = format!("{cargo}:/opt/mine/lib::/t2/lib");
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", &both)], "/t"), ["LD_LIBRARY_PATH /opt/mine/lib:/t2/lib"]);
    assert_eq!(cleaned(&[("LD_LIBRARY_PATH", "/opt/mine/lib")], "/t"), ["LD_LIBRARY_PATH /opt/mine/lib"]);
}
