//! What is found, and which jobs come of it.

use xtask::plan::{Findings, Lack, Mend, ModeRequest, Plan, PlanRequest, StdState, plan};
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::{Candidate, Link, Provider};
use xtask_config::{CcChoice, Config, GlibcVersion, ModeChoice, Need, Target};
use xtask_files::error::ExitKind;
use xtask_test_support::golden;

use crate::support::{
    ARM_GNU, ARM_MUSL, GNU, MUSL, config, findings, mode, ready, surveyed, toolchain, triple,
};

fn for_target(text: &str) -> PlanRequest {
    PlanRequest { targets: vec![triple(text)], ..PlanRequest::default() }
}

fn asking(text: &str, mode: ModeRequest) -> PlanRequest {
    PlanRequest { mode: Some(mode), ..for_target(text) }
}

fn named(name: &str) -> ModeRequest {
    ModeRequest::Named(name.into())
}

/// One line a job: mode, what was asked for, the fallback's reason, linker, and `waits` where it cannot be built.
fn lines(plan: &Plan) -> Vec<String> {
    let jobs = plan.jobs.iter().map(|j| {
        let fallback =
            j.fallback.as_ref().map_or(String::new(), |f| format!(" for {}: {}", f.from, f.reason));
        let waits = if j.buildable() { "" } else { " waits" };
        let linker = j.linker.as_ref().map_or("nothing", |l| l.name());
        format!("{} ({}{fallback}) by {linker}{waits}", j.mode.name, j.requested)
    });
    let skipped = plan.skipped.iter().map(|s| format!("{} skipped", s.target));
    jobs.chain(skipped).collect()
}

fn planned(config: &Config, findings: &Findings, request: &PlanRequest) -> Vec<String> {
    lines(&plan(config, findings, request).unwrap())
}

fn without_c(target: &str) -> Findings {
    let mut findings = findings();
    findings.surveys.insert(triple(target), surveyed(None));
    findings
}

/// A survey in which a person's own compiler was tried and is broken.
fn broken_by_name(target: &str) -> Findings {
    let mut findings = without_c(target);
    let candidate = Candidate {
        provider: Provider::Env,
        origin: "TARGET_CC=/bin/false".into(),
        cc: vec!["/bin/false".into()],
        cxx: None,
        ar: None,
        ranlib: None,
        linker: None,
        workers: Vec::new(),
        link: Link::Driver,
        absent: None,
    };
    let said = Verdict::Broken { step: "compile".into(), said: "nothing".into(), command: String::new() };
    findings.surveys.get_mut(&triple(target)).unwrap().tried.push((candidate, said));
    findings
}

#[test]
fn auto_takes_the_first_mode_whose_needs_are_met() {
    let config = config();
    assert_eq!(planned(&config, &findings(), &for_target(GNU)), ["native (auto) by driver"]);
    assert_eq!(planned(&config, &findings(), &for_target(ARM_MUSL)), ["native (auto) by zig"]);
    let fallback = ["pure (auto for native: no-c-toolchain) by rust-lld"];
    assert_eq!(planned(&config, &without_c(ARM_MUSL), &for_target(ARM_MUSL)), fallback);
    let fallback = ["pure (auto for native: no-c-toolchain) by driver"];
    assert_eq!(planned(&config, &without_c(GNU), &for_target(GNU)), fallback, "the host's driver links");
    // Where pure is preferred, it is no fallback, whatever C there is.
    let mut config = config.clone();
    config.modes.reverse();
    assert_eq!(planned(&config, &findings(), &for_target(ARM_MUSL)), ["pure (auto) by rust-lld"]);
}

#[test]
fn a_fallback_tells_what_was_tried() {
    let plan = plan(&config(), &broken_by_name(ARM_MUSL), &for_target(ARM_MUSL)).unwrap();
    let fallback = plan.jobs[0].fallback.as_ref().unwrap();
    assert_eq!(fallback.tried, ["env: TARGET_CC=/bin/false: broken at compile: nothing"]);
    assert!(plan.jobs[0].toolchain.is_none(), "a pure job has no C toolchain");
}

