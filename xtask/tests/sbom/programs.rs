//! The bill of a program.

use serde_json::{Value, json};
use xtask::sbom::bill::Bill;
use xtask::sbom::program::{BillInputs, ProgramSubject, bill};
use xtask_test_support::golden;

use crate::sample::{program, read};

pub(crate) fn document(bill: Bill, created: u64) -> Value {
    serde_json::from_str(&bill.document(created).text()).unwrap()
}

/// The component of this `bom-ref`, wherever it stands.
#[track_caller]
pub(crate) fn component<'v>(document: &'v Value, reference: &str) -> &'v Value {
    fn find<'v>(list: &'v Value, reference: &str) -> Option<&'v Value> {
        list.as_array()?.iter().find_map(|one| match one["bom-ref"] == reference {
            true => Some(one),
            false => find(&one["components"], reference),
        })
    }
    let main = &document["metadata"]["component"];
    let found = if main["bom-ref"] == reference { Some(main) } else { find(&main["components"], reference) };
    let found = found.or_else(|| find(&document["components"], reference));
    found.unwrap_or_else(|| panic!("no {reference} in {document:#}"))
}

pub(crate) fn property<'v>(component: &'v Value, name: &str) -> Option<&'v str> {
    component["properties"].as_array()?.iter().find(|p| p["name"] == name)?["value"].as_str()
}

#[test]
fn a_program_with_everything_in_it() {
    let text = bill(&program(), &read()).document(1_700_000_000).text();
    golden!("sbom/program.cdx.json", &text);
    // Without a time, nothing else is another.
    let timeless = document(bill(&program(), &read()), 0);
    assert_eq!(timeless["metadata"].get("timestamp"), None);
    assert_eq!(timeless["components"], document(bill(&program(), &read()), 1)["components"]);
}

#[test]
fn without_c_there_is_no_component_of_c() {
    let pure = ProgramSubject { mode: "pure".into(), purity: Some("proven"), compiler: None, ..program() };
    let document = document(bill(&pure, &BillInputs { libraries: Vec::new(), ..read() }), 0);
    assert_eq!(property(&document["metadata"]["component"], "xtask:purity"), Some("proven"));
    let text = document.to_string();
    assert!(!text.contains("xtask:c:") && !text.contains("\"c:"), "{document:#}");
}

#[test]
fn what_cargo_does_not_tell_is_said_to_be_unknown() {
    let document = document(bill(&program(), &BillInputs::default()), 0);
    assert_eq!(document["compositions"][0], json!({ "aggregate": "unknown", "dependencies": ["program"] }));
    let libc = component(&document, "libc");
    assert_eq!((&libc["name"], libc.get("version"), libc.get("cpe")), (&json!("musl"), None, None));
    assert_eq!(document["components"].as_array().unwrap().len(), 2, "std and the C library");
}
