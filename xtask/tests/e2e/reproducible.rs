//! The same inputs give the same bytes: in another folder, under another umask, with other times, homes and languages.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use xtask_test_support::need;

use crate::machine::{self, ARM, ARM_MUSL, HOST, HOST_MUSL};
use crate::space::{Space, cache};

/// Without white space: variables of flags for C compilers are split at it, so such a path cannot be mapped there.
const PLAIN: [&str; 2] = ["one", "a-much-longer-name/two"];

/// Everything that ships, by its path, with its digest; and the programs' bytes.
type Outcome = (BTreeMap<String, String>, Vec<(String, Vec<u8>)>);

/// A workspace with all that is known to carry paths into programs: panics in its own, in generated and in a registry's
/// code, and `__FILE__` of C that is compiled by its absolute path.
fn space(name: &str, targets: &[(&str, &str)], images: &[&str]) -> Space {
    let space = Space::at(name);
    space.targets(targets);
    if !images.is_empty() {
        space.image("app", images);
    }
    space.replace(
        "native/build.rs",
        "\"c/answer.c\", \"-o\"",
        "&format!(\"{}/c/answer.c\", env!(\"CARGO_MANIFEST_DIR\")), \"-o\"",
    );
    space.write(
        "app/build.rs",
        "fn main() {
             let out = std::env::var(\"OUT_DIR\").unwrap();
             let code = \"pub fn generated(n: usize) -> usize { [1, 2, 3][n] }\";
             std::fs::write(format!(\"{out}/generated.rs\"), code).unwrap();
         }",
    );
    space.replace("app/Cargo.toml", "[dependencies]\n", "[dependencies]\nfastrand = \"2\"\n");
    let source = space.read("app/src/main.rs").replace(
        "fn main() {\n",
        "include!(concat!(env!(\"OUT_DIR\"), \"/generated.rs\"));\n\nfn main() {\n    \
         println!(\"{} {}\", generated(std::env::args().count()), fastrand::Rng::with_seed(7).u32(1..10));\n",
    );
    space.write("app/src/main.rs", &source);
    space
}

/// Releases with `sh` in front, which sets the umask, and reads what came of it.
fn release(space: &Space, umask: &str, args: &[&str]) -> Outcome {
    let script = format!("umask {umask}; exec \"$@\"");
    let cmd = space.cmd("sh").args(["-c", &script, "sh", crate::space::XTASK, "release"]).args(args);
    Space::finish(&cmd).ended(0);
    let report = space.report();
    let mut digests = BTreeMap::new();
    let mut programs = Vec::new();
    for job in report["jobs"].as_array().unwrap() {
        let path = job["artifact"]["path"].as_str().unwrap().to_owned();
        programs.push((path.clone(), std::fs::read(space.dist(&path)).unwrap()));
        digests.insert(path, job["artifact"]["sha256"].as_str().unwrap().to_owned());
    }
    for image in report["images"].as_array().unwrap() {
        digests.insert("index".into(), image["index_digest"].as_str().unwrap().to_owned());
    }
    for folder in ["archives", "images", "sbom"] {
        for file in std::fs::read_dir(space.dist(folder)).into_iter().flatten() {
            let path = file.unwrap().path();
            let hash = Sha256::digest(std::fs::read(&path).unwrap());
            digests.insert(path.file_name().unwrap().to_string_lossy().into_owned(), format!("{hash:x?}"));
        }
    }
    digests.insert("SHA256SUMS".into(), space.read("target/dist/SHA256SUMS"));
    (digests, programs)
}

/// Releases twice, as differently as can be, and compares.
fn same(names: [&str; 2], targets: &[(&str, &str)], images: &[&str], args: &[&str], zig: bool) {
    let [mut one, mut two] = names.map(|name| space(name, targets, images));
    if zig {
        one.with_zig();
        two.with_zig();
    }
    one.set("CARGO_BUILD_JOBS", "1");
    two.set("CARGO_BUILD_JOBS", "2");
    one.set("LANG", "C");
    two.set("LANG", "tr_TR.UTF-8");
    two.set("TZ", "Asia/Kathmandu");
    // The tools are found by their own variables, whatever the home is.
    let home = std::env::var("HOME").unwrap();
    for (key, dir) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let place = std::env::var(key).unwrap_or_else(|_| format!("{home}/{dir}"));
        one.set(key, &place);
        two.set(key, &place);
    }
    let root = two.root().to_owned();
    two.set("HOME", root);
    // zig keeps the C libraries that it builds; they are no part of this test, and take a minute each.
    let zigs = std::env::var("ZIG_GLOBAL_CACHE_DIR").unwrap_or_else(|_| format!("{home}/.cache/zig"));
    one.set("ZIG_GLOBAL_CACHE_DIR", &zigs);
    two.set("ZIG_GLOBAL_CACHE_DIR", &zigs);
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for file in ["app/src/main.rs", "native/c/answer.c", "app/LICENSE"] {
        std::fs::File::options().write(true).open(two.path(file)).unwrap().set_modified(old).unwrap();
    }
    let (digests, programs) = release(&one, "022", args);
    let (others, _) = release(&two, "077", args);
    for (name, digest) in &digests {
        assert_eq!(Some(digest), others.get(name), "{name} differs");
    }
    assert_eq!(digests.len(), others.len());
    let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let paths =
        [one.root().parent().unwrap().to_owned(), cargo_home.into(), cache(), machine::sysroot().to_owned()];
    for (name, bytes) in &programs {
        for path in &paths {
            let path = path.as_os_str().as_encoded_bytes();
            let found = bytes.windows(path.len()).position(|w| w == path);
            let shown =
                found.map(|at| String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 200)]).into_owned());
            assert_eq!(shown, None, "{name} holds a path of this machine");
        }
        // The test would prove nothing if no path were there at all.
        for path in ["app/src/main.rs", "/generated.rs", "/cargo/registry/src/"] {
            assert!(bytes.windows(path.len()).any(|w| w == path.as_bytes()), "{name} holds no {path}");
        }
    }
}

