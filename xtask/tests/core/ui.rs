//! When something is coloured and when it is redrawn.

use std::ffi::OsStr;

use xtask_process::ui::{CiService, TerminalEnvironment, Ui, in_ci};

const TERMINAL: TerminalEnvironment =
    TerminalEnvironment { out: true, err: true, no_color: false, dumb: false, ci: false, service: None };

/// Colours on stderr, colours on stdout, redrawn lines.
fn decided(around: TerminalEnvironment) -> [bool; 3] {
    let ui = Ui::decide(false, false, false, around);
    [ui.color, ui.color_out, ui.live]
}

#[test]
fn a_terminal_and_nobody_said_no() {
    assert_eq!(decided(TERMINAL), [true, true, true]);
    assert_eq!(decided(TerminalEnvironment::default()), [false, false, false]);
    assert_eq!(decided(TerminalEnvironment { no_color: true, ..TERMINAL }), [false, false, true]);
    assert_eq!(decided(TerminalEnvironment { dumb: true, ..TERMINAL }), [false, false, false]);
    assert_eq!(decided(TerminalEnvironment { ci: true, ..TERMINAL }), [true, true, false]);
    let service = Some(CiService::GitLab);
    assert_eq!(decided(TerminalEnvironment { service, ..TERMINAL }), [true, true, false]);
    assert_eq!(decided(TerminalEnvironment { out: false, ..TERMINAL }), [true, false, true]);
    assert_eq!(decided(TerminalEnvironment { err: false, ..TERMINAL }), [false, true, false]);
}

#[test]
fn json_is_never_coloured_and_quiet_never_redraws() {
    let json = Ui::decide(false, false, true, TERMINAL);
    assert!(json.color && !json.color_out);
    let quiet = Ui::decide(true, false, false, TERMINAL);
    assert!(quiet.color && !quiet.live, "an error is still red");
}

#[test]
fn ci_says_so_in_a_value() {
    let cases =
        [(None, false), (Some(""), false), (Some("false"), false), (Some("true"), true), (Some("1"), true)];
    for (value, expected) in cases {
        assert_eq!(in_ci(value.map(OsStr::new)), expected, "{value:?}");
    }
}
