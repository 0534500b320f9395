//! Whatever the bytes, an answer; and a valid file means the same when it is written out again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use xtask_config::{CcChoice, Config, Id, ImageRun, ModeChoice};
use xtask_files::error::ExitKind;

use crate::made_up::{VALID, parse};

/// Pieces of which near-valid files are made.
const PIECES: [&str; 53] = [
    "schema",
    "= 1",
    "[app]",
    "package",
    "\"shop\"",
    "bin",
    "smoke",
    "[[mode]]",
    "name",
    "\"native\"",
    "features",
    "default-features",
    "needs",
    "[[target]]",
    "triple",
    "\"x86_64-unknown-linux-musl\"",
    "mode",
    "\"auto\"",
    "cc",
    "glibc",
    "cpu",
    "\"2.31\"",
    "profile",
    "env",
    "rustflags",
    "[[provider]]",
    "root",
    "\"{env:A}/{arch}\"",
    "{root}",
    "[[image]]",
    "base",
    "\"scratch\"",
    "targets",
    "[test]",
    "=",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "\"",
    "'",
    "'''",
    "\"\"\"",
    "\n",
    "\r\n",
    "\t",
    " ",
    "#",
    "1979-05-27",
    "true",
    "日",
];

/// An answer within bounds: valid, or bad usage in words that fit a screen or two.
fn answers(bytes: &[u8]) {
    let begun = Instant::now();
    match parse(bytes) {
        Ok(_) => {}
        Err(error) => {
            assert_eq!(error.kind, ExitKind::Usage);
            let text = error.to_string();
            assert!(text.len() < 20_000 && !text.contains(['\u{1b}', '\r', '\t', '\0']), "{text:?}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// The config as TOML, with every key written out.
fn written(config: &Config) -> String {
    let string = |s: &str| {
        let escaped: String = s
            .chars()
            .map(|c| match c {
                '"' | '\\' => format!("\\{c}"),
                c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
                c => c.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    };
    let list = |all: Vec<&str>| format!("[{}]", all.into_iter().map(string).collect::<Vec<_>>().join(", "));
    let strings = |all: &[String]| list(all.iter().map(String::as_str).collect());
    let mut text = format!(
        "schema = 1\n[app]\npackage = {}\nbin = {}\nsmoke = {}\nauditable = {}\n",
        string(&config.app.package),
        string(&config.app.bin),
        strings(&config.app.smoke),
        config.app.auditable
    );
    for mode in &config.modes {
        text += &format!(
            "[[mode]]\nname = {}\nfeatures = {}\ndefault-features = {}\nneeds = {}\n",
            string(&mode.name),
            strings(&mode.features),
            mode.default_features,
            list(mode.needs.iter().map(|n| n.as_str()).collect())
        );
    }
    for target in &config.targets {
        let mode = match &target.mode {
            ModeChoice::Auto => "auto",
            ModeChoice::Named(name) => name,
        };
        text += &format!(
            "[[target]]\ntriple = {}\nmode = {}\non-fallback = {}\nprofile = {}\nrustflags = {}\n",
            string(target.triple.as_str()),
            string(mode),
            string(target.on_fallback.as_str()),
            string(&target.profile),
            strings(&target.rustflags)
        );
        match &target.cc {
            Some(CcChoice::Provider(provider)) => text += &format!("cc = {}\n", string(provider.name())),
            Some(CcChoice::Program(path)) => text += &format!("cc = {}\n", string(path.to_str().unwrap())),
            None => {}
        }
        if let Some(glibc) = target.glibc {
            text += &format!("glibc = \"{glibc}\"\n");
        }
        if let Some(cpu) = target.cpu {
            text += &format!("cpu = \"{cpu}\"\n");
        }
        let env: Vec<_> = target.env.iter().map(|(k, v)| format!("{} = {}", string(k), string(v))).collect();
        text += &format!("env = {{ {} }}\n", env.join(", "));
    }
    for image in &config.images {
        text += &format!(
            "[[image]]\nname = {}\nbase = \"scratch\"\ntargets = {}\ntzdata = {}\ncompression = {}\n",
            string(&image.name),
            list(image.targets.iter().map(|t| t.triple.as_str()).collect()),
            image.tzdata,
            string(image.compression.as_str())
        );
        if let Some(budget) = image.budget {
            text += &format!("budget = \"{budget} B\"\n");
        }
        text += &run_written(&image.run);
    }
    text + &format!("[test]\nneeds = {}\n", list(config.test.needs.iter().map(|n| n.as_str()).collect()))
}

/// How an image is run, every value written in full.
fn run_written(run: &ImageRun) -> String {
    let string = |s: &str| toml_string(s);
    let list = |all: Vec<&String>| all.into_iter().map(|s| toml_string(s)).collect::<Vec<_>>().join(", ");
    let table = |all: &BTreeMap<String, String>| {
        let entries: Vec<_> = all.iter().map(|(k, v)| format!("{} = {}", string(k), string(v))).collect();
        format!("{{ {} }}", entries.join(", "))
    };
    let id = |id: &Id| match id {
        Id::Number(number) => number.to_string(),
        Id::Name(name) => name.clone(),
    };
    let mut text = format!(
        "cmd = [{}]\nenv = {}\nports = [{}]\nvolumes = [{}]\nlabels = {}\nannotations = {}\n",
        list(run.cmd.iter().collect()),
        table(&run.env),
        list(run.ports.iter().collect()),
        list(run.volumes.iter().collect()),
        table(&run.labels),
        table(&run.annotations)
    );
    if let Some(user) = &run.user {
        let group = user.group.as_ref().map(|group| format!(":{}", id(group))).unwrap_or_default();
        text += &format!("user = \"{}{group}\"\n", id(&user.user));
    }
    for (key, value) in [("workdir", &run.workdir), ("stop-signal", &run.stop_signal)] {
        text += &value.as_ref().map(|value| format!("{key} = {}\n", string(value))).unwrap_or_default();
    }
    if let Some(check) = &run.healthcheck {
        text += &format!("healthcheck = {{ cmd = [{}]", list(check.cmd.iter().collect()));
        let times =
            [("interval", check.interval), ("timeout", check.timeout), ("start-period", check.start_period)];
        for (key, time) in times {
            text += &time.map(|time| format!(", {key} = \"{}ms\"", time.as_millis())).unwrap_or_default();
        }
        text += &check.retries.map(|n| format!(", retries = {n}")).unwrap_or_default();
        text += " }\n";
    }
    text
}

/// The keys of an `[[image]]` that say how to run it.
fn run() -> impl Strategy<Value = String> {
    let texts = prop::collection::vec("[^\\x00]{1,8}", 0..3);
    let table = || prop::collection::btree_map("[a-z][a-z.=]{0,6}", "[^\\x00]{0,8}", 0..3);
    let user = "(0|[1-9][0-9]{0,8}|[a-z_]{1,8})(:(0|[1-9][0-9]{0,8}|[a-z_]{1,8}))?";
    let ports = prop::collection::btree_set("[1-9][0-9]{0,3}/(tcp|udp|sctp)", 0..3);
    let folders = prop::collection::btree_set("(/x[a-z]{0,3}){1,3}", 0..3);
    let signal = prop::sample::select(vec!["9", "SIGTERM", "RTMIN+3", "64"]);
    let time = "([1-9]h)?([1-9]m)?[1-9]s([1-9]ms)?";
    (texts, table(), table(), user, ports, folders, signal, time, 1_u32..=1000).prop_map(
        |(cmd, env, labels, user, ports, folders, signal, time, retries)| {
            let list =
                |all: Vec<&String>| all.into_iter().map(|s| toml_string(s)).collect::<Vec<_>>().join(", ");
            let table = |all: &BTreeMap<String, String>| {
                let all = all.iter().filter(|(key, _)| !key.contains('='));
                all.map(|(k, v)| format!("\"{k}\" = {}", toml_string(v))).collect::<Vec<_>>().join(", ")
            };
            format!(
                "cmd = [{}]\nenv = {{ {} }}\nlabels = {{ {} }}\nuser = \"{user}\"\nports = [{}]\n\
                 volumes = [{}]\nstop-signal = \"{signal}\"\n\
                 healthcheck = {{ cmd = [\"a\"], interval = \"{time}\", retries = {retries} }}\n",
                list(cmd.iter().collect()),
                table(&env),
                table(&labels),
                list(ports.iter().collect()),
                list(folders.iter().collect()),
            )
        },
    )
}

/// One `[[target]]` with any values that are valid for a gnu target.
fn target() -> impl Strategy<Value = String> {
    let cc = prop::sample::select(vec!["zig", "clang", "gcc-14", "/opt/a b/cc", "./cc"]);
    let env = prop::collection::btree_map("MY_[A-Z0-9_]{0,8}", "[^\\x00]{0,12}", 0..3);
    let flags = prop::collection::vec("[^\\x00\\x1f]{1,12}", 0..3);
    let mode = prop::sample::select(vec!["auto", "native", "pure"]);
    let cpu = prop::sample::select(xtask_gate::Level::ALL.to_vec());
    (mode, any::<bool>(), cc, 17_u16..60, cpu, env, flags).prop_map(|(mode, fail, cc, glibc, cpu, env, flags)| {
        let fallback = if fail { "fail" } else { "allow" };
        let string = |s: &str| toml_string(s);
        let env: Vec<_> = env.iter().map(|(k, v)| format!("{k} = {}", string(v))).collect();
        let flags: Vec<_> = flags.iter().map(|f| string(f)).collect();
        format!(
            "[[target]]\ntriple = \"x86_64-unknown-linux-gnu\"\nmode = \"{mode}\"\non-fallback = \"{fallback}\"\n\
             cc = \"{cc}\"\nglibc = \"2.{glibc}\"\ncpu = \"{cpu}\"\nenv = {{ {} }}\nrustflags = [{}]\nprofile = \"small\"\n",
            env.join(", "),
            flags.join(", ")
        )
    })
}

/// Every character as an escape: another spelling than [`written`] uses.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        answers(&bytes);
    }

    #[test]
    fn any_text(text in "\\PC{0,200}([\\x00-\\x7f]{0,200})") {
        answers(text.as_bytes());
    }

    #[test]
    fn any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..120)) {
        answers(pieces.concat().as_bytes());
    }

    #[test]
    fn a_valid_file_with_bytes_in_it(at in 0..VALID.len(), cut in 0_usize..30, put in "[ -~\\n]{0,10}") {
        let end = (at + cut).min(VALID.len());
        answers([&VALID[..at], put.as_str(), &VALID[end..]].concat().as_bytes());
    }

    #[test]
    fn written_and_read_again(
        target in target(),
        smoke in prop::collection::vec("[^\\x00]{0,12}", 0..3),
        tzdata in any::<bool>(),
        (compression, budget) in (prop::sample::select(vec!["gzip", "zstd"]), 1..u32::MAX),
        run in run(),
    ) {
        let smoke: Vec<_> = smoke.iter().map(|s| toml_string(s)).collect();
        let text = VALID.replace("bin = \"shop\"", &format!("bin = \"shop\"\nsmoke = [{}]", smoke.join(", ")))
            + &target
            + &format!("[[image]]\nname = \"a\"\nbase = \"scratch\"\ntargets = [\"x86_64-unknown-linux-gnu\"]\n\
                        tzdata = {tzdata}\ncompression = \"{compression}\"\nbudget = \"{budget} kB\"\n{run}[test]\nneeds = [\"docker\"]\n");
        let config = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        // Keys are written in another order, on other lines.
        let placeless = |mut config: Config| {
            config.images.iter_mut().for_each(|image| image.places.clear());
            config
        };
        prop_assert_eq!(parse(written(&config).as_bytes()).map(placeless), Ok(placeless(config)));
    }
}
