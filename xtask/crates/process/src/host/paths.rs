//! Variables with relative paths, resolved in the folder in which this program was started. Cargo resolves
//! them in its own working folder, and this program starts Cargo in the workspace's folder.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// The variables that contain the path of a folder.
const FOLDERS: [&str; 4] = ["CARGO_BUILD_TARGET_DIR", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME"];

/// The variables that contain a program: a path, or a name on PATH, which is left unchanged.
const PROGRAMS: [&str; 9] = [
    "CARGO",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTDOC",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
];

/// Returns the variables that would mean another path in a folder other than `dir`, with absolute values.
pub(super) fn resolved(vars: &BTreeMap<OsString, OsString>, dir: &Path) -> BTreeMap<OsString, OsString> {
    let changed = |(key, value): (&OsString, &OsString)| {
        let new = value_of(key.to_str()?, value, dir)?;
        (new != *value).then(|| (key.clone(), new))
    };
    vars.iter().filter_map(changed).collect()
}

fn value_of(key: &str, value: &OsStr, dir: &Path) -> Option<OsString> {
    let of_target =
        || key.starts_with("CARGO_TARGET_") && (key.ends_with("_LINKER") || key.ends_with("_RUNNER"));
    match key {
        "PATH" => {
            let dirs = std::env::split_paths(value);
            // An empty part means the folder in which a program is started.
            let all: Vec<PathBuf> =
                dirs.map(|part| if part.is_absolute() { part } else { dir.join(part) }).collect();
            std::env::join_paths(all).ok().filter(|_| !value.is_empty())
        }
        _ if value.is_empty() => None,
        _ if FOLDERS.contains(&key) => Some(normal(&dir.join(value)).into_os_string()),
        _ if PROGRAMS.contains(&key) || of_target() => {
            // Arguments may follow the program of a runner.
            let program = value.to_str()?.split(' ').next()?;
            program.contains('/').then(|| dir.join(value).into_os_string())
        }
        _ => None,
    }
}

/// Returns a path without `.` and `..`, by its text only. Links are not followed, as in Cargo's own home
/// folder.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(key: &str, value: &str) -> Option<String> {
        let vars = BTreeMap::from([(key.into(), value.into())]);
        let changed = resolved(&vars, Path::new("/w/sub"));
        changed.into_values().next().map(|value| value.into_string().unwrap())
    }

    #[test]
    fn relative_paths_are_those_of_the_folder_where_the_program_was_started() {
        let cases = [
            ("CARGO_HOME", "../home", "/w/home"),
            ("CARGO_HOME", "/c/./home/", "/c/home"),
            ("CARGO_TARGET_DIR", "t", "/w/sub/t"),
            ("RUSTC_WRAPPER", "tools/wrap", "/w/sub/tools/wrap"),
            ("RUSTC_WRAPPER", "./wrap", "/w/sub/./wrap"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "../ld", "/w/sub/../ld"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "./run -L /x", "/w/sub/./run -L /x"),
            ("PATH", "tools:/bin:", "/w/sub/tools:/bin:/w/sub/"),
        ];
        for (key, value, expected) in cases {
            assert_eq!(changed(key, value).as_deref(), Some(expected), "{key}={value}");
        }
        let same = [
            ("CARGO_HOME", "/c/home"),
            ("CARGO_HOME", ""),
            ("RUSTC_WRAPPER", "sccache"),
            ("RUSTC_WRAPPER", ""),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", "qemu -L /x"),
            ("PATH", "/bin:/usr/bin"),
            ("PATH", ""),
            ("CC", "./cc"),
            ("OTHER", "a/b"),
        ];
        for (key, value) in same {
            assert_eq!(changed(key, value), None, "{key}={value}");
        }
    }
}
