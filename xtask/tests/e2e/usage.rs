//! Bad usage ends with 2 and says what would be right, without probing or building anything.

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// Ends with 2, says this, prints nothing on stdout and leaves nothing behind.
#[track_caller]
fn refused(space: &Space, args: &[&str], words: &[&str]) {
    let run = space.run(args).ended(2).says(words).never_says(&["Probing"]);
    assert_eq!(run.stdout(), "", "{run}");
    assert!(!space.path("target/dist").exists() && !space.path("target/xtask/build").exists(), "{run}");
}

#[test]
fn what_does_not_exist_is_refused_with_what_does() {
    need!("usage::names", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    for command in ["plan", "build", "verify", "image", "release", "bench", "doctor"] {
        let typo = "x86_64-unknown-linux-mulls";
        refused(&space, &[command, "--target", typo], &[typo, "did you mean `x86_64-unknown-linux-musl`?"]);
        refused(&space, &[command, "--mode", "nativ"], &["no mode `nativ`", "native, pure"]);
        refused(&space, &[command, "--providers", "gcc"], &["no provider `gcc`", "gnu"]);
    }
    refused(&space, &["explain", "aarch64-unknown-linux-mussl"], &["did you mean"]);
    refused(&space, &["explain", HOST, "--providers", "gcc"], &["no provider `gcc`"]);
    refused(&space, &["bulid"], &["build"]);
    refused(&space, &["build", "--taget", HOST], &["--target"]);
    refused(&space, &["bench", "--samples", "0"], &["--samples"]);
    refused(&space, &["plan", "--quiet", "--verbose"], &["--quiet"]);
    refused(&space, &["explain"], &["TARGET"]);
    refused(&space, &[], &["Usage"]);
}

#[test]
fn what_is_not_supported_is_refused() {
    need!("usage::unsupported", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    for command in ["release", "image"] {
        refused(&space, &[command, "--mode", "all", "--providers", "none"], &["--mode all", command]);
    }
    space.write("targets.toml", &(space.read("targets.toml") + "\n[[image]]\nname = \"app\"\nbase = \"distroless:java\"\ntargets = [\"x86_64-unknown-linux-musl\"]\n"));
    refused(&space, &["plan"], &["is not a distroless base", "targets.toml:"]);
}

#[test]
fn image_without_images_is_refused_before_it_builds() {
    need!("usage::no_image", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    refused(&space, &["image", "--providers", "none"], &["names no image"]);
}

#[test]
fn without_targets_toml_init_is_named() {
    need!("usage::no_file", machine::std_for(&[]));
    let space = Space::bare();
    for command in ["plan", "doctor", "build", "verify", "image", "release", "bench"] {
        refused(&space, &[command], &["targets.toml", "cargo xtask init"]);
    }
    refused(&space, &["explain", HOST], &["cargo xtask init"]);
}

#[test]
fn outside_of_a_workspace_it_says_so() {
    need!("usage::no_workspace", machine::std_for(&[]));
    let space = Space::bare();
    std::fs::remove_file(space.path("Cargo.toml")).unwrap();
    for command in ["plan", "doctor", "build", "init"] {
        refused(&space, &[command], &["Cargo.toml"]);
    }
    refused(&space, &["plan", "--manifest-path", "/no/such/Cargo.toml"], &["/no/such/Cargo.toml"]);
}

#[test]
fn a_mistake_in_targets_toml_is_shown_in_its_line() {
    need!("usage::mistake", machine::std_for(&[]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.replace("targets.toml", "[[target]]\ntriple =", "[[target]]\ntripel =");
    refused(&space, &["release"], &["targets.toml:20:1", "tripel", "did you mean `triple`"]);
}

/// What an image holds is known when it is packed; the mistake is in targets.toml all the same.
#[test]
fn a_mistake_that_only_packing_finds_is_shown_in_its_line() {
    need!("usage::packing", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let text = space.read("targets.toml");
    let line = text.lines().count() + 1;
    for (key, column, words) in [
        ("user = \"postgres\"", 8, "names the user postgres"),
        ("entrypoint = [\"/other\"]", 14, "names /other"),
        ("workdir = \"/etc/passwd\"", 11, "a file in it"),
        ("volumes = [\"/etc/passwd/x\"]", 11, "below /etc/passwd"),
        ("healthcheck = { cmd = [\"curl\"] }", 23, "names curl"),
    ] {
        space.write("targets.toml", &format!("{text}{key}\n"));
        let place =
            format!("targets.toml:{line}:{column}: `{}` of an image ", key.split(' ').next().unwrap());
        let run = space.run(&["image", "--mode", "pure"]).ended(2);
        run.says(&[&place, words, "in image app for linux/amd64"]);
    }
    // A folder for data that is there already stays as it is, and the program may not be able to write to it.
    space.write("targets.toml", &format!("{text}volumes = [\"/etc\", \"/tmp\"]\n"));
    let run = space.run(&["image", "--mode", "pure"]).ended(0);
    run.says(&[
        "warning: image app: its user 65532:65532 cannot write to a volume (in its base, /etc belongs to 0:0",
        "0755",
    ])
    .never_says(&["/tmp belongs"]);
}

#[test]
fn help_and_version_are_data() {
    let space = Space::bare();
    for args in [&["--help"][..], &["xtask", "--help"], &["release", "--help"], &["--version"]] {
        let run = space.run(args).ended(0);
        assert!(run.stdout().contains("xtask") && run.stderr().is_empty(), "{run}");
    }
}

/// Whoever keeps the document must know that it is not there; whoever closed the pipe has seen enough.
#[test]
fn data_that_cannot_be_written_is_an_error() {
    need!("usage::full", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let sh = |script: &str, args: &[&str]| {
        Space::finish(&space.cmd("sh").args(["-c", script, crate::space::XTASK]).args(args))
    };
    for args in [&["plan", "--json"][..], &["plan"], &["doctor"], &["--help"], &["--version"]] {
        let run = sh("\"$0\" \"$@\" >/dev/full", args).ended(1);
        let run = run.says(&["error: cannot write to stdout: No space left"]);
        assert_eq!(run.stderr().matches("error: ").count(), 1, "{run}");
        // The other end is closed before anything is written.
        let run = sh("{ sleep 0.2; \"$0\" \"$@\"; echo \"code $?\" >&2; } | true", args).ended(0);
        run.says(&["code 0"]).never_says(&["stdout", "panicked"]);
    }
}
