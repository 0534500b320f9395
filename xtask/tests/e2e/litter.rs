//! What lies in target/dist and is not what this program left there.

use crate::machine::{self, HOST_MUSL};
use crate::skip::need;
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
        run.says(&["warning: ", "timings.json cannot be used: ", "it is written anew, without what it held"]);
        space.run(&RELEASE).ended(0).never_says(&["timings.json"]);
        assert!(space.read("target/dist/timings.json").contains(HOST_MUSL));
    }
}
