//! What a signal that ended a program in its smoke run says: of the program, of its target, or of the emulator. Pure.

use xtask_compilers::toolchain::runner::Runner;
use xtask_gate::Facts;
use xtask_process::exec::signal::is_bad_access;
use xtask_process::exec::{Output, ProcessEnd};
use xtask_triple::{Libc, Triple};

/// The stack of a thread on musl where the program does not ask for more (musl, `DEFAULT_STACK_SIZE`), in bytes.
const MUSL_DEFAULT: u64 = 128 << 10;

/// The most that musl gives its threads for what a program asks for (musl, `DEFAULT_STACK_MAX`), in bytes.
const MUSL_MOST: u64 = 8 << 20;

/// What helps a program that may have come to the end of a thread's stack; none where that is unlikely.
pub(super) fn small_stack(target: &Triple, facts: Option<&Facts>, end: ProcessEnd) -> Option<String> {
    let ProcessEnd::Signal(number) = end else { return None };
    let stack = facts?.stack_size.clamp(MUSL_DEFAULT, MUSL_MOST);
    if target.libc() != Libc::Musl || !is_bad_access(number) || stack == MUSL_MOST {
        return None;
    }
    Some(format!(
        "threads that C starts have a stack of {} KiB on musl, where glibc gives them 8 MiB; to try whether that is the cause, \
         give them more: rustflags = [\"-Clink-arg=-Wl,-z,stack-size={MUSL_MOST}\"] for {target} in targets.toml",
        stack >> 10
    ))
}

/// Whether it is the emulator that was ended by a signal, and not the program in it: of that, qemu says so before it takes
/// the same end.
pub(super) fn is_of_emulator(runner: &Runner, output: &Output) -> bool {
    let told = String::from_utf8_lossy(&output.stderr).contains("uncaught target signal");
    matches!(runner, Runner::Qemu { .. }) && matches!(output.end, ProcessEnd::Signal(_)) && !told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(end: ProcessEnd, stderr: &str) -> Output {
        Output { end, stdout: Vec::new(), stderr: stderr.into(), found: false, seconds: 0.0 }
    }

    #[test]
    fn a_crash_in_qemu_is_told_from_one_of_qemu() {
        let qemu = Runner::Qemu { program: "qemu-aarch64".into(), sysroot: None };
        let segv = ProcessEnd::Signal(11);
        let said = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped\n";
        assert!(!is_of_emulator(&qemu, &output(segv, said)));
        assert!(is_of_emulator(&qemu, &output(segv, "QEMU internal SIGSEGV {code=MAPERR, addr=0x20}")));
        assert!(!is_of_emulator(&qemu, &output(ProcessEnd::Code(1), "")));
        assert!(!is_of_emulator(&Runner::Native, &output(segv, "")));
    }

    #[test]
    fn small_stacks_are_those_of_musl() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let facts = |stack_size| Facts { stack_size, ..Facts::parse("test", &program).unwrap() };
        let hint = |target: &str, size, end| small_stack(&Triple::parse(target), Some(&facts(size)), end);
        let (musl, segv) = ("x86_64-unknown-linux-musl", ProcessEnd::Signal(11));
        let said = hint(musl, 0, segv).unwrap();
        assert!(said.contains("a stack of 128 KiB on musl") && said.contains("stack-size=8388608"), "{said}");
        assert!(hint(musl, 1 << 20, segv).is_some_and(|said| said.contains("1024 KiB")));
        // What zig asks for.
        assert_eq!(hint(musl, 16 << 20, segv), None);
        assert_eq!(hint(musl, 0, ProcessEnd::Signal(6)), None);
        assert_eq!(hint(musl, 0, ProcessEnd::Code(1)), None);
        assert_eq!(hint("x86_64-unknown-linux-gnu", 0, segv), None);
    }
}
