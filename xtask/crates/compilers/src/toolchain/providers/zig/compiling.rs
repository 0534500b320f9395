//! The arguments for starting zig's clang directly, without `zig cc`. `zig cc` has three effects that are not
//! wanted here. It names every CPU feature to clang, also the disabled ones, so that a function cannot enable
//! a feature by an attribute. It defines `NDEBUG`. It traps undefined behaviour. Its arguments for the target
//! are kept: the header folders, the glibc version, the calling convention.

use std::path::{Path, PathBuf};

use xtask_triple::{Arch, Os, Triple};

/// Extracts the arguments about the target from the clang call that zig prints for `source`. Returns none if
/// zig printed no call.
pub(super) fn about_target(said: &str, source: &str) -> Option<Vec<String>> {
    let marker = format!(" clang {source} ");
    let (_, call) = said.lines().find_map(|line| line.split_once(&marker))?;
    let mut words: Vec<String> = Vec::new();
    for part in call.split(' ').filter(|part| !part.is_empty()) {
        let value = words.last().is_some_and(|option| TAKES_WORD.contains(&option.as_str()));
        match words.last_mut() {
            // zig quotes nothing, so a folder may contain a space.
            Some(last) if !value && !part.starts_with(['-', '+']) => *last = format!("{last} {part}"),
            _ => words.push(part.to_owned()),
        }
    }
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(option) = words.next() {
        let value = TAKES_WORD.contains(&option.as_str()).then(|| words.next()).flatten();
        if !is_of_the_call(&option) {
            kept.push(option);
            kept.extend(value);
        }
    }
    Some(kept)
}

/// The options in zig's output whose value is the next word.
const TAKES_WORD: [&str; 8] = ["-target", "-isystem", "-MF", "-o", "-Xclang", "--param", "-I", "-iframework"];

/// Whether an option belongs to the printed call only, or is a default of zig that a C compiler does not
/// have.
fn is_of_the_call(option: &str) -> bool {
    const STARTS: [&str; 5] = ["-O", "-g", "-fsanitize", "-fno-sanitize", "-fstack-protector"];
    const WORDS: [&str; 19] = [
        "-c",
        "-o",
        "-MD",
        "-MV",
        "-MF",
        "-Xclang",
        "--param",
        "-DNDEBUG",
        "-D_DEBUG",
        "-Werror=date-time",
        "-fno-PIE",
        "-fno-PIC",
        "-fPIC",
        "-fPIE",
        "-fno-lto",
        "-fno-stack-protector",
        "-fno-function-sections",
        "-fno-data-sections",
        "-mno-implicit-float",
    ];
    WORDS.contains(&option) || STARTS.iter().any(|start| option.starts_with(start))
}

/// Returns the CPU of a target as clang's options, if clang's default differs from that of rustc or zig.
fn processor(target: &Triple, args: &[String]) -> Vec<&'static str> {
    let says = |start: &str| args.iter().any(|arg| arg.starts_with(start));
    let named = says("-march=") || says("-mcpu=");
    let (always, unit) = match target.arch() {
        // clang's default tunes for a newer CPU, which changes the order of instructions.
        Arch::X86_64 if !says("-mtune=") => ("-mtune=x86-64", None),
        Arch::ArmV7 => ("-march=armv7-a", Some("-mfpu=vfpv3-d16")),
        Arch::ArmV6 => ("-march=armv6", Some("-mfpu=vfpv2")),
        _ => return Vec::new(),
    };
    let unit = unit.filter(|_| !says("-mfpu="));
    std::iter::once(always).chain(unit).filter(|_| !named).collect()
}

