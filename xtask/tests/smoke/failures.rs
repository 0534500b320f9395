//! Images that fail, by each way to run them, and what becomes of them.

use std::path::PathBuf;

use xtask::config::ImageSmoke;
use xtask::host::Host;
use xtask::oci::document::Runtime;
use xtask::smoke::{Ran, withdraw};
use xtask::verify::Smoke;

use crate::engines::answers;
use crate::support::{AMD64, Bench, can, prints, runtime};

/// The ways that this machine has.
fn ways(test: &str, bench: &Bench) -> Vec<(&'static str, Host)> {
    let mut ways = Vec::new();
    if can(test, &["docker"]) && answers(test, "docker") {
        ways.push(("docker", bench.host(&["docker"])));
    }
    if can(test, &["unshare", "env"]) {
        ways.push(("unshare", bench.host(&["unshare", "env"])));
    }
    ways
}

fn why(ran: &[Ran]) -> String {
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
                && said.contains(" exit 7 in ") == (way == "unshare"),
            "{way}: {said}"
        );
        let said = why(&bench.run(&image, &prints("never said"), &host, 60));
        assert!(
            said.starts_with("it did not print \"never said\"") && said.contains("uid=65532"),
            "{way}: {said}"
        );
        let sleeps = ImageSmoke { args: args(&["sleep"]), ..ImageSmoke::default() };
        let begun = std::time::Instant::now();
        let said = why(&bench.run(&image, &sleeps, &host, 3));
        assert!(said.contains("still running after 3 s") && said.contains("help: `smoke`"), "{way}: {said}");
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
    let cmd = xtask::exec::Cmd::new("gcc").arg("-o").args([&dynamic, &bench.path("program.c")]);
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
            let said = why(&bench.run(&image, &ImageSmoke::default(), &host, 60));
            assert!(!said.is_empty(), "{way} {}", program.display());
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
        // 32 is what `mount` ends with where it fails.
        let expect = ImageSmoke { exit: 32, ..ImageSmoke::default() };
        let ran = bench.run(&image, &expect, &host, 60);
        match (&ran[0].smoke, way) {
            (Smoke::Failed(said), "docker") => assert!(said.contains("/proc/x"), "{said}"),
            (Smoke::Skipped(said), "unshare") => assert!(said.contains("cannot make"), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_image_that_fails_leaves_the_output_folder() {
    let test = "failures::withdraw";
    if !can(test, &["gcc", "unshare", "env"]) {
        return;
    }
    let bench = Bench::new();
    let program = bench.program("gcc");
    let image = bench.pack(&[(AMD64, &program)], &runtime(65532));
    let host = bench.host(&["unshare", "env"]);
    let ran = bench.run(&image, &prints("never said"), &host, 60);
    let (dist, aside) = (bench.path("dist"), bench.path("failed"));
    let index = || std::fs::read_to_string(dist.join("oci/index.json")).unwrap();
    assert!(image.tar.is_file() && index().contains(&image.name));
    let gone = withdraw(std::slice::from_ref(&image), &ran, &dist, &aside).unwrap();
    assert!(
        gone[0].1.starts_with("it does not run on linux/amd64: ") && gone[0].1.contains("failed"),
        "{gone:?}"
    );
    assert!(!image.tar.exists() && aside.join(format!("{}.tar", image.name)).is_file());
    assert!(!index().contains(&image.name), "{}", index());
    // The next run packs it again, whole.
    let again = bench.pack(&[(AMD64, &program)], &runtime(65532));
    assert_eq!(again, image);
    assert!(image.tar.is_file() && index().contains(&image.name));
    assert_eq!(withdraw(&[again], &[], &dist, &aside).unwrap(), []);
}
