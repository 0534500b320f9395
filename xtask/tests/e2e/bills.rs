//! Bills of materials of real programs and images: what is in them stands there, what is not does not.

use std::time::Duration;

use serde_json::Value;
use xtask_compilers::toolchain::identity::digest;
use xtask_process::exec::Cmd;
use xtask_setup::PythonLibrary;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// The bill that an entry of the report names, which has the digest that stands there.
#[track_caller]
pub(crate) fn bill(space: &Space, entry: &Value) -> Value {
    let path = entry["sbom"]["path"].as_str().unwrap_or_else(|| panic!("no bill in {entry:#}"));
    assert_eq!(digest(&space.dist(path)).unwrap(), entry["sbom"]["sha256"].as_str().unwrap());
    serde_json::from_str(&space.read(&format!("target/dist/{path}"))).unwrap()
}

/// The component of this name.
pub(crate) fn component<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    list["components"].as_array()?.iter().find(|component| component["name"] == name)
}

pub(crate) fn property<'v>(component: &'v Value, name: &str) -> Option<&'v str> {
    component["properties"].as_array()?.iter().find(|p| p["name"] == name)?["value"].as_str()
}

/// Holds every bill of a workspace against the schema, where its validator is here.
fn validate(space: &Space) {
    let python = machine::find("python3")
        .zip(machine::cache())
        .and_then(|(p, cache)| PythonLibrary::Cyclonedx.python(&p, &cache));
    let Some(python) = python else {
        return xtask_test_support::skip::skipped("e2e::bills::schema", "cyclonedx-python-lib");
    };
    let script = "import sys\nfrom cyclonedx.schema import SchemaVersion\n\
                  from cyclonedx.validation.json import JsonStrictValidator\n\
                  for name in sys.argv[1:]:\n  \
                  error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(name).read())\n  \
                  print(name, error) if error else None\n";
    let files = std::fs::read_dir(space.dist("sbom")).unwrap().map(|file| file.unwrap().path());
    let cmd: Cmd = python.args(["-c", script]).args(files);
    let output = cmd.capture(Duration::from_secs(120)).unwrap();
    assert!(output.ok() && output.stdout.is_empty(), "{}\n{}", output.text(), output.errors());
}

#[test]
fn c_stands_where_it_is_and_nowhere_else() {
    need!("bills::c", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["cc", "ar"]));
    let mut space = Space::bare();
    space.targets(&[(HOST, "mode = \"native\""), (HOST_MUSL, "mode = \"pure\"")]);
    space.image("app", &[HOST_MUSL]);
    let run = space.run(&["release"]).ended(0).says(&["Listed 3 bills of materials (CycloneDX)"]);
    let report = space.report();

    let native = bill(&space, &job(&report, HOST)["artifact"]);
    let program = &native["metadata"]["component"];
    assert_eq!(program["hashes"][0]["content"], job(&report, HOST)["artifact"]["sha256"]);
    assert_eq!(property(program, "xtask:purity"), Some("n/a"));
    assert!(property(program, "xtask:needed").is_some(), "{program:#}");
    let package = component(&native, "native").unwrap_or_else(|| panic!("{native:#}"));
    assert_eq!(
        (&package["scope"], property(package, "xtask:cargo:source")),
        (&"required".into(), Some("path"))
    );
    let c = component(package, "answer").unwrap_or_else(|| panic!("{package:#}"));
    assert_eq!((property(c, "xtask:c:provider"), c.get("version")), (Some("host"), None));
    assert_eq!(c["evidence"]["occurrences"][0]["location"], "libanswer.a");
    assert!(component(&native, "musl").is_none(), "its C library is the system's");

    let manifest = &report["images"][0]["manifests"][0];
    for document in [bill(&space, &job(&report, HOST_MUSL)["artifact"]), bill(&space, manifest)] {
        let text = document.to_string();
        assert!(!text.contains("xtask:c:") && !text.contains("\"answer\""), "{document:#}");
        assert!(component(&document, "native").is_none(), "a package of the other mode: {document:#}");
        let musl = component(&document, "musl").unwrap_or_else(|| panic!("{document:#}"));
        // The std's own musl says its version.
        let kind = job(&report, HOST_MUSL)["artifact"]["kind"].as_str().unwrap();
        assert!(musl["version"].as_str().is_some_and(|v| v.starts_with("1.")), "{kind}: {musl:#}");
    }
    let image = bill(&space, manifest);
    assert_eq!(image["metadata"]["component"]["version"], manifest["digest"]);
    let program = component(&image, "app").unwrap();
    assert_eq!(property(program, "xtask:purity"), Some("proven"));
    assert!(component(&image, "webpki-root-certs").is_some(), "{image:#}");
    for file in std::fs::read_dir(space.dist("sbom")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let root = space.root().to_string_lossy().into_owned();
        assert!(!text.contains(&root) && !text.contains("/.cargo"), "a path of this machine: {text}");
        assert!(!text.contains("\"timestamp\""), "nobody said a time");
    }
    validate(&space);

    // Again: what did not change is not written.
    let time = |name: &str| std::fs::metadata(space.dist(name)).unwrap().modified().unwrap();
    let path = manifest["sbom"]["path"].as_str().unwrap().to_owned();
    let before = time(&path);
    space.run(&["release"]).ended(0);
    assert_eq!(time(&path), before, "{run}");
    // Another licence is another bill of the same program.
    space.replace("app/Cargo.toml", "license = \"MIT\"", "license = \"MIT/Apache-2.0\"");
    space.set("SOURCE_DATE_EPOCH", "86400");
    space.run(&["release"]).ended(0);
    let again = bill(&space, &job(&space.report(), HOST)["artifact"]);
    assert_eq!(again["metadata"]["timestamp"], "1970-01-02T00:00:00Z");
    let program = &again["metadata"]["component"];
    assert_eq!(program["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert_eq!(program["hashes"], native["metadata"]["component"]["hashes"]);
    assert_ne!(again["serialNumber"], native["serialNumber"]);
}

#[test]
fn code_of_the_build_is_told_from_code_of_the_program() {
    need!("bills::scope", machine::std_for(&[HOST]), machine::programs(&["cc"]));
    let space = Space::with_targets(&[HOST]);
    space.parts();
    let dependencies = "[dependencies]\npart = { path = \"../part\" }\nmacros = { path = \"../macros\" }\n";
    space.replace("app/Cargo.toml", "[dependencies]\n", dependencies);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let document = bill(&space, &job(&space.report(), HOST)["artifact"]);
    let scope =
        |name: &str| component(&document, name).unwrap_or_else(|| panic!("{document:#}"))["scope"].clone();
    assert_eq!(
        (scope("part"), scope("macros"), scope("builder")),
        ("required".into(), "excluded".into(), "excluded".into())
    );
    assert_eq!(component(&document, "part").unwrap().get("purl"), None, "no registry has it");
    let dependencies = document["dependencies"].as_array().unwrap();
    let of = |name: &str| dependencies.iter().find(|d| d["ref"] == name).unwrap()["dependsOn"].to_string();
    assert!(
        of("program").contains("cargo:macros@0.5.0")
            && of("cargo:part@0.5.0").contains("cargo:builder@0.5.0")
    );
    validate(&space);
}
