//! Cohorts and their command lines.

use std::path::Path;
use std::sync::LazyLock;

use xtask::cargo::cohort::cohorts;
use xtask::cargo::invocation::{CargoContext, CargoGoal, flags, invocation};
use xtask::cargo::shell_env::{ShellPrograms, variables};
use xtask::cargo::target_files::{FilePlaces, TargetFiles};
use xtask::plan::{Findings, Job, Lack, ModeRequest, Plan, PlanRequest, StdState, plan};
use xtask::trap;
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::runner::Runner;
use xtask_config::cargo_config::{CargoConfig, FlagRoad};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_test_support::golden;

use crate::support::{
    ARM_GNU, ARM_MUSL, GNU, MUSL, Machine, config, findings, ready, surveyed, toolchain, triple, user,
};

static NONE: LazyLock<CargoConfig> = LazyLock::new(CargoConfig::default);

fn site(host: &Host) -> CargoContext<'_> {
    CargoContext {
        cargo: "/r/bin/cargo".into(),
        manifest: "/w s/Cargo.toml".into(),
        manifests: Vec::new(),
        ids: Default::default(),
        configuration: &NONE,
        root: Path::new("/w s"),
        start: Path::new("/w s"),
        target_directory: Path::new("/w s/target"),
        host,
        host_cc: Some(Path::new("/usr/bin/cc")),
        cargo_home: Some("/home/me/.cargo".into()),
        cache: Path::new("/home/me/.cache/cargo-xtask"),
        offline: false,
        cc_joins_flags: false,
        extra_env: Default::default(),
        renamed: Vec::new(),
        umask: None,
        settings: Vec::new(),
        files: Default::default(),
        keeps_paths: false,
        compile_cache: None,
        links: [GNU, ARM_GNU, ARM_MUSL, MUSL].map(|t| (triple(t), format!("/w s/link/{t}/cc").into())).into(),
        rust_lld: None,
    }
}

fn made(findings: &Findings, targets: &[&str], mode: &str) -> Plan {
    let request = PlanRequest {
        targets: targets.iter().map(|t| triple(t)).collect(),
        mode: Some(ModeRequest::Named(mode.into())),
        ..PlanRequest::default()
    };
    plan(&config(), findings, &request).unwrap()
}

fn bin() -> CargoGoal {
    CargoGoal::Bin { package: "app".into(), bin: "app".into() }
}

/// The words, one a line, then the variables.
fn told(cmd: &Cmd) -> String {
    let words = std::iter::once(&cmd.program).chain(&cmd.args).map(|w| w.to_string_lossy().into_owned());
    let env = cmd.env.iter().map(|(key, value)| match value {
        Some(value) => format!("{}={}", key.to_string_lossy(), value.to_string_lossy()),
        None => format!("{} removed", key.to_string_lossy()),
    });
    let cwd = format!("in {}", cmd.cwd.as_deref().unwrap_or(Path::new("?")).display());
    words.chain([cwd]).chain(env).map(|line| line + "\n").collect()
}

#[test]
fn a_native_cohort() {
    let mut f = findings();
    let runner =
        Runner::Qemu { program: "/usr/bin/qemu-aarch64".into(), sysroot: Some("/usr/aarch64".into()) };
    f.runners.insert(triple(ARM_GNU), runner);
    let StdState::Ready(mut std) = ready() else { unreachable!() };
    std.sysroot = Some("/home/me/.cache/cargo-xtask/std/one \"two\"".into());
    f.stds.insert(triple(ARM_MUSL), StdState::Ready(std));
    f.user.insert(triple(GNU), user(&["-Cuser=1 2"]));
    let plan = made(&f, &[GNU, ARM_GNU, ARM_MUSL], "native");
    let machine = Machine::new()
        .set("CFLAGS", "-O9")
        .set("CFLAGS_aarch64-unknown-linux-musl", "-march=x -DY")
        .set("TARGET_CXXFLAGS", "-DZ")
        .set("CC_aarch64-unknown-linux-musl", "/theirs");
    let host = machine.host();
    let site = site(&host);
    let cohorts = cohorts(&plan.jobs);
    assert_eq!(cohorts.len(), 1);
    let cmd = invocation(&cohorts[0], &bin(), Path::new("/w s/target/xtask/build/n"), None, &site);
    golden!("core/native.txt", &told(&cmd));
}

