//! The trace file, held against the documented format.

use std::collections::BTreeMap;

use super::*;
use crate::critical::CriticalPath;
use crate::kind::KindSeconds;
use crate::process::TracedProcess;

fn process(kind: WorkKind, parent: Option<usize>, start_s: f64, end_s: f64) -> TracedProcess {
    let label = format!("{kind:?} {start_s}");
    TracedProcess { kind, parent, start_s, end_s, label, package: "p".into(), ..TracedProcess::default() }
}

/// Cargo with a build script, which starts two compilers at once, and a rustc beside it.
fn build() -> BuildTrace {
    let step = PathStep {
        package: "p".into(),
        name: "build-script-build".into(),
        work: StepWork::Run,
        from_s: 1.0,
        to_s: 7.0,
        seconds: KindSeconds::default(),
    };
    BuildTrace {
        seconds: 10.0,
        processes: vec![
            process(WorkKind::Cargo, None, 0.0, 10.0),
            process(WorkKind::Script, Some(0), 1.0, 7.0),
            process(WorkKind::C, Some(1), 2.0, 5.0),
            process(WorkKind::C, Some(1), 3.0, 6.0),
            process(WorkKind::Rust, Some(0), 2.0, 8.0),
            process(WorkKind::Link, Some(4), 7.0, 8.0),
        ],
        path: Some(CriticalPath { steps: vec![step], ..CriticalPath::default() }),
        ..BuildTrace::default()
    }
}

#[test]
fn processes_of_a_lane_follow_each_other_or_lie_inside() {
    assert_eq!(lanes(&build()), [0, 1, 1, 3, 2, 2]);
}

/// The rules of the format for the events used here: the phase decides which fields are there; times are in microseconds
/// and never negative; complete events of a thread follow each other or lie inside of each other; names are texts.
#[test]
fn the_file_keeps_the_rules_of_the_format() {
    let trace = build();
    let document =
        chrome(&[TraceCase { name: "native", trace: &trace }, TraceCase { name: "pure", trace: &trace }]);
    assert_eq!(document["displayTimeUnit"], "ms");
    assert!(document["otherData"].is_object());
    let mut lanes: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
    let mut named = BTreeMap::new();
    for event in document["traceEvents"].as_array().unwrap() {
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key}: {event}"));
        assert!(event["name"].is_string() && event["args"].is_object(), "{event}");
        let thread = (number("pid"), number("tid"));
        match event["ph"].as_str().unwrap() {
            "M" if event["name"] == "process_sort_index" => {
                assert!(event["args"]["sort_index"].is_u64(), "{event}");
            }
            "M" => {
                let known = ["process_name", "thread_name"];
                assert!(known.iter().any(|name| event["name"] == *name), "{event}");
                named.insert((thread, event["name"].to_string()), event["args"]["name"].as_str().unwrap());
            }
            "C" => {
                number("ts");
                assert!(event["args"].as_object().unwrap().values().all(Value::is_number), "{event}");
            }
            "X" => {
                assert!(event["cat"].is_string());
                lanes.entry(thread).or_default().push((number("ts"), number("ts") + number("dur")));
            }
            other => panic!("{other} is not used here"),
        }
    }
    for (lane, mut events) in lanes {
        assert!(named.contains_key(&(lane, "\"thread_name\"".to_owned())), "{lane:?} has no name");
        events.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut open: Vec<u64> = Vec::new();
        for (from, to) in events {
            open.retain(|end| *end > from);
            assert!(open.iter().all(|end| to <= *end), "{lane:?}: {from} to {to} crosses another event");
            open.push(to);
        }
    }
    let names: Vec<&str> =
        named.iter().filter(|((_, kind), _)| kind.contains("process")).map(|(_, name)| *name).collect();
    assert_eq!(names, ["native", "pure"]);
}
