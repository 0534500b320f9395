//! Rules for known causes of failed builds. Each rule recognises messages of tools, and gives the cause and
//! the fix. The first matching rule is reported.

use super::excerpt::Excerpt;
use super::{BuildSetting, packages, tools};
use xtask_compilers::toolchain::zig::{NO_SDK, SDKROOT};
use xtask_triple::Libc;

/// A rule for a known cause.
pub(super) struct Rule {
    /// The name of the rule, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "every rule has a test of its name"))]
    pub(super) name: &'static str,
    /// Searches the output of a build for the cause.
    pub(super) find: fn(&Excerpt, &BuildSetting<'_>) -> Option<RuleMatch>,
}

/// The result of a matching rule.
pub(super) struct RuleMatch {
    /// The line of the tool that shows the cause.
    pub(super) line: String,
    pub(super) why: String,
    pub(super) help: String,
}

/// All rules, the most specific first.
pub(super) const RULES: &[Rule] = &[
    Rule { name: "framework without an SDK", find: framework },
    Rule { name: "slim LTO objects", find: slim_lto },
    Rule { name: "kernel headers", find: kernel_headers },
    Rule { name: "host library folder", find: host_folder },
    Rule { name: "library of glibc", find: glibc_symbols },
    Rule { name: "wrong format", find: wrong_format },
    Rule { name: "missing tool", find: missing_tool },
    Rule { name: "missing package for pkg-config", find: missing_pc },
    Rule { name: "missing header", find: missing_header },
    Rule { name: "missing library", find: missing_library },
    Rule { name: "function newer than the floor", find: newer_than_floor },
    Rule { name: "noexec", find: noexec },
    Rule { name: "crash of a tool", find: crash },
];

fn found((line, (why, help)): (String, (String, String))) -> RuleMatch {
    RuleMatch { line, why, help }
}

/// Returns the first framework that was to be linked without an SDK, by the output of a build.
pub fn missing_framework(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once(NO_SDK)?;
    rest.trim_start().split([',', '\n', ' ']).next().filter(|name| !name.is_empty())
}

fn framework(words: &Excerpt, _: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let name = missing_framework(line)?;
        Some((
            format!("the framework {name} belongs to Apple's SDK, and zig links without one"),
            format!(
                "set {SDKROOT} to the folder MacOSX.sdk of an Xcode, or turn off the feature that needs the framework"
            ),
        ))
    };
    words.find(shows).map(found)
}

/// Recognises objects of gcc with `-flto`: they have no machine code, and only gcc's own linker plug-in reads
/// them.
fn slim_lto(words: &Excerpt, _: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let slim = line.contains("plugin needed to handle lto object")
            || line.contains("__gnu_lto_slim")
            || line.contains("lto-wrapper failed")
            || line.contains("bytecode stream in file") && line.contains("generated with LTO version");
        slim.then(|| {
            let why = "C was compiled with -flto, and its objects contain no machine code for this linker";
            (why.to_owned(), "remove -flto from CFLAGS, or add -ffat-lto-objects to it".to_owned())
        })
    };
    words.find(shows).map(found)
}

/// The folders of the headers in the kernel's package.
const KERNEL: [&str; 9] =
    ["linux/", "asm/", "asm-generic/", "mtd/", "rdma/", "scsi/", "sound/", "drm/", "xen/"];

fn kernel_headers(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let header = header(line).filter(|header| KERNEL.iter().any(|folder| header.starts_with(folder)))?;
        let (why, help) = match (setting.musl_gcc, setting.target.libc()) {
            (true, _) => (
                format!("musl-gcc has only the headers of musl, and {header} is a header of the kernel"),
                format!("set cc = \"zig\" for {} in targets.toml: zig brings them", setting.target),
            ),
            (false, Libc::Musl) => (
                format!("this compiler does not have {header}, a header of the kernel"),
                format!("set cc = \"zig\" for {} in targets.toml: zig brings them", setting.target),
            ),
            (false, _) => (
                format!("{header} is a header of the kernel"),
                "install them: apt-get install linux-libc-dev".to_owned(),
            ),
        };
        Some((why, help))
    };
    words.find(shows).map(found)
}