#[test]
fn variables_for_a_shell() {
    let mut f = findings();
    let runner = Runner::Qemu { program: "/opt/my qemu/qemu-aarch64".into(), sysroot: None };
    f.runners.insert(triple(ARM_MUSL), runner);
    f.user.insert(triple(ARM_MUSL), user(&["-Cuser=1"]));
    let plan = made(&f, &[ARM_MUSL], "native");
    let machine = Machine::with(&["pkg-config"])
        .set("CFLAGS_aarch64-unknown-linux-musl", "-march=x")
        .set("PKG_CONFIG_PATH", "/usr/lib/pkgconfig");
    let (folder, host, this) = (machine.path().join("files"), machine.host(), Path::new("/x/xtask"));
    let job = &plan.jobs[0];
    let files = TargetFiles::write(job, FilePlaces { folder: &folder, host: &host, this });
    let site = CargoContext { files: [(triple(ARM_MUSL), files)].into(), ..site(&host) };
    let programs = ShellPrograms { rustc: "/r/bin/rustc".into(), runner: Some("/w/run".into()) };
    let variables = variables(job, &site, &programs).unwrap();
    let lines = variables.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}\n"),
        None => format!("{name} removed\n"),
    });
    golden!("core/env.txt", &machine.short(&lines.collect::<String>()));
    let id = &job.toolchain.as_ref().unwrap().id;
    let cmake = std::fs::read_to_string(folder.join(format!("cmake/{ARM_MUSL}-{id}.cmake"))).unwrap();
    golden!("core/toolchain.cmake", &machine.short(&cmake));
    let script = std::fs::read_to_string(folder.join(format!("pkg-config/{ARM_MUSL}/pkg-config"))).unwrap();
    golden!("core/pkg-config.txt", &machine.short(&script));
    // Who describes libraries of the target to pkg-config is left alone.
    let own = Machine::with(&["pkg-config"]).set("PKG_CONFIG_SYSROOT_DIR", "/my/root").host();
    let files = TargetFiles::write(job, FilePlaces { folder: &folder, host: &own, this });
    let names: Vec<&str> = files.variables().map(|(name, _)| name).collect();
    assert_eq!(names, ["CMAKE_TOOLCHAIN_FILE"]);
}

#[test]
fn a_pure_cohort_runs_behind_traps() {
    let plan = made(&findings(), &[GNU, ARM_MUSL], "pure");
    let machine = Machine::with(&["cc", "clang-14"]).set("CC_aarch64-unknown-linux-musl", "/theirs");
    let (dir, host) = (machine.path().join("traps"), machine.host());
    let traps =
        trap::set(&dir, &machine.path().join("traps.log"), &host, &Default::default(), Path::new("/x/xtask"))
            .unwrap();
    let cmd = invocation(&cohorts(&plan.jobs)[0], &bin(), Path::new("/w/t"), Some(&traps), &site(&host));
    let traps = cmd.env[std::ffi::OsStr::new("XTASK_TRAP_DIR")].clone().unwrap();
    let text = machine.short(&told(&cmd).replace(&*traps.to_string_lossy(), "TRAPS"));
    golden!("core/pure.txt", &text);
}

#[test]
fn tests_of_a_mode() {
    let plan = made(&findings(), &[GNU], "native");
    let host = Machine::new().host();
    let what = CargoGoal::Tests(vec!["app".into(), "native".into()]);
    let site = CargoContext { offline: true, ..site(&host) };
    let cmd = invocation(&cohorts(&plan.jobs)[0], &what, Path::new("/w/t"), None, &site);
    let text = told(&cmd);
    let words: Vec<&str> = text.lines().take(6).collect();
    assert_eq!(words, ["/r/bin/cargo", "test", "--package", "app", "--package", "native"]);
    assert!(text.contains("--features\napp/native\n--offline\n"), "{text}");
    assert!(!text.contains("--profile") && !text.contains("--message-format"), "{text}");
}

