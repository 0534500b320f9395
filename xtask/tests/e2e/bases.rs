//! Images on bases: distroless from Debian's packages, chosen by proof, cut down to what the program needs, and refused
//! where the program would not start.

use serde_json::{Value, json};
use xtask_test_support::need;

use crate::bills::{bill, component, property};
use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// A workspace with these images: name, base, target, further keys. It has the locks of this repository.
fn space(images: &[(&str, &str, &str, &str)]) -> Space {
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    let mut text = space.read("targets.toml");
    for (name, base, target, more) in images {
        text +=
            &format!("\n[[image]]\nname = \"{name}\"\nbase = \"{base}\"\ntargets = [\"{target}\"]\n{more}\n");
    }
    space.write("targets.toml", &text);
    let lock = include_str!("../../../docker/bases/debian13.lock");
    space.write("docker/bases/debian13.lock", lock);
    space
}

/// `--setup`, since a package of the lock may have been superseded in the archive since it was made.
const IMAGE: [&str; 5] = ["image", "--mode", "pure", "--setup", "--json"];

fn image<'v>(report: &'v Value, name: &str) -> &'v Value {
    report["images"].as_array().unwrap().iter().find(|image| image["name"] == name).unwrap()
}

#[test]
fn the_smallest_base_that_carries_the_program_is_chosen() {
    need!("bases::auto", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["apt-get", "docker"]));
    let space = space(&[
        ("dynamic", "auto", HOST, ""),
        ("fixed", "auto", HOST_MUSL, ""),
        ("whole", "distroless:cc", HOST, ""),
        ("part", "distroless:cc", HOST, "closure = true"),
    ]);
    let run = space.run(&IMAGE).ended(0);
    let report = run.json();
    let dynamic = image(&report, "dynamic");
    assert_eq!(dynamic["base"], "distroless:cc", "{run}");
    let names: Vec<&Value> =
        dynamic["rejected"].as_array().unwrap().iter().map(|rejected| &rejected["base"]).collect();
    assert_eq!(names, ["scratch", "distroless:static", "distroless:base"], "{run}");
    let last = dynamic["rejected"][2]["reason"].as_str().unwrap();
    assert!(last.contains("libgcc_s.so.1, which distroless:base does not have"), "{run}");
    assert_eq!(image(&report, "fixed")["base"], "scratch", "{run}");
    assert_eq!(image(&report, "fixed").get("rejected"), None, "{run}");
    // Every one of them was started by a real engine, as it was packed.
    for name in ["dynamic", "fixed", "whole", "part"] {
        let manifest = &image(&report, name)["manifests"][0];
        assert_eq!(manifest["smoke"]["status"], "pass", "{name}: {run}");
    }
    let size = |name: &str| image(&report, name)["manifests"][0]["size"].as_u64().unwrap();
    let (whole, part) = (size("whole"), size("part"));
    assert!(part * 2 < whole, "what the program needs is {part} bytes of {whole}");
    assert_eq!(
        (&image(&report, "part")["closure"], &image(&report, "whole")["closure"]),
        (&json!(true), &json!(false))
    );
    // Scanners read which packages the files are from.
    let tar = std::fs::File::open(space.dist(&format!("docker/part/{HOST}.tar"))).unwrap();
    let mut tar = tar::Archive::new(tar);
    let entries = tar.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string());
    let entries: Vec<String> = entries.collect();
    for package in ["base-files", "ca-certificates", "libc6", "libgcc-s1", "media-types", "netbase"] {
        let record = format!("var/lib/dpkg/status.d/{package}");
        assert!(entries.contains(&record), "{record} is not in {entries:?}");
    }
    assert!(!entries.iter().any(|path| path.contains("libssl3")), "{entries:?}");
    // So do bills of materials; of a base that is cut down they say so.
    let bill = |name: &str| bill(&space, &image(&report, name)["manifests"][0]);
    let (part, whole, dynamic, fixed) = (bill("part"), bill("whole"), bill("dynamic"), bill("fixed"));
    let libc = component(&part, "libc6").unwrap_or_else(|| panic!("{part:#}"));
    if image(&report, "part").get("refreshed").is_none() {
        let locked = format!("\"libc6\" = {{ version = \"{}\"", libc["version"].as_str().unwrap());
        assert!(space.read("docker/bases/debian13.lock").contains(&locked), "{locked}");
    }
    let said = |document: &Value, name: &str| {
        let component = component(document, name).unwrap_or_else(|| panic!("no {name} in {document:#}"));
        property(component, "xtask:partial").map(str::to_owned)
    };
    assert_eq!(said(&part, "libc6").as_deref(), Some("true"));
    assert_eq!(said(&part, "distroless:cc").as_deref(), Some("true"));
    assert_eq!(said(&whole, "libc6").as_deref(), Some("false"));
    assert_eq!(said(&whole, "distroless:cc").as_deref(), Some("false"));
    assert!(component(&part, "libssl3t64").is_none() && component(&whole, "libssl3t64").is_some());
    assert_eq!(dynamic["components"], whole["components"], "chosen or named, it is the same base");
    assert!(component(&fixed, "libc6").is_none(), "{fixed:#}");
    // Again: nothing changed, and nothing is fetched.
    let again = space.run(&["image", "--mode", "pure", "--offline", "--json"]).ended(0).json();
    assert_eq!(again["images"], report["images"]);
}

