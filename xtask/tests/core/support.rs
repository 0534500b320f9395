//! Machines made of folders and scripts, and the values that plans are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use xtask::plan::{Findings, StdState, StdUse};
use xtask_base::Base;
use xtask_compilers::toolchain::libraries::TargetLibraries;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::Survey;
use xtask_compilers::toolchain::{Link, Provider, Toolchain};
use xtask_config::cargo_config::UserSettings;
use xtask_config::cargo_config::{UserFlag, UserFlags};
use xtask_config::{App, Config, Image, ImageRun, ImageSmoke, ImageTarget, Mode, Need, Target, TestSection};
use xtask_process::host::Host;
use xtask_test_support::folder;
use xtask_triple::Triple;

pub(crate) const GNU: &str = "x86_64-unknown-linux-gnu";
pub(crate) const MUSL: &str = "x86_64-unknown-linux-musl";
pub(crate) const ARM_GNU: &str = "aarch64-unknown-linux-gnu";
pub(crate) const ARM_MUSL: &str = "aarch64-unknown-linux-musl";

pub(crate) fn triple(text: &str) -> Triple {
    Triple::parse(text)
}

/// A machine whose PATH is one folder of this test's own.
pub(crate) struct Machine {
    dir: tempfile::TempDir,
    vars: BTreeMap<String, String>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        let path = dir.path().join("bin").display().to_string();
        Self { dir, vars: BTreeMap::from([("PATH".to_owned(), path)]) }
    }

    /// A machine with these programs on PATH, which do nothing.
    pub(crate) fn with(programs: &[&str]) -> Self {
        let machine = Self::new();
        for name in programs {
            machine.program(name, "");
        }
        machine
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.vars.insert(key.to_owned(), value.into());
        self
    }

    /// Writes a script; a name without a folder lies on PATH.
    pub(crate) fn program(&self, name: &str, body: &str) -> PathBuf {
        folder::script(self.dir.path().join("bin").join(name), body)
    }

    /// Writes a file, below this machine's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        folder::write(self.dir.path().join(name), text)
    }

    pub(crate) fn host(&self) -> Host {
        Host::new(triple(GNU), self.vars.iter().map(|(k, v)| (k.into(), v.into())))
    }

    /// A text with this machine's folder as `~`.
    pub(crate) fn short(&self, text: &str) -> String {
        text.replace(&self.dir.path().display().to_string(), "~").replace("~/bin/", "~")
    }
}

/// `native` needs C, `pure` nothing; all four targets; one image of the musl ones.
pub(crate) fn config() -> Config {
    Config {
        file: "targets.toml".into(),
        app: App {
            package: "app".into(),
            bin: "app".into(),
            smoke: vec!["selftest".into()],
            auditable: false,
        },
        modes: vec![mode("native", &[Need::C]), mode("pure", &[])],
        targets: [GNU, MUSL, ARM_GNU, ARM_MUSL].map(|t| Target::with_defaults(triple(t))).into(),
        images: vec![Image {
            name: "app".into(),
            base: Base::Scratch,
            closure: false,
            targets: [MUSL, ARM_MUSL].map(|t| ImageTarget::of(&triple(t)).unwrap()).into(),
            tzdata: false,
            compression: xtask_config::Compression::Gzip,
            budget: None,
            run: ImageRun::default(),
            smoke: ImageSmoke::default(),
            places: Default::default(),
        }],
        providers: vec![],
        publish: xtask_config::PublishSection::default(),
        snapshots: vec![],
        test: TestSection::default(),
    }
}

pub(crate) fn mode(name: &str, needs: &[Need]) -> Mode {
    Mode {
        name: name.into(),
        features: vec![name.into()],
        default_features: false,
        needs: needs.iter().copied().collect::<BTreeSet<_>>(),
    }
}

pub(crate) fn toolchain(provider: Provider) -> Toolchain {
    let zig = provider == Provider::Zig;
    Toolchain {
        provider,
        version: if zig { "zig 0.15.2".into() } else { "gcc 12.2.0".into() },
        id: "0123456789abcdef".into(),
        driver: "/t/driver".into(),
        cc: "/t/cc".into(),
        cxx: zig.then(|| "/t/c++".into()),
        ar: Some("/t/ar".into()),
        ranlib: None,
        linker: if zig { "/t/zig-cc".into() } else { "/t/cc".into() },
        link: if zig { Link::Zig } else { Link::Driver },
    }
}

pub(crate) fn surveyed(chosen: Option<Toolchain>) -> Survey {
    Survey { tried: Vec::new(), untried: Vec::new(), nothing: Vec::new(), chosen }
}

pub(crate) fn ready() -> StdState {
    StdState::Ready(StdUse {
        source: ("/rust-src".into(), "/rustc/src".into()),
        provider: "rustc",
        rustc: "/r/bin/rustc".into(),
        version: "1.95.0".into(),
        identity: "feedbeef".into(),
        sysroot: None,
        libraries: "/r/lib/rustlib/t/lib".into(),
        self_contained: true,
    })
}

/// A machine on which everything is there: the host's compiler for its own target, zig for the others.
pub(crate) fn findings() -> Findings {
    let all = [GNU, MUSL, ARM_GNU, ARM_MUSL].map(triple);
    let chosen = |t: &Triple| toolchain(if t.as_str() == GNU { Provider::Host } else { Provider::Zig });
    Findings {
        host: triple(GNU),
        surveys: all.iter().map(|t| (t.clone(), surveyed(Some(chosen(t))))).collect(),
        stds: all.iter().map(|t| (t.clone(), ready())).collect(),
        runners: all.iter().map(|t| (t.clone(), Runner::Native)).collect(),
        libraries: all.iter().map(|t| (t.clone(), TargetLibraries::of(t, None))).collect(),
        obtainable: all.iter().map(|t| (t.clone(), [Provider::Zig].into())).collect(),
        rust_lld: Some("/r/rust-lld".into()),
        host_cc: Some("/usr/bin/cc".into()),
        user: BTreeMap::new(),
        absent_wrapper: None,
    }
}

/// Flags of a user that Cargo would take from the environment.
pub(crate) fn user(flags: &[&str]) -> UserSettings {
    let flag = |text: &&str| UserFlag { text: (*text).into(), origin: "RUSTFLAGS".into() };
    let handed = flags.iter().map(flag).collect();
    UserSettings { flags: UserFlags { handed, ..UserFlags::default() }, ..UserSettings::default() }
}
