//! What lies in target/dist and is not what this program left there.

use xtask_process::exec::ProcessEnd;
use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

fn space() -> Space {
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space
}

const RELEASE: [&str; 3] = ["release", "--mode", "pure"];

#[test]
fn timings_that_cannot_be_used_are_written_anew() {
    need!("litter::timings", machine::std_for(&[HOST_MUSL]));
    let space = space();
    for text in ["{", "", "[]", "{\"schema\": 7}"] {
        space.write("target/dist/timings.json", text);
        let run = space.run(&RELEASE).ended(0);
        run.says(&[
            "warning: ",
            "timings.json cannot be used: ",
            "it is written again, without its earlier content",
        ]);
        space.run(&RELEASE).ended(0).never_says(&["timings.json"]);
        assert!(space.read("target/dist/timings.json").contains(HOST_MUSL));
    }
}

/// It is the folder itself that a person can mend.
#[test]
fn what_is_no_folder_is_named() {
    need!("litter::no_folder", machine::std_for(&[HOST_MUSL]));
    let space = space();
    space.run(&RELEASE).ended(0);
    let dist = space.path("target/dist");
    std::fs::remove_dir_all(&dist).unwrap();
    std::os::unix::fs::symlink("/nowhere/x", &dist).unwrap();
    let named = format!("note: {}", dist.display());
    space.run(&RELEASE).ended(1).says(&[&format!("{named} is a link that leads nowhere")]);
    std::fs::remove_file(&dist).unwrap();
    std::fs::write(&dist, "").unwrap();
    space.run(&RELEASE).ended(1).says(&[&format!("{named} is not a folder")]);
    std::fs::remove_file(&dist).unwrap();
    space.run(&RELEASE).ended(0);
}

#[test]
fn a_folder_in_place_of_a_file_is_said_to_be_one() {
    need!("litter::folders", machine::std_for(&[HOST_MUSL]));
    let space = space();
    space.run(&RELEASE).ended(0);
    for name in ["images/app.tar", "report.json", ".oci.lock", "oci/index.json", "timings.json", "SHA256SUMS"]
    {
        let path = space.dist(name);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let help = "help: a folder is where the file should be: move it away";
        space.run(&RELEASE).ended(1).says(&[&path.display().to_string(), help]);
        std::fs::remove_dir(&path).unwrap();
    }
    space.run(&RELEASE).ended(0);
}

/// Nobody ever writes to it: whoever read it would wait without end.
#[test]
fn a_pipe_is_not_read() {
    need!("litter::pipes", machine::std_for(&[HOST_MUSL]), machine::programs(&["mkfifo"]));
    let space = space();
    space.run(&RELEASE).ended(0);
    let pipe = |name: &str| {
        let path = space.dist(name);
        let _ = std::fs::remove_file(&path);
        Space::finish(&space.cmd("mkfifo").arg(&path)).ended(0);
        path
    };
    for name in ["timings.json", "size.json", "SHA256SUMS", "report.json", "docker/rootfs.tar"] {
        let path = pipe(name);
        space.run(&RELEASE).ended(0);
        assert!(path.is_file(), "{name} takes its place again");
    }
    for name in ["oci/index.json", ".oci.lock"] {
        let path = pipe(name);
        space.run(&RELEASE).ended(1).says(&[&format!("{}: it is not a regular file", path.display())]);
        std::fs::remove_file(path).unwrap();
    }
    let path = pipe("old.json").display().to_string();
    space.run(&["size", "--against", &path]).ended(2).says(&[&path, "it is not a regular file"]);
}

/// As the lock of the workspace does.
#[test]
fn who_waits_for_the_images_says_so() {
    need!("litter::lock", machine::std_for(&[HOST_MUSL]));
    let space = space();
    let mut lock = Some(xtask_oci::lock(&space.dist(""), || panic!("nobody holds it")).unwrap());
    let waiting = "Waiting for another run that uses the images in target/dist";
    let mut said = Vec::new();
    let (end, _) = space
        .xtask(&RELEASE)
        .lines(|_, line| {
            said.push(line.to_owned());
            if line.contains(waiting) {
                lock = None;
            }
            // Else it would wait for ever.
            assert!(lock.is_none() || !line.contains("still packing"), "{said:?}");
        })
        .unwrap();
    assert!(end == ProcessEnd::Code(0) && lock.is_none(), "{said:?}");
}
