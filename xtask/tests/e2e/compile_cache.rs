//! sccache with Redis behind it: what one machine compiled, another one takes, and nothing else changes.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask_process::exec::Cmd;
use xtask_test_support::folder;
use xtask_test_support::need;
use xtask_test_support::process::run;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// A Redis on this machine with nothing in it. Dropping it ends it.
struct Redis {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        #[expect(clippy::disallowed_methods, reason = "a child that lives as long as the test")]
        let mut command = std::process::Command::new(machine::find("redis-server").unwrap());
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
        ]);
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let redis = Self { child: command.spawn().unwrap(), port, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "Redis does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A machine: a workspace with a server of sccache, which ends with it.
struct CachedMachine {
    space: Space,
}

impl Drop for CachedMachine {
    fn drop(&mut self) {
        let _ = self.sccache("--stop-server").capture(Duration::from_secs(60));
    }
}

impl CachedMachine {
    /// The usual project in a folder of this name, with C by the crate `cc`, and a dependency in Rust.
    fn new(folder: &str, redis: &Redis) -> Self {
        let mut space = project(folder);
        space.set("RUSTC_WRAPPER", machine::sccache().unwrap());
        space.set("SCCACHE_REDIS_ENDPOINT", format!("redis://127.0.0.1:{}", redis.port));
        space.set("SCCACHE_SERVER_PORT", free_port().to_string());
        Self { space }
    }

    fn sccache(&self, arg: &str) -> Cmd {
        self.space.cmd(machine::sccache().unwrap().to_str().unwrap()).arg(arg)
    }

    /// A compiler behind the cache.
    fn sccache_of(&self, compiler: &Path, args: &[&str]) -> Cmd {
        let compiler = compiler.to_str().unwrap();
        self.sccache(compiler).args(args)
    }

    /// What the server took from the cache: compilations of Rust, and of C.
    fn hits(&self) -> (u64, u64) {
        let stats = run(&self.sccache("--show-stats").args(["--stats-format", "json"]));
        let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
        let hits = &stats["stats"]["cache_hits"]["counts"];
        (hits["Rust"].as_u64().unwrap_or(0), hits["C/C++"].as_u64().unwrap_or(0))
    }
}

fn project(folder: &str) -> Space {
    let mut space = Space::at(folder);
    space.with_zig();
    space.use_cc_crate();
    space.replace("app/Cargo.toml", "[dependencies]\n", "[dependencies]\nitoa = \"1\"\n");
    space.replace(
        "app/src/main.rs",
        "fn main() {\n",
        "fn main() {\n    let _ = itoa::Buffer::new().format(1);\n",
    );
    // The second toolchain is zig, whatever else this machine has.
    space.targets(&[(HOST, ""), (HOST_MUSL, "cc = \"zig\"")]);
    space
}

fn programs(space: &Space) -> Vec<(String, Vec<u8>)> {
    folder::files(&space.path("target/dist/bin")).into_iter().collect()
}

fn needs() -> Result<(), String> {
    machine::sccache()?;
    machine::zig()?;
    machine::programs(&["redis-server", "cc"])?;
    machine::std_for(&[HOST, HOST_MUSL])
}

#[test]
fn a_second_clone_in_another_folder_takes_what_the_first_compiled() {
    need!("compile_cache::second", needs());
    let redis = Redis::start();
    let without = project("without");
    without.run(&["verify", "--mode", "native"]).ended(0).never_says(&["sccache"]);
    let one = CachedMachine::new("one", &redis);
    let plan = one.space.run(&["plan", "--mode", "native"]).ended(0).stdout();
    assert!(plan.contains("sccache (RUSTC_WRAPPER), for Rust and C"), "{plan}");
    let plan = one.space.run(&["plan", "--json", "--mode", "pure"]).ended(0).json();
    assert_eq!(plan["compile_cache"]["of"], serde_json::json!([]), "{plan:#}");
    one.space.run(&["verify", "--mode", "native"]).ended(0).says(&["had 0 of "]);
    let two = CachedMachine::new("elsewhere/two", &redis);
    two.space.run(&["verify", "--mode", "native"]).ended(0).says(&["Cache", " compilations"]);
    // `itoa` for both targets and what the crate `cc` is made of; the component by gcc and by zig.
    let (rust, c) = two.hits();
    assert!(rust >= 4 && c == 2, "hits: {rust} of Rust, {c} of C");
    assert_eq!(programs(&one.space), programs(&without));
    assert_eq!(programs(&two.space), programs(&without));
    // A second build, by which programs are compared, takes nothing from the cache.
    two.space.run(&["verify", "--rebuild", "--mode", "native"]).ended(0).says(&["Reproduced"]);
    assert_eq!(two.hits(), (rust, c));
}

#[test]
fn no_c_compiler_is_reached_through_the_cache_in_a_pure_build() {
    need!("compile_cache::pure", needs(), machine::mounts());
    let redis = Redis::start();
    let mut one = CachedMachine::new("one", &redis);
    // One that Cargo is told to start, and one that is found by its name.
    let sccache = machine::sccache().unwrap();
    let other = one.space.path("tools/sccache");
    std::fs::create_dir(one.space.path("tools")).unwrap();
    std::fs::copy(&sccache, &other).unwrap();
    one.space.path_first(other.parent().unwrap());
    // What the cache has of C must not come out of it either.
    let [cc, bare] = [machine::find("cc").unwrap(), machine::find("gcc").unwrap()];
    one.space.write("app/x.c", "int x;\n");
    run(&one.sccache_of(&cc, &["-c", "app/x.c", "-o", "x.o"]));
    let script = format!(
        "use std::process::Command;
         fn main() {{
            let out = std::env::var(\"OUT_DIR\").unwrap() + \"/x.o\";
            assert_eq!(std::env::var(\"RUSTC_WRAPPER\").unwrap(), \"\");
            for cache in [\"sccache\", {sccache:?}, {other:?}] {{
                for cc in [\"cc\", {cc:?}, {bare:?}] {{
                    let status = Command::new(cache).args([cc, \"-c\", \"x.c\", \"-o\", &out]).status().unwrap();
                    assert!(!status.success() && !std::path::Path::new(&out).exists(), \"{{cache}} {{cc}}\");
                }}
            }}
         }}"
    );
    one.space.write("app/build.rs", &script);
    one.space.targets(&[(HOST_MUSL, "")]);
    let verified = one.space.run(&["verify", "--json", "--mode", "pure"]).ended(0);
    let report = verified.says(&["app 1.2.3 called a C compiler 9 times, was refused"]).json();
    assert_eq!(report["jobs"][0]["purity"], "proven");
}

/// rustc in the server of sccache would run macros outside of the masks, and none of a crate that the server has.
#[test]
fn a_macro_of_a_pure_build_meets_a_mask_and_is_run() {
    need!("compile_cache::macro", needs(), machine::mounts());
    let redis = Redis::start();
    let one = CachedMachine::new("one", &redis);
    let (cc, made) = (machine::find("gcc").unwrap(), one.space.path("made.o"));
    one.space.write("app/x.c", "int x;\n");
    one.space.write("macros/Cargo.toml", &(manifest("macros") + "[lib]\nproc-macro = true\n"));
    one.space.write(
        "macros/src/lib.rs",
        &format!(
            "#[proc_macro]
             pub fn work(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{
                let args = [\"-c\", {:?}, \"-o\", {made:?}];
                let _ = std::process::Command::new({cc:?}).args(args).status();
                proc_macro::TokenStream::new()
             }}",
            one.space.path("app/x.c")
        ),
    );
    one.space.write(
        "part/Cargo.toml",
        &(manifest("part") + "[dependencies]\nmacros = { path = \"../macros\" }\n"),
    );
    one.space.write("part/src/lib.rs", "macros::work!();\n");
    let part = "[dependencies]\npart = { path = \"../part\" }\n";
    one.space.replace("app/Cargo.toml", "[dependencies]\n", part);
    one.space.targets(&[(HOST_MUSL, "cc = \"zig\"")]);
    one.space.run(&["verify", "--mode", "native"]).ended(0);
    std::fs::remove_file(&made).expect("the macro compiles C where it may");
    let hits = one.hits();
    let pure = one.space.run(&["verify", "--mode", "pure"]).never_says(&["Cache"]);
    assert!(!made.exists(), "C was compiled: {pure}");
    pure.ended(0).says(&["part 0.5.0 called a C compiler once, was refused"]);
    assert_eq!(one.hits(), hits);
}

fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.5.0\"\nedition = \"2024\"\n")
}

#[test]
fn a_build_ends_without_a_store_that_is_down() {
    need!("compile_cache::down", needs());
    let redis = Redis::start();
    let one = CachedMachine::new("one", &redis);
    one.space.targets(&[(HOST, "")]);
    one.space.run(&["verify", "--mode", "native"]).ended(0).never_says(&["warning"]);
    let expected = programs(&one.space);
    drop(redis);
    run(&one.sccache("--stop-server"));
    std::fs::remove_dir_all(one.space.path("target")).unwrap();
    let built = one.space.run(&["verify", "--mode", "native"]).ended(0);
    built.says(&["does not answer, so this build uses no compile cache", "help: start what it stores into"]);
    assert_eq!(programs(&one.space), expected);
}

/// Once the store is thought to be away, what Cargo calls goes past sccache.
#[test]
fn a_build_does_not_wait_for_each_file_where_a_store_went_away() {
    need!("compile_cache::stalled", needs());
    let redis = Redis::start();
    let one = CachedMachine::new("one", &redis);
    one.space.targets(&[(HOST, "")]);
    one.space.run(&["verify", "--mode", "native"]).ended(0);
    let front = one.space.path("target/xtask/compile-cache/any/sccache");
    let stalled = one.space.path("target/xtask/compile-cache/stalled");
    let call = || {
        let call = one.space.cmd(front.to_str().unwrap()).args(["sh", "-c", "echo past"]);
        call.env("XTASK_CACHE_STALLED", &stalled).capture(Duration::from_secs(60)).unwrap()
    };
    assert!(!call().ok(), "sh is no compiler");
    std::fs::write(&stalled, "").unwrap();
    assert_eq!(call().text(), "past");
    // The next run tries again.
    one.space.run(&["verify", "--mode", "native"]).ended(0);
    assert!(!stalled.exists());
}
