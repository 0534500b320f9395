//! The statements of a release: true of the bytes that ship, equal for equal releases, and read by in-toto's own library.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use xtask_compilers::toolchain::identity::digest;
use xtask_process::exec::Cmd;
use xtask_setup::PythonLibrary;
use xtask_test_support::folder;
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// Every statement, by the path of its file below `target/dist/provenance`.
fn statements(space: &Space) -> BTreeMap<String, Value> {
    let read = |(name, bytes): (String, Vec<u8>)| {
        let statement = serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name, statement)
    };
    folder::files(&space.dist("provenance")).into_iter().map(read).collect()
}

/// The entry of `resolvedDependencies` with a name.
#[track_caller]
fn resolved<'v>(slsa: &'v Value, name: &str) -> &'v Value {
    let all = slsa["predicate"]["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name} in {slsa:#}"))
}

fn git(space: &Space, args: &[&str]) -> String {
    let name = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
    run(&space.cmd("git").args(name).args(args)).text()
}

/// The digest of a file in the layer or archive that has it.
fn digest_in(space: &Space, tars: &[&Path], name: &str) -> Option<String> {
    tars.iter().find_map(|tar| {
        let out = Cmd::new("tar").arg("-xzOf").arg(tar).arg(name).capture(Duration::from_secs(60)).ok()?;
        let file = space.path("extracted");
        out.ok().then(|| std::fs::write(&file, out.stdout).unwrap())?;
        digest(&file).ok()
    })
}

/// Reads every file as the library of in-toto does, with the types of its predicates: a field that they do not have is
/// an error.
const SCRIPT: &str = "
import sys, json
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
for name in sys.argv[1:]:
    try:
        text = open(name, encoding='utf-8').read()
        read = json_format.Parse(text, statement_pb2.Statement())
        Statement.copy_from_pb(read).validate()
        if read.predicate_type == 'https://slsa.dev/provenance/v1':
            text = json.dumps(json.loads(text)['predicate'])
            slsa = json_format.Parse(text, provenance_pb2.Provenance())
            assert slsa.build_definition.build_type and slsa.run_details.builder.id, 'no build type or builder'
            for one in slsa.build_definition.resolved_dependencies:
                ResourceDescriptor.copy_from_pb(one).validate()
                assert one.uri or one.digest, 'neither uri nor digest'
    except Exception as error:
        print(name, error)
";

fn in_toto(test: &str) -> Option<Cmd> {
    let found = machine::find("python3").zip(machine::cache());
    let python = found.and_then(|(python, cache)| PythonLibrary::InToto.python(&python, &cache));
    if python.is_none() {
        skipped(test, "in-toto-attestation: cargo xtask setup --tests");
    }
    python.map(|python| python.args(["-c", SCRIPT]))
}

/// Holds every statement of a workspace against the types of in-toto, where they are here.
fn validate(space: &Space) {
    let Some(python) = in_toto("stated::in_toto") else { return };
    let files = folder::files(&space.dist("provenance"));
    let files = files.keys().map(|name| space.dist("provenance").join(name));
    let output = python.clone().args(files).capture(Duration::from_secs(120)).unwrap();
    assert!(output.ok() && output.stdout.is_empty(), "{}\n{}", output.text(), output.errors());
    // What is wrong is refused.
    let text = space.read("target/dist/provenance/app/index.slsa.json");
    let wrong = [
        ("\"builder\"", "\"bilder\""),
        ("Statement/v1", "Statement/v7"),
        ("\"subject\":[", "\"subject\":[{\"name\":\"x\"},"),
    ];
    for (from, to) in wrong {
        space.write("wrong.json", &text.replacen(from, to, 1));
        let output = python.clone().arg(space.path("wrong.json")).capture(Duration::from_secs(60)).unwrap();
        assert!(output.text().contains("wrong.json"), "{from} → {to}: {}", output.errors());
    }
    std::fs::remove_file(space.path("wrong.json")).unwrap();
}