#[test]
fn the_innermost_path_is_mapped_last() {
    let plan = made(&findings(), &[MUSL], "pure");
    let host = Machine::new().host();
    let inside = CargoContext {
        root: Path::new("/w"),
        target_directory: Path::new("/w/target"),
        cache: Path::new("/w/.cache/x"),
        cargo_home: Some("/w/.cargo".into()),
        ..site(&host)
    };
    let flags = flags(&plan.jobs[0], &inside);
    let place = |from: &str| {
        flags.iter().position(|f| f.starts_with(&format!("--remap-path-prefix={from}="))).unwrap()
    };
    assert!(
        ["/w/.cargo", "/w/.cache/x", "/w/target"].iter().all(|inner| place(inner) > place("/w")),
        "{flags:?}"
    );
}

#[test]
fn flags_stand_in_their_order() {
    let mut plan = made(&findings(), &[GNU], "native");
    let job: &mut Job = &mut plan.jobs[0];
    job.target.rustflags = vec!["-Ctoml".into()];
    job.user = user(&["-Cuser"]);
    let host = Machine::new().host();
    let flags = flags(job, &site(&host));
    assert_eq!(flags.first().unwrap(), "-Cuser", "weaker than targets.toml");
    assert_eq!(flags[flags.len() - 2..], ["-Ctoml", "--cfg=tc_0123456789abcdef"]);
}

#[test]
fn what_shares_a_call_and_what_does_not() {
    let all =
        plan(&config(), &findings(), &PlanRequest { mode: Some(ModeRequest::All), ..PlanRequest::default() })
            .unwrap();
    let of = |jobs: &[Job]| -> Vec<String> {
        let line = |c: &xtask::cargo::cohort::Cohort| format!("{} {}", c.key.mode, c.jobs.len());
        cohorts(jobs).iter().map(line).collect()
    };
    assert_eq!(of(&all.jobs), ["native 4", "pure 4"]);
    // One difference in anything that is said to a whole call makes another call.
    let changes: [fn(&mut Job); 5] = [
        |j| j.target.profile = "dev".into(),
        |j| drop(j.target.env.insert("A".into(), "b".into())),
        |j| j.std.as_mut().unwrap().rustc = "/other/rustc".into(),
        |j| j.mode.features = vec!["more".into()],
        |j| j.mode.default_features = true,
    ];
    for change in changes {
        let mut jobs = all.jobs.clone();
        change(&mut jobs[0]);
        assert_eq!(of(&jobs), ["native 1", "pure 4", "native 3"]);
    }
    // Targets, toolchains and rustflags are said for each target, and do not.
    let mut jobs = all.jobs.clone();
    jobs[0].target.rustflags = vec!["-Cx".into()];
    jobs[0].toolchain = Some(toolchain(Provider::Gnu));
    assert_eq!(of(&jobs), ["native 4", "pure 4"]);
    // What cannot be built is in none.
    jobs[0].lacks = vec![Lack::of_setup("all")];
    assert_eq!(of(&jobs), ["pure 4", "native 3"]);
}

#[test]
fn build_folders_have_names_that_no_machine_changes() {
    let mut f = findings();
    f.surveys.insert(triple(GNU), surveyed(Some(toolchain(Provider::Gnu))));
    let folder = |jobs: &[Job]| cohorts(jobs)[0].key.folder();
    let mut jobs = made(&f, &[GNU, MUSL], "native").jobs;
    let name = folder(&jobs);
    // Known by heart: the name is in paths that end up in programs.
    assert_eq!(name, "native-c47eee81");
    for job in &mut jobs {
        job.std.as_mut().unwrap().rustc = "/elsewhere/rustc".into();
    }
    assert_eq!(folder(&jobs), name);
    assert_eq!(folder(&jobs[..1]), name, "nor the set of targets");
    for job in &mut jobs {
        job.std.as_mut().unwrap().identity = "another".into();
    }
    assert_ne!(folder(&jobs), name);
}

