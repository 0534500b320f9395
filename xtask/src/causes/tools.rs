//! Programs that build scripts start and that are not part of a toolchain: the messages that show their
//! absence, the packages that use them, and how to install them.

use std::collections::BTreeSet;

/// A program that build scripts use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BuildTool {
    /// Its name in messages.
    pub(super) name: &'static str,
    /// The names of its programs; one of them is enough. Empty for a library.
    programs: &'static [&'static str],
    /// The prefixes of a library's file names; one of them is enough. Empty for a program.
    libraries: &'static [&'static str],
    /// Texts by which build scripts report its absence, in addition to the common ones.
    said: &'static [&'static str],
    /// The Debian package that contains it.
    package: &'static str,
    /// Packages that start the tool when a build script uses them.
    users: &'static [&'static str],
    /// Packages that contain the tool, so that it need not be installed.
    bring: &'static [&'static str],
    /// The variable that can name it.
    variable: Option<&'static str>,
}

/// All tools, the ones with the most specific messages first.
const TOOLS: &[BuildTool] = &[
    BuildTool {
        name: "libclang",
        programs: &[],
        libraries: &["libclang.so", "libclang-"],
        said: &["Unable to find libclang", "couldn't find any valid shared libraries matching"],
        package: "libclang-dev",
        users: &["bindgen", "clang-sys"],
        bring: &[],
        variable: Some("LIBCLANG_PATH"),
    },
    BuildTool {
        name: "protoc",
        programs: &["protoc"],
        libraries: &[],
        said: &["Could not find `protoc`"],
        package: "protobuf-compiler",
        users: &["prost-build", "tonic-build", "tonic-prost-build"],
        bring: &["protoc-bin-vendored", "protobuf-src"],
        variable: Some("PROTOC"),
    },
    BuildTool {
        name: "nasm",
        programs: &["nasm"],
        libraries: &[],
        said: &["NASM command not found", "Failed to run nasm"],
        package: "nasm",
        users: &["nasm-rs"],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "perl",
        programs: &["perl"],
        libraries: &[],
        said: &[],
        package: "perl",
        users: &["openssl-src"],
        bring: &[],
        variable: Some("PERL"),
    },
    BuildTool {
        name: "autoreconf",
        programs: &["autoreconf"],
        libraries: &[],
        said: &[],
        package: "autoconf automake libtool",
        users: &["autotools"],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "cmake",
        programs: &["cmake"],
        libraries: &[],
        said: &[],
        package: "cmake",
        users: &["cmake"],
        bring: &[],
        variable: Some("CMAKE"),
    },
    BuildTool {
        name: "make",
        programs: &["make", "gmake"],
        libraries: &[],
        said: &[],
        package: "make",
        users: &["openssl-src", "autotools"],
        bring: &[],
        variable: Some("MAKE"),
    },
    BuildTool {
        name: "pkg-config",
        programs: &["pkg-config", "pkgconf"],
        libraries: &[],
        said: &["The pkg-config command could not be found"],
        package: "pkg-config",
        // Build scripts query it, and most of them continue without it.
        users: &[],
        bring: &[],
        variable: Some("PKG_CONFIG"),
    },
    BuildTool {
        name: "bison",
        programs: &["bison"],
        libraries: &[],
        said: &[],
        package: "bison",
        users: &[],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "flex",
        programs: &["flex"],
        libraries: &[],
        said: &[],
        package: "flex",
        users: &[],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "ninja",
        programs: &["ninja"],
        libraries: &[],
        said: &[],
        package: "ninja-build",
        users: &[],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "meson",
        programs: &["meson"],
        libraries: &[],
        said: &[],
        package: "meson",
        users: &[],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "python3",
        programs: &["python3", "python"],
        libraries: &[],
        said: &[],
        package: "python3",
        users: &[],
        bring: &[],
        variable: None,
    },
    BuildTool {
        name: "go",
        programs: &["go"],
        libraries: &[],
        said: &[],
        package: "golang-go",
        users: &[],
        bring: &[],
        variable: None,
    },
];

impl BuildTool {
    /// Returns the command that installs it, and the variable that can name another copy.
    pub(super) fn get(&self) -> String {
        let variable = self.variable.map(|name| format!(", or name it by {name}")).unwrap_or_default();
        format!("install it: apt-get install {}{variable}", self.package)
    }
}

/// Returns the tool whose absence a line reports.
pub(super) fn named_missing(line: &str) -> Option<&'static BuildTool> {
    TOOLS.iter().find(|tool| {
        tool.said.iter().any(|said| line.contains(said))
            || tool.programs.iter().any(|name| says_absent(line, name))
    })
}