/// Returns the arguments of clang: zig's arguments for the target, then those of the caller.
pub(super) fn clang_arguments(about_target: &[String], target: &Triple, args: Vec<String>) -> Vec<String> {
    let mut all = about_target.to_vec();
    // zig adds this too, and debug information changes the order of instructions. So the output stays the
    // same as with `zig cc`. For macOS, zig's linker notes the path of every object with debug information, and the
    // program's UUID is a digest of these notes, too. So the program would depend on the folder.
    if !is_small(&args) && target.os() != Os::Darwin {
        all.push("-gdwarf-4".into());
    }
    all.extend(processor(target, &args).into_iter().map(str::to_owned));
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if matches!(arg.as_str(), "-target" | "--target") {
            args.next();
        } else if !arg.starts_with("--target=") {
            all.push(level(arg));
        }
    }
    all
}

/// Returns the optimization level that zig uses for a level of clang. So the output is the same with and
/// without `zig cc`.
fn level(arg: String) -> String {
    match arg.as_str() {
        "-O" | "-O1" | "-O3" | "-O4" => "-O2".into(),
        "-Oz" => "-Os".into(),
        _ => arg,
    }
}

/// Whether the last optimization option asks for small code.
fn is_small(args: &[String]) -> bool {
    args.iter()
        .rev()
        .find(|arg| arg.starts_with("-O"))
        .is_some_and(|level| matches!(level.as_str(), "-Os" | "-Oz"))
}

/// Returns the object that a call makes from one source, and the optimization level of zig's linker for it.
/// At that level the linker merges duplicate constants. Returns none if the call makes no object, or no
/// object with machine code.
pub(super) fn merged_object(args: &[String]) -> Option<(PathBuf, Option<&'static str>)> {
    let other = |arg: &String| {
        arg.starts_with("-flto") || ["-S", "-E", "-emit-llvm", "-M", "-MM"].contains(&arg.as_str())
    };
    if !args.iter().any(|arg| arg == "-c") || args.iter().any(other) {
        return None;
    }
    let words = classified(args);
    let sources: Vec<_> = words.iter().filter(|(role, _)| *role == CompilerWord::Source).collect();
    let [(_, source)] = &sources[..] else { return None };
    let output =
        words.iter().find(|(role, _)| *role == CompilerWord::Output).and_then(|(_, words)| words.get(1));
    let name = || Path::new(&source[0]).file_stem().map(|stem| PathBuf::from(stem).with_extension("o"));
    let output = output.map(PathBuf::from).or_else(name).filter(|output| output != Path::new("/dev/null"))?;
    let level = args.iter().rev().find(|arg| arg.starts_with("-O")).map_or("-O0", String::as_str);
    let level = match level {
        "-O0" | "-Og" => None,
        "-Os" | "-Oz" => Some("-O2"),
        _ => Some("-O3"),
    };
    Some((output, level))
}

/// The steps that a call of a C compiler asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CompilerSteps {
    /// The arguments of each compilation.
    pub(super) compile: Vec<Vec<String>>,
    /// The arguments of the link after the compilations.
    pub(super) link: Option<Vec<String>>,
}

/// The purpose of a word on a C compiler's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CompilerWord {
    Source,
    /// An object, an archive or another file for the linker.
    Input,
    Output,
    Compile,
    Link,
    Both,
}

/// Splits a call into compilations and a link. `object` names the object of the source with this number.
pub(super) fn steps(args: Vec<String>, object: &dyn Fn(usize) -> String) -> CompilerSteps {
    const STOPS: [&str; 7] = ["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only", "--analyze"];
    let words = classified(&args);
    let any = |role: CompilerWord| words.iter().any(|(is, _)| *is == role);
    let stops = args.iter().any(|arg| STOPS.contains(&arg.as_str()));
    let links = any(CompilerWord::Source)
        || any(CompilerWord::Input)
        || args.iter().any(|arg| arg.starts_with("-Wl,"));
    if stops || !links {
        return CompilerSteps { compile: vec![args], link: None };
    }
    let (mut compile, mut link) = (Vec::new(), Vec::new());
    for (at, (role, source)) in words.iter().enumerate() {
        match role {
            CompilerWord::Source => {
                let object = object(compile.len());
                let before = |i: usize| i < at;
                // A language option (`-x`) applies only to the sources after it.
                let options = words.iter().enumerate().filter(|(i, (role, words))| match role {
                    CompilerWord::Compile => words[0] != "-x" || before(*i),
                    CompilerWord::Both => true,
                    _ => false,
                });
                let mut call: Vec<String> =
                    options.flat_map(|(_, (_, words))| words.iter().cloned()).collect();
                call.extend(["-c".to_owned(), "-o".to_owned(), object.clone()]);
                call.extend(source.iter().cloned());
                compile.push(call);
                link.push(object);
            }
            CompilerWord::Compile => {}
            _ => link.extend(source.iter().cloned()),
        }
    }
    CompilerSteps { compile, link: Some(link) }
}