#[test]
fn a_mode_asked_for_by_name_never_falls_back() {
    let request = asking(ARM_MUSL, named("native"));
    assert_eq!(planned(&config(), &without_c(ARM_MUSL), &request), ["native (native) by nothing waits"]);
    assert_eq!(planned(&config(), &broken_by_name(ARM_MUSL), &request), [format!("{ARM_MUSL} skipped")]);
    // As well in targets.toml; the command line wins over it.
    let mut config = config();
    config.targets[3].mode = ModeChoice::Named("native".into());
    let f = without_c(ARM_MUSL);
    assert_eq!(planned(&config, &f, &for_target(ARM_MUSL)), ["native (native) by nothing waits"]);
    assert_eq!(planned(&config, &f, &asking(ARM_MUSL, named("pure"))), ["pure (pure) by rust-lld"]);
    let auto = planned(&config, &f, &asking(ARM_MUSL, ModeRequest::Auto));
    assert_eq!(auto, ["pure (auto for native: no-c-toolchain) by rust-lld"]);
}

#[test]
fn all_is_every_mode_by_name() {
    let all = asking(ARM_MUSL, ModeRequest::All);
    let both = ["native (native) by zig", "pure (pure) by rust-lld"];
    assert_eq!(planned(&config(), &findings(), &all), both);
    let both = ["native (native) by nothing waits", "pure (pure) by rust-lld"];
    assert_eq!(planned(&config(), &without_c(ARM_MUSL), &all), both);
    // One that nothing can mend does not take the other with it.
    assert_eq!(planned(&config(), &broken_by_name(ARM_MUSL), &all), ["pure (pure) by rust-lld"]);
}

#[test]
fn cxx_is_a_need_of_its_own() {
    let mut config = config();
    config.modes[0] = mode("native", &[Need::C, Need::Cxx]);
    assert_eq!(planned(&config, &findings(), &for_target(ARM_MUSL)), ["native (auto) by zig"]);
    let fallback = ["pure (auto for native: no-c++-toolchain) by driver"];
    assert_eq!(planned(&config, &findings(), &for_target(GNU)), fallback, "that gcc has no g++");
    let by_name = asking(GNU, named("native"));
    assert_eq!(
        planned(&config, &findings(), &by_name),
        ["native (native) by driver waits"],
        "zig could be got"
    );
    let limited = PlanRequest { providers: Some(vec![Provider::Host]), ..by_name };
    assert_eq!(planned(&config, &findings(), &limited), [format!("{GNU} skipped")]);
    let fallback = ["pure (auto for native: no-c-toolchain) by rust-lld"];
    assert_eq!(planned(&config, &without_c(MUSL), &for_target(MUSL)), fallback, "no C at all is said so");
}

#[test]
fn setup_is_promised_only_where_it_could_help() {
    let request = |providers: &[Provider]| PlanRequest {
        providers: Some(providers.into()),
        ..asking(ARM_GNU, named("native"))
    };
    let f = without_c(ARM_GNU);
    assert_eq!(planned(&config(), &f, &request(&[Provider::Zig])), ["native (native) by nothing waits"]);
    for providers in [&[][..], &[Provider::Gnu]] {
        let plan = plan(&config(), &f, &request(providers)).unwrap();
        assert!(plan.skipped[0].reason.contains("--providers excludes"), "{}", plan.skipped[0].reason);
    }
    let mut config = config();
    config.targets[2].cc = Some(CcChoice::Provider(Provider::Gnu));
    let plan = plan(&config, &f, &asking(ARM_GNU, named("native"))).unwrap();
    assert!(plan.skipped[0].reason.contains("cc = \"gnu\" in targets.toml"), "{}", plan.skipped[0].reason);
}

#[test]
fn a_std_that_can_be_had_makes_a_job_wait_and_one_that_cannot_skips_it() {
    let mut f = findings();
    f.stds.insert(triple(ARM_MUSL), StdState::Obtainable("by magic".into()));
    let plan_of = |f: &Findings| plan(&config(), f, &for_target(ARM_MUSL)).unwrap();
    let job = &plan_of(&f).jobs[0];
    assert_eq!((job.buildable(), job.std.is_none()), (false, true));
    assert_eq!(job.lacks, [Lack::of_setup(format!("Rust's std for {ARM_MUSL}: by magic"))]);
    f.stds.insert(triple(ARM_MUSL), StdState::Absent("nobody has it".into()));
    assert_eq!(plan_of(&f).skipped[0].reason, "nobody has it");
    f.stds.remove(&triple(ARM_MUSL));
    assert_eq!(plan_of(&f).skipped.len(), 1, "nothing known is nothing promised");
}

