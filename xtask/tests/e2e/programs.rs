//! Programs that pass the gate and are no good to run.

use crate::machine::{self, HOST_MUSL};
use crate::skip::need;
use crate::space::Space;

/// Every run is given little memory, so that what takes it all fails alone.
#[test]
fn one_that_prints_without_end_fails_and_takes_no_memory() {
    need!("programs::endless", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {\n    loop { println!(\"still here\"); }\n",
    );
    let limited = ["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", crate::space::XTASK];
    let cmd = space.cmd("sh").args(limited).args(["verify", "--mode", "pure", "--json"]);
    let run =
        Space::finish(&cmd).ended(1).says(&["printed more than 64.0 MB, and was ended\n    still here"]);
    assert_eq!(run.json()["jobs"][0]["smoke"]["status"], "fail");
    assert!(run.stderr().len() < 10_000, "{run}");
}
