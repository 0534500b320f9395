//! WebAssembly programs for WASI: `rust-lld` links them with the C library of Rust's std, clang or zig compiles their C, and
//! node starts them.

use std::path::Path;

use serde_json::json;
use xtask_test_support::need;

use crate::machine;
use crate::run::job;
use crate::space::Space;

const WASI: &str = "wasm32-wasip1";

/// A component that uses what the headers of one wasi-libc and the library of another must agree about: `errno`, sizes of
/// files in 64 bits, records that the library fills, buffered output, floating point, and static and thread-local data.
const C: &str = r#"#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static _Thread_local int calls;

static int by_size(const void *one, const void *other) {
    return *(const int *)one - *(const int *)other;
}

int32_t native_answer(void) {
    const char *name = "./big.tmp";
    struct stat meta;
    struct timespec now = {0, 0};
    char text[32];
    double half = 0;
    int numbers[] = {30, 8, 2};
    if (open("./no-such-file", O_RDONLY) != -1 || errno != ENOENT || strlen(strerror(errno)) == 0) return 1;
    FILE *file = fopen(name, "w+");
    if (file == NULL) return 2;
    if (fseeko(file, 5000000000LL, SEEK_SET) != 0 || fputc('x', file) != 'x' || fflush(file) != 0) return 3;
    if (ftello(file) != 5000000001LL || fstat(fileno(file), &meta) != 0 || meta.st_size != 5000000001LL) return 4;
    if (!S_ISREG(meta.st_mode) || fclose(file) != 0 || unlink(name) != 0) return 5;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 1700000000) return 6;
    snprintf(text, sizeof text, "%.2f %lld", sqrt(0.25), (long long)now.tv_sec);
    if (sscanf(text, "%lf", &half) != 1 || half != 0.5) return 7;
    qsort(numbers, 3, sizeof *numbers, by_size);
    calls += 1;
    printf("answer of C\n");
    fflush(stdout);
    return numbers[0] == 2 && calls > 0 ? 42 : 8;
}
"#;

fn space() -> Space {
    let space = Space::with_targets(&[WASI]);
    space.write("native/c/answer.c", C);
    space
}

/// clang, and the headers of wasi-libc.
fn clang() -> Result<(), String> {
    machine::programs(&["clang"])?;
    let headers = ["/usr/include/wasm32-wasi", "/usr/share/wasi-sysroot/include/wasm32-wasi"];
    match headers.iter().any(|dir| Path::new(dir).is_dir()) {
        true => Ok(()),
        false => Err("wasi-libc is not installed".into()),
    }
}

