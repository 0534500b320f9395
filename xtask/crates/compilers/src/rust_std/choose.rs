//! Chooses the rustc that builds each target, and the source of each std. If possible, all targets of a run
//! share one rustc. The active rustc is preferred.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::find::{self, ReadyStd, StdInstall};
use crate::rustc::Rustc;
use xtask_triple::Triple;

/// The choice of a rustc and of a std for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The target can be built now.
    Ready {
        /// The rustc that builds the target.
        rustc: Rustc,
        /// The std that the target is built with.
        std: ReadyStd,
    },
    /// The std is missing, and setup can install it.
    Setup {
        /// The rustc for which setup installs the std.
        rustc: Rustc,
        /// The way in which setup installs the std.
        way: StdInstall,
    },
    /// No rustc on this machine has the std or can get it. Setup may install a rustc that brings the source
    /// of its std.
    Absent {
        /// The reasons, one line for each rustc that was examined.
        tried: Vec<String>,
    },
}

/// The choices for all targets of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StdPlan {
    /// The choice for each target.
    pub choices: BTreeMap<Triple, Choice>,
    /// Messages for the user: which rustc is used instead of the active one, and why.
    pub announced: Vec<String>,
}

/// The limits of rustup on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RustupRefusals {
    /// Whether rustup is on PATH.
    pub rustup: bool,
    /// The toolchains and targets for which `rustup target add` was tried and failed.
    pub failed: BTreeSet<(String, Triple)>,
}

/// Chooses a rustc and a std for each of `targets` among `rustcs`. The first of `rustcs` is the active one.
///
/// The choice follows this order:
/// 1. one rustc that has a std for all targets;
/// 2. for each target, the first rustc that has a std for it;
/// 3. for a target without a std, setup with a rustc that can serve all targets, or else with the first rustc
///    that can serve this target.
pub fn choose(rustcs: &[Rustc], targets: &[Triple], cache: &Path, refused: &RustupRefusals) -> StdPlan {
    let looks: Vec<StdSearch> =
        rustcs.iter().map(|rustc| StdSearch::at(rustc, targets, cache, refused)).collect();
    let ready_for_all = looks.iter().find(|look| targets.iter().all(|t| look.ready.contains_key(t)));
    let able = looks.iter().find(|look| targets.iter().all(|t| look.able(t)));
    let mut plan = StdPlan::default();
    for target in targets {
        let ready = ready_for_all.or_else(|| looks.iter().find(|look| look.ready.contains_key(target)));
        let choice = match ready.and_then(|look| Some((look, look.ready.get(target)?))) {
            Some((look, std)) => Choice::Ready { rustc: look.rustc.clone(), std: std.clone() },
            None => {
                let look = able.or_else(|| looks.iter().find(|look| look.able(target)));
                match look.and_then(|look| Some((look, look.ways.get(target)?.first()?))) {
                    Some((look, way)) => Choice::Setup { rustc: look.rustc.clone(), way: way.clone() },
                    None => Choice::Absent { tried: looks.iter().map(|look| look.lacks(target)).collect() },
                }
            }
        };
        plan.choices.insert(target.clone(), choice);
    }
    plan.announced = announce(&looks, &plan);
    plan
}

impl Choice {
    /// Returns the rustc that was chosen, or none if the std is absent.
    pub fn rustc(&self) -> Option<&Rustc> {
        match self {
            Choice::Ready { rustc, .. } | Choice::Setup { rustc, .. } => Some(rustc),
            Choice::Absent { .. } => None,
        }
    }
}

/// The stds of one rustc: those that it has, and the ways to get the others, by target.
struct StdSearch<'a> {
    rustc: &'a Rustc,
    ready: BTreeMap<Triple, ReadyStd>,
    ways: BTreeMap<Triple, Vec<StdInstall>>,
}