#[test]
fn flags_that_files_would_be_added_to_go_as_a_variable_and_alone() {
    let mut f = findings();
    let mut settings = user(&["-Ctext"]);
    settings.flags.road = FlagRoad::Variable;
    f.user.insert(triple(ARM_MUSL), settings);
    let plan = made(&f, &[MUSL, ARM_GNU, ARM_MUSL], "pure");
    let cohorts = cohorts(&plan.jobs);
    let targets = |n: usize| cohorts[n].jobs.iter().map(|job| job.target.triple.as_str()).collect::<Vec<_>>();
    assert_eq!((targets(0), targets(1)), (vec![MUSL, ARM_GNU], vec![ARM_MUSL]));
    assert_eq!(cohorts[0].key.folder(), cohorts[1].key.folder(), "what the host runs is shared");
    let host = Machine::new().host();
    let told = |n: usize| told(&invocation(&cohorts[n], &bin(), Path::new("/w/t"), None, &site(&host)));
    let (list, variable) = (told(0), told(1));
    assert!(list.contains(".rustflags=[") && !list.contains("CARGO_ENCODED_RUSTFLAGS="), "{list}");
    assert!(!variable.contains(".rustflags="), "{variable}");
    let flags = "CARGO_ENCODED_RUSTFLAGS=-Ctext\u{1f}-Ctarget-feature=+crt-static\u{1f}";
    assert!(variable.contains(flags), "{variable}");
    assert!(
        variable.contains("\u{1f}--remap-path-prefix=/w s=/src\u{1f}"),
        "no word falls apart: {variable}"
    );
}

#[test]
fn members_are_named_so_that_no_dependency_has_the_name() {
    let plan = made(&findings(), &[GNU], "native");
    let host = Machine::new().host();
    let id = "path+file:///w#app@0.1.0".to_owned();
    let site = CargoContext { ids: [("app".to_owned(), id.clone())].into(), ..site(&host) };
    for what in [bin(), CargoGoal::Tests(vec!["app".into()])] {
        let text = told(&invocation(&cohorts(&plan.jobs)[0], &what, Path::new("/w/t"), None, &site));
        assert!(text.contains(&format!("--package\n{id}\n")), "{text}");
    }
}

/// What a call is told where files of Cargo's configuration have these variables.
fn with_variables(variables: &[(&str, &str)], mode: &str) -> String {
    let lines = variables.iter().map(|(key, value)| format!("env.{key} = {value} # /w/.cargo/config.toml\n"));
    let configuration = CargoConfig::read(&lines.collect::<String>()).unwrap();
    let machine = Machine::with(&["cc"]);
    let mut host = machine.host();
    configuration.configure(&mut host);
    let mut f = findings();
    f.host = host.triple.clone();
    let plan = made(&f, &[ARM_MUSL], mode);
    let site = CargoContext { configuration: &configuration, ..site(&host) };
    let log = machine.path().join("traps.log");
    let traps =
        trap::set(&machine.path().join("traps"), &log, &host, &Default::default(), Path::new("/x/xtask"))
            .unwrap();
    let traps = Some(&traps).filter(|_| mode == "pure");
    told(&invocation(&cohorts(&plan.jobs)[0], &bin(), Path::new("/w/t"), traps, &site))
}

