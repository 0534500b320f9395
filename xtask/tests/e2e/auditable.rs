//! The dependency list in real programs, read by the reader of cargo-auditable.

use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use auditable_serde::{DependencyKind, Package, Source, VersionInfo};
use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::skip;

use crate::bills::{bill, component};
use crate::machine::{self, ARM, ARM_MUSL, HOST, HOST_MUSL};
use crate::run::job;
use crate::space::Space;

/// The usual workspace with packages of every kind: of the workspace, of a registry, a macro, and what build scripts need.
fn space(name: &str, targets: &[(&str, &str)]) -> Space {
    let space = Space::at(name);
    space.targets(targets);
    space.parts();
    let more = "part = { path = \"../part\" }\nmacros = { path = \"../macros\" }\nfastrand = \"2\"\n";
    space.replace("app/Cargo.toml", "[dependencies]\n", &format!("[dependencies]\n{more}"));
    space
}

fn switch_on(space: &Space) {
    space.replace("targets.toml", "bin = \"app\"\n", "bin = \"app\"\nauditable = true\n");
}

/// What the section of a program says, as the libraries of cargo-auditable read it; none where it has none.
fn list(program: &Path) -> Option<VersionInfo> {
    let bytes = std::fs::read(program).unwrap();
    let stream = match auditable_extract::raw_auditable_data(&bytes) {
        Err(auditable_extract::Error::NoAuditData) => return None,
        other => other.unwrap(),
    };
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(stream).read_to_string(&mut text).unwrap();
    Some(VersionInfo::from_str(&text).unwrap())
}

#[track_caller]
fn package<'i>(info: &'i VersionInfo, name: &str) -> &'i Package {
    let mut found = info.packages.iter().filter(|package| package.name == name);
    let package = found.next().unwrap_or_else(|| panic!("no {name} in {info:#?}"));
    assert_eq!(found.next(), None, "{name} stands there twice");
    package
}

/// Holds the list of a program against what the workspace is made of.
#[track_caller]
fn check(program: &Path, native: bool) {
    let info = list(program).unwrap_or_else(|| panic!("{} has no list", program.display()));
    let kinds = ["app", "part", "fastrand", "macros", "builder"].map(|name| {
        let package = package(&info, name);
        (package.version.to_string(), package.source.clone(), package.kind, package.root)
    });
    let row = |version: &str, source, kind, root| (version.to_owned(), source, kind, root);
    let fastrand = package(&info, "fastrand").version.to_string();
    assert!(fastrand.starts_with("2."), "{info:#?}");
    let (runtime, build) = (DependencyKind::Runtime, DependencyKind::Build);
    assert_eq!(
        kinds,
        [
            row("1.2.3", Source::Local, runtime, true),
            row("0.5.0", Source::Local, runtime, false),
            row(&fastrand, Source::CratesIo, runtime, false),
            row("0.5.0", Source::Local, build, false),
            row("0.5.0", Source::Local, build, false),
        ]
    );
    assert_eq!(info.packages.iter().filter(|package| package.root).count(), 1);
    let needs = |name: &str| -> Vec<&str> {
        package(&info, name).dependencies.iter().map(|at| info.packages[*at].name.as_str()).collect()
    };
    assert_eq!(needs("part"), ["builder"]);
    let app = if native {
        vec!["fastrand", "macros", "native", "part"]
    } else {
        vec!["fastrand", "macros", "part"]
    };
    assert_eq!(needs("app"), app, "{info:#?}");
    assert_eq!(info.packages.len(), if native { 6 } else { 5 }, "{info:#?}");
}

