//! A workspace in a temporary folder, and the ways to run the program in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use xtask_process::exec::Cmd;
use xtask_process::ui::CiService;
use xtask_test_support::folder;
use xtask_test_support::process::{Finished, run};

use crate::machine;
use crate::sources;

/// The program under test.
pub(crate) const XTASK: &str = env!("CARGO_BIN_EXE_cargo-xtask");

/// Long enough for a busy machine; a run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(400);

/// A workspace. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Space {
    _dir: TempDir,
    root: PathBuf,
    env: BTreeMap<OsString, OsString>,
}

impl Space {
    /// The usual application with its component, whose C is compiled by hand, and no targets.toml.
    pub(crate) fn bare() -> Self {
        Self::at("work")
    }

    /// As [`Space::bare`], in a folder of this name below a temporary one.
    pub(crate) fn at(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("xtask-e2e-").tempdir().unwrap();
        // The path as Cargo will say it.
        let root = std::fs::canonicalize(dir.path()).unwrap().join(name);
        let space = Self { _dir: dir, root, env: environment() };
        space.write("Cargo.toml", sources::WORKSPACE);
        space.write("app/Cargo.toml", sources::APP);
        space.write("app/src/main.rs", sources::MAIN);
        space.write("app/LICENSE", "Whatever.\n");
        space.write("native/Cargo.toml", sources::NATIVE_MANIFEST);
        space.write("native/src/lib.rs", sources::NATIVE);
        space.write("native/c/answer.c", sources::C);
        space.write("native/build.rs", sources::BUILD_BY_HAND);
        // What the registry must give is pinned, as in the project itself; Cargo drops what is not needed.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        space.write("Cargo.lock", &std::fs::read_to_string(lock).unwrap());
        space
    }

    /// A clone of this workspace by git, as another machine has it: with a folder, a home and a cache of its own. What is not
    /// committed stays here. `name` is the name of the folder.
    pub(crate) fn cloned(&self, name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("xtask-clone-").tempdir().unwrap();
        let above = std::fs::canonicalize(dir.path()).unwrap();
        let root = above.join(name);
        let clone = ["clone", "--quiet"];
        run(&Cmd::new("git").args(clone).args([&self.root, &root]));
        let mut space = Self { _dir: dir, root, env: environment() };
        let home = std::env::home_dir().unwrap_or_default();
        for (key, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            space.env.entry(key.into()).or_insert_with(|| home.join(folder).into());
        }
        std::fs::create_dir(above.join("home")).unwrap();
        space.set("HOME", above.join("home"));
        space.set("XTASK_CACHE_DIR", above.join("cache"));
        space
    }

    /// The usual workspace with these targets, each built with the profile `quick`.
    pub(crate) fn with_targets(targets: &[&str]) -> Self {
        let space = Self::bare();
        let tables: Vec<(&str, &str)> = targets.iter().map(|t| (*t, "")).collect();
        space.targets(&tables);
        space
    }

    /// Writes targets.toml: targets with what else stands in their tables.
    pub(crate) fn targets(&self, targets: &[(&str, &str)]) {
        let mut text = sources::MODES.to_owned();
        for (triple, more) in targets {
            text += &format!("\n[[target]]\ntriple = \"{triple}\"\nprofile = \"quick\"\n{more}\n");
        }
        self.write("targets.toml", &text);
    }

    /// Adds an image to targets.toml.
    pub(crate) fn image(&self, name: &str, targets: &[&str]) {
        let table = format!("\n[[image]]\nname = \"{name}\"\nbase = \"scratch\"\ntargets = {targets:?}\n");
        self.write("targets.toml", &(self.read("targets.toml") + &table));
    }

    /// Adds packages that `app` may need: `part`, whose build script needs `builder`, and the macros `macros`.
    pub(crate) fn parts(&self) {
        let package = |name: &str, more: &str| {
            let text = format!(
                "[package]\nname = \"{name}\"\nversion = \"0.5.0\"\nedition = \"2024\"\npublish = false\n{more}"
            );
            self.write(&format!("{name}/Cargo.toml"), &text);
            self.write(&format!("{name}/src/lib.rs"), "");
        };
        package("macros", "[lib]\nproc-macro = true\n");
        package("builder", "");
        package("part", "[build-dependencies]\nbuilder = { path = \"../builder\" }\n");
        self.write("part/build.rs", "fn main() {}\n");
    }

    /// Compiles the component with the crate `cc`.
    pub(crate) fn use_cc_crate(&self) {
        self.write("native/build.rs", sources::BUILD_CC);
        self.write("native/Cargo.toml", &format!("{}{}", sources::NATIVE_MANIFEST, sources::NEEDS_CC));
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        folder::write(self.path(name), text);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Replaces the one place where `from` stands.
    #[track_caller]
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {text}");
        self.write(name, &text.replace(from, to));
    }