/// What a pipeline asks for: a fallback fails, and a package that Debian has replaced since does not, but is told.
#[test]
fn superseded_packages_end_a_strict_run_unless_they_are_allowed() {
    let programs = machine::programs(&["apt-get", "docker"]);
    need!("bases::superseded", machine::std_for(&[HOST_MUSL]), programs);
    let space = space(&[("app", "distroless:static", HOST_MUSL, "")]);
    let file = "docker/bases/debian13.lock";
    let lock = space.read(file);
    // A package that the archive never had stands for one that it has no more.
    let line = lock.lines().find(|line| line.starts_with("\"media-types\"")).unwrap();
    let (name, rest) = line.split_once(" = { version = \"").unwrap();
    let digest = rest.split_once("sha256 = \"").unwrap().1.split_once('"').unwrap().0;
    let version = rest.split_once('"').unwrap().0;
    // Another one in each run: what a run made in its place lies in the cache, and the next run would say less of it.
    let root = space.root().display().to_string();
    let never = xtask_files::sha256_hex(root.as_bytes());
    let old = rest.replacen(version, "0.1", 1).replace(digest, &never);
    let old = old.replace(&format!("media-types_{version}_"), "media-types_0.1_");
    let old = lock.replace(line, &format!("{name} = {{ version = \"{old}"));
    space.write(file, &old);
    let strict = ["release", "--mode", "pure", "--setup", "--strict"];
    let moved = "cargo xtask base update 13";
    space.run(&strict).ended(3).says(&["media-types (all): locked 0.1, the archive has ", moved]);
    let allowed = [&strict[..], &["--allow-superseded"]].concat();
    let run = space.run(&allowed).ended(0);
    run.says(&[
        "warning: the lock of Debian 13 was refreshed for this run: media-types (all): locked 0.1",
        moved,
    ]);
    let report = space.report();
    assert!(image(&report, "app")["refreshed"].as_str().unwrap().contains("locked 0.1"), "{report:#}");
    assert_eq!(image(&report, "app")["manifests"][0]["smoke"]["status"], "pass");
    assert_eq!(space.read(file), old, "the lock is moved by a person");
    // Alone it would say nothing.
    space.run(&["release", "--allow-superseded"]).ended(2).says(&["--setup", "--strict"]);
}

#[test]
fn what_would_not_start_is_not_packed() {
    need!("bases::refused", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["apt-get"]));
    let space = space(&[("static-base", "distroless:static", HOST, ""), ("none", "scratch", HOST, "")]);
    let run = space.run(&IMAGE).ended(1);
    let report = run.json();
    assert_eq!(report["images"], json!([]), "{run}");
    let error = job(&report, HOST)["error"].as_str().unwrap();
    assert!(error.contains("/lib64/ld-linux-x86-64.so.2") && error.contains("distroless:static"), "{run}");
    assert!(!space.dist("images/none.tar").exists() && !space.dist("images/static-base.tar").exists());
}

/// Several files may share the locks: what another one of them names is not for this one to let go.
#[test]
fn an_update_for_another_file_keeps_the_tags_of_the_usual_one() {
    need!("bases::config", machine::std_for(&[HOST]), machine::programs(&["apt-get"]));
    let space = space(&[("app", "scratch", HOST_MUSL, "")]);
    let locked = format!("docker.io/library/debian:13 sha256:{}\n", "0".repeat(64));
    space.write("docker/bases/registry.lock", &locked);
    space.write("other.toml", &space.read("targets.toml"));
    let kept = || space.read("docker/bases/registry.lock").contains("debian:13");
    space.run(&["base", "update", "--config", "other.toml"]).ended(0);
    assert!(kept());
    space.run(&["base", "update"]).ended(0).says(&["Removed docker.io/library/debian:13"]);
    assert!(!kept());
}

