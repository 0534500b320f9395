//! What is decided for one target: which modes, with which toolchain and linker, and why.

use super::{Fallback, Findings, Job, ModeRequest, PlanRequest, StdState};
use xtask_compilers::rustflags;
use xtask_compilers::toolchain::probe::Verdict;
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::Survey;
use xtask_compilers::toolchain::{Link, Linker, Provider, Toolchain};
use xtask_config::{CcChoice, Config, Mode, ModeChoice, Need, Target};
use xtask_gate::{ProcessorFlag, processors};
use xtask_triple::{Arch, system};

/// The code of a fallback that no toolchain would have kept away.
pub(super) const NO_DLOPEN: &str = "no-dlopen";

/// Why a mode cannot be built for a target.
enum Unmet {
    /// `setup` can mend it.
    Mendable(String),
    /// `setup` cannot mend it.
    Final(String),
}

pub(super) struct OneTarget<'a> {
    pub(super) config: &'a Config,
    pub(super) findings: &'a Findings,
    pub(super) request: &'a PlanRequest,
    pub(super) target: &'a Target,
}

impl OneTarget<'_> {
    /// The jobs of this target, or why there are none.
    pub(super) fn jobs(&self) -> Result<Vec<Job>, String> {
        if let Some(reason) = system::refusal(&self.target.triple) {
            return Err(reason);
        }
        if let Some(StdState::Absent(reason)) = self.findings.stds.get(&self.target.triple) {
            return Err(reason.clone());
        }
        let by_name =
            |name: &str| -> Vec<&Mode> { self.config.modes.iter().filter(|m| m.name == name).collect() };
        let modes: Vec<&Mode> = match (&self.request.mode, &self.target.mode) {
            (Some(ModeRequest::All), _) => self.config.modes.iter().collect(),
            (Some(ModeRequest::Named(name)), _) | (None, ModeChoice::Named(name)) => by_name(name),
            (Some(ModeRequest::Auto), _) | (None, ModeChoice::Auto) => return Ok(vec![self.auto()?]),
        };
        let jobs: Vec<Result<Job, String>> = modes.into_iter().map(|m| self.by_name(m)).collect();
        // With `all`, a mode that is out of reach does not take the others with it.
        let reasons = || jobs.iter().filter_map(|j| j.as_ref().err().cloned()).collect::<Vec<_>>().join("; ");
        if jobs.iter().all(std::result::Result::is_err) {
            return Err(reasons());
        }
        Ok(jobs.into_iter().flatten().collect())
    }

    fn by_name(&self, mode: &Mode) -> Result<Job, String> {
        let lacks = match self.unmet(mode) {
            None => Vec::new(),
            Some(Unmet::Mendable(lack)) => vec![lack],
            Some(Unmet::Final(reason)) => return Err(format!("mode {}: {reason}", mode.name)),
        };
        self.job(mode, mode.name.clone(), None, lacks)
    }

    /// The first mode whose needs are met; the reason, where that is not the first.
    fn auto(&self) -> Result<Job, String> {
        let mut reasons = Vec::new();
        for mode in &self.config.modes {
            let Some(unmet) = self.unmet(mode) else {
                let first = &self.config.modes[0];
                let beyond_setup = match reasons.first() {
                    Some((_, Unmet::Final(why))) => Some(why.clone()),
                    _ => None,
                };
                let fallback = (first.name != mode.name).then(|| Fallback {
                    beyond_setup,
                    from: first.name.clone(),
                    reason: self.reason_code(first),
                    tried: match self.no_dlopen(first) {
                        Some(why) => vec![format!("dlopen: {why}")],
                        None => self.survey().map(Survey::lines).unwrap_or_default(),
                    },
                });
                return self.job(mode, "auto".into(), fallback, Vec::new());
            };
            reasons.push((mode, unmet));
        }
        // No mode can be built: what setup could mend makes the first choice a job that waits for it.
        let waiting = reasons.iter().find_map(|(mode, unmet)| match unmet {
            Unmet::Mendable(lack) => Some((*mode, lack.clone())),
            Unmet::Final(_) => None,
        });
        match waiting {
            Some((mode, lack)) => self.job(mode, "auto".into(), None, vec![lack]),
            None => Err(reasons
                .into_iter()
                .map(|(mode, unmet)| match unmet {
                    Unmet::Mendable(reason) | Unmet::Final(reason) => format!("mode {}: {reason}", mode.name),
                })
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }

    fn survey(&self) -> Option<&Survey> {
        self.findings.surveys.get(&self.target.triple)
    }

    fn toolchain(&self) -> Option<&Toolchain> {
        self.survey().and_then(|s| s.chosen.as_ref())
    }

    fn reason_code(&self, mode: &Mode) -> &'static str {
        match self.toolchain() {
            _ if self.no_dlopen(mode).is_some() => NO_DLOPEN,
            Some(t) if mode.needs.contains(&Need::Cxx) && t.cxx.is_none() => "no-c++-toolchain",
            _ => "no-c-toolchain",
        }
    }

    /// What keeps a mode from being built for this target, its std left aside.
    fn unmet(&self, mode: &Mode) -> Option<Unmet> {
        let triple = &self.target.triple;
        if let Some(why) = self.no_dlopen(mode) {
            return Some(Unmet::Final(why));
        }
        if !mode.compiles() {
            return self
                .linker(mode)
                .is_none()
                .then(|| self.no_toolchain(&format!("nothing can link for {triple}")));
        }
        match self.toolchain() {
            None => Some(self.no_toolchain(&format!("no C toolchain works for {triple}"))),
            Some(toolchain) if mode.needs.contains(&Need::Cxx) && toolchain.cxx.is_none() => {
                Some(self.no_toolchain(&format!("{} has no C++ compiler for {triple}", toolchain.version)))
            }
            Some(_) => None,
        }
    }

    /// Why a mode cannot load shared libraries on this target, where it must. No toolchain mends that.
    fn no_dlopen(&self, mode: &Mode) -> Option<String> {
        let triple = &self.target.triple;
        let user = self.user_flags();
        let wants = mode.needs.contains(&Need::Dlopen);
        (wants && rustflags::is_static(triple, user, &self.target.rustflags)).then(|| {
            format!("programs for {triple} are static, and a static program cannot load shared libraries")
        })
    }

    fn user_flags(&self) -> &[String] {
        self.findings.user_flags.get(&self.target.triple).map(Vec::as_slice).unwrap_or_default()
    }

    /// The flags that ask for a processor; of other architectures there are no levels to hold them against.
    fn processors(&self) -> Vec<ProcessorFlag> {
        let flags = self.user_flags().iter().chain(&self.target.rustflags).map(String::as_str);
        match self.target.triple.arch() {
            Arch::X86_64 => processors(flags),
            _ => Vec::new(),
        }
    }

    /// Whether setup could get a toolchain: what it can install for a provider serves, unless the run or the user's own choice
    /// leaves that provider out.
    fn no_toolchain(&self, what: &str) -> Unmet {
        let explicit = self
            .survey()
            .and_then(|s| s.tried.first())
            .filter(|(candidate, _)| candidate.provider.is_explicit());
        if let Some((candidate, _)) = explicit {
            return Unmet::Final(format!(
                "{what}: only {} was allowed, see `cargo xtask explain {}`",
                candidate.origin, self.target.triple
            ));
        }
        let broken =
            self.survey().and_then(|s| s.tried.iter().find(|(_, v)| matches!(v, Verdict::Broken { .. })));
        let what = match broken {
            Some((candidate, _)) => format!(
                "{what}: {} was found but is broken, see `cargo xtask explain {}`",
                candidate.origin, self.target.triple
            ),
            None => what.to_owned(),
        };
        let triple = &self.target.triple;
        let can = |provider: Provider| provider.supply(triple).is_some();
        let allowed = |p: Provider| self.request.providers.as_ref().is_none_or(|list| list.contains(&p));
        let obtainable = || Provider::ALL.iter().copied().filter(|provider| can(*provider));
        match &self.target.cc {
            Some(CcChoice::Provider(provider)) if let Some(why) = provider.elsewhere(triple) => {
                Unmet::Final(format!("{what}: cc = \"{provider}\" in targets.toml, but {why}"))
            }
            Some(CcChoice::Provider(provider)) if !can(*provider) => Unmet::Final(format!(
                "{what}, and cc = \"{provider}\" in targets.toml excludes what setup could install"
            )),
            _ if obtainable().next().is_none() => Unmet::Final(what),
            _ if !obtainable().any(allowed) => {
                let named = self.request.providers.iter().flatten();
                let elsewhere: String =
                    named.filter_map(|p| Some(format!("; {}", p.elsewhere(triple)?))).collect();
                Unmet::Final(format!("{what}, and --providers excludes what setup could install{elsewhere}"))
            }
            _ => Unmet::Mendable(what),
        }
    }

    /// What links a mode's program. A pure program for musl never meets a C driver where `rust-lld` can link it, so
    /// that its bytes do not depend on which compilers a machine has.
    fn linker(&self, mode: &Mode) -> Option<Linker> {
        let driver = |t: &Toolchain| Linker::Driver { program: t.linker.clone(), link: t.link };
        if mode.compiles() {
            return self.toolchain().map(driver);
        }
        let triple = &self.target.triple;
        let std = match self.findings.stds.get(triple) {
            Some(StdState::Ready(std)) => Some(std),
            _ => None,
        };
        let links_statically = system::of(triple).links_statically;
        let self_contained = links_statically(triple) && std.is_none_or(|std| std.self_contained);
        if self_contained && let Some(program) = self.findings.rust_lld.clone() {
            return Some(Linker::RustLld { program });
        }
        let host = self.findings.host_cc.clone().filter(|_| *triple == self.findings.host);
        let host = host.map(|program| Linker::Driver { program, link: Link::Driver });
        host.or_else(|| self.toolchain().map(driver))
    }

    fn job(
        &self,
        mode: &Mode,
        requested: String,
        fallback: Option<Fallback>,
        mut lacks: Vec<String>,
    ) -> Result<Job, String> {
        let triple = &self.target.triple;
        let std = match self.findings.stds.get(triple) {
            Some(StdState::Ready(std)) => Some(std.clone()),
            Some(StdState::Obtainable(how)) => {
                lacks.push(format!("Rust's std for {triple}: {how}"));
                None
            }
            Some(StdState::Absent(reason)) => return Err(reason.clone()),
            None => return Err(format!("Rust's std for {triple} was not looked for")),
        };
        if self.findings.host_cc.is_none() {
            lacks.push("rustc links build scripts with the host's C compiler, and there is no cc, gcc or clang on PATH".into());
        }
        let images = self.config.images.iter().filter(|i| i.targets.iter().any(|t| t.triple == *triple));
        let runner = self.findings.runners.get(triple).cloned();
        Ok(Job {
            platform: triple.platform(),
            requested,
            fallback,
            toolchain: self.toolchain().filter(|_| mode.compiles()).cloned(),
            linker: self.linker(mode),
            std,
            processors: self.processors(),
            runner: runner.unwrap_or(Runner::None { reason: "no runner was looked for".into() }),
            images: images.map(|i| i.name.clone()).collect(),
            lacks,
            mode: mode.clone(),
            target: self.target.clone(),
        })
    }
}
