//! Build scripts that write into the sources: every program is made of what the script wrote for it.

use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// A script writes what `$TEXT` says of its target, and is not run again by itself.
fn space(text: &str) -> Space {
    let space = Space::with_targets(&[HOST, HOST_MUSL]);
    let script = "fn main() {
             println!(\"cargo::rerun-if-changed=build.rs\");
             let target = std::env::var(\"TARGET\").unwrap();
             let text = format!(\"pub const MADE_FOR: &str = \\\"{}\\\";\\n\", $TEXT);
             std::fs::write(\"src/generated.rs\", text).unwrap();
             drop(target);
         }";
    space.write("app/build.rs", &script.replace("$TEXT", text));
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "mod generated;\n\nfn main() {\n    println!(\"made for {}\", generated::MADE_FOR);\n",
    );
    space
}

fn each_is_its_own(space: &Space, when: &str) {
    for target in [HOST, HOST_MUSL] {
        let said = space.says(target, "pure");
        assert!(said.contains(&format!("made for {target}\n")), "{when}: {target}: {said}");
    }
}

#[test]
fn a_program_is_made_of_the_sources_that_were_generated_for_it() {
    need!("written::own", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space("target");
    let build = ["build", "--mode", "pure"];
    space.run(&build).ended(0).says(&["Splitting pure for", "build scripts write into the sources"]);
    each_is_its_own(&space, "first");
    // What the last target left lies there.
    space.run(&build).ended(0).says(&["Splitting"]);
    each_is_its_own(&space, "second");
    space.run(&["build", "--mode", "pure", "--target", HOST]).ended(0);
    each_is_its_own(&space, "one");
    space.replace("app/src/main.rs", "made for {}", "was made for {}");
    space.run(&build).ended(0);
    each_is_its_own(&space, "changed");
}

#[test]
fn a_script_that_writes_the_same_for_all_splits_nothing_for_long() {
    need!("written::same", machine::std_for(&[HOST, HOST_MUSL]));
    let space = space("target.len() * 0");
    let build = ["build", "--mode", "pure"];
    space.run(&build).ended(0).says(&["Splitting"]);
    space.run(&build).ended(0).never_says(&["Splitting"]);
    space.write("app/build.rs", &format!("{}\n", space.read("app/build.rs")));
    space.run(&build).ended(0).never_says(&["Splitting"]);
    assert!(space.says(HOST, "pure").contains("made for 0\n"));
}
