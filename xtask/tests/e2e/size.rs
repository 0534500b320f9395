//! How large images are: budgets that end a release, and `cargo xtask size`.

use serde_json::Value;
use xtask_test_support::need;
use xtask_test_support::process::Finished;

use crate::machine::{self, HOST};
use crate::space::Space;

/// Static against the host's glibc, so that it starts from scratch without any std but rustc's own.
const STATIC: &str = "rustflags = [\"-C\", \"target-feature=+crt-static\"]";

fn space(image: &str) -> Space {
    let space = Space::bare();
    space.targets(&[(HOST, STATIC)]);
    space.image("app", &[HOST]);
    space.write("targets.toml", &(space.read("targets.toml") + image + "\n"));
    space
}

fn release(space: &Space, code: i32) -> Finished {
    space.run(&["release", "--mode", "pure", "--providers", "none"]).ended(code)
}

/// The one platform of the one image.
fn platform(sizes: &Value) -> &Value {
    &sizes["images"][0]["platforms"][0]
}

#[test]
fn a_release_over_its_budget_ends_with_1_and_says_what_is_large() {
    need!("size::budget", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = space("budget = \"100 kB\"");
    let run = release(&space, 1).says(&[
        "error: image app is larger than its budget",
        "app on linux/amd64: ",
        "over 100 kB",
        "largest files, unpacked: /app (",
        "help: show its contents and what changed: cargo xtask size",
    ]);
    // All is there to look at.
    let report = space.report();
    let size = report["images"][0]["manifests"][0]["size"].as_u64().unwrap();
    assert!(run.stderr().contains(&format!("{} bytes (", size - 100_000)), "{run}");
    assert_eq!(report["images"][0]["budget"], 100_000);
    space.run(&["size"]).ended(0);
    space.run(&["image", "--mode", "pure", "--providers", "none"]).ended(1).says(&["larger than its budget"]);

    space.replace("targets.toml", "100 kB", "100 MB");
    release(&space, 0);
    assert!(space.run(&["size"]).ended(0).stdout().contains("% of its budget of 100 MB"));
}

#[test]
fn size_tells_layers_files_and_crates_and_what_changed() {
    need!("size::tells", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = space("");
    // Nothing is there yet, and nothing is made of it.
    space.run(&["size"]).ended(1).says(&["there is no image app in target/dist", "cargo xtask image"]);
    space.run(&["size", "--image", "ap"]).ended(2).says(&["did you mean `app`?"]);
    space.run(&["size", "--against", "nowhere"]).ended(2).says(&["cannot read nowhere"]);
    release(&space, 0);

    let sizes = space.run(&["size", "--json"]).ended(0).json();
    let one = platform(&sizes);
    let report = space.report();
    assert_eq!(one["pull"], report["images"][0]["manifests"][0]["size"]);
    assert_eq!(one["layers"][0]["compression"], "gzip");
    assert_eq!(
        (&one["files"][0]["path"], &one["files"][0]["size"]),
        (&"app".into(), &report["jobs"][0]["artifact"]["size"])
    );
    assert_eq!(one["program"]["symbols"], "own");
    let code = |name: &str, sizes: &Value| {
        let crates = platform(sizes)["program"]["crates"].as_array().unwrap();
        crates.iter().find(|c| c["name"] == name).and_then(|c| c["code"].as_u64()).unwrap_or(0)
    };
    assert!(code("std", &sizes) > 10_000 && code("core", &sizes) > 10_000 && code("app", &sizes) > 50);
    assert!(code("(C and assembly)", &sizes) > 10_000, "the host's C library is linked in");
    assert_eq!((&sizes["against"], sizes["changes"].as_array().unwrap().len()), (&Value::Null, 0));
    let text = space.run(&["size"]).ended(0).stdout();
    for words in
        ["app for linux/amd64: ", "xtask: scratch with /app", "/etc/ssl/certs/ca-certificates.crt", ".text"]
    {
        assert!(text.contains(words), "{text}");
    }

    // Another release: the one before is what it is compared with, until something is saved.
    let main = space.read("app/src/main.rs");
    space
        .write("app/src/main.rs", &format!("{main}\n#[used]\nstatic LARGE: [u8; 100_000] = [7; 100_000];\n"));
    release(&space, 0);
    let sizes = space.run(&["size", "--json"]).ended(0).json();
    assert_eq!(sizes["against"], "the release before (app 1.2.3)");
    let change = |what: &str, name: &str| {
        let all = sizes["changes"].as_array().unwrap();
        all.iter()
            .find(|c| c["what"] == what && c["name"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("{sizes:#}"))
    };
    let file = change("file", "app");
    let grown = file["after"].as_u64().unwrap() - file["before"].as_u64().unwrap();
    assert!((100_000..120_000).contains(&grown), "{file}");
    change("pull", "");
    assert_eq!(
        change("crate", "app")["after"].as_u64().unwrap()
            - change("crate", "app")["before"].as_u64().unwrap(),
        100_000
    );
    // An image that is newer than the release: the release is what it is compared with.
    let main = space.read("app/src/main.rs");
    space.replace("app/src/main.rs", "[u8; 100_000] = [7; 100_000]", "[u8; 300_000] = [7; 300_000]");
    space.run(&["image", "--mode", "pure", "--providers", "none"]).ended(0);
    let text = space.run(&["size"]).ended(0).stdout();
    assert!(text.contains("Changed since the last release (app 1.2.3):"), "{text}");
    let newer = space.run(&["size", "--json"]).ended(0).json();
    let changes = newer["changes"].as_array().unwrap();
    let file = changes.iter().find(|c| c["what"] == "file" && c["name"] == "app").unwrap();
    let size = &sizes["images"][0]["platforms"][0]["files"][0]["size"];
    assert_eq!(&file["before"], size, "{newer:#}");
    space.write("app/src/main.rs", &main);
    space.run(&["image", "--mode", "pure", "--providers", "none"]).ended(0);
    let text = space.run(&["size", "--save"]).ended(0).says(&["Saved"]).stdout();
    assert!(text.contains("Changed since the release before (app 1.2.3):"), "{text}");
    let text = space.run(&["size"]).ended(0).stdout();
    assert!(text.contains("No size changed since the saved sizes (app 1.2.3)."), "{text}");
    let text = space.run(&["size", "--against", "target/dist/report.json"]).ended(0).stdout();
    assert!(text.contains("No size changed since target/dist/report.json."), "{text}");
}

#[test]
fn a_stripped_program_is_built_once_more_for_its_crates() {
    need!("size::crates", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = space("");
    space.replace("Cargo.toml", "strip = \"debuginfo\"", "strip = \"symbols\"");
    release(&space, 0);
    let sizes = space.run(&["size", "--json"]).ended(0).json();
    assert_eq!(platform(&sizes)["program"]["symbols"], "stripped");
    assert!(space.run(&["size"]).ended(0).stdout().contains("--crates builds it once more"));
    let before = std::fs::read(space.dist(&format!("bin/{HOST}/pure/app"))).unwrap();
    let sizes = space.run(&["size", "--json", "--crates"]).ended(0).json();
    let program = &platform(&sizes)["program"];
    assert_eq!(program["symbols"], "built");
    let first = |at: usize| program["crates"][at]["name"].as_str().unwrap().to_owned();
    assert!(["std", "core", "(C and assembly)"].contains(&first(0).as_str()), "{program:#}");
    assert!(
        before == std::fs::read(space.dist(&format!("bin/{HOST}/pure/app"))).unwrap(),
        "what ships is untouched"
    );
}

#[test]
fn c_and_rust_are_told_apart_by_the_link_map() {
    need!("size::origins", machine::std_for(&[]), machine::programs(&["cc"]));
    let space = space("");
    space.run(&["release", "--mode", "native"]).ended(0);
    let program = |space: &Space| {
        let sizes = space.run(&["size", "--json"]).ended(0).json();
        platform(&sizes)["program"].clone()
    };
    let measured = program(&space);
    let contents = &measured["contents"];
    assert_eq!(*contents, space.report()["jobs"][0]["contents"], "{measured:#}");
    let foreign = contents["foreign"].as_array().unwrap();
    let c = foreign.iter().find(|part| part["package"].as_str().is_some_and(|p| p.starts_with("native ")));
    let bytes = |value: &Value| value.as_u64().unwrap();
    let c = bytes(&c.unwrap_or_else(|| panic!("{measured:#}"))["bytes"]);
    let all = c + bytes(&contents["rust"]) + bytes(&contents["std"]) + bytes(&contents["c_library"]);
    assert!(0 < c && c < bytes(&contents["std"]) && all <= bytes(&measured["size"]), "{measured:#}");
    let text = space.run(&["size"]).ended(0).stdout();
    assert!(text.contains("C and Rust, by the map of its link:") && text.contains("C of native "), "{text}");

    // The report is of another image than the one that lies there now.
    space.write("targets.toml", &(space.read("targets.toml") + "labels = { who = \"else\" }\n"));
    space.run(&["image", "--mode", "native"]).ended(0);
    assert!(program(&space)["contents"].is_null());
}
