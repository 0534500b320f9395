//! Variables that are no text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

/// What a person set counts or is refused; it is not passed over.
#[test]
fn a_value_that_cannot_be_read_is_refused_with_its_name() {
    need!("variables::odd", machine::std_for(&[HOST_MUSL]));
    let odd = OsStr::from_bytes(b"/opt/\xff/x");
    let cc = format!("CC_{}", HOST_MUSL.replace('-', "_"));
    for key in [cc.as_str(), "SOURCE_DATE_EPOCH", "RUSTFLAGS", "XTASK_CACHE_DIR"] {
        let mut space = Space::with_targets(&[HOST_MUSL]);
        space.set(key, odd);
        let run = space.run(&["plan"]).ended(2);
        run.says(&[&format!("error: the value of the variable {key} is not UTF-8")]);
    }
    let mut space = Space::with_targets(&[HOST_MUSL]);
    for key in ["LD_LIBRARY_PATH", "WHATEVER", "CC_WHATEVER"] {
        space.set(key, odd);
    }
    space.path_first(std::path::Path::new(odd));
    space.run(&["verify", "--mode", "pure"]).ended(0);
}

/// As in a service or a container: the password database has a home folder all the same.
#[test]
fn without_home_there_still_is_one() {
    need!("variables::home", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    for key in ["HOME", "XDG_CACHE_HOME", "XTASK_CACHE_DIR"] {
        space.unset(key);
    }
    space.run(&["plan", "--mode", "pure", "--providers", "none"]).ended(0);
}

/// A path is what the file system says, text or not.
#[test]
fn a_path_that_is_no_text_is_the_path_that_was_given() {
    let space = Space::with_targets(&[HOST_MUSL]);
    let odd = space.path("").join(OsStr::from_bytes(b"odd-\xff.toml"));
    std::fs::rename(space.path("targets.toml"), &odd).unwrap();
    let plan = space.xtask(&["plan", "--mode", "pure", "--providers", "none", "--config"]).arg(odd);
    Space::finish(&plan).ended(0);
}