#[test]
fn the_list_is_in_the_program_and_in_no_other_byte() {
    need!("auditable::list", machine::std_for(&[HOST, HOST_MUSL]), machine::programs(&["cc"]));
    let targets = [(HOST, "mode = \"native\""), (HOST_MUSL, "mode = \"pure\"")];
    let space = space("work", &targets);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release"]).ended(0).never_says(&["Embedded"]);
    let program = |target: &str, mode: &str| space.dist(&format!("bin/{target}/{mode}/app"));
    let both = [(HOST, "native"), (HOST_MUSL, "pure")];
    let plain = both.map(|(target, mode)| std::fs::read(program(target, mode)).unwrap());
    for (target, mode) in both {
        assert_eq!(list(&program(target, mode)), None);
    }
    let index = space.report()["images"][0]["index_digest"].clone();
    assert!(!space.run(&["size"]).ended(0).stdout().contains(".dep-v0"));

    switch_on(&space);
    let built = both.map(|(target, _)| std::fs::metadata(space.built(target)).unwrap().modified().unwrap());
    let said = format!("native for {HOST}: 6 packages in .dep-v0");
    space.run(&["release"]).ended(0).says(&["Embedded", &said, "5 packages in .dep-v0", "purity proven"]);
    let report = space.report();
    assert_ne!(report["images"][0]["index_digest"], index, "the image has the program with the list");
    for ((target, mode), plain) in both.iter().zip(&plain) {
        check(&program(target, mode), *mode == "native");
        let bytes = std::fs::read(program(target, mode)).unwrap();
        let job = job(&report, target);
        assert_eq!(job["artifact"]["size"], bytes.len());
        assert!(bytes.len() - plain.len() < 2000, "{} and {}", plain.len(), bytes.len());
        // Loaded code and data is what it was.
        assert_eq!(bytes[64..plain.len() / 2], plain[64..plain.len() / 2]);
        assert!(space.says(target, mode).contains("answer=42"));
        let listed = bill(&space, &job["artifact"]);
        assert_eq!(listed["metadata"]["component"]["hashes"][0]["content"], job["artifact"]["sha256"]);
        assert!(component(&listed, "fastrand").is_some(), "{listed:#}");
    }
    // Cargo's own files are as Cargo left them: nothing was built again, and nothing is.
    let now = both.map(|(target, _)| std::fs::metadata(space.built(target)).unwrap().modified().unwrap());
    assert_eq!(now, built);
    for ((target, _), plain) in both.iter().zip(&plain) {
        assert!(std::fs::read(space.built(target)).unwrap() == *plain);
    }

    // The bytes of the list have a name among the sizes, in the image too.
    let sizes = space.run(&["size", "--json"]).ended(0).json();
    let sections = sizes["images"][0]["platforms"][0]["program"]["sections"].clone();
    let section = sections.as_array().unwrap().iter().find(|s| s["name"] == ".dep-v0").unwrap().clone();
    let stream = std::fs::read(program(HOST_MUSL, "pure")).unwrap();
    let stream = auditable_extract::raw_auditable_data(&stream).unwrap().len();
    assert_eq!(section["size"], stream);
    for top in ["2", "100"] {
        let text = space.run(&["size", "--top", top]).ended(0).stdout();
        assert_eq!(text.matches(&format!("{stream} B  .dep-v0 (dependency list)")).count(), 1, "{text}");
    }
    // An archive has the same program.
    let archive = format!("archives/app-1.2.3-{HOST}.tar.gz");
    let unpacked = space.path("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    run(&space.cmd("tar").arg("-xzf").arg(space.dist(&archive)).arg("-C").arg(&unpacked));
    let folder = std::fs::read_dir(&unpacked).unwrap().next().unwrap().unwrap().path();
    check(&folder.join("app"), true);

    // Nothing changes without a reason, and what is switched off is gone.
    let time = || std::fs::metadata(program(HOST, "native")).unwrap().modified().unwrap();
    let before = time();
    space.run(&["release"]).ended(0);
    assert_eq!(
        (time(), space.report()["images"][0]["index_digest"].clone()),
        (before, report["images"][0]["index_digest"].clone())
    );
    space.replace("targets.toml", "auditable = true", "auditable = false");
    space.run(&["release"]).ended(0);
    for ((target, mode), plain) in both.iter().zip(&plain) {
        assert!(std::fs::read(program(target, mode)).unwrap() == *plain);
    }
    assert_eq!(space.report()["images"][0]["index_digest"], index);
}

#[test]
fn programs_for_another_machine_carry_it_and_start() {
    need!(
        "auditable::arm",
        machine::std_for(&[ARM, ARM_MUSL]),
        machine::programs(&["qemu-aarch64", "aarch64-linux-gnu-gcc"])
    );
    let spaces = ["one", "a-much-longer-name/two"].map(|name| {
        let space = space(name, &[(ARM, "mode = \"native\""), (ARM_MUSL, "mode = \"pure\"")]);
        switch_on(&space);
        space.replace("Cargo.toml", "strip = \"debuginfo\"", "strip = \"symbols\"");
        space.run(&["verify"]).ended(0).says(&["6 packages in .dep-v0", "5 packages in .dep-v0", "ran it"]);
        space
    });
    for (target, mode) in [(ARM, "native"), (ARM_MUSL, "pure")] {
        let programs = spaces.each_ref().map(|space| space.dist(&format!("bin/{target}/{mode}/app")));
        check(&programs[0], mode == "native");
        let [one, two] = programs.map(|program| std::fs::read(program).unwrap());
        assert!(one == two, "{target}: another folder gives other bytes");
        assert!(spaces[0].says(target, mode).contains("answer=42"));
    }
}

#[test]
fn a_second_build_has_the_same_list() {
    need!("auditable::rebuild", machine::std_for(&[HOST_MUSL]));
    let space = space("work", &[(HOST_MUSL, "")]);
    switch_on(&space);
    space
        .run(&["verify", "--rebuild", "--mode", "pure", "--providers", "none"])
        .ended(0)
        .says(&["Reproduced"]);
    check(&space.dist(&format!("bin/{HOST_MUSL}/pure/app")), false);
}

#[test]
fn other_tools_read_it_and_keep_it() {
    need!(
        "auditable::tools",
        machine::std_for(&[HOST]),
        machine::programs(&["cc", "objcopy", "strip", "python3"])
    );
    let space = space("work", &[(HOST, "")]);
    switch_on(&space);
    space.run(&["build", "--mode", "pure"]).ended(0).says(&["Embedded"]);
    let program = space.dist(&format!("bin/{HOST}/pure/app"));
    let script = "import json, sys, zlib\n\
                  packages = json.loads(zlib.decompress(open(sys.argv[1], 'rb').read()))['packages']\n\
                  print(*(p['name'] for p in packages if p.get('kind', 'runtime') == 'runtime'))\n";
    let names = |program: &Path| {
        let section = space.path("section");
        let dump = format!("--dump-section=.dep-v0={}", section.display());
        run(&Cmd::new("objcopy").arg(dump).arg(program).arg(space.path("copy")));
        run(&Cmd::new("python3").args(["-c", script]).arg(&section)).text()
    };
    assert_eq!(names(&program), "app fastrand part");
    // GNU strip leaves sections that it does not know.
    let stripped = space.path("stripped");
    run(&Cmd::new("strip").arg("-o").arg(&stripped).arg(&program));
    check(&stripped, false);
    run(&Cmd::new(stripped.to_str().unwrap()).arg("--version"));
    if skip::have("auditable::readelf", "readelf").is_some() {
        let headers = run(&Cmd::new("readelf").args(["-W", "-S", "-l"]).arg(&program));
        assert!(headers.errors().is_empty(), "{}", headers.errors());
        assert!(headers.text().contains(".dep-v0"), "{}", headers.text());
    }
    // A section of this name is there already: two lists would be one too many.
    let main = space.read("app/src/main.rs");
    let section = "#[used]\n#[unsafe(link_section = \".dep-v0\")]\nstatic LIST: [u8; 4] = *b\"list\";\n";
    space.write("app/src/main.rs", &format!("{main}\n{section}"));
    space
        .run(&["build", "--mode", "pure"])
        .ended(1)
        .says(&["cannot carry its dependency list", "has a section .dep-v0 already"]);
}