/// Returns whether a line reports that a program is missing. It knows the messages of shells, of the crates
/// `cmake`, `autotools` and `openssl-src`, and of programs that look for others.
fn says_absent(line: &str, name: &str) -> bool {
    let small = line.to_ascii_lowercase();
    let said = [
        format!("is `{name}` not installed"),
        format!("is {name} installed?"),
        format!("command '{name}' not found"),
        format!("command `{name}` not found"),
        format!("{name}: command not found"),
        format!(" {name}: not found"),
        format!("could not find {name}"),
        format!("could not find `{name}`"),
        format!("unable to find {name}"),
        format!("program '{name}' not found"),
        format!("{name} is required"),
        format!("{name} is missing on your system"),
    ];
    said.iter().any(|said| small.contains(said.as_str())) || small.starts_with(&format!("{name}: not found"))
}

/// A missing tool that packages of a build use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The name of the tool.
    pub tool: &'static str,
    /// The packages that use it, each with the build dependency that shows this: `libz-ng-sys (cmake)`.
    pub by: Vec<String>,
    /// The command that installs it.
    pub help: String,
}

/// Returns the missing tools that a build starts, judging by its unit graph. `edges` are pairs of a package
/// and a package that its build script depends on. `present` returns whether a program or a variable exists.
/// `has_library` returns whether there is a library whose file name begins with the text.
pub fn required(
    edges: &[(String, String)],
    present: impl Fn(&str) -> bool,
    has_library: impl Fn(&str) -> bool,
) -> Vec<ToolUse> {
    let all: BTreeSet<&str> = edges.iter().flat_map(|(by, of)| [by.as_str(), of.as_str()]).collect();
    let lacks = |tool: &&BuildTool| {
        let named = tool.variable.is_some_and(&present) || tool.programs.iter().any(|name| present(name));
        let library = || tool.libraries.iter().any(|name| has_library(name));
        !named && !library() && !tool.bring.iter().any(|name| all.contains(name))
    };
    TOOLS
        .iter()
        .filter(lacks)
        .filter_map(|tool| {
            let uses = edges.iter().filter(|(_, of)| tool.users.contains(&of.as_str()));
            let by: BTreeSet<String> = uses.map(|(by, of)| format!("{by} ({of})")).collect();
            let by: Vec<String> = by.into_iter().collect();
            (!by.is_empty()).then(|| ToolUse { tool: tool.name, by, help: tool.get() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_tools_by_the_words_of_build_scripts() {
        for (line, tool) in [
            ("is `cmake` not installed?", "cmake"),
            ("failed to execute command: No such file (os error 2), is `cmake` not installed?", "cmake"),
            ("/bin/sh: 1: autoreconf: not found", "autoreconf"),
            ("Is autoreconf installed?", "autoreconf"),
            ("sh: line 1: perl: command not found", "perl"),
            ("Command 'perl' not found. Is perl installed?", "perl"),
            ("NASM command not found! Build cannot continue.", "nasm"),
            ("Unable to find libclang: \"couldn't find any valid shared libraries\"", "libclang"),
            ("Error: Could not find `protoc`. If `protoc` is installed, try setting PROTOC", "protoc"),
            ("The pkg-config command could not be found.", "pkg-config"),
            ("make: not found", "make"),
            ("/bin/sh: 1: bison: not found", "bison"),
        ] {
            assert_eq!(named_missing(line).map(|tool| tool.name), Some(tool), "{line}");
        }
        for line in
            ["cmake --build .", "odd.h not found", "could not find cmakelists", "", "remake: not found"]
        {
            assert_eq!(named_missing(line).filter(|tool| !line.contains(tool.name)), None, "{line}");
        }
        assert_eq!(named_missing("remake: not found"), None);
    }

    #[test]
    fn tools_by_the_packages_that_use_them() {
        let edge = |by: &str, of: &str| (by.to_owned(), of.to_owned());
        let edges =
            [edge("libz-ng-sys", "cmake"), edge("app", "libz-ng-sys"), edge("openssl-sys", "openssl-src")];
        let found = required(&edges, |name| ["perl", "MAKE"].contains(&name), |_| false);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].tool, found[0].by.join(" ")), ("cmake", "libz-ng-sys (cmake)".to_owned()));
        assert!(found[0].help.contains("apt-get install cmake, or name it by CMAKE"));
        assert_eq!(required(&edges, |_| true, |_| false), []);
        let protoc = [edge("api", "prost-build")];
        assert_eq!(required(&protoc, |_| false, |_| false)[0].tool, "protoc");
        let vendored = [edge("api", "prost-build"), edge("api", "protoc-bin-vendored")];
        assert_eq!(required(&vendored, |_| false, |_| false), []);
        let bindgen = [edge("rocks-sys", "bindgen")];
        let found = required(&bindgen, |_| false, |_| false);
        assert_eq!((found[0].tool, found[0].by.join(" ")), ("libclang", "rocks-sys (bindgen)".to_owned()));
        assert_eq!(required(&bindgen, |_| false, |name| name == "libclang-"), []);
        assert_eq!(required(&bindgen, |name| name == "LIBCLANG_PATH", |_| false), []);
    }
}
