//! `cargo xtask base` as people call it.

use crate::same::{workspace, xtask};
use crate::support::{base, cache, had, load_here, locks};

use xtask_base::DebianArch;
use xtask_process::exec::ProcessEnd;
use xtask_test_support::skip::skipped;

#[test]
fn list_and_show() {
    let test = "list_and_show";
    let Some((folder, lock)) = locks(test) else { return };
    let dir = tempfile::tempdir().unwrap();
    workspace(dir.path(), &lock);
    let call = |args: &[&str]| xtask(dir.path(), &cache(), "022", args);

    let text = call(&["base", "list"]).text();
    let of = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(of("distroless:cc ").ends_with("linux/amd64, linux/arm64/v8"), "{text}");
    assert!(of("distroless:cc-debian12 ").ends_with("nothing; cargo xtask base update 12"), "{text}");
    assert!(text.contains(&format!("trixie of {}", lock.releases["trixie"].date)), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&call(&["base", "list", "--json"]).stdout).unwrap();
    assert_eq!(json["bases"].as_array().unwrap().len(), 6);
    assert_eq!(json["locks"][0]["releases"][0]["suite"], "trixie");

    let text = call(&["base", "show", "cc-debian13:debug", "--arch", "arm64"]).text();
    assert!(text.starts_with("distroless:cc:debug for linux/arm64/v8, sha256:"), "{text}");
    let libc = &lock.packages[&DebianArch::Arm64]["libc6"].version;
    assert!(text.contains("busybox-static") && text.contains(libc), "{text}");
    assert!(!text.contains("layer sha256:"), "{text}");
    if had(test, load_here(&folder, base("distroless:static"), DebianArch::Amd64)).is_none() {
        return;
    }
    let text =
        call(&["base", "show", "distroless:static", "--arch", "linux/amd64", "--files", "--offline"]).text();
    assert!(
        text.contains("layer sha256:") && text.contains("/etc/os-release -> ../usr/lib/os-release"),
        "{text}"
    );
}

#[test]
fn what_is_asked_wrongly() {
    let dir = tempfile::tempdir().unwrap();
    workspace(
        dir.path(),
        &xtask_base::BaseLock { debian: 13, releases: Default::default(), packages: Default::default() },
    );
    for (args, code, words) in [
        (&["base", "show", "java"][..], 2, "there is no base `java`"),
        (&["base", "show", "cc", "--arch", "sparc"], 2, "no base for the architecture `sparc`"),
        (&["base", "show", "cc", "--arch", "amd64"], 3, "has no packages for amd64"),
        (&["base", "show", "cc-debian12", "--arch", "amd64"], 3, "there is no docker/bases/debian12.lock"),
        (&["base", "update", "11"], 2, "11 is not in 12..=13"),
        (&["base", "update", "--offline"], 3, "cannot fetch from Debian's archive with --offline"),
        (&["base", "update", "12", "--arch", "riscv64"], 2, "Debian 12 has no riscv64"),
    ] {
        let output = xtask(dir.path(), dir.path(), "022", args);
        let said = output.errors();
        // Where apt is not here, that is said before what Debian 12 lacks.
        if said.contains("from Debian's archive with apt") {
            skipped("what_is_asked_wrongly", &said);
            continue;
        }
        assert_eq!(output.end, ProcessEnd::Code(code), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
        assert_eq!(output.text(), "", "{args:?}");
    }
    std::fs::write(dir.path().join("docker/bases/debian13.lock"), "schema = 1\ndebian = \n").unwrap();
    let output = xtask(dir.path(), dir.path(), "022", &["base", "list"]);
    assert_eq!(output.end, ProcessEnd::Code(2));
    assert!(output.errors().contains("debian13.lock is not a valid lock"), "{}", output.errors());
    assert!(output.errors().contains("line 2"), "{}", output.errors());
}
