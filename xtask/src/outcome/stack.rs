//! Decides whether a program that was ended by a signal may have overflowed a thread's stack. Pure.

use xtask_process::exec::ProcessEnd;
use xtask_process::exec::signal::{is_bad_access, number_of_code};
use xtask_triple::{Libc, Triple};

/// The stack of a thread on musl if the program does not ask for more (musl, `DEFAULT_STACK_SIZE`), in bytes.
const MUSL_DEFAULT: u64 = 128 << 10;

/// The maximum stack that musl gives a thread on request (musl, `DEFAULT_STACK_MAX`), in bytes.
const MUSL_MOST: u64 = 8 << 20;

/// Returns advice for a program that may have overflowed a thread's stack, or none if that is unlikely.
/// `stack` is the size that the program asks for in bytes (`PT_GNU_STACK`), or none if it is not known. An
/// exit code by which engines report a signal counts as that signal.
pub fn small_stack(target: &Triple, stack: Option<u64>, end: ProcessEnd) -> Option<String> {
    let number = match end {
        ProcessEnd::Signal(number) => number,
        ProcessEnd::Code(code) => number_of_code(code)?,
        _ => return None,
    };
    let stack = stack?.clamp(MUSL_DEFAULT, MUSL_MOST);
    if target.libc() != Libc::Musl || !is_bad_access(number) || stack == MUSL_MOST {
        return None;
    }
    Some(format!(
        "threads that C starts have a stack of {} KiB on musl, where glibc gives them 8 MiB; to try whether that is the cause, \
         give them more: rustflags = [\"-Clink-arg=-Wl,-z,stack-size={MUSL_MOST}\"] for {target} in targets.toml",
        stack >> 10
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_stacks_are_those_of_musl() {
        let hint = |target: &str, size, end| small_stack(&Triple::parse(target), Some(size), end);
        let (musl, segv) = ("x86_64-unknown-linux-musl", ProcessEnd::Signal(11));
        let said = hint(musl, 0, segv).unwrap();
        assert!(said.contains("a stack of 128 KiB on musl") && said.contains("stack-size=8388608"), "{said}");
        assert!(hint(musl, 1 << 20, segv).is_some_and(|said| said.contains("1024 KiB")));
        // zig asks for this size.
        assert_eq!(hint(musl, 16 << 20, segv), None);
        assert_eq!(hint(musl, 0, ProcessEnd::Signal(6)), None);
        assert_eq!(hint(musl, 0, ProcessEnd::Code(1)), None);
        // Docker reports the signal in this form.
        assert_eq!(hint(musl, 0, ProcessEnd::Code(139)).as_ref(), Some(&said));
        assert_eq!(small_stack(&Triple::parse(musl), None, segv), None);
        assert_eq!(hint("x86_64-unknown-linux-gnu", 0, segv), None);
    }
}