/// The folders in which distributions keep the libraries of the host.
const HOST_FOLDERS: [&str; 5] = ["/usr/lib/", "/lib/", "/usr/local/lib/", "/lib64/", "/usr/lib64/"];

/// Returns a file in a library folder of the host that a line names. Cross compilers keep their libraries
/// elsewhere (`/usr/<triple>/lib`).
fn host_file(line: &str) -> Option<&str> {
    let mut words = line.split([' ', '`', '\'', '"', '(']).map(|word| word.trim_end_matches([':', ',']));
    words.find(|word| {
        let library = word.contains(".so") || word.ends_with(".a") || word.ends_with(".o");
        library && !word.contains("gcc-cross") && HOST_FOLDERS.iter().any(|folder| word.starts_with(folder))
    })
}

fn host_folder(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let refused =
            ["skipping incompatible", "is incompatible with", "attempted static link of dynamic object"];
        let library = host_file(line).filter(|_| refused.iter().any(|words| line.contains(words)))?;
        let folder = library.rsplit_once('/').map_or(library, |(folder, _)| folder);
        let target = setting.target;
        Some((
            format!("the linker looks in {folder}, which has libraries of this machine, not of {target}"),
            format!(
                "find the build script that adds the folder (pkg-config and -L do): turn on its feature `vendored`, `bundled` \
                 or `static`, or set PKG_CONFIG_SYSROOT_DIR and PKG_CONFIG_LIBDIR to libraries of {target}"
            ),
        ))
    };
    words.find(shows).map(found)
}

/// Symbols to which only code compiled with glibc's headers or archives refers.
const OF_GLIBC: [&str; 10] = [
    "__fprintf_chk",
    "__printf_chk",
    "__sprintf_chk",
    "__snprintf_chk",
    "__vsnprintf_chk",
    "__memcpy_chk",
    "__strcpy_chk",
    "__longjmp_chk",
    "__isoc23_strtol",
    "__fdelt_chk",
];

fn glibc_symbols(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let undefined = line.contains("undefined reference to") || line.contains("undefined symbol");
        let symbol = OF_GLIBC.iter().find(|symbol| undefined && line.contains(*symbol))?;
        Some((
            format!("an object or archive was compiled for glibc ({symbol} is glibc's), and {} is musl", setting.target),
            "link a library that is compiled for this target: turn on the feature `vendored`, `bundled` or `static` of the \
             package that asks for it"
                .to_owned(),
        ))
    };
    if setting.target.libc() != Libc::Musl { None } else { words.find(shows).map(found) }
}

fn wrong_format(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        const SHOWN: [&str; 6] = [
            "file in wrong format",
            "Relocations in generic ELF",
            "file format not recognized",
            "is incompatible with",
            "unknown directive",
            "unknown file type",
        ];
        SHOWN.iter().any(|words| line.contains(words)).then(|| {
            (
                format!("the named file was not made for {}, or is not an object file", setting.target),
                "find the build script that makes or brings it: it called another compiler than CC of this target (a \
                 `configure` needs --host, a Makefile CC=$CC), or kept the file of another target"
                    .to_owned(),
            )
        })
    };
    words.find(shows).map(found)
}

fn missing_tool(words: &Excerpt, _: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let tool = tools::named_missing(line)?;
        Some((format!("{} is not on this machine", tool.name), tool.get()))
    };
    words.find(shows).map(found)
}

