//! Examines this machine for a plan: stds, toolchains, runners and linkers for the targets of a run.

use std::collections::BTreeMap;

use crate::plan::decide::{ToolchainNeeds, plain_linker};
use crate::plan::{self, Findings, PlanRequest, StdState, StdUse, floor};
use crate::session::Session;
use crate::toolchain_lock::ToolchainLock;
use xtask_compilers::rust_std::{Choice, RustupRefusals, StdPlan, choose};
use xtask_compilers::rustc::{self, Rustc, find};
use xtask_compilers::toolchain::candidates::Wish;
use xtask_compilers::toolchain::libraries::TargetLibraries;
use xtask_compilers::toolchain::probe::{ProbeSetting, ProbeStd};
use xtask_compilers::toolchain::providers::host::driver;
use xtask_compilers::toolchain::survey::{Depth, SurveyInput, SurveyPaths, runners, survey};
use xtask_compilers::toolchain::zig;
use xtask_config::cargo_config::{UserPlaces, UserSettings, user_settings};
use xtask_config::{Config, Need, Target};
use xtask_files::error::Result;
use xtask_process::cache;
use xtask_setup as setup;
use xtask_triple::{Triple, system};

/// The result of examining this machine.
#[derive(Debug)]
pub struct Discovery {
    /// The findings from which the plan is made.
    pub findings: Findings,
    /// The lock of the workspace's toolchains, if there is one.
    pub lock: Option<ToolchainLock>,
}

/// Examines the machine. Nothing is fetched or built; unknown toolchains are probed.
///
/// # Errors
/// The lock of toolchains cannot be read.
pub fn look(session: &Session, config: &Config, request: &PlanRequest, depth: Depth) -> Result<Discovery> {
    let lock = ToolchainLock::load(&session.toolchain_lock())?;
    let targets = plan::targets(config, &request.targets);
    let triples: Vec<Triple> = targets.iter().map(|t| t.triple.clone()).collect();
    let (rustcs, stds) = stds(session, config, &triples);
    for line in &stds.announced {
        session.ui.step("Note", line);
    }
    let states: BTreeMap<Triple, StdState> =
        stds.choices.iter().map(|(t, choice)| (t.clone(), state(t, choice, session))).collect();
    let runners = runners(&triples, &session.host);
    let private = setup::zig::program(&session.cache);
    let zigs = zig::find(&session.host, private.as_deref());
    let used = stds.choices.values().find_map(Choice::rustc).unwrap_or(&session.rustc);
    let rust_lld = rustc::lld(used, &rustcs, &session.host);
    let host_cc = driver(&session.host);
    let floors: BTreeMap<&Triple, Option<String>> = targets.iter().map(|t| (&t.triple, floor(t))).collect();
    let user = user(session, &targets, &stds);
    let questions: BTreeMap<Triple, SurveyInput> = targets
        .iter()
        .filter_map(|target| {
            let is_host = target.triple == session.host.triple;
            let own_cc = host_cc.as_deref().filter(|_| is_host && target.glibc.is_none());
            let links = plain_linker(&target.triple, states.get(&target.triple), rust_lld.as_deref(), own_cc);
            let links = links.or_else(|| user[&target.triple].linker.as_ref()?.linker.clone());
            let mut needs = ToolchainNeeds::of(config, request, target, links.is_some());
            needs.cxx |=
                depth == Depth::All && config.modes.iter().any(|mode| mode.needs.contains(&Need::Cxx));
            let system = system::of(&target.triple);
            needs.cxx &= system.without_cxx.is_none();
            if !needs.c && depth != Depth::All {
                return None;
            }
            let std = match states.get(&target.triple) {
                Some(StdState::Ready(std)) => {
                    Some(ProbeStd { rustc: &std.rustc, sysroot: std.sysroot.as_deref() })
                }
                _ => None,
            };
            let glibc = floors.get(&target.triple).and_then(|f| f.as_deref());
            let runner = &runners[&target.triple];
            let rust_lld = rust_lld.as_deref().filter(|_| system.std_links);
            let setting =
                ProbeSetting { target: &target.triple, std, rust_lld, runner, cxx: needs.cxx, glibc };
            let wish = wish(target, config, request, lock.as_ref());
            Some((target.triple.clone(), SurveyInput { setting, wish }))
        })
        .collect();
    let places = SurveyPaths {
        cache: &session.cache,
        wrappers: session.work().join("toolchains"),
        this: &session.this,
        zigs: &zigs,
    };
    let surveys = survey(&questions, &session.host, &places, depth, &session.ui);
    let libraries = |target: &Target| TargetLibraries::of(&target.triple, target.sysroot.as_deref());
    let obtainable = |triple: &Triple| setup::obtainable(triple, &session.host, &session.cache);
    let findings = Findings {
        host: session.host.triple.clone(),
        surveys,
        obtainable: triples.iter().map(|triple| (triple.clone(), obtainable(triple))).collect(),
        rust_lld,
        host_cc,
        stds: states,
        runners: runners.clone(),
        libraries: targets.iter().map(|target| (target.triple.clone(), libraries(target))).collect(),
        user,
        absent_wrapper: session.absent_wrapper(),
    };
    Ok(Discovery { findings, lock })
}

