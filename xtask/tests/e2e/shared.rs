//! Two workspaces with one target folder.

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

#[test]
fn each_workspace_is_compared_with_itself_and_warned_of_the_other() {
    need!("shared::two", machine::std_for(&[HOST_MUSL]));
    let mut spaces = ["one", "two"].map(|name| {
        let space = Space::at(name);
        space.targets(&[(HOST_MUSL, "")]);
        space
    });
    let target = spaces[0].path("../target");
    for space in &mut spaces {
        space.set("CARGO_TARGET_DIR", &target);
    }
    let [one, two] = &spaces;
    let release = ["release", "--mode", "pure"];
    one.run(&release).ended(0).never_says(&["is also that of"]);
    let timings = || std::fs::read_to_string(target.join("dist/timings.json")).unwrap();
    let first = timings();
    one.run(&release).ended(0).never_says(&["is also that of"]);
    let both = timings();
    assert_ne!(first, both, "a second sample");
    let root = one.root().display().to_string();
    let run = two.run(&release).ended(0);
    run.says(&[&format!("is also that of the workspace {root}"), "help: give each workspace its own"]);
    let samples = |text: &str| {
        let timings: serde_json::Value = serde_json::from_str(text).unwrap();
        timings["cases"].as_array().unwrap().len()
    };
    assert!(samples(&timings()) < samples(&both), "what the other workspace took is no sample of this one");
    one.run(&["build", "--mode", "pure"]).ended(0);
    assert_eq!(timings(), both, "its own are here again");
}
