//! The command lines of the ways. Pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::mount::MOUNT;
use super::{Isolation, NamespaceTools};
use crate::runtime::accounts::Account;
use crate::smoke::qemu::Emulator;
use xtask_oci::document::Runtime;
use xtask_process::exec::Cmd;

/// What is to be run where.
#[derive(Debug, Clone, Copy)]
pub struct NamespaceCommand<'a> {
    /// The folder that becomes the root.
    pub root: &'a Path,
    /// The image's configuration: variables, and the folder to start in.
    pub runtime: &'a Runtime,
    /// Where the folders for data lie in the root, an outer one before those in it.
    pub volumes: &'a [String],
    /// What the machine is called.
    pub name: &'a str,
    /// Who runs it. Further groups take root and `setpriv`: elsewhere it runs without them.
    pub user: &'a Account,
    /// Where the program lies in the root.
    pub program: &'a str,
    /// The command line of the program: the entrypoint and its arguments.
    pub argv: &'a [&'a str],
    /// What runs it where this machine does not.
    pub emulator: Option<&'a Emulator>,
}

/// Where an emulator lies in the cell: among the devices, so that the tree stays as it is.
const QEMU: &str = "/dev/qemu";

/// The file beside the root that says that all mounts are made: what ends before is no end of the program.
pub(super) fn ready(root: &Path) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(".ready");
    path.into()
}

/// Opens the file in `$1` for what bubblewrap reports, and becomes the command that follows, with the umask of engines.
const REPORT: &str = r#"umask 022; report=$1; shift; exec 9>"$report" "$@""#;

/// The file beside the root that bubblewrap reports to.
pub(super) fn report(root: &Path) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(".report");
    path.into()
}

/// bubblewrap, with its report where [`report`] says. That is the one thing that tells its own end from the program's,
/// both of which are exit codes and words on stderr: it reports an `exit-code` where the program was started, and else none
/// (its manual, `--json-status-fd`; from 0.3.2 on).
fn reporting(bwrap: &Path, root: &Path) -> Cmd {
    let cmd = Cmd::new("/bin/sh").args(["-c", REPORT, "sh"]).arg(report(root));
    cmd.arg(bwrap).args(["--json-status-fd", "9"]).args(ALONE)
}

/// No capabilities but the one that `unshare --root` needs.
const WEAK: [&str; 2] = ["--bounding-set=-all,+sys_chroot", "--inh-caps=-all"];

/// The command that runs a cell; none where its tool is not here.
pub fn command(way: Isolation, tools: &NamespaceTools, cell: &NamespaceCommand<'_>) -> Option<Cmd> {
    match way {
        Isolation::Bubblewrap => Some(bubblewrap(tools.bwrap.as_deref()?, cell)),
        Isolation::Root | Isolation::User => {
            let unshare = tools.unshare.as_deref()?;
            let ids = [cell.user.uid, cell.user.gid].map(|id| id.to_string());
            // Root of the first user namespace is the image's root when it has given up what root may do; a second would
            // give all of that back.
            let root = (cell.user.uid, cell.user.gid) == (0, 0);
            let weak_root = way == Isolation::User && root && tools.setpriv.is_some();
            // `unshare` leaves a user no group beside the one that it sets.
            let groups = tools.setpriv.as_ref().and_then(|_| groups(way, cell.user));
            let become_user: Vec<OsString> = match way {
                _ if weak_root => Vec::new(),
                Isolation::Root if groups.is_some() => ["--setuid", &ids[0]].map(Into::into).into(),
                Isolation::Root => ["--setgid", &ids[1], "--setuid", &ids[0]].map(Into::into).into(),
                // A second user namespace, in which nothing of the first can be mounted or unmounted.
                _ => {
                    let map = [format!("--map-user={}", ids[0]), format!("--map-group={}", ids[1])];
                    [OsString::from("--user")].into_iter().chain(map.map(Into::into)).collect()
                }
            };
            let mut inner: Vec<OsString> = Vec::new();
            if let Some(setpriv) = &tools.setpriv {
                inner.extend([setpriv.into(), "--no-new-privs".into()]);
                if weak_root {
                    inner.extend(WEAK.map(OsString::from));
                }
                if let Some(groups) = groups {
                    inner.extend(["--regid", &ids[1], "--groups", &groups].map(OsString::from));
                }
                inner.push("--".into());
            }
            inner.extend([tools.env.as_ref()?.into(), "-i".into()]);
            inner.extend(cell.runtime.env.iter().map(Into::into));
            inner.push(unshare.into());
            inner.extend([OsString::from("--root"), cell.root.into()]);
            inner.extend([OsString::from("--wd"), (&cell.runtime.working_dir).into()]);
            inner.extend(become_user);
            inner.push("--".into());
            inner.extend(program_words(cell));
            Some(unshared(way, unshare, cell, &inner))
        }
    }
}