fn missing_pc(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        // Messages of the crate pkg-config, and of the program.
        let rest = line.strip_prefix("The system library `").and_then(|rest| rest.split_once('`'));
        let of_crate = rest.filter(|(_, rest)| rest.contains("was not found")).map(|(name, _)| name);
        let of_program = || {
            line.strip_prefix("Package ")?
                .split_once(" was not found in the pkg-config")
                .map(|(name, _)| name)
        };
        let of_program = || of_program().map(|name| name.trim_matches('\''));
        let name = of_crate.or_else(of_program)?;
        Some((
            format!("pkg-config did not find the library {name}: there is no {name}.pc"),
            libraries(name, setting),
        ))
    };
    words.find(shows).map(found)
}

/// Returns what to do about a missing library. A library of this machine can only be used in builds for this
/// machine.
fn libraries(name: &str, setting: &BuildSetting<'_>) -> String {
    match setting.target.libc() {
        Libc::Musl => format!(
            "a package of the distribution would be for glibc: turn on the feature `vendored`, `bundled` or `static` of the \
             package, or compile the library for {}",
            setting.target
        ),
        _ => format!(
            "{}; for another architecture its package of that one, or the feature `vendored` or `bundled`",
            packages::get(name)
        ),
    }
}

/// Returns the header that a compiler does not find, judging by the messages of gcc and of clang.
fn header(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fatal error: ")?;
    let gcc = rest.strip_suffix(": No such file or directory");
    let clang = || rest.strip_prefix('\'')?.strip_suffix("' file not found");
    gcc.or_else(clang).filter(|header| !header.contains(' '))
}

fn missing_header(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let header = header(line)?;
        Some((format!("the compiler does not find the header {header}"), libraries(header, setting)))
    };
    words.find(shows).map(found)
}

