//! Images that fail, by each way to run them, and what becomes of them.

use std::path::{Path, PathBuf};

use xtask::outcome::Smoke;
use xtask::record::WhyUnmade;
use xtask::smoke::{Ran, Unstarted, refuse};
use xtask_config::ImageSmoke;
use xtask_oci::document::Runtime;
use xtask_oci::{Codec, PackedImage, StagedImages};
use xtask_process::host::Host;

use crate::engines::answers;
use crate::namespaces::{UNSHARE, some_way};
use crate::support::{AMD64, Bench, can, prints, runtime};

/// The ways that this machine has.
pub(crate) fn ways(test: &str, bench: &Bench) -> Vec<(&'static str, Host)> {
    let mut ways = Vec::new();
    if can(test, &["docker"]) && answers(test, "docker") {
        ways.push(("docker", bench.host(&["docker"])));
    }
    if can(test, &UNSHARE) {
        ways.push(("unshare", bench.host(&UNSHARE)));
    }
    if can(test, &["bwrap"]) && some_way(test, bench, &["bwrap"]) {
        ways.push(("bwrap", bench.host(&["bwrap"])));
    }
    ways
}

pub(crate) fn why(ran: &[Ran]) -> String {
    match &ran[0].smoke {
        Smoke::Failed(why) => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn code_text_and_time_are_held_against_what_is_expected() {
    let test = "failures::expectation";
    if !can(test, &["gcc"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(65532));
    let args = |args: &[&str]| Some(args.iter().map(|s| (*s).to_owned()).collect());
    for (way, host) in ways(test, &bench) {
        let exits = ImageSmoke { args: args(&["exit", "7"]), exit: 7, stdout: None };
        assert_eq!(bench.run(&image, &exits, &host, 60)[0].smoke, Smoke::Passed, "{way}");
        let said = why(&bench.run(&image, &ImageSmoke { exit: 0, ..exits.clone() }, &host, 60));
        assert!(
            said.starts_with("it ended with exit code 7\n")
                && said.contains(" exit 7 in ") == (way != "docker"),
            "{way}: {said}"
        );
        let said = why(&bench.run(&image, &prints("never said"), &host, 60));
        assert!(
            said.starts_with("it did not print \"never said\"") && said.contains("uid=65532"),
            "{way}: {said}"
        );
        let loud = ImageSmoke { args: args(&["complain"]), ..prints("never said") };
        let said = why(&bench.run(&image, &loud, &host, 60));
        let words =
            "it printed nothing on stdout, expected \"never said\"\nthe end of its stderr:\n  no such table";
        assert!(said.starts_with(words) && said.contains("`expect` its exit code"), "{way}: {said}");
        let much = ImageSmoke { args: args(&["much"]), ..prints(" needle ") };
        assert_eq!(bench.run(&image, &much, &host, 60)[0].smoke, Smoke::Passed, "{way}");
        let flood = ImageSmoke { args: args(&["flood"]), ..ImageSmoke::default() };
        let said = why(&bench.run(&image, &flood, &host, 60));
        let words = "it printed more than 64.0 MB, and was ended\n  still here";
        assert!(
            said.starts_with(words) && said.contains("help: set `smoke` of [[image]] to arguments"),
            "{way}: {said}"
        );
        let sleeps = ImageSmoke { args: args(&["sleep"]), ..ImageSmoke::default() };
        let begun = std::time::Instant::now();
        let said = why(&bench.run(&image, &sleeps, &host, 3));
        assert!(
            said.contains("still running after 3 s")
                && said.contains("help: set `smoke` of [[image]] to arguments"),
            "{way}: {said}"
        );
        assert!(begun.elapsed().as_secs() < 40, "{way}");
    }
}

/// What the image is to blame for: each with the file that is its program and what is said of it.
#[test]
fn programs_that_cannot_start() {
    let test = "failures::programs";
    if !can(test, &["gcc"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        std::fs::write(bench.path(name), bytes).unwrap();
        bench.path(name)
    };
    let whole = std::fs::read(&program).unwrap();
    let text = file("text", b"hello\n");
    let cut = file("cut", &whole[..200]);
    let dynamic = bench.path("dynamic");
    let cmd = xtask_process::exec::Cmd::new("gcc").arg("-o").args([&dynamic, &bench.path("gcc.c")]);
    assert!(cmd.capture(std::time::Duration::from_secs(60)).unwrap().ok());
    let absent = Runtime { entrypoint: vec!["/nothing".into()], ..runtime(65532) };
    for (way, host) in ways(test, &bench) {
        for (program, run) in [
            (&text, runtime(65532)),
            (&cut, runtime(65532)),
            (&dynamic, runtime(65532)),
            (&program, absent.clone()),
        ] {
            let image = bench.pack(&[(AMD64, program)], &run);
            // With 1, 126 and 127 those end that cannot start it.
            for exit in [0, 1, 126, 127] {
                let expect = ImageSmoke { exit, ..ImageSmoke::default() };
                let said = why(&bench.run(&image, &expect, &host, 60));
                assert!(!said.is_empty(), "{way} {} {exit}", program.display());
            }
        }
    }
}

/// The code that a tool of ours ends with is not the program's, even where it is the one that is expected of that.
#[test]
fn a_folder_that_cannot_be_mounted_is_no_run() {
    let test = "failures::mounts";
    if !can(test, &["gcc"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let run = Runtime { volumes: ["/proc/x".to_owned()].into(), ..runtime(65532) };
    let image = bench.pack(&[(AMD64, &program)], &run);
    for (way, host) in ways(test, &bench) {
        // 32 is what `mount` ends with where it fails, 1 what bubblewrap does.
        let exit = if way == "bwrap" { 1 } else { 32 };
        let expect = ImageSmoke { exit, ..ImageSmoke::default() };
        let ran = bench.run(&image, &expect, &host, 60);
        match (&ran[0].smoke, way) {
            (Smoke::Failed(said), "docker") => assert!(said.contains("/proc/x"), "{said}"),
            (Smoke::Skipped(said), "unshare") => assert!(said.contains("cannot make"), "{said}"),
            (Smoke::Skipped(said), "bwrap") => assert!(said.contains("bwrap: Can't mkdir /proc/x"), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Docker wants an absolute path for the folder to start in; bubblewrap starts in its root.
#[test]
fn what_an_engine_refuses_and_namespaces_run_is_said_each_time() {
    let test = "failures::refused";
    if !can(test, &["gcc", "docker", "bwrap"]) || !answers(test, "docker") {
        return;
    }
    let bench = Bench::new();
    if !some_way(test, &bench, &["bwrap"]) {
        return;
    }
    let run = Runtime { working_dir: "work".into(), ..runtime(65532) };
    let image = bench.pack(&[(AMD64, &bench.program("gcc"))], &run);
    let host = bench.host(&["docker", "bwrap"]);
    for _ in 0..2 {
        let ran = bench.run(&image, &prints("cwd=/work"), &host, 60).remove(0);
        assert_eq!((ran.runner.as_deref(), &ran.smoke), (Some("bwrap"), &Smoke::Passed));
        let objection = ran.objection.unwrap();
        assert!(objection.refused && objection.said.starts_with("docker: Error"), "{objection:?}");
        assert!(objection.said.contains("absolute path"), "{objection:?}");
    }
}

/// Where nothing else can run it, what the engine says against an image holds: it gets no name.
#[test]
fn what_every_engine_refuses_fails() {
    let test = "failures::refused_alone";
    if !can(test, &["gcc", "docker"]) || !answers(test, "docker") {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let (folder, name) = (runtime(65532), runtime(65532));
    for (run, words) in [
        (Runtime { working_dir: "work".into(), ..folder }, "absolute path"),
        (Runtime { env: vec!["PATH=/".into(), "=x".into()], ..name }, "environment variable"),
    ] {
        let said = why(&bench.run(
            &bench.pack(&[(AMD64, &program)], &run),
            &prints("uid"),
            &bench.host(&["docker"]),
            60,
        ));
        assert!(said.contains(words), "{said}");
    }
}

/// What became of staged images.
#[derive(Debug)]
struct Proven {
    packed: Vec<PackedImage>,
    failed: Vec<(String, String)>,
}

/// Commits an image where it did not fail.
fn commit(mut staged: StagedImages, image: &PackedImage, ran: &[Ran], aside: &Path) -> Proven {
    let ran = image.manifests.iter().map(|m| &m.platform).zip(ran.iter().map(|ran| &ran.smoke));
    let of = image.manifests.len();
    let refused = refuse(&mut staged, &image.name, ran, aside).unwrap();
    let why = |Unstarted { failed, kept }| WhyUnmade::DoesNotRun { failed, of, kept, withdrawn: false };
    let failed = refused.map(|refused| (image.name.clone(), why(refused).to_string()));
    Proven { packed: staged.commit().unwrap(), failed: failed.into_iter().collect() }
}

/// What lies in the output folder passed: what fails never gets there, and keeps nothing else away.
#[test]
fn an_image_that_fails_does_not_replace_the_one_before() {
    let test = "failures::earlier";
    if !can(test, &["gcc", "unshare", "env"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let host = bench.host(&["unshare", "env"]);
    let (dist, aside) = (bench.path("dist"), bench.path("failed"));
    let index = || std::fs::read_to_string(dist.join("oci/index.json")).unwrap_or_default();
    let round = |uid, expect: &ImageSmoke| {
        let staged = bench.stage(Codec::Gzip, &[(AMD64, &program)], &runtime(uid));
        let image = staged.images().remove(0);
        let ran = bench.run(&image, expect, &host, 60);
        assert!(!index().contains(image.index_digest.as_str()) || uid == 1, "it has no name while it runs");
        (image.clone(), commit(staged, &image, &ran, &aside))
    };
    let (first, proven) = round(1, &prints("uid=1 "));
    let tar = proven.packed[0].tar.clone();
    assert_eq!(
        (proven.failed.len(), tar.as_path()),
        (0, dist.join("images").join(tar.file_name().unwrap()).as_path())
    );
    let before = (index(), std::fs::read(&tar).unwrap());
    assert!(before.0.contains(first.index_digest.as_str()));

    let (second, proven) = round(2, &prints("never said"));
    let (name, why) = &proven.failed[0];
    assert!(proven.packed.is_empty() && *name == second.name, "{proven:?}");
    assert!(
        why.starts_with("it does not run on linux/amd64: it did not print") && why.contains("failed"),
        "{why}"
    );
    let kept = aside.join(format!("{name}.tar"));
    assert!(kept.is_file() && before == (index(), std::fs::read(&tar).unwrap()));
    assert_eq!(xtask_oci::lies_in(&dist, name).unwrap(), Some(first.index_digest.clone()));

    // That it does not run here any more holds for the very image that is there.
    let (_, proven) = round(1, &prints("never said"));
    assert!(proven.packed.is_empty() && !tar.exists() && kept.is_file());
    assert!(!index().contains(name.as_str()), "{}", index());
    assert_eq!(xtask_oci::lies_in(&dist, name).unwrap(), None);

    // What passes is there again, whole, and nothing is kept aside.
    let (_, proven) = round(1, &prints("uid=1 "));
    assert!(proven.failed.is_empty() && before == (index(), std::fs::read(&tar).unwrap()) && !kept.exists());
    assert_eq!(std::fs::read_dir(dist.join("images")).unwrap().count(), 1);
}
