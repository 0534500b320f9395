//! The folders over which the kernel's file systems are mounted, so that an image's files there are hidden.

/// The folders where an engine mounts the kernel's file systems: the image's files there are hidden
/// (<https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#default-filesystems>).
const KERNELS: [&str; 3] = ["proc", "sys", "dev"];

/// Returns the folder, without a slash, that hides an image's file at a path, or none if the path is visible.
/// `path` begins at the root, with or without `/`, and may contain `.` and `..`.
pub fn hides(path: &str) -> Option<&'static str> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    KERNELS.into_iter().find(|top| parts.first() == Some(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_and_what_does_not() {
        for path in ["proc", "/proc", "/proc/", "//proc/self/exe", "/./proc/x", "/usr/../proc/x", "/../proc"]
        {
            assert_eq!(hides(path), Some("proc"), "{path}");
        }
        assert_eq!([hides("/sys/x"), hides("/dev/shm/x")], [Some("sys"), Some("dev")]);
        for path in ["", "/", "/process", "/srv/proc", "/devices", "/proc/..", "/dev/../app"] {
            assert_eq!(hides(path), None, "{path}");
        }
    }
}
