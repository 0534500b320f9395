//! Tests of the argument table with link lines from practice and with random ones.

use std::path::Path;

use proptest::prelude::*;

use super::lld;
use super::{LinkArgumentKind, read};
use crate::toolchain::zig::{LinkTarget, link_line};
use xtask_triple::Triple;

fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Returns the arguments of `rust-lld` for a link line, and the left-out ones. `libcrypt.a` lies in `/have`.
fn lld(line: &str) -> (String, String) {
    let made = lld::arguments(read(words(line)), &|file| file == Path::new("/have/libcrypt.a"));
    let left_out: Vec<&str> = made.left_out.iter().map(|it| it.argument.as_str()).collect();
    (made.args.join(" "), left_out.join(" "))
}

#[test]
fn what_is_written_for_a_driver_reaches_rust_lld() {
    let cases = [
        // The line, the arguments for `rust-lld`, the left-out ones.
        ("-Wl,-z,stack-size=2097152 a.o", "-z stack-size=2097152 a.o", ""),
        ("-Wl,-rpath -Wl,/x -Xlinker --wrap -Xlinker f", "-rpath /x --wrap f", ""),
        ("-Wl,--start-group,a.a,--end-group -Wl,", "--start-group a.a --end-group", ""),
        ("-z now -zrelro -u f -e main -T x.ld", "-z now -zrelro -u f -e main -T x.ld", ""),
        (
            "-fuse-ld=mold -B /usr/libexec/mold -B/x --ld-path=/l",
            "",
            "-fuse-ld=mold -B /usr/libexec/mold -B/x --ld-path=/l",
        ),
        (
            "-Bstatic -lfoo -Bdynamic -Bsymbolic-functions",
            "-Bstatic -lfoo -Bdynamic -Bsymbolic-functions",
            "",
        ),
        (
            "-lm -ldl -lpthread -lrt -lutil -lresolv -lxnet -lc",
            "-lc",
            "-lm -ldl -lpthread -lrt -lutil -lresolv -lxnet",
        ),
        (
            "-lcrypt -lgcc_s -lgcc_eh -lgcc -lssp_nonshared",
            "",
            "-lcrypt -lgcc_s -lgcc_eh -lgcc -lssp_nonshared",
        ),
        ("-L /have -lcrypt -l z --library=y -l:libx.a", "-L /have -lcrypt -lz -ly -l:libx.a", ""),
        ("-L/have -lcrypt", "-L/have -lcrypt", ""),
        (
            "-pthread -static -s -rdynamic -static-libgcc",
            "-static -s --export-dynamic",
            "-pthread -static-libgcc",
        ),
        (
            "-nostartfiles -nodefaultlibs -m64 -march=native -O2",
            "-O2",
            "-nostartfiles -nodefaultlibs -m64 -march=native",
        ),
        ("-m elf_x86_64 -mllvm -x -melf_x86_64", "-m elf_x86_64 -mllvm -x -melf_x86_64", ""),
        (
            "-flavor gnu -fPIC -flto -Os -g3 -gc-sections -pipe -Wall",
            "-flavor gnu -gc-sections",
            "-fPIC -flto -Os -g3 -pipe -Wall",
        ),
        (
            "-Wl,--threads=4 -Wl,--no-threads -Wl,--thread-count,4",
            "--threads=4",
            "--no-threads --thread-count 4",
        ),
        ("-Wl,--warn-execstack,--warn-unresolved-symbols", "--warn-unresolved-symbols", "--warn-execstack"),
        ("-Wl,--compress-debug-sections=zlib-gabi", "--compress-debug-sections=zlib", ""),
        ("-fsanitize=address -o -lm", "-o -lm", "-fsanitize=address"),
        ("-Xlinker", "", ""),
        ("-static-pie --target=x -target y -specs=z", "", "-static-pie --target=x -target y -specs=z"),
    ];
    for (line, args, left_out) in cases {
        assert_eq!(lld(line), (args.to_owned(), left_out.to_owned()), "{line}");
    }
}

#[test]
fn a_program_for_one_address_gets_the_start_files_of_one() {
    let pie = "/s/rcrt1.o /s/crti.o /s/crtbeginS.o a.o -static -pie --no-dynamic-linker -z text -z now";
    let rest = "/s/crtendS.o";
    for flag in ["-no-pie", "-nopie", "-Wl,-no-pie", "--no-pie"] {
        let (args, _) = lld(&format!("{pie} {flag} {rest}"));
        assert_eq!(
            args, "/s/crt1.o /s/crti.o /s/crtbegin.o a.o -static -z now --no-pie /s/crtend.o",
            "{flag}"
        );
    }
    assert_eq!(lld(&format!("-no-pie {pie}")).0, format!("--no-pie {pie}"), "the last word counts");
}

/// Generates words of link lines, complete and truncated, and random words.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "-Wl,",
        "-Wl,-z,now",
        "-Wl,-Map",
        "-Xlinker",
        "-z",
        "-l",
        "-lm",
        "-L",
        "-L/x",
        "-o",
        "-B",
        "-u",
        "-T",
        "@x",
        "-",
        "--",
        "-fuse-ld=",
        "-fuse-ld=mold",
        "-Wl,--push-state",
        "-Wl,--pop-state,--pop-state",
        "-target",
        "--param",
        "-Xclang",
        "-no-pie",
        "-pie",
        "a.o",
        "-Wl,a.o,,b.o",
        "-zstack-size=",
        "-z,",
        "-Wl,-rpath,/a,/b",
        "--wrap",
        "-m",
        "-f",
        "-O",
        "-g",
        "-static-pie",
        "-l:",
        "",
        ",",
        "=",
        "-D",
        "-x",
        "c",
    ]);
    prop_oneof![known.prop_map(str::to_owned), "-?-?[a-zäW,=:@ ]{0,12}", any::<String>()]
}

proptest! {
    #[test]
    fn no_line_panics_and_no_file_is_lost(line in prop::collection::vec(word(), 0..24), there in any::<bool>()) {
        let arguments = read(line.clone());
        let files = arguments.iter().filter(|it| it.kind == LinkArgumentKind::Common && it.words.len() == 1);
        let files: Vec<String> = files.map(|it| it.words[0].clone()).filter(|word| word.ends_with(".o")).collect();
        let made = lld::arguments(arguments, &|_| there);
        for file in &files {
            prop_assert!(made.args.contains(file), "{file} of {line:?}");
        }
        prop_assert!(!made.args.iter().any(|word| word.starts_with("-fuse-ld=")) || line.iter().any(|w| w == "-Xlinker" || w.starts_with("-Wl,")
            || matches!(w.as_str(), "-o" | "-z" | "-L" | "-l" | "-u" | "-T" | "-m" | "--wrap")));
        for triple in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"] {
            let made = link_line(line.clone(), LinkTarget::from(&Triple::parse(triple)), &|_| there);
            for file in &files {
                prop_assert!(made.front.iter().chain(&made.lld).any(|word| word.contains(file.as_str())), "{file} of {line:?}");
            }
        }
    }
}