/// Returns each word with its value, and its purpose.
fn classified(args: &[String]) -> Vec<(CompilerWord, Vec<String>)> {
    const LINK_WITH_WORD: [&str; 10] =
        ["-Xlinker", "-z", "-T", "-u", "-e", "-L", "-l", "-B", "-rpath", "-soname"];
    const LINK: [&str; 17] = [
        "-static",
        "-shared",
        "-pie",
        "-no-pie",
        "-nopie",
        "-static-pie",
        "-rdynamic",
        "-s",
        "-r",
        "-nostdlib",
        "-nostartfiles",
        "-nodefaultlibs",
        "-nolibc",
        "-static-libgcc",
        "-static-libstdc++",
        "-shared-libgcc",
        "-export-dynamic",
    ];
    const COMPILE_WITH_WORD: [&str; 21] = [
        "-I",
        "-D",
        "-U",
        "-include",
        "-imacros",
        "-isystem",
        "-iquote",
        "-idirafter",
        "-isysroot",
        "-iprefix",
        "-MF",
        "-MT",
        "-MQ",
        "-Xclang",
        "-Xassembler",
        "-Xpreprocessor",
        "--param",
        "-arch",
        "-mllvm",
        "-x",
        "-A",
    ];
    let (mut words, mut language) = (Vec::new(), false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let word = arg.as_str();
        let link_start = ["-Wl,", "-l", "-L", "-fuse-ld=", "-B"].iter().any(|start| word.starts_with(start));
        let (role, takes) = match word {
            "-o" => (CompilerWord::Output, true),
            "-target" | "--target" => (CompilerWord::Both, true),
            "-pthread" | "-v" => (CompilerWord::Both, false),
            _ if word.starts_with("-fsanitize") || word.starts_with("--target=") => {
                (CompilerWord::Both, false)
            }
            _ if LINK_WITH_WORD.contains(&word) => (CompilerWord::Link, true),
            _ if LINK.contains(&word) || link_start => (CompilerWord::Link, false),
            _ if COMPILE_WITH_WORD.contains(&word) => (CompilerWord::Compile, true),
            "-" => (CompilerWord::Source, false),
            _ if word.starts_with('-') => (CompilerWord::Compile, false),
            _ if language || is_source(word) => (CompilerWord::Source, false),
            _ => (CompilerWord::Input, false),
        };
        let value = takes.then(|| args.next()).flatten();
        if word == "-x" {
            language = value.is_some_and(|language| language != "none");
        }
        words.push((role, std::iter::once(arg).chain(value).cloned().collect()));
    }
    words
}

