//! Decides from the messages of engines and runtimes why a container did not start: because of the image, or
//! because of the engine or runtime.

use xtask_oci::Saved;
use xtask_process::exec::{Output, ProcessEnd};

/// Messages about images that no engine accepts or starts on any machine: too many layers, a working
/// directory that is not absolute, a variable without a name or a value, a user or group that the image does
/// not have, a broken layer.
const FAULTS: [&str; 8] = [
    "max depth exceeded",
    "must be an absolute path",
    "needs to be an absolute path",
    "environment variable name can't be empty",
    "invalid environment variable",
    "no matching entries in passwd file",
    "no matching entries in group file",
    "invalid tar header",
];

/// Returns whether an engine's message shows a fault of the image that every engine would report.
pub(super) fn is_a_fault(told: &str) -> bool {
    FAULTS.iter().any(|fault| told.contains(fault))
}

/// Returns whether the message of an engine that could not start a container is about the image's
/// configuration: its program, its working directory or a volume. If not, the engine itself cannot do what is
/// asked.
pub(super) fn about(told: &str, image: &Saved) -> bool {
    let config = &image.config.config;
    let folder = Some(&config.working_dir).filter(|dir| dir.len() > 1);
    config
        .entrypoint
        .first()
        .into_iter()
        .chain(folder)
        .chain(&config.volumes)
        .any(|what| told.contains(what.as_str()))
}

/// Returns whether a run ended with the kernel's error for a file that it cannot start (ENOEXEC), as runtimes
/// report it.
pub(super) fn wrong_format(output: &Output) -> bool {
    !output.ok() && output.errors().to_lowercase().contains("exec format error")
}

/// Returns whether the container's first process could not execute the program. This is runc's last step,
/// after the engine's work. runc reports it on the container's stderr and exits with 1 or 255, as a program
/// may.
pub(super) fn not_executed(output: &Output) -> bool {
    let said = output.errors();
    let speaks =
        (said.starts_with("exec ") || said.starts_with("standard_init_linux.go:")) && said.contains(": ");
    matches!(output.end, ProcessEnd::Code(1 | 255))
        && output.stdout.is_empty()
        && said.lines().count() == 1
        && speaks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_images_is_told_from_what_is_the_engines() {
        for told in [
            "load: max depth exceeded",
            "runc create failed: Cwd must be an absolute path: unknown",
            "the working directory \"work\" is invalid, it needs to be an absolute path",
            "error during container init: environment variable name can't be empty: \"=FOO\": unknown",
            "invalid environment variable: FOO",
            "unable to find group x: no matching entries in group file",
        ] {
            assert!(is_a_fault(told), "{told}");
        }
        for told in [
            "load: write /var/lib/docker/tmp/x: no space left on device",
            "error setting rlimit type 7: operation not permitted",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
        ] {
            assert!(!is_a_fault(told), "{told}");
        }
    }
}
