//! Makes the command lines for each way of isolation. Pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::mount::MOUNT;
use super::{Isolation, NamespaceTools};
use crate::runtime::accounts::Account;
use crate::smoke::qemu::Emulator;
use xtask_oci::document::Runtime;
use xtask_process::exec::Cmd;

/// A program to run, and the root and settings to run it in.
#[derive(Debug, Clone, Copy)]
pub struct NamespaceCommand<'a> {
    /// The folder that becomes the root.
    pub root: &'a Path,
    /// The image's configuration: variables, and the folder to start in.
    pub runtime: &'a Runtime,
    /// The paths of the volumes in the root, an outer one before the inner ones.
    pub volumes: &'a [String],
    /// The host name.
    pub name: &'a str,
    /// The user who runs it. Further groups need root and `setpriv`; otherwise it runs without them.
    pub user: &'a Account,
    /// The path of the program in the root.
    pub program: &'a str,
    /// The command line of the program: the entrypoint and its arguments.
    pub argv: &'a [&'a str],
    /// The emulator, if this machine cannot run the program itself.
    pub emulator: Option<&'a Emulator>,
}

/// The path of an emulator in the root: among the devices, so that the tree is not changed.
const QEMU: &str = "/dev/qemu";

/// Returns the file beside the root that shows that all mounts are made. If it does not exist, the program
/// was not started.
pub(super) fn ready(root: &Path) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(".ready");
    path.into()
}

/// Opens the file in `$1` for the report of bubblewrap, and executes the command that follows, with the umask
/// of engines.
const REPORT: &str = r#"umask 022; report=$1; shift; exec 9>"$report" "$@""#;

/// Returns the file beside the root to which bubblewrap reports.
pub(super) fn report(root: &Path) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(".report");
    path.into()
}

/// Returns a bubblewrap command that writes its report to the file of [`report`]. Only the report
/// distinguishes the end of bubblewrap from the end of the program, since both are exit codes and text on
/// stderr. bubblewrap reports an `exit-code` only if it started the program (its manual, `--json-status-fd`;
/// from 0.3.2 on).
fn reporting(bwrap: &Path, root: &Path) -> Cmd {
    let cmd = Cmd::new("/bin/sh").args(["-c", REPORT, "sh"]).arg(report(root));
    cmd.arg(bwrap).args(["--json-status-fd", "9"]).args(ALONE)
}

/// No capabilities except the one that `unshare --root` needs.
const WEAK: [&str; 2] = ["--bounding-set=-all,+sys_chroot", "--inh-caps=-all"];

/// Returns the command that runs a program in its root, or none if the tool is missing.
pub fn command(way: Isolation, tools: &NamespaceTools, cell: &NamespaceCommand<'_>) -> Option<Cmd> {
    match way {
        Isolation::Bubblewrap => Some(bubblewrap(tools.bwrap.as_deref()?, cell)),
        Isolation::Root | Isolation::User => {
            let unshare = tools.unshare.as_deref()?;
            let ids = [cell.user.uid, cell.user.gid].map(|id| id.to_string());
            // Root of the first user namespace can serve as the image's root after it has dropped its
            // privileges. A second user namespace would restore them.
            let root = (cell.user.uid, cell.user.gid) == (0, 0);
            let weak_root = way == Isolation::User && root && tools.setpriv.is_some();
            // `unshare` leaves a user only the one group that it sets.
            let groups = tools.setpriv.as_ref().and_then(|_| groups(way, cell.user));
            let become_user: Vec<OsString> = match way {
                _ if weak_root => Vec::new(),
                Isolation::Root if groups.is_some() => ["--setuid", &ids[0]].map(Into::into).into(),
                Isolation::Root => ["--setgid", &ids[1], "--setuid", &ids[0]].map(Into::into).into(),
                // A second user namespace, in which the mounts of the first cannot be changed.
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

/// Returns all groups of a user with more than one, if they can be set.
fn groups(way: Isolation, user: &Account) -> Option<String> {
    let all = [user.gid].into_iter().chain(user.further.iter().copied()).map(|gid| gid.to_string());
    (way == Isolation::Root && !user.further.is_empty()).then(|| all.collect::<Vec<_>>().join(","))
}

/// Returns a command that tests a way: the same mounts in an empty root, without a program of an image. None
/// if its tool is missing.
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
    // In a user namespace, the namespace's root runs the program.
    let owner = if way == Isolation::Root { cell.user.uid.to_string() } else { String::new() };
    cmd.arg(owner).arg(cell.volumes.len().to_string()).args(cell.volumes).args(inner)
}

/// Options for new namespaces that end with the parent process.
const ALONE: [&str; 5] = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"];

/// Parts of this machine's sysfs that bubblewrap shows, since it mounts no sysfs: those that do not depend on
/// the network namespace.
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

/// Returns the program with its arguments, preceded by the emulator if it has to be passed in.
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
