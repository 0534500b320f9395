//! What tools and programs say: read whatever its colours, and harmless for terminals and documents.

use xtask_test_support::need;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

/// What steers a terminal, as it is and as JSON writes it.
fn steers(text: &str) -> bool {
    text.contains('\x1b') || text.contains("u001b") || text.contains('\x07') || text.contains("u0007")
}

#[test]
fn an_error_is_read_whatever_colours_cargo_is_asked_for() {
    need!("words::colours", machine::std_for(&[HOST_MUSL]));
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.replace("app/src/main.rs", "fn main() {\n", "fn main() {\n    let _: u32 = \"three\";\n");
    let release = ["release", "--mode", "pure"];
    for (variable, value) in
        [("CARGO_TERM_COLOR", "always"), ("CARGO_TERM_QUIET", "true"), ("CARGO_TERM_VERBOSE", "true")]
    {
        space.set(variable, value);
        let run = space.run(&release).ended(1).says(&["error[E0308]: mismatched types"]);
        let note = format!("note: pure for {HOST_MUSL}: ");
        let summary =
            run.stderr().lines().find_map(|line| line.split_once(&note)).map(|(_, line)| line.to_owned());
        assert!(
            summary.is_some_and(|line| line.contains("error[E0308]: mismatched types")),
            "{variable}: {run}"
        );
        assert!(!steers(&run.stderr()) && !steers(&run.stdout()), "{variable}: {run}");
        for name in ["report.json", "report.md", "report.html"] {
            let text = std::fs::read_to_string(space.dist(name)).unwrap();
            assert!(!steers(&text) && text.contains("E0308"), "{variable}: {name}");
        }
        let run = space.run(&["build", "--mode", "pure", "--json"]).ended(1);
        assert!(!steers(&run.stdout()), "{variable}: {run}");
        space.unset(variable);
    }
}

/// A build script prints lines that look like Cargo's own; all of them are shown where it fails.
#[test]
fn no_line_of_a_build_script_is_taken_for_progress() {
    need!("words::progress", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    let lines =
        [" Compiling the parser", "Generating tables", "  Checking for libfoo", "   Building by hand"];
    let print: String = lines.iter().map(|line| format!("    eprintln!(\"{line}\");\n")).collect();
    space.write("app/build.rs", &format!("fn main() {{\n{print}    std::process::exit(1);\n}}\n"));
    space.run(&["build", "--mode", "pure"]).ended(1).says(&lines);
}

#[test]
fn what_a_program_prints_does_not_steer_the_terminal() {
    need!("words::program", machine::std_for(&[HOST_MUSL]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {
             eprintln!(\"\\x1b]0;title\\x07\\x1b[2J\\x1b[31mred\\x1b[0m and\\x08\\u{202e}more\");
             std::process::exit(3);\n",
    );
    let run = space.run(&["verify", "--mode", "pure", "--json"]).ended(1).says(&["red and more"]);
    assert!(!steers(&run.stderr()) && !steers(&run.stdout()), "{run}");
    assert!(!run.stdout().contains("\\b") && !run.stdout().contains('\u{202e}'), "{run}");
}