/// All groups of a user who has more than one, where they can be given.
fn groups(way: Isolation, user: &Account) -> Option<String> {
    let all = [user.gid].into_iter().chain(user.further.iter().copied()).map(|gid| gid.to_string());
    (way == Isolation::Root && !user.further.is_empty()).then(|| all.collect::<Vec<_>>().join(","))
}

/// Whether a way works: the same mounts in an empty root, and then nothing. None where its tool is not here.
pub(super) fn trial(way: Isolation, tools: &NamespaceTools, root: &Path) -> Option<Cmd> {
    let runtime = Runtime::default();
    let user = &Account { uid: 1, gid: 1, further: Vec::new() };
    let (volumes, name) = (&[], "trial");
    let cell = NamespaceCommand {
        root,
        runtime: &runtime,
        volumes,
        name,
        user,
        program: "",
        argv: &[],
        emulator: None,
    };
    match way {
        Isolation::Bubblewrap => {
            let cmd = reporting(tools.bwrap.as_deref()?, root).args(["--ro-bind", "/", "/"]);
            Some(cmd.args(["--proc", "/proc", "--dev", "/dev", "--uid", "1", "--gid", "1", "--", "true"]))
        }
        Isolation::Root | Isolation::User => {
            tools.env.as_ref()?;
            let unshare = tools.unshare.as_deref()?;
            let inner: Vec<OsString> = match way {
                Isolation::Root => vec!["true".into()],
                _ => vec![
                    unshare.into(),
                    "--user".into(),
                    "--map-user=1".into(),
                    "--map-group=1".into(),
                    "true".into(),
                ],
            };
            Some(unshared(way, unshare, &cell, &inner))
        }
    }
}

fn unshared(way: Isolation, unshare: &Path, cell: &NamespaceCommand<'_>, inner: &[OsString]) -> Cmd {
    let mut cmd = Cmd::new(unshare);
    if way == Isolation::User {
        cmd = cmd.args(["--user", "--map-root-user"]);
    }
    let qemu = cell.emulator.and_then(|e| e.program.as_deref());
    cmd = cmd.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--net",
        "--ipc",
        "--uts",
        "--",
        "/bin/sh",
        "-c",
    ]);
    cmd = cmd.args([MOUNT, "sh"]).arg(cell.root).arg(qemu.unwrap_or(Path::new(""))).arg(cell.name);
    // In a user namespace its root is who runs the program.
    let owner = if way == Isolation::Root { cell.user.uid.to_string() } else { String::new() };
    cmd.arg(owner).arg(cell.volumes.len().to_string()).args(cell.volumes).args(inner)
}

/// Namespaces of its own, and an end with its parent.
const ALONE: [&str; 5] = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"];

/// What bubblewrap, which mounts no sysfs, shows of this machine's: what does not depend on the network namespace.
const SYS: [&str; 3] = ["/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm"];

fn bubblewrap(bwrap: &Path, cell: &NamespaceCommand<'_>) -> Cmd {
    let mut cmd = reporting(bwrap, cell.root).arg("--clearenv");
    for entry in &cell.runtime.env {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        cmd = cmd.args(["--setenv", name, value]);
    }
    cmd = cmd.arg("--ro-bind").arg(cell.root).args(["/", "--proc", "/proc", "--dev", "/dev"]);
    if let Some(qemu) = cell.emulator.and_then(|e| e.program.as_deref()) {
        cmd = cmd.arg("--ro-bind").arg(qemu).arg(QEMU);
    }
    cmd = cmd.args(["--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--tmpfs", "/sys"]);
    for part in SYS {
        cmd = cmd.args(["--ro-bind-try", part, part]);
    }
    cmd = cmd.args(["--remount-ro", "/sys", "--hostname", cell.name]);
    for volume in cell.volumes {
        cmd = cmd.arg("--bind").arg(cell.root.join(volume)).arg(format!("/{volume}"));
    }
    let ids = [cell.user.uid, cell.user.gid].map(|id| id.to_string());
    cmd = cmd.args(["--uid", &ids[0], "--gid", &ids[1], "--chdir", &cell.runtime.working_dir, "--"]);
    cmd.args(program_words(cell))
}

/// The program with its arguments, behind the emulator where one is handed in.
fn program_words(cell: &NamespaceCommand<'_>) -> Vec<OsString> {
    let argv = cell.argv.iter().map(OsString::from);
    match cell.emulator.and_then(|e| e.program.as_deref()) {
        None => argv.collect(),
        Some(_) => {
            let name = cell.argv.first().copied().unwrap_or_default();
            let head = [QEMU.to_owned(), "-0".into(), name.to_owned(), format!("/{}", cell.program)];
            head.into_iter().map(OsString::from).chain(argv.skip(1)).collect()
        }
    }
}
