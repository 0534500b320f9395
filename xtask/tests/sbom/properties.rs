//! Compares docs/concepts/bills-of-materials.md with the sources: every property that is written is explained, and every one
//! that is explained is written.

use std::collections::BTreeSet;
use std::path::Path;

/// The names that begin with `xtask:` and stand between two of these marks.
fn names(text: &str, mark: char) -> BTreeSet<String> {
    let quoted = text.split(mark).skip(1).step_by(2);
    quoted.filter(|name| name.starts_with("xtask:") && !name.contains(' ')).map(str::to_owned).collect()
}

#[test]
fn the_documentation_names_every_property() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = BTreeSet::new();
    for file in std::fs::read_dir(root.join("src/sbom")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|e| e == "rs") {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                written.extend(names(line, '"'));
            }
        }
    }
    let documentation = std::fs::read_to_string(root.join("../docs/concepts/bills-of-materials.md")).unwrap();
    assert_eq!(names(&documentation, '`'), written);
}