/// Whether a file is a source for a compiler or assembler, by its extension.
fn is_source(word: &str) -> bool {
    const ENDINGS: [&str; 13] = ["c", "cc", "cp", "cpp", "cxx", "c++", "C", "m", "mm", "s", "S", "i", "ii"];
    Path::new(word)
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn what_zig_says_of_a_target_is_kept_and_its_defaults_are_not() {
        let said = "/a b/zig clang t.c --no-default-config -target aarch64-unknown-linux5.10.0-gnu2.28.0 -fno-PIE -fPIC -gdwarf-4 \
                    -MD -MV -MF /root/.cache/x.d -mred-zone -fno-stack-protector --param ssp-buffer-size=4 -nostdinc -DNDEBUG \
                    -D__GLIBC_MINOR__=28 -isystem /a b/lib/include -isystem /z/include -Werror=date-time -Xclang -target-cpu \
                    -Xclang generic -Xclang -target-feature -Xclang -crc -Xclang -target-feature -Xclang +neon -O2 -c -o /x.o\n";
        let kept = about_target(said, "t.c").unwrap();
        let expected = [
            "--no-default-config",
            "-target",
            "aarch64-unknown-linux5.10.0-gnu2.28.0",
            "-mred-zone",
            "-nostdinc",
            "-D__GLIBC_MINOR__=28",
            "-isystem",
            "/a b/lib/include",
            "-isystem",
            "/z/include",
        ];
        assert_eq!(kept, expected);
        assert_eq!(about_target("error: no such file", "t.c"), None);
    }

    #[test]
    fn the_target_is_said_once_and_its_processor_where_nobody_else_does() {
        let call = |triple: &str, line: &str| {
            clang_arguments(&words("-target z"), &Triple::parse(triple), words(line)).join(" ")
        };
        assert_eq!(
            call(
                "riscv64gc-unknown-linux-musl",
                "-O3 --target=riscv64 -march=rv64gc -target x -Wp,-DX -c x.c"
            ),
            "-target z -gdwarf-4 -O2 -march=rv64gc -Wp,-DX -c x.c"
        );
        let arm = "armv7-unknown-linux-musleabihf";
        assert!(call(arm, "-Oz").ends_with("-march=armv7-a -mfpu=vfpv3-d16 -Os"));
        assert!(call(arm, "-mfpu=neon").ends_with("-4 -march=armv7-a -mfpu=neon"));
        assert!(call(arm, "-mcpu=cortex-a7").ends_with("-4 -mcpu=cortex-a7"));
        assert_eq!(call("aarch64-apple-darwin", "-O2 -c x.c"), "-target z -O2 -c x.c");
        assert_eq!(call("x86_64-unknown-linux-musl", "-O1 -Oz"), "-target z -mtune=x86-64 -O2 -Os");
    }

    #[test]
    fn which_objects_zig_goes_over() {
        let merged =
            |line: &str| merged_object(&words(line)).map(|(file, level)| (file.display().to_string(), level));
        assert_eq!(merged("-O3 -c a/x.c -o y.o"), Some(("y.o".into(), Some("-O3"))));
        assert_eq!(merged("-c a/x.c -Os"), Some(("x.o".into(), Some("-O2"))));
        assert_eq!(merged("-c a/x.c -o y.o"), Some(("y.o".into(), None)));
        for line in
            ["-S x.c", "-E -c x.c", "-c x.c -flto=thin", "-c x.c y.c", "-c x.c -o /dev/null", "--version"]
        {
            assert_eq!(merged(line), None, "{line}");
        }
    }

    #[test]
    fn a_call_that_links_compiles_first() {
        let object = |n: usize| format!("/t/{n}.o");
        let steps = |line: &str| super::steps(words(line), &object);
        for line in ["-c x.c -o x.o", "-E x.h", "--version", "-O2 -S a.c", "-print-search-dirs"] {
            assert_eq!(steps(line), CompilerSteps { compile: vec![words(line)], link: None }, "{line}");
        }
        let made = steps("-O2 -DX=1 -I inc a.c b.o -x c++ c -o prog -lm -L l -Wl,--as-needed -pthread");
        assert_eq!(
            made.compile,
            [
                words("-O2 -DX=1 -I inc -pthread -c -o /t/0.o a.c"),
                words("-O2 -DX=1 -I inc -x c++ -pthread -c -o /t/1.o c")
            ]
        );
        let link = made.link.unwrap().join(" ");
        assert_eq!(link, "/t/0.o b.o /t/1.o -o prog -lm -L l -Wl,--as-needed -pthread");
        let only = steps("a.o -o prog -Wl,-z,now -fsanitize=undefined");
        assert!(
            only.compile.is_empty()
                && only.link.unwrap().join(" ") == "a.o -o prog -Wl,-z,now -fsanitize=undefined"
        );
    }
}
