use super::*;

#[test]
fn a_line_can_be_pasted_into_a_shell() {
    let cmd = Cmd::new("cc").args(["-o", "a b", "it's", "", "-DX=1"]);
    assert_eq!(cmd.line(), r"cc -o 'a b' 'it'\''s' '' -DX=1");
}

#[cfg(target_os = "linux")]
#[test]
fn lines_end_with_the_command_whoever_holds_the_pipe() {
    let cmd = Cmd::new("/bin/sh").args(["-c", "setsid sleep 20 & seq 5000; printf end >&2"]);
    let mut lines = Vec::new();
    let (end, seconds) = cmd.lines(|stream, line| lines.push((stream, line.to_owned()))).unwrap();
    assert!(end == ProcessEnd::Code(0) && seconds < 15.0, "{end} {seconds}");
    let (out, err): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(stream, _)| *stream == Stream::Stdout);
    assert_eq!((out.len(), out[4999].1.as_str(), err[0].1.as_str()), (5000, "5000", "end"));
}

#[cfg(unix)]
#[test]
fn variables_that_no_shell_can_have_come_through_one() {
    let cmd = Cmd::new("env").env("CC_x86_64-musl", "a b").env("PLAIN", "c").cwd("/");
    let cmd = cmd.behind(Cmd::new("/bin/sh").args(["-c", "exec \"$@\"", "sh"]));
    let text = cmd.capture(Duration::from_secs(20)).unwrap().text();
    for line in ["CC_x86_64-musl=a b", "PLAIN=c", "PWD=/"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn a_script_that_is_still_open_for_writing_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("busy");
    std::fs::write(&script, "#!/bin/sh\necho ran\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let open = std::fs::File::options().append(true).open(&script).unwrap();
    let closer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        drop(open);
    });
    let output = Cmd::new(&script).capture(Duration::from_secs(20)).unwrap();
    closer.join().unwrap();
    assert_eq!(output.text(), "ran");
}

#[test]
fn a_missing_program_is_named() {
    let error = Cmd::new("no-such-program-here").capture(Duration::from_secs(1)).unwrap_err();
    assert_eq!(error.kind, xtask_files::error::ExitKind::Missing);
    assert!(error.what.contains("no-such-program-here"));
}
