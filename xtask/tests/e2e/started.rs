//! Images that are started before they ship, and put into an engine.

use std::path::Path;

use serde_json::{Value, json};
use xtask_test_support::docker::LoadedNames;
use xtask_test_support::{folder, need};

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::space::Space;

/// The usual workspace with an image whose table has these lines too.
fn space(name: &str, more: &str) -> Space {
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image(name, &[HOST_MUSL]);
    space.write("targets.toml", &(space.read("targets.toml") + more));
    space
}

#[test]
fn load_prints_the_name_alone() {
    need!("started::load", machine::std_for(&[HOST_MUSL]), machine::programs(&["docker"]));
    let name = format!("xtask-e2e-load-{}", std::process::id());
    let space = space(&name, "cmd = [\"by-default\"]\n");
    space.image(&format!("{name}-2"), &[HOST_MUSL]);
    let (reference, second) = (format!("{name}:1.2.3"), format!("{name}-2:1.2.3"));
    let all = [&reference, &second].into_iter().flat_map(|r| [r.clone(), format!("{r}-amd64")]);
    let _loaded = LoadedNames(all.collect());
    let run = space.run(&["image", "--mode", "pure", "--load"]).ended(0);
    let run = run.says(&["Ran", &format!("Loaded {name} into docker"), &format!("as {second}")]);
    assert_eq!(run.stdout(), reference, "{run}");
    // All names are said, and no other: which they are depends on Docker's store.
    let list = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &name];
    let list = Space::finish(&space.cmd("docker").args(list)).ended(0).stdout();
    let mut names: Vec<&str> = list.lines().collect();
    names.sort_unstable();
    run.says(&[&format!("Loaded {name} into docker as {}\n", names.join(", "))]);
    // As README.md has it.
    let line = "docker run --rm --read-only $(\"$0\" image --mode pure --load)";
    let shell = space.cmd("sh").args(["-c", line, crate::space::XTASK]);
    let said = Space::finish(&shell).ended(0).stdout();
    assert!(said.contains("answer=42 native=false"), "{said}");
    let json = space.run(&["image", "--mode", "pure", "--load", "--json"]).ended(0).json();
    assert_eq!(json["images"][0]["manifests"][0]["smoke"]["status"], "pass");
}

/// `docker run $(cargo xtask image --load)` does not ask how that ended.
#[test]
fn load_names_no_other_image_in_place_of_one_that_is_not_made() {
    need!("started::load_other", machine::std_for(&[HOST_MUSL]), machine::programs(&["docker"]));
    let name = format!("xtask-e2e-other-{}", std::process::id());
    let space = space(&format!("{name}-1"), "expect = { stdout = \"never said\" }\n");
    space.image(&name, &[HOST_MUSL]);
    let reference = format!("{name}:1.2.3");
    let _loaded = LoadedNames(vec![reference.clone(), format!("{reference}-amd64")]);
    let run = space.run(&["image", "--mode", "pure", "--load"]).ended(1);
    let run = run.says(&[&format!("Loaded {name} into docker as {reference}")]);
    assert_eq!(run.stdout(), "", "{run}");
}

#[test]
fn an_image_that_does_not_do_what_is_expected_does_not_ship() {
    need!("started::expect", machine::std_for(&[HOST_MUSL]), machine::programs(&["docker"]));
    let space = space("app", "expect = { stdout = \"never said\" }\n");
    let run = space.run(&["release", "--mode", "pure"]).ended(1);
    run.says(&["image app on linux/amd64 does not run", "it did not print \"never said\"", "answer=42"]);
    let report = space.report();
    assert_eq!(report["images"].as_array().unwrap().len(), 0);
    let reason = report["unmade"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("linux/amd64: it did not print \"never said\""), "{reason}");
    assert!(!space.dist("images/app.tar").exists() && space.path("target/xtask/failed/app.tar").is_file());
    // Programs and archives are as good as they were.
    assert!(space.dist(&format!("archives/app-1.2.3-{HOST_MUSL}.tar.gz")).is_file());
    let of_image = space.dist("sbom/app-1.2.3-linux-amd64.cdx.json");
    assert!(space.dist(&format!("sbom/app-1.2.3-{HOST_MUSL}.cdx.json")).is_file() && !of_image.exists());

    space.replace("targets.toml", "never said", "answer=42");
    space.run(&["release", "--mode", "pure"]).ended(0);
    assert!(of_image.is_file());
    // Once more, with a bill of the run before. What fails now is the very image that shipped.
    space.replace("targets.toml", "answer=42", "never said");
    let gone = "target/dist held the same image from an earlier run, which is removed";
    space.run(&["release", "--mode", "pure"]).ended(1).says(&[gone]);
    assert!(space.report()["unmade"][0]["reason"].as_str().unwrap().ends_with(gone));
    assert!(!space.dist("images/app.tar").exists() && space.path("target/xtask/failed/app.tar").is_file());
    space.run(&["release", "--mode", "pure"]).ended(1).never_says(&["which is removed"]);
    assert!(!of_image.exists(), "it is about an image that no longer ships");
    space.replace("targets.toml", "never said", "answer=42");
    space.run(&["release", "--mode", "pure"]).ended(0);
    assert!(space.dist("images/app.tar").is_file() && !space.path("target/xtask/failed/app.tar").exists());
    assert_eq!(space.report()["images"][0]["manifests"][0]["smoke"]["status"], "pass");
}

