use proptest::prelude::*;

use super::*;

/// The value as JSON, in which texts are texts.
fn json(value: &YamlValue) -> serde_json::Value {
    match &value.node {
        YamlNode::Text(text) => text.as_str().into(),
        YamlNode::List(items) => items.iter().map(json).collect(),
        YamlNode::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn what_init_writes_is_read() {
    let text = "# A comment.\non:\n  push:\n    tags:\n      - v*   # every version\n      - \"a: b # c\"\n\
                permissions: {}\njobs:\n  one:\n    steps:\n      - name: Say it\n        run: |\n          a\n\n            b # no comment\n          c: d\n\n      \
                - uses: x/y@0123 # v1\n        with:\n          path: --x\n  two: 'it'\n  three:\n    - |\n      x\n      y\n    - z\n";
    let expected = serde_json::json!({
        "on": { "push": { "tags": ["v*", "a: b # c"] } },
        "permissions": {},
        "jobs": {
            "one": { "steps": [
                { "name": "Say it", "run": "a\n\n  b # no comment\nc: d\n" },
                { "uses": "x/y@0123", "with": { "path": "--x" } },
            ] },
            "two": "it",
            "three": ["x\ny\n", "z"],
        },
    });
    let value = read("x.yml", text).unwrap();
    assert_eq!(json(&value), expected);
    let steps = value.get("jobs").unwrap().get("one").unwrap().get("steps").unwrap();
    assert_eq!((steps.line, steps.items().unwrap()[1].line), (11, 18));
}

#[test]
fn everything_else_is_refused_with_its_line() {
    for (text, line) in [
        ("", 1),
        ("# only a comment\n", 1),
        ("  a: b\n", 1),
        ("a: b\n  c: d\n", 2),
        ("a:\n    b: c\n  d: e\n", 3),
        ("a: b\na: c\n", 2),
        ("a:\n", 1),
        ("a:\nb: c\n", 1),
        ("a: &x b\n", 1),
        ("a: *x\n", 1),
        ("a: !x b\n", 1),
        ("a: >\n  b\n", 1),
        ("a: |-\n  b\n", 1),
        ("a: |\nb: c\n", 1),
        ("a: |\n\n  b\n", 1),
        ("a: |\n    b\n  c\n", 3),
        ("a: {b: c}\n", 1),
        ("a: [b]\n", 1),
        ("a: b: c\n", 1),
        ("a: \"b\\n\"\n", 1),
        ("a: \"b\" c\n", 1),
        ("a: 'it''s'\n", 1),
        ("a: \"b\n", 1),
        ("a:\n\tb: c\n", 2),
        ("---\na: b\n", 1),
        ("a: b\n...\n", 2),
        ("a:\n  - b\n  c: d\n", 3),
        ("a:\n  -\n", 2),
        ("a:\n  - - b\n", 2),
        ("<<: b\n", 1),
        ("\"a\": b\n", 1),
        ("a\n", 1),
        ("- a\n- b\nc: d\n", 3),
    ] {
        match read("x.yml", text) {
            Ok(value) => panic!("{text:?} is read as {}", json(&value)),
            Err(error) => assert!(error.what.starts_with(&format!("x.yml:{line}: ")), "{text:?}: {error}"),
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "([a-c]|: |- |\\n|  |#|\\||'|\"|\\{\\}|\\PC){0,40}") {
        let _ = read("x.yml", &text);
    }
}
