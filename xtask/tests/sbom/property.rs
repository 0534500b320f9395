//! Any text in the place of names, versions and licences.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use xtask::sbom::program::{BillInputs, ProgramSubject, bill};

use crate::sample;

/// A program and what was read for it, with these texts in every place that somebody else fills.
pub(crate) fn filled(texts: &[String]) -> (ProgramSubject, BillInputs) {
    let text = |at: usize| texts[at % texts.len()].clone();
    let mut read = sample::read();
    let packages = read.packages.as_mut().unwrap();
    for (at, package) in packages.all.iter_mut().enumerate() {
        package.name = text(at);
        package.version = text(at + 1);
        package.features = [text(at), text(at + 2)].into();
    }
    for (at, manifest) in &mut read.manifests {
        manifest.license = Some(text(at + 1));
        manifest.description = Some(text(at + 2));
        manifest.repository = Some(text(at + 3));
    }
    for (at, library) in read.libraries.iter_mut().enumerate() {
        library.name = text(at);
    }
    let program = ProgramSubject {
        name: text(0),
        version: text(1),
        license: Some(text(2)),
        repository: Some(text(3)),
        revision: Some(text(0)),
        needed: vec![text(1)],
        ..sample::program()
    };
    (program, read)
}

pub(crate) fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[A-Za-z0-9 ()+/.-]{1,16}|https://\\PC{1,12}|.{1,12}", 4)
}

/// Every `bom-ref` of a component and of what is in it.
fn references(component: &Value, found: &mut Vec<String>) {
    found.extend(component["bom-ref"].as_str().map(str::to_owned));
    for part in component["components"].as_array().into_iter().flatten() {
        references(part, found);
    }
}

proptest! {
    #[test]
    fn the_document_parses_and_says_what_it_was_told(texts in texts()) {
        let (program, read) = filled(&texts);
        let text = bill(&program, &read).document(0).text();
        let document: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&document["metadata"]["component"]["name"], &program.name);
        let told: Vec<_> = document["components"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
        let packages = read.packages.as_ref().unwrap();
        for (at, package) in packages.all.iter().enumerate().filter(|(at, _)| *at != packages.root) {
            prop_assert!(told.iter().any(|name| **name == package.name), "{} {}", at, package.name);
        }
        let mut all = Vec::new();
        references(&document["metadata"]["component"], &mut all);
        references(&document, &mut all);
        let distinct: BTreeSet<&String> = all.iter().collect();
        prop_assert_eq!(distinct.len(), all.len(), "a reference stands twice: {:?}", all);
        for dependency in document["dependencies"].as_array().unwrap() {
            let needs = dependency["dependsOn"].as_array().into_iter().flatten();
            for reference in needs.chain([&dependency["ref"]]) {
                prop_assert!(distinct.contains(&reference.as_str().unwrap().to_owned()), "{}", reference);
            }
        }
        let again: Value = serde_json::from_str(&serde_json::to_string(&document).unwrap()).unwrap();
        prop_assert_eq!(again, document);
    }
}
