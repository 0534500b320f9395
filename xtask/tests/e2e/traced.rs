//! Where the time of a build goes: a project whose costs are known by construction.

use serde_json::Value;
use xtask_test_support::need;

use crate::machine::{self, HOST, HOST_MUSL};
use crate::space::Space;

/// Works for this many seconds by the clock, whatever else the machine does.
const SPIN: &str = "fn spin(seconds: f64) {
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs_f64() < seconds { std::hint::spin_loop(); }
}
";

/// A compiler that works for two seconds before it compiles the component, in a process of its own.
fn slow_compiler(space: &mut Space) {
    let real = machine::find("cc").unwrap();
    let bin = space.path("../slow");
    let burn = "timeout 2 /bin/sh -c 'while :; do :; done'";
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" c/answer.c \"*) {burn};; esac\nexec {} \"$@\"\n",
        real.display()
    );
    space.script("../slow/cc", &script);
    space.path_first(&bin);
}

/// A program that needs a component in C (half a second of its build script, two seconds of C) and `part`, in whose rustc a
/// macro works for `rust` seconds.
fn known_costs(rust: f64) -> Space {
    let mut space = Space::with_targets(&[HOST]);
    space.parts();
    space.replace("Cargo.toml", "\"native\"]", "\"native\", \"part\", \"macros\", \"builder\"]");
    let mac = format!(
        "{SPIN}#[proc_macro]\npub fn work(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{ spin({rust:?}); \
         proc_macro::TokenStream::new() }}\n"
    );
    space.write("macros/src/lib.rs", &mac);
    space.replace(
        "part/Cargo.toml",
        "[build-dependencies]",
        "[dependencies]\nmacros = { path = \"../macros\" }\n[build-dependencies]",
    );
    space.write("part/src/lib.rs", "macros::work!();\n");
    space.replace("app/Cargo.toml", "[dependencies]\n", "[dependencies]\npart = { path = \"../part\" }\n");
    space.replace("native/build.rs", "fn main() {\n", &format!("{SPIN}fn main() {{\n    spin(0.5);\n"));
    slow_compiler(&mut space);
    space
}

/// The record of the build in trace.json.
fn traced(space: &Space, mode: &str) -> Value {
    let document: Value = serde_json::from_str(&space.read("target/dist/trace.json")).unwrap();
    let cases = document["otherData"]["cases"].as_array().unwrap().clone();
    let named = |case: &Value| case["name"].as_str().unwrap().starts_with(mode);
    cases.into_iter().find(named).unwrap_or_else(|| panic!("{document}"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Returns the seconds of a kind on the critical path, and beside it.
fn seconds(case: &Value, kind: &str) -> (f64, f64) {
    let on = number(&case["path"]["on_path"][kind]);
    (on, number(&case["work"][kind]) - on)
}

fn bench(space: &Space) -> xtask_test_support::process::Finished {
    let args = ["bench", "--samples", "1", "--cases", "cold", "--mode", "native", "--providers", "host"];
    space.run(&args).ended(0)
}

/// The sum of the parts is the whole, and CPU time is that of the system's accounts.
fn adds_up(case: &Value) {
    let whole = number(&case["seconds"]);
    let sum = |part: &Value| part.as_object().unwrap().values().map(number).sum::<f64>();
    let path = sum(&case["path"]["on_path"]) + number(&case["path"]["waiting_s"]);
    assert!((path - whole).abs() < 0.01, "{path} of {whole}: {case:#}");
    assert!((sum(&case["shares"]) - whole).abs() < 0.01, "{case:#}");
    assert!((sum(&case["targets"]) - whole).abs() < 0.01, "{case:#}");
    let (cpu, parts) = (number(&case["cpu_s"]), sum(&case["cpu"]));
    assert!((cpu - parts).abs() < 0.1 + cpu * 0.02, "{parts} of {cpu}: {case:#}");
}

#[test]
fn c_on_the_critical_path_is_told_from_rust_beside_it() {
    need!("traced::c", machine::programs(&["cc", "timeout"]));
    let space = known_costs(1.0);
    let run = bench(&space);
    let run = run.says(&["Wrote ", "trace.json (for https://ui.perfetto.dev)"]);
    let case = traced(&space, "native");
    adds_up(&case);
    let (on, beside) = seconds(&case, "c_s");
    assert!((1.7..3.5).contains(&on) && beside < 0.6, "{case:#}");
    let (on, _) = seconds(&case, "script_s");
    assert!((0.3..1.5).contains(&on), "{case:#}");
    let (_, beside) = seconds(&case, "rust_s");
    assert!(beside > 0.7, "{case:#}");
    let steps = case["path"]["steps"].as_array().unwrap();
    let runs = steps.iter().find(|step| step["work"] == "run").unwrap_or_else(|| panic!("{case:#}"));
    assert_eq!(runs["package"], "native");
    // Without its C, the macro decides.
    let (chain, without) = (number(&case["path"]["chain_s"]), number(&case["path"]["chain_without_c_s"]));
    assert!(chain > 2.5 && chain - without > 0.5 && chain <= number(&case["seconds"]) + 0.1, "{case:#}");
    assert!(run.stdout().contains("C: answer.c"), "{run}");
    let document: Value = serde_json::from_str(&space.read("target/dist/trace.json")).unwrap();
    let events = document["traceEvents"].as_array().unwrap();
    let packages: Vec<&str> = events.iter().filter_map(|event| event["args"]["package"].as_str()).collect();
    assert!(["native", "part", "app", "macros"].iter().all(|name| packages.contains(name)), "{packages:?}");
}

#[test]
fn rust_on_the_critical_path_is_told_from_c_beside_it() {
    need!("traced::rust", machine::programs(&["cc", "timeout"]));
    let space = known_costs(6.0);
    bench(&space);
    let case = traced(&space, "native");
    adds_up(&case);
    let (on, _) = seconds(&case, "rust_s");
    assert!(on > 5.7, "{case:#}");
    let (on, beside) = seconds(&case, "c_s");
    assert!(on < 0.1 && (1.7..3.5).contains(&beside), "{case:#}");
    let gained = number(&case["path"]["chain_s"]) - number(&case["path"]["chain_without_c_s"]);
    assert!(gained < 0.05, "{case:#}");
}

/// The macro works for one of the two targets only, and both need it.
#[test]
fn each_target_of_a_call_gets_its_own_share() {
    need!("traced::shares", machine::std_for(&[HOST_MUSL]), machine::programs(&["cc"]));
    let space = known_costs(3.0);
    space.targets(&[(HOST, ""), (HOST_MUSL, "")]);
    space.write("part/src/lib.rs", "#[cfg(target_env = \"musl\")]\nmacros::work!();\n");
    let run = space.run(&["release", "--mode", "pure", "--providers", "none"]).ended(0);
    assert!(run.stdout().contains("call of 2 targets, "), "{run}");
    let timings: Value = serde_json::from_str(&space.read("target/dist/timings.json")).unwrap();
    let cases = timings["cases"].as_array().unwrap();
    let share = |target: &str| {
        let case = cases.iter().find(|case| case["target"] == target).unwrap();
        number(&case["share_s"])
    };
    let (gnu, musl) = (share(HOST), share(HOST_MUSL));
    let whole = number(&cases[0]["median_s"]);
    assert!((gnu + musl - whole).abs() < 0.01 && gnu > 0.0, "{timings:#}");
    assert!(musl - gnu > 1.0, "{timings:#}");
}