    /// Writes an executable script for `/bin/sh` and returns its path.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        folder::script(self.path(name), text)
    }

    pub(crate) fn set(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.env.insert(key.as_ref().to_owned(), value.as_ref().to_owned());
    }

    pub(crate) fn unset(&mut self, key: &str) {
        self.env.remove(OsStr::new(key));
    }

    /// Puts a folder in front of PATH.
    pub(crate) fn path_first(&mut self, dir: &Path) {
        let path = self.env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        let dirs = std::iter::once(dir.to_owned()).chain(std::env::split_paths(&path));
        self.set("PATH", std::env::join_paths(dirs).unwrap());
    }

    /// Runs git in the workspace, as somebody.
    pub(crate) fn git(&self, args: &[&str]) {
        let who = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        run(&self.cmd("git").args(who).args(args));
    }

    /// Commits every file that git does not ignore. There has to be a repository: `git init`.
    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "one"]);
    }

    /// Puts zig, and nothing else, in front of PATH.
    pub(crate) fn with_zig(&mut self) {
        let bin = self.path("../zig-bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(machine::zig().unwrap(), bin.join("zig")).unwrap();
        self.path_first(&bin);
    }

    /// Makes PATH these programs alone, each found where it is now.
    pub(crate) fn only(&mut self, programs: &[&str]) -> PathBuf {
        let bin = self.path("../bin");
        std::fs::create_dir_all(&bin).unwrap();
        for name in programs {
            let real = machine::find(name).unwrap_or_else(|| panic!("{name} is on no PATH"));
            std::os::unix::fs::symlink(real, bin.join(name)).unwrap();
        }
        self.set("PATH", &bin);
        bin
    }

    /// The program with these arguments, in the workspace's root.
    pub(crate) fn xtask(&self, args: &[&str]) -> Cmd {
        self.cmd(XTASK).args(args)
    }

    /// Any program, with the environment and in the root of this workspace.
    pub(crate) fn cmd(&self, program: &str) -> Cmd {
        let mut cmd = Cmd::new(program).cwd(&self.root);
        cmd.clear_env = true;
        self.env.iter().fold(cmd, |cmd, (key, value)| cmd.env(key, value))
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        Self::finish(&self.xtask(args))
    }

    #[track_caller]
    pub(crate) fn finish(cmd: &Cmd) -> Finished {
        Finished::new(cmd, LIMIT)
    }

    /// The program in Cargo's own folder for a target that was built in one mode.
    pub(crate) fn built(&self, target: &str) -> PathBuf {
        let folders = std::fs::read_dir(self.path("target/xtask/build")).unwrap();
        let mut programs = folders.map(|folder| folder.unwrap().path().join(target).join("quick/app"));
        programs.find(|program| program.is_file()).unwrap_or_else(|| panic!("{target} was not built"))
    }

    /// `target/dist`.
    pub(crate) fn dist(&self, name: &str) -> PathBuf {
        self.path("target/dist").join(name)
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.read("target/dist/report.json")).unwrap()
    }

    /// What a built program prints, run as its job runs it.
    #[track_caller]
    pub(crate) fn says(&self, target: &str, mode: &str) -> String {
        let program = self.dist(&format!("bin/{target}/{mode}/app"));
        let foreign = target == machine::ARM || target == machine::ARM_MUSL;
        let cmd = match foreign {
            true => Cmd::new(machine::find("qemu-aarch64").unwrap())
                .args(["-L", "/usr/aarch64-linux-gnu"])
                .arg(program),
            false => Cmd::new(program),
        };
        let output = cmd.capture(LIMIT).unwrap();
        assert!(output.ok(), "{} {}", output.text(), output.errors());
        output.text()
    }
}

/// The environment without what could change a build, and with a cache that the tests of a run share.
fn environment() -> BTreeMap<OsString, OsString> {
    let kept = |key: &OsString| {
        let key = key.to_string_lossy();
        let cargo = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
        let mine = key.starts_with("CARGO") && !cargo.iter().any(|c| key.starts_with(c));
        let tools = ["CC", "CXX", "AR", "RANLIB", "CFLAGS", "CXXFLAGS"];
        let tool = tools.iter().any(|t| key == *t || key.starts_with(&format!("{t}_")));
        let others = ["TARGET_", "HOST_", "RUSTC", "RUSTFLAGS", "XTASK_", "LD_LIBRARY_PATH", "OUT_DIR"];
        let other = others.iter().any(|o| key.starts_with(o));
        let service = CiService::VARIABLES.contains(&key.as_ref());
        !mine
            && !tool
            && !other
            && !service
            && !["CI", "NO_COLOR", "SOURCE_DATE_EPOCH"].contains(&key.as_ref())
    };
    let mut env: BTreeMap<_, _> = std::env::vars_os().filter(|(key, _)| kept(key)).collect();
    env.insert("XTASK_CACHE_DIR".into(), cache().into());
    if let Some(rustc) = std::env::var_os("RUSTC") {
        env.insert("RUSTC".into(), rustc);
    }
    env
}

/// The cache that the tests of a run share.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-cache")
}
