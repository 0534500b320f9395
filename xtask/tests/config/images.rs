//! Programs and versions that no image can have.

use std::path::Path;

use xtask_config::Config;
use xtask_config::workspace::Version;

use crate::made_up::{VALID, triples, workspace};

/// What is said of a program of this name in an image on this base; nothing where it is taken.
fn said(bin: &str, base: &str, more: &str) -> Option<String> {
    let mut workspace = workspace();
    for package in &mut workspace.packages {
        package.bins.push(bin.to_owned());
    }
    let text = format!(
        "schema = 1\n[app]\npackage = \"shop\"\nbin = \"{bin}\"\n[[mode]]\nname = \"pure\"\n\
         [[target]]\ntriple = \"x86_64-unknown-linux-musl\"\n\
         [[image]]\nname = \"first\"\nbase = \"{base}\"\ntargets = [\"x86_64-unknown-linux-musl\"]\n{more}"
    );
    let config = Config::from_bytes(text.as_bytes(), Path::new("targets.toml"), &workspace, &triples());
    config.err().map(|error| error.to_string())
}

#[test]
fn what_no_engine_starts_is_refused_where_it_is_written() {
    for bin in ["proc", "sys", "dev"] {
        for base in ["scratch", "auto", "distroless:cc", "debian:12"] {
            let text = said(bin, base, "").unwrap_or_else(|| panic!("{bin} on {base} is taken"));
            let head = format!("targets.toml:4:7: {bin:?} cannot be the program of image \"first\"");
            assert!(text.starts_with(&head), "{text}");
            assert!(
                text.contains(&format!(
                    "the kernel mounts its own file system on /{bin} when the image starts, which hides it"
                )),
                "{text}"
            );
            assert!(text.contains("in a [[bin]] of its package"), "{text}");
        }
    }
}

#[test]
fn folders_of_the_root_are_no_programs() {
    let refused = [("etc", "scratch"), ("tmp", "scratch"), ("home", "scratch"), ("root", "scratch")];
    for (bin, base) in refused.into_iter().chain([("usr", "auto"), ("lib", "distroless:static")]) {
        let text = said(bin, base, "").unwrap_or_else(|| panic!("{bin} on {base} is taken"));
        assert!(
            text.starts_with("targets.toml:4:7: ") && text.contains(&format!("the folder /{bin},")),
            "{text}"
        );
    }
    assert!(said("usr", "scratch", "tzdata = true\n").is_some());
    for (bin, base) in [("usr", "scratch"), ("lib", "scratch"), ("process", "auto"), ("lib", "debian:12")] {
        assert_eq!(said(bin, base, ""), None, "{bin} on {base}");
    }
}

/// The longest tag of a platform has its architecture behind the version.
#[test]
fn versions_that_are_no_tag_are_refused_before_the_build() {
    let said = |version: usize| {
        let mut workspace = workspace();
        for package in &mut workspace.packages {
            package.version = Version::parse(&format!("1.0.0-{}", "x".repeat(version - 6))).unwrap();
        }
        let image =
            "[[image]]\nname = \"a\"\nbase = \"scratch\"\ntargets = [\"x86_64-unknown-linux-musl\"]\n";
        let text = format!("{VALID}{image}");
        let config = Config::from_bytes(text.as_bytes(), Path::new("targets.toml"), &workspace, &triples());
        config.err().map(|error| error.to_string())
    };
    assert_eq!(said(122), None);
    let text = said(123).expect("129 characters are no tag");
    assert!(
        text.starts_with("targets.toml:3:11: the version of \"shop\" cannot be a tag of image a"),
        "{text}"
    );
    assert!(text.contains("would have 129 characters"), "{text}");
}

#[test]
fn paths_that_linux_does_not_take_are_refused_where_they_are_written() {
    let said = |path: &str| said("shop", "scratch", &format!("workdir = \"{path}\"\n"));
    let part = |length: usize| format!("/{}", "x".repeat(length));
    assert_eq!(said(&part(255)), None);
    assert_eq!(said(&part(254).repeat(16)), None);
    for path in [part(256), part(4999), part(254).repeat(17)] {
        let text = said(&path).expect("it is too long");
        assert!(text.starts_with("targets.toml:13:11: ") && text.contains("at most 4095 bytes"), "{text}");
    }
}