/// Whoever finds the image of an earlier run shall not take it for the one that failed.
#[test]
fn the_image_of_an_earlier_run_stays_and_is_called_so() {
    need!("started::earlier", machine::std_for(&[HOST_MUSL]), machine::programs(&["docker"]));
    let space = space("app", "");
    space.run(&["release", "--mode", "pure"]).ended(0);
    let digest = space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    let (tar, index) =
        (std::fs::read(space.dist("images/app.tar")).unwrap(), space.read("target/dist/oci/index.json"));
    let stays = || {
        let unmade = &space.report()["unmade"][0];
        assert_eq!((&unmade["name"], &unmade["earlier"]), (&"app".into(), &digest.as_str().into()));
        assert!(space.read("target/dist/report.md").contains("the image of an earlier run, sha256:"));
        assert!(tar == std::fs::read(space.dist("images/app.tar")).unwrap());
        assert_eq!(index, space.read("target/dist/oci/index.json"));
    };
    let said = format!("target/dist contains the image of an earlier run, {digest}");
    // It fails in its image.
    space.replace(
        "app/src/main.rs",
        "println!(\"answer",
        "if word.is_empty() { panic!() }\n    println!(\"answer",
    );
    space.write("targets.toml", &(space.read("targets.toml") + "smoke = []\n"));
    space
        .run(&["release", "--mode", "pure"])
        .ended(1)
        .says(&["image app is not made: it does not run", &said]);
    stays();
    // It is not even packed.
    space.replace("app/src/main.rs", "word.is_empty()", "true");
    space.run(&["release", "--mode", "pure"]).ended(1).says(&[
        "image app is not made",
        "failed; target",
        &said,
    ]);
    stays();
}

/// It has the name of the whole one, and takes its place.
#[test]
fn an_image_that_lacks_what_target_leaves_out_is_called_so() {
    need!("started::left_out", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    let words = "image app contains only linux/amd64: --target leaves out linux/arm64/v8";
    let run = space.run(&["release", "--mode", "pure", "--target", HOST_MUSL]).ended(0);
    run.says(&[&format!("warning: {words}")]);
    let image = &space.report()["images"][0];
    assert_eq!((&image["left_out"], &image["manifests"][1]), (&json!(["linux/arm64/v8"]), &Value::Null));
    assert!(space.read("target/dist/report.md").contains("left out linux/arm64/v8"));
    // An image that it leaves nothing of is named, and no error.
    space.image("other", &[ARM_MUSL]);
    let words = "image other is not made: --target selects none of its platforms";
    space
        .run(&["release", "--mode", "pure", "--target", HOST_MUSL])
        .ended(0)
        .says(&[&format!("warning: {words}")]);
    assert_eq!(space.report()["unmade"][0]["name"], "other");
    let run = space.run(&["image", "--mode", "pure", "--json"]).ended(0).never_says(&["leaves out"]);
    assert_eq!(run.json()["images"][0].get("left_out"), None);
}

/// An image that Docker's users cannot have is no proven one.
#[test]
fn what_the_engine_refuses_fails_where_every_proof_is_wanted() {
    let tools = ["docker", "unshare", "setpriv", "sh", "mount", "true", "ln", "mkdir", "chown"];
    need!(
        "started::refused",
        machine::std_for(&[HOST_MUSL]),
        machine::programs(&tools),
        machine::namespaces()
    );
    let mut space = space("app", "");
    let docker = machine::find("docker").unwrap();
    let bin = space.only(&["cargo", "rustc", "rustup", "cc", "ld", "as", "git", "env"]);
    for tool in &tools[1..] {
        std::os::unix::fs::symlink(machine::find(tool).unwrap(), bin.join(tool)).unwrap();
    }
    let body = format!(
        "[ \"$1\" = load ] && {{ echo 'no space left' >&2; exit 1; }}\nexec '{}' \"$@\"",
        docker.display()
    );
    folder::script(bin.join("docker"), &body);
    for _ in 0..2 {
        let run = space.run(&["release", "--mode", "pure"]).ended(0);
        run.says(&[
            "warning: image app on linux/amd64 was started with unshare, because docker: load: no space left",
        ]);
        let smoke = &space.report()["images"][0]["manifests"][0]["smoke"];
        assert_eq!((&smoke["status"], &smoke["runner"]), (&"pass".into(), &"unshare".into()));
        assert_eq!(smoke["reason"], "docker: load: no space left");
    }
    let run = space.run(&["release", "--mode", "pure", "--strict"]).ended(1);
    run.says(&[
        "--strict: the container engine refuses 1 of 1 images",
        "app on linux/amd64: docker: load: no space left",
    ]);
}

#[test]
fn where_nothing_can_start_it_strict_ends_with_3() {
    need!("started::strict", machine::std_for(&[HOST_MUSL]), machine::programs(&["cargo", "rustc", "cc"]));
    let mut space = space("app", "");
    space.only(&["cargo", "rustc", "rustup", "cc", "ld", "as", "git", "env"]);
    let run = space.run(&["image", "--mode", "pure", "--json"]).ended(0);
    let run = run.says(&["was not run", "docker is not on PATH", "unshare is not on PATH"]);
    let smoke = &run.json()["images"][0]["manifests"][0]["smoke"];
    assert_eq!((&smoke["status"], &smoke["runner"]), (&"skipped".into(), &serde_json::Value::Null));
    assert!(smoke["reason"].as_str().unwrap().contains("podman is not on PATH"), "{smoke}");
    space.run(&["release", "--mode", "pure", "--strict"]).ended(3).says(&["--strict: 1 of 1 images"]);
    // The report is written all the same.
    assert!(Path::new(&space.dist("report.json")).is_file());
    space.run(&["image", "--mode", "pure", "--load"]).ended(3).says(&["no container engine answers"]);
}
