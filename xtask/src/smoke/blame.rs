//! Whose fault it is that a container did not start, by the words of engines and runtimes: the image's, or that of whoever
//! was to start it.

use xtask_oci::Saved;
use xtask_process::exec::{Output, ProcessEnd};

/// What engines say of images that none of them takes or starts, wherever it is: too many layers, a folder to start in that
/// is not absolute, a variable without a name or a value, a user or group that the image does not know, a broken layer.
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

/// Whether what an engine says is to be laid to the image, whoever else might run it.
pub(super) fn is_a_fault(told: &str) -> bool {
    FAULTS.iter().any(|fault| told.contains(fault))
}

/// Whether an engine that could not start a container speaks of what the image says: its program, the folder to start in
/// or one for data. Else it is the engine that cannot do what is asked.
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

/// Whether a run ended with the kernel's word for a file that it cannot start (ENOEXEC), as runtimes pass it on.
pub(super) fn wrong_format(output: &Output) -> bool {
    !output.ok() && output.errors().to_lowercase().contains("exec format error")
}

/// Whether the container's first process could not become the program, which is runc's last step and no longer the
/// engine's: it says so on the container's stderr and ends with 1 or 255, as a program may.
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