#[test]
fn a_base_that_cannot_be_had_names_the_way_to_it() {
    need!("bases::missing", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space(&[("app", "distroless:cc", HOST, "")]);
    std::fs::remove_file(space.path("docker/bases/debian13.lock")).unwrap();
    let words = ["distroless:cc is not locked", "image app is to stand on it", "cargo xtask base update 13"];
    space.run(&["plan", "--mode", "pure"]).ended(0).says(&words);
    for command in ["image", "release"] {
        space.run(&[command, "--mode", "pure"]).ended(3).says(&words).never_says(&["Building", "Built"]);
    }
    // The other image would be made: what is wrong with one is said before either is built.
    space.image("other", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(3).says(&words).never_says(&["Building", "Built"]);
    let run = space.run(&["release", "--mode", "pure", "--target", HOST_MUSL]).ended(0);
    run.never_says(&["is not locked"]);

    // Of a base that is chosen later, the gate has the last word.
    space.replace("targets.toml", "base = \"distroless:cc\"", "base = \"auto\"");
    let hardly = format!("its program for {HOST} probably cannot start on `scratch`");
    let run = space.run(&["image", "--mode", "pure"]).ended(3);
    run.says(&["warning: distroless:static is not locked", &hardly, "Built", "image app is not made"]);
    space.replace(
        "targets.toml",
        &format!("targets = [\"{HOST}\"]"),
        &format!("targets = [\"{HOST_MUSL}\"]"),
    );
    space.run(&["plan", "--mode", "pure"]).ended(0).never_says(&["is not locked"]);
    space.run(&["image", "--mode", "pure"]).ended(0).never_says(&["is not locked"]);
}

/// What is locked and not here needs apt, and the network.
#[test]
fn packages_that_cannot_be_had_are_missed_before_the_build() {
    need!("bases::packages", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["cc"]));
    let mut space = space(&[("app", "distroless:cc", HOST, "")]);
    space.set("XTASK_CACHE_DIR", space.path("../cache"));
    let image = ["image", "--mode", "pure", "--providers", "none"];
    let run = space.run(&[&image[..], &["--offline"]].concat()).ended(3);
    let words = ["packages of Debian 13 cannot be taken from the cache", "not in the cache: base-files "];
    run.says(&words).never_says(&["Building", "Built"]);
    space.only(&["cargo", "rustc", "rustup", "cc", "ld", "as", "git", "env"]);
    let words = [
        "there is no apt-get on this machine",
        "not in the cache: base-files ",
        "image app is to stand on it",
    ];
    for more in [&[][..], &["--setup"]] {
        space.run(&[&image[..], more].concat()).ended(3).says(&words).never_says(&["Building", "Built"]);
    }
    space.run(&["plan", "--mode", "pure"]).ended(0).says(&words);
}

#[test]
fn tags_of_registries_are_listed_and_locked() {
    need!("bases::tags", machine::std_for(&[HOST]));
    let space = space(&[("app", "127.0.0.1:9/team/base:1", HOST, "")]);
    let digest = format!("sha256:{}", "ab".repeat(32));
    let tag = |to: Value| json!({"reference": "127.0.0.1:9/team/base:1", "from": null, "to": to});
    let list = || space.run(&["base", "list", "--json"]).ended(0).json()["tags"].clone();
    assert_eq!(list(), json!([tag(Value::Null)]));
    space.write("docker/bases/registry.lock", &format!("127.0.0.1:9/team/base:1 {digest}\n"));
    assert_eq!(list(), json!([tag(json!(digest))]));
    // Nothing listens there: the lock stays as it was, and the image says why it is not made.
    std::fs::remove_file(space.path("docker/bases/debian13.lock")).unwrap();
    space.run(&["base", "update"]).ended(1).says(&["127.0.0.1:9"]);
    assert_eq!(list(), json!([tag(json!(digest))]));
    space.run(&["plan", "--mode", "pure"]).ended(0).never_says(&["not locked"]);
    let words = ["127.0.0.1:9/team/base", "not in the cache", "image app is to stand on it"];
    let run = space.run(&["image", "--mode", "pure", "--offline"]).ended(3);
    run.says(&words).never_says(&["Building", "Built"]);
    let run = space.run(&["verify", "--mode", "pure"]).ended(1);
    run.says(&["the programs of image app were not checked: its base", "help: check the address"])
        .never_says(&["not made"]);
    std::fs::remove_file(space.path("docker/bases/registry.lock")).unwrap();
    space.run(&["plan", "--mode", "pure"]).ended(0).says(&["127.0.0.1:9/team/base:1 is not locked yet"]);
    let run = space.run(&["image", "--mode", "pure", "--offline"]).ended(3);
    run.says(&["127.0.0.1:9/team/base:1 is not locked yet"]).never_says(&["Building", "Built"]);
}