#[test]
fn variables_that_a_file_forces_give_way_to_ours_and_no_others_do() {
    let forced = |value: &str| format!("{{ value = \"{value}\", force = true }}");
    let all = [
        ("CC_aarch64_unknown_linux_musl", forced("theirs")),
        ("CFLAGS_aarch64_unknown_linux_musl", forced("-DTHEIRS")),
        ("CC", forced("theirs")),
        ("PATH", forced("/their/bin")),
        ("LIBX_DIR", forced("/x")),
        ("CXXFLAGS", "\"-DCXX\"".to_owned()),
    ];
    let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let native = with_variables(&all, "native");
    let gives_way = |text: &str, key: &str| text.contains(&format!("env.\"{key}\".force=false\n"));
    for key in ["CC_aarch64_unknown_linux_musl", "CFLAGS_aarch64_unknown_linux_musl"] {
        assert!(gives_way(&native, key), "{key}: {native}");
    }
    // What was to be said is part of ours.
    assert!(native.contains("\nCFLAGS_aarch64_unknown_linux_musl=-DTHEIRS -ffile-prefix-map="), "{native}");
    assert!(native.contains("\nCXXFLAGS_aarch64_unknown_linux_musl=-DCXX -ffile-prefix-map="), "{native}");
    for key in ["CC", "PATH", "LIBX_DIR", "CXXFLAGS"] {
        assert!(!gives_way(&native, key), "{key}: {native}");
    }
    // Behind traps, every way to a compiler is ours.
    let pure = with_variables(&all, "pure");
    for key in ["CC_aarch64_unknown_linux_musl", "CC", "PATH"] {
        assert!(gives_way(&pure, key), "{key}: {pure}");
    }
    assert!(!gives_way(&pure, "LIBX_DIR"));
    let path = pure.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    assert!(path.ends_with(":/their/bin"), "the traps go first: {path}");
}

#[test]
fn the_spelling_of_a_file_is_set_beside_the_one_that_is_ours() {
    let text = with_variables(&[("CFLAGS_aarch64-unknown-linux-musl", "\"-DX\"")], "native");
    assert!(text.contains("\nCFLAGS_aarch64-unknown-linux-musl=-DX -ffile-prefix-map="), "{text}");
    // For scripts that know the other spelling alone.
    assert!(text.contains("\nCFLAGS_aarch64_unknown_linux_musl=-DX -ffile-prefix-map="), "{text}");
    assert!(text.contains("\nCC_aarch64-unknown-linux-musl removed\n"), "{text}");
}

#[test]
fn flags_of_c_that_the_crate_cc_joins_are_passed_once() {
    let mut config = config();
    let target = config.targets.iter_mut().find(|target| target.triple.as_str() == ARM_MUSL).unwrap();
    target.env.insert("CFLAGS_aarch64_unknown_linux_musl".into(), "-DFILE".into());
    let request = PlanRequest {
        targets: vec![triple(ARM_MUSL)],
        mode: Some(ModeRequest::Named("native".into())),
        ..PlanRequest::default()
    };
    let plan = plan(&config, &findings(), &request).unwrap();
    let variables =
        [("CFLAGS", "-O9"), ("TARGET_CFLAGS", "-DT"), ("CFLAGS_aarch64-unknown-linux-musl", "-DOWN")];
    let host =
        variables.into_iter().fold(Machine::new(), |machine, (key, value)| machine.set(key, value)).host();
    let passed = |cc_joins_flags: bool| {
        let site = CargoContext { cc_joins_flags, ..site(&host) };
        let cmd = invocation(&cohorts(&plan.jobs)[0], &bin(), Path::new("/w/t"), None, &site);
        told(&cmd)
            .lines()
            .find_map(|line| line.strip_prefix("CFLAGS_aarch64_unknown_linux_musl="))
            .unwrap()
            .to_owned()
    };
    assert!(passed(false).starts_with("-O9 -DT -DFILE -DOWN -ffile-prefix-map="), "{}", passed(false));
    assert!(passed(true).starts_with("-DFILE -DOWN -ffile-prefix-map="), "{}", passed(true));
}

#[test]
fn a_runner_is_for_tests_and_the_users_own_goes_first() {
    let mut f = findings();
    f.runners.insert(triple(ARM_MUSL), Runner::Qemu { program: "/q".into(), sysroot: None });
    let plan = made(&f, &[ARM_MUSL], "pure");
    let host = Machine::new().host();
    let has_runner = |what: &CargoGoal, own: bool| {
        let mut jobs = plan.jobs.clone();
        jobs[0].user.runner = own;
        told(&invocation(&cohorts(&jobs)[0], what, Path::new("/w/t"), None, &site(&host)))
            .contains(".runner=[\"/q\"]")
    };
    let tests = CargoGoal::Tests(vec!["app".into()]);
    assert_eq!(
        [has_runner(&tests, false), has_runner(&tests, true), has_runner(&bin(), false)],
        [true, false, false]
    );
}