impl<'a> StdSearch<'a> {
    fn at(rustc: &'a Rustc, targets: &[Triple], cache: &Path, refused: &RustupRefusals) -> Self {
        let mut look = StdSearch { rustc, ready: BTreeMap::new(), ways: BTreeMap::new() };
        for target in targets {
            if let Some(ready) = find::ready(rustc, target, cache) {
                look.ready.insert(target.clone(), ready);
            }
            let mut ways = find::ways(rustc, target, refused.rustup);
            ways.retain(|way| match way {
                StdInstall::RustupAdd { toolchain } => {
                    !refused.failed.contains(&(toolchain.clone(), target.clone()))
                }
                StdInstall::Build { .. } => true,
            });
            look.ways.insert(target.clone(), ways);
        }
        look
    }

    fn able(&self, target: &Triple) -> bool {
        self.ready.contains_key(target) || self.ways.get(target).is_some_and(|ways| !ways.is_empty())
    }

    fn lacks(&self, target: &Triple) -> String {
        let rustc = self.rustc.describe();
        if self.rustc.known_targets().contains(target.as_str()) {
            format!("{rustc} has neither a std for {target} nor the source of one")
        } else {
            format!("{rustc} does not know {target}")
        }
    }
}

fn announce(looks: &[StdSearch<'_>], plan: &StdPlan) -> Vec<String> {
    let Some(active) = looks.first() else { return Vec::new() };
    let mut by_rustc: BTreeMap<String, Vec<&Triple>> = BTreeMap::new();
    for (target, choice) in &plan.choices {
        if let Some(rustc) = choice.rustc().filter(|r| r.program != active.rustc.program) {
            by_rustc.entry(rustc.describe()).or_default().push(target);
        }
    }
    let missing: Vec<&str> =
        plan.choices.keys().filter(|t| !active.ready.contains_key(*t)).map(Triple::as_str).collect();
    by_rustc
        .into_iter()
        .map(|(rustc, targets)| {
            let targets: Vec<&str> = targets.into_iter().map(Triple::as_str).collect();
            format!(
                "{} built with {rustc}: the active {} has no std for {}",
                if targets.len() == plan.choices.len() {
                    "everything is".into()
                } else {
                    format!("{} is", targets.join(", "))
                },
                active.rustc.describe(),
                missing.join(", "),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const GNU: &str = "x86_64-unknown-linux-gnu";
    const MUSL: &str = "aarch64-unknown-linux-musl";
    const ARM: &str = "armv7-unknown-linux-musleabihf";

    /// A machine made of folders: an active rustc of rustup and one of the system with the source of its library.
    struct FakeMachine {
        dir: PathBuf,
        rustcs: Vec<Rustc>,
    }

    impl FakeMachine {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("xtask-choose-{name}-{}", std::process::id()));
            let rustup = dir.join("toolchains").join("stable");
            let system = dir.join("usr");
            touch(&rustup.join("lib/rustlib/multirust-channel-manifest.toml"));
            touch(&system.join("lib/rustlib/src/rust/library/std/Cargo.toml"));
            let rustcs =
                [(&rustup, "1.95.0"), (&system, "1.96.0")].map(|(d, v)| Rustc::fake(d, v, &[GNU, MUSL, ARM]));
            Self { dir, rustcs: rustcs.into() }
        }

        fn has(&self, rustc: usize, targets: &[&str]) {
            for target in targets {
                touch(&self.rustcs[rustc].libraries(&Triple::parse(target)).join("libstd-1.rlib"));
            }
        }

        /// Returns the version of the rustc and the provider of the std for each target, then one entry for
        /// each message.
        fn choose(&self, targets: &[&str], refused: &RustupRefusals) -> Vec<String> {
            let targets: Vec<Triple> = targets.iter().map(|t| Triple::parse(t)).collect();
            let plan = choose(&self.rustcs, &targets, &self.dir.join("cache"), refused);
            let said = targets.iter().map(|t| {
                let choice = &plan.choices[t];
                let version = choice.rustc().map(|r| r.version.to_string()).unwrap_or_default();
                let provider = match choice {
                    Choice::Ready { std, .. } => std.provider(),
                    Choice::Setup { way, .. } => way.provider(),
                    Choice::Absent { .. } => "none",
                };
                format!("{version} {provider}")
            });
            said.chain(plan.announced.iter().map(|_| "announced".to_owned())).collect()
        }
    }

    impl Drop for FakeMachine {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }

    fn touch(file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "x").unwrap();
    }

    fn rustup() -> RustupRefusals {
        RustupRefusals { rustup: true, failed: BTreeSet::new() }
    }

    #[test]
    fn rustup_adds_only_what_was_published() {
        let lab = FakeMachine::new("published");
        let list = lab.rustcs[0].sysroot.join("lib/rustlib/multirust-channel-manifest.toml");
        let entry = |target: &str, available: bool| {
            format!("[pkg.rust-std.target.{target}]\navailable = {available}\n\n")
        };
        std::fs::write(list, entry(GNU, true) + &entry(MUSL, false)).unwrap();
        let of = |target: &str| lab.choose(&[target], &rustup()).remove(0);
        assert_eq!(of(GNU), "1.95.0 rustup");
        // Listed without files, and not listed: the rustc with the source of the library serves them.
        assert_eq!((of(MUSL), of(ARM)), ("1.96.0 source".to_owned(), "1.96.0 source".to_owned()));
    }

    #[test]
    fn the_active_rustc_comes_first() {
        let lab = FakeMachine::new("active");
        lab.has(0, &[GNU, MUSL]);
        lab.has(1, &[GNU, MUSL]);
        assert_eq!(lab.choose(&[GNU, MUSL], &rustup()), ["1.95.0 rustc", "1.95.0 rustc"]);
    }

    #[test]
    fn one_rustc_for_all_is_preferred_and_announced() {
        let lab = FakeMachine::new("one");
        lab.has(0, &[GNU]);
        lab.has(1, &[GNU, MUSL]);
        assert_eq!(lab.choose(&[GNU, MUSL], &rustup()), ["1.96.0 rustc", "1.96.0 rustc", "announced"]);
        assert_eq!(lab.choose(&[GNU], &rustup()), ["1.95.0 rustc"]);
    }

    #[test]
    fn where_no_rustc_has_all_each_target_gets_its_own() {
        let lab = FakeMachine::new("each");
        lab.has(0, &[GNU]);
        lab.has(1, &[MUSL]);
        assert_eq!(lab.choose(&[GNU, MUSL], &rustup()), ["1.95.0 rustc", "1.96.0 rustc", "announced"]);
    }

    #[test]
    fn rustup_goes_before_source_until_it_failed() {
        let lab = FakeMachine::new("rustup");
        lab.has(0, &[GNU]);
        lab.has(1, &[GNU]);
        assert_eq!(lab.choose(&[GNU, MUSL], &rustup()), ["1.95.0 rustc", "1.95.0 rustup"]);
        let mut failed = rustup();
        failed.failed.insert(("stable".into(), Triple::parse(MUSL)));
        assert_eq!(lab.choose(&[GNU, MUSL], &failed), ["1.95.0 rustc", "1.96.0 source", "announced"]);
        // The second musl target is built from source too, so that one rustc can build both.
        assert_eq!(lab.choose(&[MUSL, ARM], &failed), ["1.96.0 source", "1.96.0 source", "announced"]);
    }

    #[test]
    fn what_nobody_has_says_who_was_asked() {
        let lab = FakeMachine::new("absent");
        let targets = [Triple::parse("s390x-unknown-linux-gnu")];
        let plan = choose(&lab.rustcs, &targets, &lab.dir, &rustup());
        let Choice::Absent { tried } = &plan.choices[&targets[0]] else { panic!("{plan:?}") };
        assert_eq!(tried.len(), 2);
        assert!(tried[1].ends_with("1.96.0 does not know s390x-unknown-linux-gnu"), "{tried:?}");
    }
}