/// A survey in which zig could not be probed, and a toolchain behind it was not tried.
fn unprobed(findings: &mut Findings, target: &str) {
    let survey = findings.surveys.get_mut(&triple(target)).unwrap();
    survey.chosen = survey.chosen.take().filter(|chosen| chosen.cxx.is_none());
    let zig = Candidate {
        provider: Provider::Zig,
        origin: "zig on PATH".into(),
        cc: vec!["/z/zig".into(), "cc".into()],
        cxx: None,
        ar: None,
        ranlib: None,
        linker: None,
        workers: Vec::new(),
        link: Link::Zig,
        absent: None,
    };
    let verdict = Verdict::Unprobed {
        step: "link".into(),
        fault: "a file system has no space left".into(),
        help: "free some space".into(),
        said: String::new(),
        command: String::new(),
    };
    survey.tried.push((zig, verdict));
}

/// What the machine is to blame for is no reason to build something else.
#[test]
fn a_toolchain_that_could_not_be_probed_is_waited_for() {
    let mut f = findings();
    unprobed(&mut f, ARM_MUSL);
    for mode in [None, Some(named("native"))] {
        let request = PlanRequest { mode, ..for_target(ARM_MUSL) };
        let plan = plan(&config(), &f, &request).unwrap();
        let job = &plan.jobs[0];
        assert_eq!((&*job.mode.name, &job.fallback, job.buildable()), ("native", &None, false));
        assert_eq!(job.lacks[0].mend, Mend::Machine("free some space".into()));
        let error = plan.incomplete().unwrap();
        assert_eq!((error.kind, &error.help), (ExitKind::Missing, &vec!["free some space".to_owned()]));
        let what = "zig on PATH could not be probed: a file system has no space left";
        assert!(error.found[0].ends_with(what), "{error}");
    }
    // Nothing that needs it is touched.
    assert_eq!(planned(&config(), &f, &asking(ARM_MUSL, named("pure"))), ["pure (pure) by rust-lld"]);
    // A C compiler is there, and only C++ was left open.
    let mut f = findings();
    unprobed(&mut f, GNU);
    assert_eq!(planned(&config(), &f, &for_target(GNU)), ["native (auto) by driver"]);
    let mut config = config();
    config.modes.insert(0, mode("full", &[Need::C, Need::Cxx]));
    assert_eq!(planned(&config, &f, &for_target(GNU)), ["full (auto) by driver waits"]);
}

/// Where setup has nothing to install any more, nobody is sent there.
#[test]
fn a_toolchain_that_is_broken_is_no_work_for_setup() {
    let mut f = broken_by_name(ARM_MUSL);
    f.surveys.get_mut(&triple(ARM_MUSL)).unwrap().tried[0].0.provider = Provider::Zig;
    let waits = planned(&config(), &f, &asking(ARM_MUSL, named("native")));
    assert_eq!(waits, ["native (native) by nothing waits"], "another zig could be had");
    f.obtainable.clear();
    let plan = plan(&config(), &f, &asking(ARM_MUSL, named("native"))).unwrap();
    assert!(plan.skipped[0].reason.contains("is broken, see `cargo xtask explain"), "{:?}", plan.skipped);
    assert!(!plan.incomplete().unwrap().to_string().contains("xtask setup"));
}

#[test]
fn what_links_a_pure_program() {
    let pure = |f: &Findings, t: &str| planned(&config(), f, &asking(t, named("pure"))).remove(0);
    let cases = [(GNU, "driver"), (MUSL, "rust-lld"), (ARM_GNU, "zig"), (ARM_MUSL, "rust-lld")];
    for (target, linker) in cases {
        assert_eq!(pure(&findings(), target), format!("pure (pure) by {linker}"), "{target}");
    }
    // No provider: the host's driver still links for the host, rust-lld for musl, nothing for a foreign glibc.
    let mut none = findings();
    none.surveys.values_mut().for_each(|s| *s = surveyed(None));
    let request = |t| PlanRequest { providers: Some(Vec::new()), ..asking(t, named("pure")) };
    assert_eq!(planned(&config(), &none, &request(GNU)), ["pure (pure) by driver"]);
    assert_eq!(planned(&config(), &none, &request(ARM_MUSL)), ["pure (pure) by rust-lld"]);
    assert_eq!(planned(&config(), &none, &request(ARM_GNU)), [format!("{ARM_GNU} skipped")]);
    // rust-lld needs the start files in the std.
    let StdState::Ready(mut std) = ready() else { unreachable!() };
    std.self_contained = false;
    let mut f = findings();
    f.stds.insert(triple(ARM_MUSL), StdState::Ready(std));
    assert_eq!(pure(&f, ARM_MUSL), "pure (pure) by zig");
    let mut f = findings();
    f.rust_lld = None;
    assert_eq!(pure(&f, ARM_MUSL), "pure (pure) by zig");
}

