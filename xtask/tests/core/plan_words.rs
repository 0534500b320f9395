//! What a plan says where it cannot be carried out.

use xtask::plan::{Plan, PlanRequest, StdState, plan};
use xtask_config::OnFallback;
use xtask_files::error::ExitKind;
use xtask_test_support::golden;

use crate::support::{ARM_GNU, ARM_MUSL, MUSL, config, findings, surveyed, triple};

fn fallen(targets: &[&str]) -> Plan {
    let mut f = findings();
    for target in targets {
        f.surveys.insert(triple(target), surveyed(None));
    }
    plan(&config(), &f, &PlanRequest::default()).unwrap()
}

#[test]
fn strict_refuses_any_fallback_and_names_each() {
    assert!(fallen(&[]).check_fallbacks(true).is_ok());
    assert!(fallen(&[MUSL]).check_fallbacks(false).is_ok());
    let one = fallen(&[MUSL]).check_fallbacks(true).unwrap_err();
    let two = fallen(&[MUSL, ARM_MUSL]).check_fallbacks(true).unwrap_err();
    assert_eq!((one.kind, two.kind), (ExitKind::Missing, ExitKind::Missing));
    golden!("core/strict.txt", &format!("{one}\n\n{two}\n"));
}

#[test]
fn strict_does_not_offer_what_setup_cannot_get() {
    let mut f = findings();
    f.surveys.insert(triple(MUSL), surveyed(None));
    let request = PlanRequest { targets: vec![triple(MUSL)], ..PlanRequest::default() };
    let error = plan(&config(), &f, &request).unwrap().check_fallbacks(true).unwrap_err();
    assert_eq!(error.help[0], format!("install a toolchain: cargo xtask setup {MUSL} --yes"));
    let none = PlanRequest { providers: Some(Vec::new()), ..request };
    let error = plan(&config(), &f, &none).unwrap().check_fallbacks(true).unwrap_err();
    assert_eq!(error.help, [format!("see the result of each candidate: cargo xtask explain {MUSL}")]);
    assert!(error.found[1].ends_with("--providers excludes what setup could install"), "{error}");
}

#[test]
fn on_fallback_fail_is_strict_for_its_target_alone() {
    let mut config = config();
    config.targets[1].on_fallback = OnFallback::Fail;
    let check = |target: &str| {
        let mut f = findings();
        f.surveys.insert(triple(target), surveyed(None));
        plan(&config, &f, &PlanRequest::default()).unwrap().check_fallbacks(false)
    };
    assert!(check(ARM_MUSL).is_ok());
    let error = check(MUSL).unwrap_err();
    assert_eq!(error.kind, ExitKind::Missing);
    assert!(error.found[0].ends_with("forbidden by on-fallback = \"fail\")"), "{error}");
}

#[test]
fn incomplete_counts_and_names() {
    assert_eq!(fallen(&[MUSL]).incomplete(), None, "a fallback is complete");
    let mut f = findings();
    f.stds.insert(triple(ARM_GNU), StdState::Obtainable("by magic".into()));
    let waiting = plan(&config(), &f, &PlanRequest::default()).unwrap().incomplete().unwrap();
    f.stds.insert(triple(MUSL), StdState::Absent("nobody has it".into()));
    let both = plan(&config(), &f, &PlanRequest::default()).unwrap().incomplete().unwrap();
    f.stds.insert(triple(ARM_GNU), StdState::Absent("nobody has it".into()));
    let skipped = plan(&config(), &f, &PlanRequest::default()).unwrap().incomplete().unwrap();
    assert!([&waiting, &both, &skipped].iter().all(|e| e.kind == ExitKind::Missing));
    assert!(skipped.help.is_empty(), "setup is of no use there");
    // targets.toml need not have what was asked for, and setup looks there where it is told nothing.
    f.stds.insert(triple(ARM_GNU), StdState::Obtainable("by magic".into()));
    let asked = PlanRequest { targets: vec![triple(ARM_GNU)], ..PlanRequest::default() };
    let asked = plan(&config(), &f, &asked).unwrap().incomplete().unwrap();
    assert_eq!(asked.help, [format!("install what is missing: cargo xtask setup {ARM_GNU}")]);
    golden!("core/incomplete.txt", &format!("{waiting}\n\n{both}\n\n{skipped}\n"));
}
