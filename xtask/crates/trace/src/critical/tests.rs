//! Critical paths of graphs made by hand.

use super::*;

/// Makes units of name, kind (`l` for a library, `b` for a program, `r` for a run), start, interface, end and needs.
type MadeUnit = (&'static str, char, f64, Option<f64>, f64, &'static [usize]);

struct MadeBuild {
    units: Vec<TraceUnit>,
    times: Vec<Option<UnitTimes>>,
    spans: Vec<Vec<WorkSpan>>,
}

fn made(rows: &[MadeUnit]) -> MadeBuild {
    let unit = |(name, kind, _, _, _, needs): &MadeUnit| TraceUnit {
        package: (*name).into(),
        name: (*name).into(),
        runs: *kind == 'r',
        library: *kind == 'l',
        needs: needs.to_vec(),
        ..TraceUnit::default()
    };
    let times = |(_, _, start, interface, end, _): &MadeUnit| {
        (end > start).then_some(UnitTimes { start: *start, end: *end, interface: *interface })
    };
    MadeBuild {
        units: rows.iter().map(unit).collect(),
        times: rows.iter().map(times).collect(),
        spans: vec![Vec::new(); rows.len()],
    }
}

impl MadeBuild {
    fn path(&self, seconds: f64) -> CriticalPath {
        let path = TimedUnits { units: &self.units, times: &self.times, spans: &self.spans }.path(seconds);
        let path = path.unwrap();
        let whole = path.on_path.sum() + path.waiting_s;
        assert!((whole - seconds).abs() < 1e-9, "{whole} of {seconds}: {path:?}");
        path
    }
}

fn said(path: &CriticalPath) -> Vec<String> {
    let word = |step: &PathStep| format!("{:?} {} {}-{}", step.work, step.name, step.from_s, step.to_s);
    path.steps.iter().map(word).collect()
}

#[test]
fn the_path_follows_the_need_that_was_ready_last() {
    let build = made(&[
        ("app", 'b', 6.0, None, 8.0, &[1, 2]),
        ("slow", 'l', 1.0, Some(2.0), 6.0, &[]),
        ("fast", 'l', 1.0, Some(1.5), 2.0, &[]),
    ]);
    let path = build.path(9.0);
    assert_eq!(said(&path), ["Cargo cargo 0-1", "Compile slow 1-6", "Compile app 6-8", "Cargo cargo 8-9"]);
    assert_eq!((path.on_path.rust_s, path.on_path.cargo_s, path.waiting_s), (7.0, 2.0, 0.0));
    assert_eq!(path.chain_s, 7.0);
}

#[test]
fn a_library_waits_for_interfaces_and_a_program_for_code() {
    let build = made(&[
        ("app", 'b', 7.0, None, 8.0, &[1]),
        ("upper", 'l', 2.0, Some(3.0), 4.0, &[2]),
        ("lower", 'l', 0.0, Some(2.0), 7.0, &[]),
    ]);
    let path = build.path(8.0);
    // The linker of app needs the code of `lower`, although app names only `upper`.
    assert_eq!(said(&path), ["Compile lower 0-7", "Compile app 7-8"]);
    let build = made(&[
        ("app", 'b', 5.0, None, 6.0, &[1]),
        ("upper", 'l', 2.0, Some(3.0), 5.0, &[2]),
        ("lower", 'l', 0.0, Some(2.0), 4.0, &[]),
    ]);
    assert_eq!(said(&build.path(6.0)), ["Compile lower 0-2", "Compile upper 2-5", "Compile app 5-6"]);
}

#[test]
fn a_unit_that_could_have_started_waited() {
    let build = made(&[
        ("app", 'b', 6.0, None, 7.0, &[1]),
        ("sys", 'r', 4.0, None, 6.0, &[2]),
        ("script", 'b', 0.0, None, 1.0, &[]),
        ("other", 'l', 1.0, Some(2.0), 4.0, &[]),
    ]);
    let path = build.path(7.0);
    assert_eq!(said(&path), ["Compile script 0-1", "Wait sys 1-4", "Run sys 4-6", "Compile app 6-7"]);
    assert_eq!((path.waiting_s, path.on_path.script_s, path.chain_s), (3.0, 2.0, 4.0));
}

#[test]
fn a_unit_without_times_hands_on_what_it_needs() {
    let build = made(&[
        ("app", 'b', 3.0, None, 4.0, &[1]),
        ("fresh", 'r', 0.0, None, 0.0, &[2]),
        ("script", 'b', 0.0, None, 3.0, &[]),
    ]);
    assert_eq!(said(&build.path(4.0)), ["Compile script 0-3", "Compile app 3-4"]);
    assert_eq!(made(&[("app", 'b', 0.0, None, 0.0, &[])]).units.len(), 1);
    let fresh = made(&[("app", 'b', 0.0, None, 0.0, &[])]);
    assert_eq!(
        TimedUnits { units: &fresh.units, times: &fresh.times, spans: &fresh.spans }.path(1.0),
        None,
        "nothing was compiled"
    );
}

#[test]
fn c_and_linking_in_a_step_are_told_apart_and_counted_once() {
    let mut build = made(&[("app", 'b', 6.0, None, 9.0, &[1]), ("sys", 'r', 0.0, None, 6.0, &[])]);
    let span = |kind, from, to| WorkSpan { process: 0, kind, from, to };
    // Two compilers side by side, from 1 to 4.
    build.spans[1] =
        vec![span(WorkKind::Script, 0.0, 1.0), span(WorkKind::C, 1.0, 3.0), span(WorkKind::C, 2.0, 4.0)];
    build.spans[0] = vec![span(WorkKind::Rust, 6.0, 8.0), span(WorkKind::Link, 8.0, 9.0)];
    let path = build.path(9.0);
    let KindSeconds { c_s, rust_s, link_s, script_s, .. } = path.on_path;
    assert_eq!((c_s, rust_s, link_s, script_s), (3.0, 2.0, 1.0, 3.0));
    assert_eq!((path.chain_s, path.chain_without_c_s), (9.0, 6.0));
}

#[test]
fn times_that_overlap_by_a_sample_do_not_go_back() {
    // The sampler saw the end of `lower` after the start of `app`.
    let build = made(&[("app", 'b', 1.99, None, 3.0, &[1]), ("lower", 'l', 0.0, None, 2.0, &[])]);
    assert_eq!(said(&build.path(3.0)), ["Compile lower 0-1.99", "Compile app 1.99-3"]);
}

#[test]
fn a_circle_ends() {
    let build = made(&[("a", 'l', 1.0, None, 2.0, &[1]), ("b", 'l', 0.0, None, 1.0, &[0])]);
    assert_eq!(said(&build.path(2.0)), ["Compile b 0-1", "Compile a 1-2"]);
}