#[test]
fn a_pure_image_for_two_platforms_is_the_same_everywhere() {
    need!("reproducible::pure", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    same(
        ["one", "a much longer name/two"],
        &[(HOST_MUSL, ""), (ARM_MUSL, "")],
        &[HOST_MUSL, ARM_MUSL],
        &["--providers", "none"],
        false,
    );
}

#[test]
fn native_programs_by_gcc_are_the_same_everywhere() {
    need!("reproducible::gcc", machine::std_for(&[ARM]), machine::programs(&["cc", "aarch64-linux-gnu-gcc"]));
    same(PLAIN, &[(HOST, ""), (ARM, "")], &[], &["--providers", "host,gnu"], false);
}

#[test]
fn a_native_image_by_zig_is_the_same_everywhere() {
    need!("reproducible::zig", machine::std_for(&[HOST_MUSL, ARM_MUSL]), machine::zig());
    let targets = [(HOST_MUSL, ""), (ARM_MUSL, "")];
    same(PLAIN, &targets, &[HOST_MUSL, ARM_MUSL], &["--providers", "zig", "--mode", "native"], true);
}

#[test]
fn a_machine_that_has_the_source_of_std_makes_the_same_program() {
    need!("reproducible::rust_src", machine::std_for(&[HOST_MUSL]));
    let one = Space::with_targets(&[HOST_MUSL]);
    let mut two = Space::with_targets(&[HOST_MUSL]);
    // A sysroot that has all of the active one, and the source: one file is what rustc knows it by.
    let sysroot = two.path("../sysroot");
    let link = |from: &Path, into: &Path, but: &str| {
        std::fs::create_dir_all(into).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
            if entry.file_name() != but {
                std::os::unix::fs::symlink(entry.path(), into.join(entry.file_name())).unwrap();
            }
        }
    };
    link(&machine::sysroot().join("lib"), &sysroot.join("lib"), "rustlib");
    link(&machine::sysroot().join("lib/rustlib"), &sysroot.join("lib/rustlib"), "src");
    two.write("../sysroot/lib/rustlib/src/rust/library/std/src/lib.rs", "");
    let rustc = machine::sysroot().join("bin/rustc");
    let text = format!("exec {} --sysroot {} \"$@\"", rustc.display(), sysroot.display());
    let rustc = two.script("../sysroot/bin/rustc", &text);
    two.set("RUSTC", rustc);
    let program = |space: &Space| {
        space.run(&["build", "--mode", "pure"]).ended(0);
        std::fs::read(space.dist(&format!("bin/{HOST_MUSL}/pure/app"))).unwrap()
    };
    let programs = [program(&one), program(&two)];
    let source = b"rustlib/src/rust";
    assert!(!programs[1].windows(source.len()).any(|w| w == source), "the source's place is in the program");
    assert!(programs[0] == programs[1], "the programs differ");
}
