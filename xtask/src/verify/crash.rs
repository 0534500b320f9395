//! Decides whether a signal in a smoke run ended the program or the emulator. Pure.

use xtask_compilers::toolchain::runner::Runner;
use xtask_process::exec::{Output, ProcessEnd};

/// Returns whether a signal ended the emulator and not the program in it. If the program dies by a signal,
/// qemu prints a message and then ends in the same way.
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
}