/// Returns the user's settings for each target.
fn user(session: &Session, targets: &[Target], stds: &StdPlan) -> BTreeMap<Triple, UserSettings> {
    let places = UserPlaces {
        configuration: &session.workspace.configuration,
        host: &session.host,
        start: &session.workspace.root,
        cache: &session.cache,
    };
    let of_target = |target: &Target| {
        let rustc = stds.choices.get(&target.triple).and_then(Choice::rustc).unwrap_or(&session.rustc);
        (target.triple.clone(), user_settings(target, rustc, places))
    };
    targets.iter().map(of_target).collect()
}

/// Returns the rustcs that were examined, and their stds. If the active rustc is enough, only that one is
/// examined.
pub fn stds(session: &Session, config: &Config, targets: &[Triple]) -> (Vec<Rustc>, StdPlan) {
    let refused =
        RustupRefusals { rustup: session.host.program("rustup").is_some(), ..RustupRefusals::default() };
    let mut rustcs = vec![session.rustc.clone()];
    let plan = choose(&rustcs, targets, &session.cache, &refused);
    if plan.choices.values().all(|c| matches!(c, Choice::Ready { .. })) {
        return (rustcs, plan);
    }
    let at_least = session.package(config).ok().and_then(|p| p.rust_version.as_ref());
    let at_least = at_least.and_then(|v| rustc::Version::parse(&v.to_string()));
    let root = &session.workspace.root;
    let others = find::others(&session.rustc, &session.host, root, at_least.as_ref(), &session.cache);
    rustcs.extend(others.rustcs);
    let plan = choose(&rustcs, targets, &session.cache, &refused);
    (rustcs, plan)
}

fn state(target: &Triple, choice: &Choice, session: &Session) -> StdState {
    match choice {
        Choice::Ready { rustc, std } => StdState::Ready(StdUse {
            provider: std.provider(),
            rustc: rustc.program.clone(),
            version: rustc.version.to_string(),
            identity: cache::short_hash(&rustc.identity, 16),
            libraries: rustc::libraries(std.sysroot.as_deref().unwrap_or(&rustc.sysroot), target),
            sysroot: std.sysroot.clone(),
            source: (
                rustc.sysroot.join("lib").join("rustlib").join("src").join("rust"),
                // rustc writes this path itself if the source is not installed.
                format!("/rustc/{}", rustc.commit.as_deref().unwrap_or(&rustc.version.to_string())),
            ),
            self_contained: std.self_contained,
        }),
        Choice::Setup { rustc, way } => StdState::Obtainable(format!(
            "`cargo xtask setup {target}` can install it ({}, rustc {})",
            way.provider(),
            rustc.version
        )),
        Choice::Absent { tried } => match session.host.program("apt-get").is_some() {
            true => StdState::Obtainable(format!(
                "`cargo xtask setup {target}` can install a rustc that brings its source"
            )),
            false => StdState::Absent(format!("no std for {target}: {}", tried.join("; "))),
        },
    }
}

fn wish(target: &Target, config: &Config, request: &PlanRequest, lock: Option<&ToolchainLock>) -> Wish {
    Wish {
        cc: target.cc.clone(),
        providers: request.providers.clone(),
        glibc: floor(target),
        locked: lock.and_then(|lock| lock.provider(&target.triple, &config.providers)),
        own: config.providers.clone(),
    }
}
