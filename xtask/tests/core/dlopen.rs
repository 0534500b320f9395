//! A mode that loads shared libraries when its program runs, and targets whose programs cannot.

use std::collections::BTreeMap;

use xtask::plan::{Findings, ModeRequest, Plan, PlanRequest, plan};
use xtask_compilers::rustflags::is_static;
use xtask_config::{Config, ModeChoice, Need};
use xtask_files::error::ExitKind;
use xtask_test_support::golden;

use crate::support::{ARM_MUSL, GNU, MUSL, config, findings, mode, surveyed, triple, user};

/// `plugins` loads shared libraries and compiles no C; `pure` needs nothing.
fn plugins() -> Config {
    let mut config = config();
    config.modes[0] = mode("plugins", &[Need::Dlopen]);
    config
}

fn request(target: &str, mode: Option<&str>) -> PlanRequest {
    let mode = mode.map(|name| ModeRequest::Named(name.into()));
    PlanRequest { targets: vec![triple(target)], mode, ..PlanRequest::default() }
}

fn planned(config: &Config, findings: &Findings, target: &str, mode: Option<&str>) -> Plan {
    plan(config, findings, &request(target, mode)).unwrap()
}

#[test]
fn it_is_met_where_programs_are_dynamically_linked() {
    let job = planned(&plugins(), &findings(), GNU, None).jobs.remove(0);
    assert_eq!((job.mode.name.as_str(), &job.fallback), ("plugins", &None));
    // No C compiler is among its needs: it is built with traps, and on a machine without any.
    assert!(job.pure() && job.toolchain.is_none());
    let mut none = findings();
    none.surveys.insert(triple(GNU), surveyed(None));
    assert!(planned(&plugins(), &none, GNU, None).jobs[0].buildable());
}

#[test]
fn it_falls_back_where_programs_are_static_and_says_why() {
    let plan = planned(&plugins(), &findings(), MUSL, None);
    let job = &plan.jobs[0];
    let fallback = job.fallback.as_ref().unwrap();
    assert_eq!((job.mode.name.as_str(), fallback.reason), ("pure", "no-dlopen"));
    let why =
        format!("dlopen: programs for {MUSL} are static, and a static program cannot load shared libraries");
    assert_eq!(fallback.tried, [why]);
    // What no toolchain mends is not promised to be mended by one.
    let error = plan.check_fallbacks(true).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    golden!("core/no-dlopen.txt", &format!("{error}\n"));
}

/// By name it is that mode or nothing, and setup is not offered: nothing that it could get would help.
#[test]
fn asked_for_by_name_it_is_refused() {
    let mut by_file = plugins();
    by_file.targets[1].mode = ModeChoice::Named("plugins".into());
    for plan in
        [planned(&plugins(), &findings(), MUSL, Some("plugins")), planned(&by_file, &findings(), MUSL, None)]
    {
        assert!(plan.jobs.is_empty());
        let error = plan.incomplete().unwrap();
        assert_eq!((error.kind, error.help.len()), (ExitKind::Missing, 0));
        golden!("core/no-dlopen-by-name.txt", &format!("{error}\n"));
    }
    // Asked for with all others, it does not take them with it.
    let all = PlanRequest { mode: Some(ModeRequest::All), ..request(ARM_MUSL, None) };
    let jobs = plan(&plugins(), &findings(), &all).unwrap().jobs;
    assert_eq!(jobs.iter().map(|job| job.mode.name.as_str()).collect::<Vec<_>>(), ["pure"]);
}

/// The reason that comes first is the one that cannot be mended.
#[test]
fn with_a_compiler_both_needs_count() {
    let mut config = plugins();
    config.modes[0] = mode("plugins", &[Need::C, Need::Dlopen]);
    let job = planned(&config, &findings(), GNU, None).jobs.remove(0);
    assert!(job.mode.name == "plugins" && job.toolchain.is_some() && !job.pure());
    let mut none = findings();
    none.surveys = BTreeMap::from([GNU, MUSL].map(|t| (triple(t), surveyed(None))));
    let code = |target| planned(&config, &none, target, None).jobs[0].fallback.as_ref().unwrap().reason;
    assert_eq!((code(GNU), code(MUSL)), ("no-c-toolchain", "no-dlopen"));
}

/// Flags decide, wherever they stand; triples only say what is so without them.
#[test]
fn flags_make_programs_static_and_dynamic() {
    let owned = |flags: &[&str]| flags.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>();
    for (target, user, own, expected) in [
        (GNU, &[][..], &[][..], false),
        (MUSL, &[], &[], true),
        (GNU, &[], &["-Ctarget-feature=+crt-static"], true),
        (GNU, &[], &["-C", "target-feature=+sse4.2,+crt-static"], true),
        (GNU, &["--codegen", "target-feature=+crt-static"], &[], true),
        (GNU, &["--codegen=target-feature=+crt-static"], &["-Ctarget-feature=-crt-static"], false),
        // Ours come behind the user's, and in front of those of targets.toml.
        (MUSL, &["-Ctarget-feature=-crt-static"], &[], true),
        (MUSL, &[], &["-Ctarget-feature=-crt-static"], false),
        (GNU, &["-Clink-arg=target-feature=+crt-static", "target-feature=+crt-static"], &[], false),
        (GNU, &["--cfg=crt-static", "-Ctarget-cpu=x"], &[], false),
    ] {
        assert_eq!(
            is_static(&triple(target), &owned(user), &owned(own)),
            expected,
            "{target} {user:?} {own:?}"
        );
    }
    let mut config = plugins();
    config.targets[0].rustflags = owned(&["-Ctarget-feature=+crt-static"]);
    assert_eq!(planned(&config, &findings(), GNU, None).jobs[0].mode.name, "pure");
    let mut f = findings();
    f.user.insert(triple(GNU), user(&["-Ctarget-feature=+crt-static"]));
    assert_eq!(planned(&plugins(), &f, GNU, None).jobs[0].mode.name, "pure");
}