/// The host's driver links against the glibc of this machine alone.
#[test]
fn a_floor_is_kept_by_a_toolchain() {
    let mut config = config();
    let at = config.targets.iter().position(|target| target.triple == triple(GNU)).unwrap();
    config.targets[at].glibc = GlibcVersion::parse("2.17");
    let request = asking(GNU, named("pure"));
    let mut f = findings();
    f.surveys.insert(triple(GNU), surveyed(Some(toolchain(Provider::Zig))));
    assert_eq!(planned(&config, &f, &request), ["pure (pure) by zig"]);
    f.surveys.insert(triple(GNU), surveyed(None));
    assert_eq!(planned(&config, &f, &request), ["pure (pure) by driver"], "the gate judges the program");
    config.targets[at].cc = Some(CcChoice::Provider(Provider::Zig));
    assert_eq!(planned(&config, &f, &request), ["pure (pure) by nothing waits"]);

    let mut f = broken_by_name(GNU);
    f.surveys.get_mut(&triple(GNU)).unwrap().tried[0].0.provider = Provider::Host;
    config.targets[at].cc = None;
    let Verdict::Broken { said, .. } = &mut f.surveys.get_mut(&triple(GNU)).unwrap().tried[0].1 else {
        panic!("not broken")
    };
    *said = "#error \"this toolchain's glibc is newer than the floor\"".into();
    f.obtainable.clear();
    let plan = plan(&config, &f, &asking(GNU, named("native"))).unwrap();
    assert!(plan.skipped[0].reason.contains("is newer than 2.17, which `glibc`"), "{:?}", plan.skipped);
}

#[test]
fn a_list_that_programs_cannot_carry_skips_their_target() {
    let mut config = config();
    for target in ["x86_64-pc-windows-gnu", "aarch64-apple-darwin", "wasm32-wasip1"] {
        let words = |config: &Config| {
            let plan = plan(config, &findings(), &for_target(target)).unwrap();
            plan.skipped.iter().map(|skipped| skipped.reason.clone()).collect::<Vec<_>>().join(" ")
        };
        config.app.auditable = false;
        assert!(!words(&config).contains("auditable"), "{target}");
        config.app.auditable = true;
        assert_eq!(words(&config).contains("remove `auditable`"), target != "wasm32-wasip1", "{target}");
    }
}

#[test]
fn targets_of_a_run() {
    let all = plan(&config(), &findings(), &PlanRequest::default()).unwrap();
    let order: Vec<&str> = all.jobs.iter().map(|j| j.target.triple.as_str()).collect();
    assert_eq!(order, [GNU, MUSL, ARM_GNU, ARM_MUSL], "as in targets.toml");
    // As asked for, each once; one that is not listed has the defaults and goes into no image.
    let mut f = findings();
    let riscv = triple("riscv64gc-unknown-linux-musl");
    f.surveys.insert(riscv.clone(), surveyed(Some(toolchain(Provider::Zig))));
    f.stds.insert(riscv.clone(), ready());
    let request =
        PlanRequest { targets: vec![riscv.clone(), triple(MUSL), riscv.clone()], ..PlanRequest::default() };
    let some = plan(&config(), &f, &request).unwrap();
    assert_eq!(some.jobs.len(), 2);
    assert_eq!(some.jobs[0].target, Target::with_defaults(riscv));
    assert_eq!((some.jobs[0].images.len(), &*some.jobs[1].images), (0, &["app".to_owned()][..]));
    // What this program cannot build yet is said, not guessed.
    let windows = planned(&config(), &f, &for_target("x86_64-pc-windows-msvc"));
    assert_eq!(windows, ["x86_64-pc-windows-msvc skipped"]);
}

#[test]
fn a_mode_that_is_not_there() {
    let error = plan(&config(), &findings(), &asking(GNU, named("nativ"))).unwrap_err();
    assert_eq!((error.kind, &*error.found[0]), (ExitKind::Usage, "the modes are native, pure"));
}

#[test]
fn json_has_the_keys_of_the_contract() {
    let mut f = broken_by_name(ARM_MUSL);
    f.stds.insert(triple(ARM_GNU), StdState::Obtainable("by magic".into()));
    f.stds.insert(triple(MUSL), StdState::Absent("nobody has it".into()));
    let runner = Runner::Qemu { program: "/usr/bin/qemu-aarch64".into(), sysroot: None };
    f.runners.insert(triple(ARM_MUSL), runner);
    f.runners.insert(triple(ARM_GNU), Runner::None { reason: "no qemu".into() });
    let plan = plan(&config(), &f, &PlanRequest::default()).unwrap();
    golden!("core/plan.json", &format!("{}\n", plan.json(&[], None)));
}