#[test]
fn c_by_clang_is_released_and_runs() {
    need!("wasi::clang", machine::std_for(&[WASI]), machine::programs(&["node"]), clang());
    let space = space();
    // The crate names the target as rustc does, and clang finds its headers by another name.
    space.use_cc_crate();
    let run = space.run(&["release", "--providers", "clang", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    let job = job(&report, WASI);
    assert_eq!((&job["status"], &job["toolchain"]["provider"]), (&json!("ok"), &json!("clang")), "{job:#}");
    assert_eq!(job["smoke"]["runner"], json!("node"), "{job:#}");
    let archive = std::fs::read(space.dist(&format!("archives/app-1.2.3-{WASI}.tar.gz"))).unwrap();
    assert!(archive.len() > 10_000);
    let bill = space.read(&format!("target/dist/sbom/app-1.2.3-{WASI}.cdx.json"));
    assert!(
        bill.contains("C in native: the static library libanswer.a") && bill.contains("clang version"),
        "{bill}"
    );
    let program = space.dist(&format!("bin/{WASI}/native/app.wasm"));
    assert!(std::fs::read(program).unwrap().starts_with(b"\0asm"));
    // A program that no image ships has sizes, too, and a list of its packages.
    let sizes = space.run(&["size", "--json"]).ended(0).json();
    let program = &sizes["programs"][0]["program"];
    assert_eq!((&sizes["programs"][0]["target"], &program["contents"]), (&json!(WASI), &job["contents"]));
    let crates = program["crates"].as_array().unwrap();
    for name in ["std", "(C and assembly)"] {
        assert!(crates.iter().any(|entry| entry["name"] == name), "{name}: {program:#}");
    }
    let text = space.run(&["size"]).ended(0).stdout();
    assert!(
        text.contains("app for wasm32-wasip1, mode native, ") && text.contains("C of native 0.1.0"),
        "{text}"
    );
    space.replace("targets.toml", "bin = \"app\"\n", "bin = \"app\"\nauditable = true\n");
    space
        .run(&["verify", "--providers", "clang", "--mode", "native"])
        .ended(0)
        .says(&["packages in .dep-v0"]);
    let read = "const m = new WebAssembly.Module(require('fs').readFileSync(process.argv[1]));
        const [list] = WebAssembly.Module.customSections(m, '.dep-v0');
        console.log(JSON.parse(require('zlib').inflateSync(Buffer.from(list))).packages.map((p) => p.name).join());";
    let listed = space.cmd("node").args(["-e", read]).arg(space.dist(&format!("bin/{WASI}/native/app.wasm")));
    let listed = Space::finish(&listed).ended(0).stdout();
    assert!(listed.starts_with("app,") && listed.contains(",native"), "{listed}");
    // What the toolchains were is kept, and holds.
    space.run(&["lock"]).ended(0);
    assert!(space.read("toolchains.lock").contains("provider = \"rust-lld\""));
    space.run(&["plan", "--locked"]).ended(0);
}

#[test]
fn c_by_zig_runs() {
    need!("wasi::zig", machine::std_for(&[WASI]), machine::programs(&["node"]), machine::zig());
    let mut space = space();
    space.with_zig();
    let run = space.run(&["verify", "--providers", "zig", "--mode", "native", "--json"]).ended(0);
    let report = run.json();
    let job = job(&report, WASI);
    assert_eq!((&job["status"], &job["toolchain"]["provider"]), (&json!("ok"), &json!("zig")), "{job:#}");
    assert_eq!(job["smoke"]["runner"], json!("node"), "{job:#}");
}

#[test]
fn a_pure_program_is_proven_and_the_same_in_another_folder() {
    need!("wasi::pure", machine::std_for(&[WASI]), machine::programs(&["node"]));
    let programs = ["one", "a-much-longer-name/two"].map(|name| {
        let space = Space::at(name);
        space.targets(&[(WASI, "")]);
        let run = space.run(&["verify", "--mode", "pure", "--json"]).ended(0);
        let report = run.json();
        let job = job(&report, WASI);
        assert_eq!((&job["purity"], &job["status"]), (&json!("proven"), &json!("ok")), "{job:#}");
        let bytes = std::fs::read(space.dist(&format!("bin/{WASI}/pure/app.wasm"))).unwrap();
        let root = space.root().to_str().unwrap().as_bytes();
        assert!(!bytes.windows(root.len()).any(|window| window == root), "a path of this machine");
        bytes
    });
    assert!(programs[0] == programs[1], "{} and {} bytes", programs[0].len(), programs[1].len());
}

#[test]
fn what_no_host_provides_and_what_crashes_is_said() {
    need!("wasi::refused", machine::std_for(&[WASI]), machine::programs(&["node"]));
    let space = space();
    let verify = ["verify", "--mode", "pure"];
    space.write(
        "app/src/main.rs",
        "unsafe extern \"C\" {
             fn crc32_fast(value: i32) -> i32;
         }
         fn main() {
             println!(\"{}\", unsafe { crc32_fast(1) });
         }
         ",
    );
    let run = space.run(&verify).ended(1);
    let run = run.says(&[
        "gate: the program imports env.crc32_fast: no linked object defines the function crc32_fast",
    ]);
    run.says(&["help: link the C library that defines crc32_fast"]);
    space.write("app/src/main.rs", "fn main() { panic!(\"as asked\") }\n");
    let run = space.run(&verify).ended(1).says(&["ended with exit code 134", "as asked"]);
    run.says(&["the program crashed: wasm trap: unreachable"]);
    space.write("app/src/main.rs", "fn main() { std::process::exit(7) }\n");
    space.run(&verify).ended(1).says(&["ended with exit code 7"]);
    // C++ and other WebAssembly are refused with the reason.
    space.replace("targets.toml", "needs = [\"c\"]", "needs = [\"c++\"]");
    let run = space.run(&["plan", "--mode", "native"]).ended(3);
    run.says(&["programs for wasm32-wasip1 cannot contain C++: ", "without exceptions"]);
    for (triple, reason) in [
        ("wasm32-wasip2", "its programs are components"),
        ("wasm32-unknown-unknown", "nothing here can check or start them; use wasm32-wasip1"),
    ] {
        let run = space.run(&["plan", "--mode", "pure", "--target", triple]).ended(3);
        run.says(&[&format!("{triple} is not supported: "), reason]);
    }
}