#[test]
fn what_a_release_states_is_true_of_what_ships() {
    need!(
        "stated::true",
        machine::std_for(&[HOST, HOST_MUSL]),
        machine::programs(&["cc", "ar", "git", "tar", "gzip"])
    );
    let space = Space::bare();
    space.targets(&[(HOST, "mode = \"native\""), (HOST_MUSL, "mode = \"pure\"")]);
    space.image("app", &[HOST_MUSL]);
    space.write(".gitignore", "/target\n");
    // The first build drops from Cargo.lock what the workspace does not need.
    space.run(&["release"]).ended(0);
    for args in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "All of it"]] {
        git(&space, args);
    }
    space.run(&["release"]).ended(0).says(&["Stated 22 statements (in-toto)"]);
    let all = statements(&space);
    let report = space.report();
    let image = &report["images"][0];
    let manifest = &image["manifests"][0];

    // Each is about the digest of what its name says, and says nothing of this machine.
    for (name, statement) in &all {
        let subject = &statement["subject"][0]["digest"]["sha256"];
        let digest = match name.split_once('/').unwrap() {
            ("archives", file) => {
                let file = file.strip_suffix(".json").unwrap();
                digest(&space.dist("archives").join(file.rsplit_once('.').unwrap().0)).unwrap()
            }
            ("app", file) => {
                let entry =
                    if file.starts_with("index.") { &image["index_digest"] } else { &manifest["digest"] };
                entry.as_str().unwrap().trim_start_matches("sha256:").to_owned()
            }
            _ => panic!("{name}"),
        };
        assert_eq!(*subject, digest.as_str(), "{name}");
        let text = statement.to_string();
        assert!(
            !text.contains(space.root().to_str().unwrap()) && !text.contains("/.cargo"),
            "{name}: {text}"
        );
    }
    let archive = |target: &str, kind: &str| &all[&format!("archives/app-1.2.3-{target}.tar.gz.{kind}.json")];
    let platform = |kind: &str| &all[&format!("app/linux-amd64.{kind}.json")];
    let index = |kind: &str| &all[&format!("app/index.{kind}.json")];

    // Where it comes from.
    let commit = git(&space, &["rev-parse", "HEAD"]);
    for slsa in [archive(HOST, "slsa"), archive(HOST_MUSL, "slsa"), platform("slsa"), index("slsa")] {
        let source = resolved(slsa, "source");
        assert_eq!(source["digest"]["gitCommit"], commit.as_str());
        assert_eq!(source["annotations"]["dirty"], false, "{slsa:#}");
        for file in ["Cargo.lock", "targets.toml"] {
            let said = &resolved(slsa, file)["digest"]["sha256"];
            assert_eq!(*said, digest(&space.path(file)).unwrap().as_str(), "{file}");
        }
        let std = &resolved(slsa, "std")["digest"]["sha256"];
        assert_eq!(std.as_str().unwrap().len(), 64);
    }
    let tool = resolved(archive(HOST, "slsa"), "c-toolchain");
    assert_eq!(tool["annotations"]["provider"], job(&report, HOST)["toolchain"]["provider"]);
    assert!(resolved(platform("slsa"), "linker")["annotations"]["version"].is_string());
    let build = &platform("slsa")["predicate"]["buildDefinition"]["externalParameters"]["build"];
    assert_eq!((&build["mode"], &build["platform"]), (&"pure".into(), &"linux/amd64".into()));

    // What C is in it.
    let native = &archive(HOST, "purity")["predicate"];
    assert_eq!((&native["purity"], &native["containsC"]), (&"n/a".into(), &true.into()));
    let foreign = native["contents"]["foreign"].as_array().unwrap();
    assert!(foreign.iter().any(|part| part["package"] == "native 0.1.0"), "{native:#}");
    for pure in [archive(HOST_MUSL, "purity"), platform("purity"), index("purity")] {
        let pure = &pure["predicate"];
        assert_eq!((&pure["purity"], &pure["containsC"]), (&"proven".into(), &false.into()), "{pure:#}");
    }

    // What was checked, and that it was started.
    assert_eq!(platform("gate")["predicate"]["rootFileSystem"]["base"], "scratch");
    assert_eq!(archive(HOST, "gate")["predicate"]["linkage"], "dynamic");
    assert_eq!(platform("smoke")["predicate"]["result"], manifest["smoke"]["status"]);
    assert_eq!(platform("smoke")["predicate"]["runner"], manifest["smoke"]["runner"]);

    // The bill of materials is the very one.
    let bill = format!("target/dist/{}", manifest["sbom"]["path"].as_str().unwrap());
    assert_eq!(
        platform("cyclonedx")["predicate"],
        serde_json::from_str::<Value>(&space.read(&bill)).unwrap()
    );
    assert_eq!(index("cyclonedx")["predicate"]["components"][0]["bom-ref"], manifest["digest"]);

    // The program of the archive is that of the image: the bytes themselves are looked at.
    let program = &archive(HOST_MUSL, "program")["predicate"];
    let said = program["program"]["digest"]["sha256"].as_str();
    let places = program["places"].as_array().unwrap();
    assert_eq!(places.len(), 2, "{program:#}");
    let tar = space.dist("archives").join(places[0]["subject"].as_str().unwrap());
    assert_eq!(digest_in(&space, &[&tar], places[0]["path"].as_str().unwrap()).as_deref(), said);
    let blobs = folder::files(&space.dist("oci/blobs/sha256"));
    let blobs: Vec<_> = blobs.keys().map(|name| space.dist("oci/blobs/sha256").join(name)).collect();
    let layers: Vec<&Path> = blobs.iter().map(AsRef::as_ref).collect();
    let path = places[1]["path"].as_str().unwrap().trim_start_matches('/');
    assert_eq!(digest_in(&space, &layers, path).as_deref(), said);
    assert_eq!(
        archive(HOST_MUSL, "program")["subject"][1]["digest"],
        platform("gate")["subject"][0]["digest"]
    );
    assert_eq!(archive(HOST, "program")["subject"].as_array().unwrap().len(), 1);
    std::fs::remove_file(space.path("extracted")).unwrap();
    validate(&space);

    // The same again is the same, and is not written.
    let time =
        |name: &str| std::fs::metadata(space.dist("provenance").join(name)).unwrap().modified().unwrap();
    let before: Vec<_> = all.keys().map(|name| time(name)).collect();
    space.run(&["release"]).ended(0);
    assert_eq!(statements(&space), all);
    assert_eq!(all.keys().map(|name| time(name)).collect::<Vec<_>>(), before);

    // A file that git does not have: the checkout is not the commit. An image that is gone has no statements.
    space.write("notes.txt", "");
    space.replace("targets.toml", "name = \"app\"\nbase", "name = \"other\"\nbase");
    space.run(&["release"]).ended(0);
    let now = statements(&space);
    assert_eq!(now.len(), all.len());
    assert!(now.keys().all(|name| !name.starts_with("app/")), "{:?}", now.keys());
    let slsa = &now["other/linux-amd64.slsa.json"];
    assert_eq!(resolved(slsa, "source")["annotations"]["dirty"], true, "{slsa:#}");
    assert_eq!(now["other/linux-amd64.purity.json"], *platform("purity"));
}
