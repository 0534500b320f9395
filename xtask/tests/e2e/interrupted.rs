//! Runs that are interrupted, and runs side by side: nothing half-written, and the next run completes.

use std::path::{Path, PathBuf};

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::{Space, XTASK};

pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// Starts a release in the background, waits until `when` (a shell condition) holds, ends it with `signal`, and returns
/// its exit code and what `then` (a shell command) prints.
pub(crate) fn interrupt(space: &Space, args: &[&str], when: &str, signal: &str, then: &str) -> String {
    let script = format!(
        "\"$@\" & pid=$!\n\
         while kill -0 $pid; do if {when}; then break; fi; done\n\
         kill -{signal} $pid; wait $pid; echo \"code=$?\"; {then}"
    );
    let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", XTASK]).args(args);
    Space::finish(&cmd).ended(0).stdout()
}

/// A workspace whose application takes a minute to build while the file `slow` is there.
fn slow(targets: &[&str]) -> Space {
    let space = Space::with_targets(targets);
    space.write(
        "app/build.rs",
        "fn main() {
             println!(\"cargo::rerun-if-changed=../slow\");
             std::fs::write(\"../started\", std::process::id().to_string()).unwrap();
             if std::path::Path::new(\"../slow\").exists() { std::thread::sleep(std::time::Duration::from_secs(60)); }
         }",
    );
    space
}

/// Every program, archive and image that is in target/dist is whole, and nothing is staged.
fn whole(space: &Space) {
    let dist = space.path("target/dist");
    let report = space.report();
    let known = report["jobs"].as_array().unwrap().iter().map(|j| &j["artifact"]);
    for artifact in known {
        let file = space.dist(artifact["path"].as_str().unwrap());
        assert_eq!(std::fs::metadata(file).unwrap().len(), artifact["size"].as_u64().unwrap());
    }
    let check = space.cmd("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).cwd(&dist);
    Space::finish(&check).ended(0);
    let staged: Vec<PathBuf> = files(&dist)
        .into_iter()
        .filter(|f| f.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    let staged: Vec<_> = staged.iter().filter(|f| !f.ends_with(".oci.lock")).collect();
    assert!(staged.is_empty(), "{staged:?}");
}

#[test]
fn a_build_that_is_interrupted_ends_with_what_it_started_and_runs_again() {
    need!("interrupted::build", machine::std_for(&[HOST_MUSL]));
    for (signal, code) in [("INT", "130"), ("TERM", "143")] {
        let space = slow(&[HOST_MUSL]);
        space.image("app", &[HOST_MUSL]);
        space.write("slow", "");
        // The build script would go on for a minute; it and Cargo end with the program that started them.
        let then = "for n in $(seq 100); do kill -0 $(cat started) 2>/dev/null || break; sleep 0.05; done\n\
                    kill -0 $(cat started) 2>/dev/null && echo 'the build script still runs'; true";
        let ended = interrupt(&space, &["release", "--mode", "pure"], "[ -s started ]", signal, then);
        assert_eq!(ended, format!("code={code}"), "{signal}");
        // What needs no build may be there, whole; of what comes of one there is nothing, not even a part.
        for file in files(&space.path("target/dist")) {
            let name = file.strip_prefix(space.path("target/dist")).unwrap();
            assert!(name == Path::new("docker/rootfs.tar"), "{signal}: {} is there", name.display());
        }
        std::fs::remove_file(space.path("slow")).unwrap();
        space.run(&["release", "--mode", "pure"]).ended(0);
        whole(&space);
    }
}

#[test]
fn a_run_that_is_killed_while_it_packs_leaves_nothing_half_written() {
    need!("interrupted::pack", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    // Time zones, and a program of many megabytes that does not compress: packing takes a while.
    space.write("targets.toml", &(space.read("targets.toml") + "tzdata = true\n"));
    let mut noise = vec![0_u8; 48 << 20];
    let mut state = 1_u64;
    for byte in &mut noise {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    std::fs::write(space.path("app/noise"), noise).unwrap();
    let line = "fn main() {\n    let noise = std::hint::black_box(include_bytes!(\"../noise\"));\n    assert!(noise[7] < 255 || noise[8] < 255);\n";
    space.replace("app/src/main.rs", "fn main() {\n", line);
    space.run(&["build", "--mode", "pure"]).ended(0);
    // No `find`, no `sleep`: what is waited for is there for some hundredths of a second.
    let staging = ["oci/blobs/sha256", "images", "archives"].map(|dir| {
        format!("for f in target/dist/{dir}/.staging-*; do [ -s \"$f\" ] && break 2; done; false")
    });
    for (when, signal) in staging.iter().zip(["KILL", "KILL", "TERM"]) {
        let ended = interrupt(&space, &["release", "--mode", "pure"], when, signal, ":");
        assert!(ended == "code=137" || ended == "code=143", "{when}: {ended}");
        // Under their own names, only whole files: what has a name was renamed to it.
        for file in files(&space.path("target/dist")) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if let Some(folder) = file.parent().filter(|p| p.ends_with("blobs/sha256")) {
                let sum = space.cmd("sha256sum").arg(&name).cwd(folder);
                let sum =
                    if name.starts_with('.') { continue } else { Space::finish(&sum).ended(0).stdout() };
                assert!(sum.starts_with(&name), "blob {name} is not what its name says");
            }
            assert!(name != "report.json", "the report is written last");
        }
    }
    space.run(&["release", "--mode", "pure"]).ended(0);
    whole(&space);
}

/// Everything under a name in target/dist's images passed: also where nobody was left to take back what did not.
#[test]
fn a_run_that_is_killed_while_an_image_runs_leaves_the_image_before() {
    let tools = ["unshare", "env", "setpriv", "sh", "mount", "true", "ln", "mkdir", "chown", "sha256sum"];
    need!(
        "interrupted::smoke",
        machine::std_for(&[HOST_MUSL]),
        machine::programs(&tools),
        machine::namespaces()
    );
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.only(&[tools.as_slice(), &["cargo", "rustc", "rustup", "cc", "ld", "as", "git"]].concat());
    let named = |space: &Space| {
        (std::fs::read(space.dist("images/app.tar")).ok(), std::fs::read(space.dist("oci/index.json")).ok())
    };
    let slow = "if word == \"slow\" { std::thread::sleep(std::time::Duration::from_secs(20)) }\n    println!(\"answer";
    space.replace("app/src/main.rs", "println!(\"answer", slow);
    let fast = space.read("targets.toml");
    let ready = "[ -e target/xtask/smoke/app-linux-amd64/root.ready ]";
    let killed = || {
        space.write("targets.toml", &(fast.clone() + "smoke = [\"slow\"]\n"));
        let ended = interrupt(&space, &["release", "--mode", "pure"], ready, "KILL", ":");
        assert_eq!(ended, "code=137");
        space.write("targets.toml", &fast);
    };
    killed();
    assert_eq!(named(&space), (None, None), "there was none before");
    space.run(&["release", "--mode", "pure"]).ended(0);
    whole(&space);
    let before = named(&space);
    space.replace("app/src/main.rs", "answer={}", "the answer={}");
    killed();
    assert!(named(&space) == before, "the image before is not what it was");
    space.run(&["release", "--mode", "pure"]).ended(0);
    whole(&space);
    assert!(named(&space) != before);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    need!("interrupted::two", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = slow(&[HOST, HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let out = space.path("..").display().to_string();
    let release = "release --providers host --json";
    let script = format!(
        "\"$1\" {release} > {out}/1.json 2> {out}/1.err & one=$!\n\
         \"$1\" {release} > {out}/2.json 2> {out}/2.err & two=$!\n\
         wait $one; a=$?; wait $two; b=$?; cat {out}/1.err {out}/2.err >&2; echo \"$a $b\""
    );
    let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", XTASK]);
    for _ in 0..2 {
        let run = Space::finish(&cmd).ended(0);
        assert_eq!(run.stdout(), "0 0", "{run}");
        let digests = |name: &str| {
            let report: serde_json::Value = serde_json::from_str(&space.read(name)).unwrap();
            let jobs = report["jobs"].as_array().unwrap().iter().map(|j| j["artifact"]["sha256"].clone());
            (jobs.collect::<Vec<_>>(), report["images"].clone())
        };
        assert_eq!(digests("../1.json"), digests("../2.json"));
        whole(&space);
        std::fs::remove_dir_all(space.path("target")).unwrap();
    }
}

#[test]
fn two_runs_that_want_different_things_each_get_their_own() {
    need!("interrupted::different", machine::std_for(&[HOST_MUSL]));
    let space = slow(&[HOST_MUSL]);
    let out = space.path("..").display().to_string();
    // The same build folder, and other flags: whoever came second must not take the first one's program away.
    let script = format!(
        "RUSTFLAGS='--cfg flag_a' \"$1\" build --mode pure --json > {out}/1.json 2> {out}/1.err & one=$!\n\
         RUSTFLAGS='--cfg flag_b' \"$1\" build --mode pure --json > {out}/2.json 2> {out}/2.err & two=$!\n\
         wait $one; a=$?; wait $two; b=$?; cat {out}/1.err {out}/2.err >&2; echo \"$a $b\""
    );
    let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", XTASK]);
    let run = Space::finish(&cmd).ended(0).says(&["Waiting for another run in this workspace"]);
    assert_eq!(run.stdout(), "0 0", "{run}");
    let digest = |name: &str| {
        let report: serde_json::Value = serde_json::from_str(&space.read(name)).unwrap();
        report["jobs"][0]["artifact"]["sha256"].as_str().unwrap().to_owned()
    };
    let (one, two) = (digest("../1.json"), digest("../2.json"));
    assert_ne!(one, two, "one run reported the other's program\n{run}");
}

/// Killed at points of a probe: what is kept is whole, wrappers are whole, and the next run probes as if nothing had been.
#[test]
fn a_probe_that_is_killed_leaves_nothing_half_written() {
    need!("interrupted::probe", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let mut space = Space::with_targets(&[HOST]);
    let cache = space.path("cache");
    space.set("XTASK_CACHE_DIR", &cache);
    let cc = machine::find("cc").unwrap().display().to_string();
    let slow = space.script("slow/cc", &format!("sleep 0.05; exec {cc} \"$@\""));
    // With an argument, so that it needs a wrapper.
    space.set(format!("CC_{}", HOST.replace('-', "_")), format!("{} -O1", slow.display()));
    let whole = |when: &str| {
        for file in files(&cache.join("probes")) {
            if file.parent() == Some(&*cache.join("probes")) && file.extension().is_some_and(|e| e == "json")
            {
                let text = std::fs::read(&file).unwrap();
                let verdict: serde_json::Value = serde_json::from_slice(&text).unwrap();
                assert_eq!(verdict["verdict"], "works", "{when}: {}", file.display());
            }
        }
        for file in files(&space.path("target/xtask/toolchains")) {
            let staged = file.file_name().unwrap().to_string_lossy().starts_with('.');
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(staged || text.ends_with("\"$@\"\n"), "{when}: {}: {text}", file.display());
        }
    };
    for tenths in [0, 1, 2, 3, 4, 5, 7] {
        let script = format!("\"$@\" & pid=$!; sleep 0.{tenths}; kill -KILL $pid; wait $pid; true");
        let cmd = space.cmd("sh").arg("-c").arg(script).args(["sh", XTASK, "plan"]);
        Space::finish(&cmd).ended(0);
        whole(&format!("after 0.{tenths} s"));
    }
    let left = cache.join("probes/0123456789abcdef.1.tmp");
    std::fs::create_dir_all(left.join("half")).unwrap();
    Space::finish(&space.cmd("touch").args(["-d", "2 days ago"]).arg(&left)).ended(0);
    for file in files(&cache.join("probes")) {
        let _ = std::fs::remove_file(file);
    }
    let plan = space.run(&["plan", "--json"]).ended(0).json();
    assert_eq!(plan["jobs"][0]["toolchain"]["provider"], "env", "{plan:#}");
    assert!(!left.exists(), "what was left long ago is removed");
    whole("at the end");
}
