//! Faults of the machine: limits that are reached, folders that do not serve, and what other programs left in the environment.
//! None of them is blamed on a tool, and none is remembered.

use serde_json::Value;
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::{Space, XTASK};

/// The program with these arguments, behind a script of a shell that ends in `"$@"`.
fn behind(space: &Space, script: &str, args: &[&str]) -> xtask_process::exec::Cmd {
    space.cmd("sh").args(["-c", script, "sh", XTASK]).args(args)
}

/// `make` closes the descriptors of its jobserver in recipes that do not seem to need it, and leaves the variable.
#[test]
fn descriptors_that_are_no_jobserver_are_left_alone() {
    need!("machine_faults::jobserver", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.write("in", "tokens");
    for (descriptors, flags) in [
        ("3<in 4>out", " -j8 --jobserver-auth=3,4"),
        ("3<&- 4>out", "s -j --jobserver-fds=3,4"),
        ("3</ 4>out", "-j --jobserver-auth=fifo:in"),
    ] {
        space.set("MAKEFLAGS", flags);
        let _ = std::fs::remove_dir_all(space.path("target"));
        let script = format!("\"$@\" {descriptors}");
        let run = Space::finish(&behind(&space, &script, &["build", "--mode", "pure"])).ended(0);
        run.never_says(&["jobserver"]);
        assert_eq!(space.read("out"), "", "{flags}");
    }
}

/// Runs the program in a mount namespace of its own, after the folder `at` was mounted as a tmpfs with these options. Its last
/// line on stdout is the number of verdicts that are kept in the cache then.
fn mounted(space: &Space, at: &str, options: &str, args: &[&str], code: i32) -> Finished {
    std::fs::create_dir_all(space.path(at)).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} none {at} || exit 99; \"$@\"; code=$?; \
         echo; ls cache/probes 2>/dev/null | wc -l; exit $code"
    );
    let behind = behind(space, &script, args);
    Space::finish(&behind.behind(space.cmd("unshare").args(["-rm", "--"]))).ended(code)
}

/// The document of `plan --json`, and how many verdicts are kept.
fn plan(run: &Finished) -> (Value, String) {
    let text = run.stdout();
    let (document, kept) = text.trim_end().rsplit_once('\n').unwrap();
    (serde_json::from_str(document).unwrap_or_else(|e| panic!("{e}\n{run}")), kept.to_owned())
}

/// Workspaces in which C is preferred and pure Rust would do.
fn space() -> Space {
    let mut space = Space::with_targets(&[HOST]);
    let cache = space.path("cache");
    space.set("XTASK_CACHE_DIR", cache);
    space
}

#[test]
fn a_cache_that_does_not_serve_is_no_fault_of_compilers() {
    need!(
        "machine_faults::cache",
        machine::std_for(&[HOST]),
        machine::programs(&["cc"]),
        machine::own_mounts()
    );
    let space = space();
    for (options, fault) in [
        ("noexec", "/cache cannot be started: it is mounted with noexec"),
        ("size=64k", "/cache has only "),
        ("nr_inodes=9", "a file system has no space left"),
    ] {
        let run = mounted(&space, "cache", options, &["plan", "--json"], 3);
        let (document, kept) = plan(&run);
        let job = &document["jobs"][0];
        assert_eq!((&job["mode"], &job["fallback"]), (&"native".into(), &Value::Null), "{options}: {run}");
        let lacks = job["lacks"][0].as_str().unwrap();
        assert!(lacks.contains("could not be probed") && lacks.contains(fault), "{options}: {lacks}");
        assert_eq!(kept, "0", "{options}: a verdict is kept\n{run}");
        run.never_says(&["broken", "xtask setup"]).says(&["help: "]);
    }
    let run = mounted(&space, "cache", "noexec", &["explain", HOST], 0);
    assert!(run.stdout().contains("could not be probed"), "{run}");
    let run = mounted(&space, "cache", "noexec", &["doctor"], 3);
    assert!(run.stdout().contains("could not be probed"), "{run}");
    // Neither here nor anywhere else.
    let run = mounted(&space, "cache", "noexec", &["build", "--strict"], 3);
    run.never_says(&["Built"]).says(&["could not be probed"]);
    mounted(&space, "cache", "noexec", &["build", "--mode", "pure"], 0);
    // The same folder, served again.
    space.run(&["plan"]).ended(0);
}

#[test]
fn a_read_only_machine_probes_nothing_and_says_so() {
    need!(
        "machine_faults::read_only",
        machine::std_for(&[HOST]),
        machine::programs(&["cc"]),
        machine::own_mounts()
    );
    let space = space();
    std::fs::create_dir_all(space.path("target")).unwrap();
    let script = "mount -t tmpfs -o ro none target && \"$@\"";
    let inner = behind(&space, script, &["plan"]);
    let outer = "mkdir -p cache && mount -t tmpfs -o ro none cache && exec \"$@\"";
    let run = space.cmd("unshare").args(["-rm", "--", "sh", "-c", outer, "sh"]);
    let run = Space::finish(&inner.behind(run)).ended(3);
    run.says(&["could not be probed", "Read-only", "help: mount it so that it can be written"])
        .never_says(&["broken", "xtask setup"]);
}

#[test]
fn a_build_folder_in_which_nothing_starts_is_named() {
    need!(
        "machine_faults::target",
        machine::std_for(&[HOST]),
        machine::programs(&["cc"]),
        machine::own_mounts()
    );
    let space = space();
    let run = mounted(&space, "target", "noexec", &["build"], 1);
    let fault = "/target cannot be started: it is mounted with noexec";
    let summary = run.stderr();
    let summary = summary.rsplit("error: ").next().unwrap();
    assert!(run.stderr().contains(fault) && summary.contains(fault), "{run}");
}

/// A folder for temporary files that is not there: compilers take another one, or say so.
#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_no_fault_of_compilers() {
    need!("machine_faults::temporary", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let mut space = space();
    for folder in ["/no/such/folder", ""] {
        space.set("TMPDIR", folder);
        let _ = std::fs::remove_dir_all(space.path("cache"));
        space.run(&["verify"]).ended(0);
    }
}

/// What setup could install is here, and does not work.
#[test]
fn nobody_is_sent_to_setup_for_what_is_here() {
    need!("machine_faults::setup", machine::std_for(&[HOST, machine::ARM_MUSL]));
    let mut space = space();
    space.targets(&[(machine::ARM_MUSL, "")]);
    let zig =
        space.script("bin/zig", "case $1 in version) echo 0.15.2;; *) echo 'no headers' >&2; exit 1;; esac");
    space.path_first(zig.parent().unwrap());
    let found = space.run(&["explain", machine::ARM_MUSL, "--providers", "zig"]).ended(0);
    assert!(found.stdout().contains("no headers"), "{found}");
    space.run(&["plan", "--providers", "zig", "--mode", "native"]).ended(3).never_says(&["xtask setup"]);
    space.run(&["doctor", "--providers", "zig"]).never_says(&["xtask setup"]);
    space.run(&["setup", "--yes"]).ended(0).says(&["nothing is missing"]);
}
