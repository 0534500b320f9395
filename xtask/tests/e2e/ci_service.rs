//! What a run shows in a CI service: annotations, groups and a summary page, and no command that others wrote.

use xtask_test_support::need;

use crate::machine::{self, HOST};
use crate::space::Space;

/// A workspace for the host, as a runner of GitHub Actions sees it.
fn on_github() -> Space {
    let mut space = Space::with_targets(&[HOST]);
    space.set("CI", "true");
    space.set("GITHUB_ACTIONS", "true");
    let root = space.root().to_owned();
    space.set("GITHUB_WORKSPACE", root);
    space
}

/// The lines that a runner of GitHub Actions may execute.
fn commands(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

#[test]
fn what_a_build_script_prints_is_no_command() {
    need!("ci_service::script", machine::std_for(&[HOST]));
    let mut space = on_github();
    space.set("GITHUB_ENV", space.path("env.txt"));
    space.set("XTASK_REGISTRY_PASSWORD", "hunter2");
    space.write(
        "app/build.rs",
        "fn main() {
            for name in [\"GITHUB_ENV\", \"XTASK_REGISTRY_PASSWORD\"] {
                assert!(std::env::var_os(name).is_none(), \"{name}\");
            }
            eprintln!(\"::stop-commands::forged\\n  ::add-mask::e\\r::error::forged\\nmade ##[add-path]/tmp\");
            panic!(\"::warning file=Cargo.toml,line=1::forged\");
        }
",
    );
    let run = space.run(&["build", "--mode", "pure"]).ended(1);
    let (out, err) = (run.stdout(), run.stderr());
    assert_eq!(commands(&out), Vec::<&str>::new(), "{run}");
    let ours = commands(&err);
    let known = |line: &&str| {
        ["::group::", "::endgroup::", "::error"].iter().any(|own| line.starts_with(own))
            && !line.starts_with("::error::forged")
    };
    assert!(!ours.is_empty() && ours.iter().all(known), "{run}");
    run.says(&[
        "  : :stop-commands::forged",
        "made ## [add-path]/tmp",
        &format!("::error title=pure for {HOST}::app 1.2.3: "),
        "::error::1 of 1 jobs failed%0A  note: pure for ",
    ]);
    assert!(!space.path("env.txt").exists());
}

#[test]
fn errors_stand_at_their_line() {
    need!("ci_service::lines", machine::std_for(&[HOST]), machine::programs(&["cc", "ar"]));
    let space = on_github();
    let source = space.read("native/c/answer.c");
    space.write("native/c/answer.c", &format!("#error 100 % odd, says: C\n{source}"));
    space.run(&["build", "--mode", "native"]).ended(1).says(&[&format!(
        "::error file=native/c/answer.c,line=1,col=2,title=native for {HOST}::native 0.1.0: c/answer.c:1:2: error: "
    )]);
    space.write("app/src/main.rs", "fn main() {\n    odd();\n}\n");
    space.run(&["build", "--mode", "pure"]).ended(1).says(&[&format!(
        "::error file=app/src/main.rs,line=2,col=5,title=pure for {HOST}::app: error[E0425]: "
    )]);
    space.replace("targets.toml", "[[target]]\ntriple =", "[[target]]\ntripel =");
    let run = space.run(&["plan"]).ended(2);
    run.says(&["error: ", "::error file=targets.toml,line=20,col=1::", "tripel"]);
}

#[test]
fn a_release_has_its_page_and_gitlab_folds() {
    need!("ci_service::page", machine::std_for(&[HOST]));
    let mut space = on_github();
    let page = space.path("page.md");
    std::fs::write(&page, "# Before\n").unwrap();
    space.set("GITHUB_STEP_SUMMARY", &page);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let report = space.read("target/dist/report.md");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), format!("# Before\n{report}"));

    space.unset("GITHUB_ACTIONS");
    space.set("GITLAB_CI", "true");
    space.run(&["plan", "--target", "x"]).ended(2).says(&["error: rustc "]).never_says(&["::error"]);
    // The build script of the component wants variables that only a build sets. Its error is inside the section.
    let run = space.run(&["test", "--mode", "pure"]).ended(1);
    run.says(&["section_start:", "[collapsed=true] the output of the tests of app", "section_end:"]);
}
