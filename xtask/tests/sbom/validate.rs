//! Documents before CycloneDX's own library, with its strict schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use xtask::sbom::program::bill;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_setup::PythonLibrary;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::property;

/// A Python with the library; none where it is not here.
fn validator(test: &str) -> Option<Cmd> {
    let host = Host::read(Triple::parse("x86_64-unknown-linux-gnu"));
    let cache = xtask_process::cache::dir(&host, std::env::consts::OS).ok();
    let python = host
        .program("python3")
        .zip(cache)
        .and_then(|(python, cache)| PythonLibrary::Cyclonedx.python(&python, &cache));
    if python.is_none() {
        skipped(test, "cyclonedx-python-lib: cargo xtask setup --tests");
    }
    python
}

/// Reads names of files from its arguments and says what is wrong with each. With `purls` first, package URLs are held
/// against their canonical spelling too; that library has an older one of `/` in qualifiers.
const SCRIPT: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
import json
def purls(part):
    if isinstance(part, dict):
        if 'purl' in part:
            yield part['purl']
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from purls(one)
validator = JsonStrictValidator(SchemaVersion.V1_6)
for name in sys.argv[2:]:
    text = open(name, encoding='utf-8').read()
    error = validator.validate_str(text)
    if error is not None:
        print(name, str(error)[:2000])
    for purl in purls(json.loads(text)) if sys.argv[1] == 'purls' else []:
        canonical = PackageURL.from_string(purl).to_string()
        if canonical.replace('/', '%2F') != purl.replace('/', '%2F'):
            print(name, 'is no canonical package URL:', purl)
";

fn check(python: Cmd, what: &str, files: &[PathBuf]) {
    let output = python.args(["-c", SCRIPT, what]).args(files).capture(Duration::from_secs(120)).unwrap();
    assert!(output.ok() && output.stdout.is_empty(), "{}\n{}", output.text(), output.errors());
}

#[test]
fn the_documents_of_the_golden_files_are_valid() {
    let Some(python) = validator("golden_files") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sbom");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 1);
    check(python, "purls", &files);
}

#[test]
fn documents_with_any_text_in_them_are_valid() {
    let Some(python) = validator("any_text") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut runner = TestRunner::deterministic();
    let files = (0..60).map(|at| {
        let texts = property::texts().new_tree(&mut runner).unwrap().current();
        let (program, read) = property::filled(&texts);
        let file = dir.path().join(format!("{at}.json"));
        std::fs::write(&file, bill(&program, &read).document(at).text()).unwrap();
        file
    });
    check(python, "schema", &files.collect::<Vec<_>>());
}

#[test]
fn a_document_that_is_wrong_is_refused() {
    let Some(python) = validator("refused") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.json");
    let text =
        crate::programs::document(bill(&crate::sample::program(), &crate::sample::read()), 0).to_string();
    std::fs::write(&file, text.replace("\"excluded\"", "\"maybe\"")).unwrap();
    let output = python.args(["-c", SCRIPT, "schema"]).arg(&file).capture(Duration::from_secs(120)).unwrap();
    assert!(output.ok() && output.text().contains("maybe"), "{}\n{}", output.text(), output.errors());
}