fn missing_library(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let begins = [
            "cannot find -l",
            "unable to find library -l",
            "unable to find dynamic system library '",
            "library not found for -l",
        ];
        let rest = begins.iter().find_map(|begin| line.split_once(begin).map(|(_, rest)| rest))?;
        let end = rest.find(|c: char| c.is_whitespace() || "':,".contains(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        Some((format!("the linker does not find the library {name}"), libraries(name, setting)))
    };
    words.find(shows).map(found)
}

/// Recognises a function that nothing declares or defines, if the C library is an older one on request.
fn newer_than_floor(words: &Excerpt, setting: &BuildSetting<'_>) -> Option<RuleMatch> {
    const SAID: [&str; 4] = [
        "call to undeclared function ",
        "implicit declaration of function ",
        "undefined symbol: ",
        "undefined reference to ",
    ];
    let floor = setting.glibc?;
    let shows = |line: &str| {
        let (_, rest) = SAID.iter().find_map(|said| line.split_once(said))?;
        let is_quote = |c: char| matches!(c, '\'' | '`' | '"' | '\u{2018}' | '\u{2019}');
        let name = rest.trim_start_matches(is_quote);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
        let name = Some(&name[..end]).filter(|name| !name.is_empty())?;
        Some((
            format!(
                "the C library is glibc {floor}, as `glibc` in targets.toml asks, and {name} may be newer"
            ),
            format!(
                "raise `glibc` in targets.toml to the version that has {name}, or build the code without it"
            ),
        ))
    };
    words.find(shows).map(found)
}

fn noexec(words: &Excerpt, _: &BuildSetting<'_>) -> Option<RuleMatch> {
    let denied = |line: &str| line.contains("Permission denied (os error 13)");
    words.lines.iter().find(|line| line.contains("(never executed)"))?;
    let shows = |line: &str| {
        denied(line).then(|| {
            let why = "the system does not let a program start that the build made: its folder may be mounted noexec";
            (why.to_owned(), "use a folder where programs can start: CARGO_TARGET_DIR, TMPDIR".to_owned())
        })
    };
    words.find(shows).map(found)
}

fn crash(words: &Excerpt, _: &BuildSetting<'_>) -> Option<RuleMatch> {
    let shows = |line: &str| {
        let signal = line.split_once("(signal: ").and_then(|(_, rest)| rest.split([':', ')']).next())?;
        let (number, name) = signal.split_once(", ").unwrap_or((signal, ""));
        let killed = name == "SIGKILL" || number == "9";
        Some(match killed {
            true => (
                "SIGKILL ended a program of the build; usually the kernel does this if memory runs out"
                    .to_owned(),
                "give it more memory, or run fewer jobs at once: CARGO_BUILD_JOBS=1".to_owned(),
            ),
            false => (
                format!("a program of the build crashed ({name}, signal {number})"),
                "run it again; if it crashes again, report it with the command to whoever makes that program"
                    .to_owned(),
            ),
        })
    };
    words.find(shows).map(found)
}

#[cfg(test)]
mod tests {
    use super::super::{Diagnosis, diagnose};
    use super::*;
    use xtask_config::GlibcVersion;
    use xtask_triple::Triple;

    const GNU: &str = "x86_64-unknown-linux-gnu";
    const MUSL: &str = "x86_64-unknown-linux-musl";
    const ARM: &str = "aarch64-unknown-linux-gnu";

    fn script(words: &str) -> String {
        format!(
            "error: failed to run custom build command for `sly v0.7.1`\n\nCaused by:\n  --- stderr\n  {words}\n"
        )
    }

    fn linking(words: &str) -> String {
        format!(
            "error: linking with `x` failed: exit status: 1\n  = note: {words}\n\nerror: could not compile `app` (bin \"app\")\n"
        )
    }

    fn diagnosis(words: &str, target: &str, musl_gcc: bool) -> Diagnosis {
        diagnose(words, &BuildSetting { target: &Triple::parse(target), musl_gcc, glibc: None })
    }

    /// Checks the result of each rule for real messages of tools: the rule, the message, the target, and
    /// parts of why and help.
    #[test]
    fn every_rule_knows_its_words() {
        let cases: &[(&str, String, &str, &str, &str)] = &[
            ("framework without an SDK", linking("xtask: no macOS SDK for the framework Metal, Foundation"), "aarch64-apple-darwin", "the framework Metal belongs to Apple's SDK", "set SDKROOT to the folder"),
            ("slim LTO objects", linking("/usr/bin/ld: ./libf.a(f.o): plugin needed to handle lto object"), GNU, "-flto", "-ffat-lto-objects"),
            ("slim LTO objects", linking("/x/ld: error: lto-wrapper failed"), ARM, "-flto", "-ffat-lto-objects"),
            ("kernel headers", script("k.c:1:10: fatal error: linux/if.h: No such file or directory"), MUSL, "linux/if.h is a header of the kernel", "cc = \"zig\""),
            ("kernel headers", script("k.c:1:10: fatal error: 'asm/types.h' file not found"), GNU, "asm/types.h", "linux-libc-dev"),
            ("host library folder", linking("/x/bin/ld: skipping incompatible /usr/lib/x86_64-linux-gnu/libz.so when searching for -lz"), ARM, "/usr/lib/x86_64-linux-gnu, which has libraries of this machine", "PKG_CONFIG_LIBDIR"),
            ("host library folder", linking("rust-lld: error: /usr/lib/x86_64-linux-gnu/libz.a(x.o) is incompatible with elf64-littleaarch64"), ARM, "of this machine, not of aarch64", "`vendored`"),
            ("host library folder", linking("/usr/bin/ld: attempted static link of dynamic object `/usr/lib/x86_64-linux-gnu/libz.so'"), MUSL, "of this machine", "`vendored`"),
            ("library of glibc", linking("rust-lld: error: undefined symbol: __memcpy_chk"), MUSL, "__memcpy_chk is glibc's", "compiled for this target"),
            ("function newer than the floor", script("k.c:8:9: error: call to undeclared function 'getrandom'; ISO C99"), GNU, "glibc 2.17", "has getrandom"),
            ("function newer than the floor", linking("rust-lld: error: undefined symbol: getrandom\n>>> referenced by k.c"), GNU, "glibc 2.17", "has getrandom"),
            ("library of glibc", linking("x.c:(.text+0x1): undefined reference to `__isoc23_strtol'"), MUSL, "glibc", "`static`"),
            ("wrong format", linking("/usr/bin/ld: libfarm.a: error adding symbols: file in wrong format"), GNU, "not made for x86_64-unknown-linux-gnu", "--host"),
            ("wrong format", linking("rust-lld: error: f-arm.o is incompatible with m.o"), MUSL, "not made for", "another compiler"),
            ("wrong format", linking("rust-lld: error: bad.a:1: unknown directive: hello"), MUSL, "not an object file", "another compiler"),
            ("missing tool", script("is `cmake` not installed?"), GNU, "cmake is not on this machine", "apt-get install cmake"),
            ("missing package for pkg-config", script("The system library `alsa` required by crate `alsa-sys` was not found."), GNU, "alsa.pc", "libasound2-dev"),
            ("missing package for pkg-config", script("Package openssl was not found in the pkg-config search path."), MUSL, "openssl.pc", "would be for glibc"),
            ("missing header", script("o.c:1:10: fatal error: openssl/ssl.h: No such file or directory"), GNU, "header openssl/ssl.h", "apt-get install libssl-dev"),
            ("missing header", script("o.c:1:10: fatal error: 'odd/x.h' file not found"), GNU, "header odd/x.h", "apt-cache search odd"),
            ("missing library", linking("/usr/bin/ld: cannot find -lz: No such file or directory"), GNU, "the library z", "zlib1g-dev"),
            ("missing library", linking("rust-lld: error: unable to find library -lpq"), MUSL, "the library pq", "would be for glibc"),
            ("noexec", "error: failed to run custom build command for `sly v0.7.1`\n\nCaused by:\n  could not execute process `/t/b` (never executed)\n\nCaused by:\n  Permission denied (os error 13)\n".into(), GNU, "noexec", "CARGO_TARGET_DIR"),
            ("crash of a tool", "error: could not compile `app`\n\nCaused by:\n  process didn't exit successfully: `rustc` (signal: 11, SIGSEGV: invalid memory reference)\n".into(), GNU, "(SIGSEGV, signal 11)", "run it again"),
            ("crash of a tool", "error: could not compile `app`\n\nCaused by:\n  process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)\n".into(), GNU, "if memory runs out", "CARGO_BUILD_JOBS=1"),
        ];
        for rule in RULES {
            assert!(cases.iter().any(|(name, ..)| *name == rule.name), "no words for {}", rule.name);
        }
        for (name, words, target, why, help) in cases {
            let triple = Triple::parse(target);
            let setting = BuildSetting {
                target: &triple,
                musl_gcc: *target == MUSL,
                glibc: GlibcVersion::parse("2.17"),
            };
            let rule = RULES.iter().find(|rule| (rule.find)(&Excerpt::of(words), &setting).is_some());
            assert_eq!(rule.map(|rule| rule.name), Some(*name), "{words}");
            let cause = diagnose(words, &setting).cause.unwrap();
            assert!(cause.why.contains(why) && cause.help.contains(help), "{cause:?}");
        }
    }

    #[test]
    fn the_summary_has_package_and_line() {
        let words = script("k.c:1:10: fatal error: linux/if.h: No such file or directory");
        let said = diagnosis(&words, MUSL, true).headline();
        assert_eq!(said, "sly 0.7.1: k.c:1:10: fatal error: linux/if.h: No such file or directory");
    }

    #[test]
    fn other_words_have_no_cause() {
        for words in [
            "error[E0308]: mismatched types\n\nerror: could not compile `a`\n".to_owned(),
            linking("/usr/bin/ld: x.o: undefined reference to `foo'"),
            // If the target itself is glibc's, this symbol is not a sign of the cause.
            linking("undefined reference to `__memcpy_chk'").replace("app", "a"),
            String::new(),
        ] {
            assert_eq!(diagnosis(&words, GNU, false).cause, None, "{words}");
        }
    }
}
