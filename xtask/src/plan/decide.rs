//! Decides which modes are built for one target, with which toolchain and linker, and why.

use std::path::Path;

use super::{Fallback, Findings, Job, Lack, Mend, ModeRequest, PlanRequest, StdState};
use xtask_compilers::rustflags;
use xtask_compilers::toolchain::probe::{NEWER_THAN_FLOOR, Verdict};
use xtask_compilers::toolchain::runner::Runner;
use xtask_compilers::toolchain::survey::{Survey, Unprobed};
use xtask_compilers::toolchain::{Link, Linker, Provider, Toolchain};
use xtask_config::cargo_config::{UserFlag, UserFlags, UserSettings};
use xtask_config::{CcChoice, Config, Mode, ModeChoice, Need, Target};
use xtask_gate::{ProcessorFlag, processors};
use xtask_triple::{Arch, Triple, system};

/// The code of a fallback that no toolchain could have avoided.
pub(super) const NO_DLOPEN: &str = "no-dlopen";

/// The reason why a mode cannot be built for a target.
enum Unmet {
    /// `setup` can fix it.
    Mendable(Lack),
    /// A fault of the machine prevents xtask from deciding whether the mode can be built. The job waits, and
    /// no other mode replaces it.
    Open(Lack),
    /// `setup` cannot fix it.
    Final(String),
}

pub(super) struct OneTarget<'a> {
    pub(super) config: &'a Config,
    pub(super) findings: &'a Findings,
    pub(super) request: &'a PlanRequest,
    pub(super) target: &'a Target,
}

/// Returns the linker of programs for a target without a C toolchain of the target. This is `rust-lld`, or
/// the host's own driver `host_cc`, which is given if the target is the host.
pub fn plain_linker(
    triple: &Triple,
    std: Option<&StdState>,
    rust_lld: Option<&Path>,
    host_cc: Option<&Path>,
) -> Option<Linker> {
    let brings_libc = match std {
        Some(StdState::Ready(std)) => std.self_contained,
        _ => true,
    };
    if let Some(program) = rust_lld.filter(|_| (system::of(triple).links_statically)(triple) && brings_libc) {
        return Some(Linker::RustLld { program: program.to_owned() });
    }
    host_cc.map(|program| Linker::Driver { program: program.to_owned(), link: Link::Driver })
}

/// What a run needs a C toolchain for, over all modes that it may build for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolchainNeeds {
    /// Whether something is compiled, or nothing else can link.
    pub c: bool,
    /// Whether C++ is compiled.
    pub cxx: bool,
}

impl ToolchainNeeds {
    /// Returns the needs for a target. `links` says whether its programs can be linked without a C toolchain.
    pub fn of(config: &Config, request: &PlanRequest, target: &Target, links: bool) -> Self {
        let named = match (&request.mode, &target.mode) {
            (Some(ModeRequest::Named(name)), _) | (None, ModeChoice::Named(name)) => Some(name),
            _ => None,
        };
        let auto = !matches!(request.mode, Some(ModeRequest::All)) && named.is_none();
        let mut needs = Self { c: false, cxx: false };
        for mode in config.modes.iter().filter(|mode| named.is_none_or(|name| mode.name == *name)) {
            needs.c |= mode.compiles() || !links;
            needs.cxx |= mode.needs.contains(&Need::Cxx) && system::of(&target.triple).without_cxx.is_none();
            // A mode that can always be built is the last one to be considered.
            if auto && !mode.compiles() && links && !mode.needs.contains(&Need::Dlopen) {
                break;
            }
        }
        needs
    }
}

impl OneTarget<'_> {
    /// Returns the jobs of this target, or the reason why there are none.
    pub(super) fn jobs(&self) -> Result<Vec<Job>, String> {
        if let Some(reason) = system::refusal(&self.target.triple) {
            return Err(reason);
        }
        let system = system::of(&self.target.triple);
        if self.config.app.auditable && !system.objects.takes_list() {
            return Err(format!(
                "programs for {} cannot carry the dependency list that `auditable` asks for; remove `auditable` from [app] in targets.toml",
                system.name
            ));
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
        // With `all`, a mode that cannot be built does not prevent the others.
        let reasons = || jobs.iter().filter_map(|j| j.as_ref().err().cloned()).collect::<Vec<_>>().join("; ");
        if jobs.iter().all(std::result::Result::is_err) {
            return Err(reasons());
        }
        Ok(jobs.into_iter().flatten().collect())
    }

    fn by_name(&self, mode: &Mode) -> Result<Job, String> {
        let lacks = match self.unmet(mode) {
            None => Vec::new(),
            Some(Unmet::Mendable(lack) | Unmet::Open(lack)) => vec![lack],
            Some(Unmet::Final(reason)) => return Err(format!("mode {}: {reason}", mode.name)),
        };
        self.job(mode, mode.name.clone(), None, lacks)
    }

    /// Returns the job of the first mode whose needs are met, with the reason if it is not the first mode.
    fn auto(&self) -> Result<Job, String> {
        let mut reasons = Vec::new();
        for mode in &self.config.modes {
            let lacks = match self.unmet(mode) {
                None => Vec::new(),
                Some(Unmet::Open(lack)) => vec![lack],
                Some(unmet) => {
                    reasons.push((mode, unmet));
                    continue;
                }
            };
            let first = &self.config.modes[0];
            let beyond_setup = match reasons.first() {
                Some((_, Unmet::Final(why))) => Some(why.clone()),
                _ => None,
            };
            let fallback = (first.name != mode.name).then(|| Fallback {
                beyond_setup,
                from: first.name.clone(),
                reason: self.reason_code(first),
                tried: match (self.no_dlopen(first), self.no_cxx(first)) {
                    (Some(why), _) => vec![format!("dlopen: {why}")],
                    (_, Some(why)) => vec![format!("c++: {why}")],
                    (None, None) => self.survey().map(Survey::lines).unwrap_or_default(),
                },
            });
            return self.job(mode, "auto".into(), fallback, lacks);
        }
        // No mode can be built. If setup could fix this for a mode, the result is a job of that mode that
        // waits for setup.
        let waiting = reasons.iter().find_map(|(mode, unmet)| match unmet {
            Unmet::Mendable(lack) | Unmet::Open(lack) => Some((*mode, lack.clone())),
            Unmet::Final(_) => None,
        });
        match waiting {
            Some((mode, lack)) => self.job(mode, "auto".into(), None, vec![lack]),
            None => Err(reasons
                .into_iter()
                .map(|(mode, unmet)| match unmet {
                    Unmet::Mendable(Lack { what, .. })
                    | Unmet::Open(Lack { what, .. })
                    | Unmet::Final(what) => {
                        format!("mode {}: {what}", mode.name)
                    }
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
            _ if self.no_cxx(mode).is_some() => "no-c++-toolchain",
            Some(t) if mode.needs.contains(&Need::Cxx) && t.cxx.is_none() => "no-c++-toolchain",
            _ => "no-c-toolchain",
        }
    }

    /// Returns what prevents a mode from being built for this target, apart from a missing std.
    fn unmet(&self, mode: &Mode) -> Option<Unmet> {
        let triple = &self.target.triple;
        if let Some(why) = self.no_dlopen(mode).or_else(|| self.no_cxx(mode)) {
            return Some(Unmet::Final(why));
        }
        if (!mode.compiles() || system::of(triple).std_links) && self.linker(mode).is_none() {
            return Some(self.no_linker());
        }
        if !mode.compiles() {
            return None;
        }
        let cxx = mode.needs.contains(&Need::Cxx);
        match self.toolchain() {
            None => Some(self.no_toolchain(&format!("no C toolchain works for {triple}"), cxx)),
            Some(toolchain) if cxx && toolchain.cxx.is_none() => {
                let what = format!("{} has no C++ compiler for {triple}", toolchain.version);
                Some(self.no_toolchain(&what, cxx))
            }
            Some(_) => None,
        }
    }

    /// Returns why a mode that must load shared libraries cannot do so on this target. No toolchain can
    /// change that.
    fn no_dlopen(&self, mode: &Mode) -> Option<String> {
        let triple = &self.target.triple;
        let wants = mode.needs.contains(&Need::Dlopen);
        (wants && is_static(self.target, self.user())).then(|| {
            format!("programs for {triple} are static, and a static program cannot load shared libraries")
        })
    }

    /// Returns why a mode that compiles C++ cannot do so for this target. No toolchain can change that.
    fn no_cxx(&self, mode: &Mode) -> Option<String> {
        let why = system::of(&self.target.triple).without_cxx?;
        let wants = mode.needs.contains(&Need::Cxx);
        wants.then(|| format!("programs for {} cannot contain C++: {why}", self.target.triple))
    }

    /// Returns why nothing can link for this target. A C toolchain links only if the std does not.
    fn no_linker(&self) -> Unmet {
        let triple = &self.target.triple;
        let what = format!("nothing can link for {triple}");
        match system::of(triple).std_links {
            false => self.no_toolchain(&what, false),
            true => Unmet::Final(format!(
                "{what}: that needs rust-lld, and a std that contains crt1-command.o and libc.a, as `rustup target add {triple}` installs it"
            )),
        }
    }

    fn user(&self) -> Option<&UserSettings> {
        self.findings.user.get(&self.target.triple)
    }

    /// Returns the flags that select a processor. Only x86-64 has levels with which they can be compared.
    fn processors(&self) -> Vec<ProcessorFlag> {
        if self.target.triple.arch() != Arch::X86_64 {
            return Vec::new();
        }
        let (own, none) = (&self.target.rustflags, UserFlags::default());
        let user = self.user().map_or(&none, |user| &user.flags);
        let mut asked = processors(user.around(own.iter().map(String::as_str)));
        for asked in &mut asked {
            let origin = user.origin(asked.at, own.len()).unwrap_or("rustflags in targets.toml");
            asked.origin = Some(origin.to_owned());
        }
        asked
    }

    /// Decides whether setup could install a toolchain. Setup can help if it can install something for a
    /// provider that is not installed yet, unless the run or the user's settings exclude that provider.
    fn no_toolchain(&self, what: &str, cxx: bool) -> Unmet {
        if let Some(Unprobed { candidate, fault, help }) = self.survey().and_then(|s| s.unprobed(cxx)) {
            let what = format!("{} could not be probed: {fault}", candidate.origin);
            return Unmet::Open(Lack { what, mend: Mend::Machine(help.to_owned()) });
        }
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
            // The probe compiles with this condition, so it is no fault of the toolchain.
            Some((candidate, Verdict::Broken { said, .. })) if said.contains(NEWER_THAN_FLOOR) => format!(
                "{what}: the glibc of {} is newer than {}, which `glibc` in targets.toml allows; zig can link against an older one",
                candidate.origin,
                self.target.glibc.map(|floor| floor.to_string()).unwrap_or_default()
            ),
            Some((candidate, _)) => format!(
                "{what}: {} was found but is broken, see `cargo xtask explain {}`",
                candidate.origin, self.target.triple
            ),
            None => what.to_owned(),
        };
        let triple = &self.target.triple;
        let can = |provider: Provider| {
            self.findings.obtainable.get(triple).is_some_and(|can| can.contains(&provider))
        };
        let allowed = |p: Provider| self.request.providers.as_ref().is_none_or(|list| list.contains(&p));
        let obtainable = || Provider::ALL.iter().copied().filter(|provider| can(*provider));
        match &self.target.cc {
            Some(CcChoice::Provider(provider)) if let Some(why) = provider.elsewhere(triple) => {
                Unmet::Final(format!("{what}: cc = \"{provider}\" in targets.toml, but {why}"))
            }
            _ if obtainable().next().is_none() => Unmet::Final(what),
            Some(CcChoice::Provider(provider)) if !can(*provider) => Unmet::Final(format!(
                "{what}, and cc = \"{provider}\" in targets.toml excludes what setup could install"
            )),
            _ if !obtainable().any(allowed) => {
                let named = self.request.providers.iter().flatten();
                let elsewhere: String =
                    named.filter_map(|p| Some(format!("; {}", p.elsewhere(triple)?))).collect();
                Unmet::Final(format!("{what}, and --providers excludes what setup could install{elsewhere}"))
            }
            _ => Unmet::Mendable(Lack::of_setup(what)),
        }
    }

    /// Returns the linker of a mode's program. `rust-lld` links a pure program for musl if it can, and not a
    /// C driver. So the program's bytes do not depend on the compilers of the machine.
    fn linker(&self, mode: &Mode) -> Option<Linker> {
        if let Some(linker) = self.user().and_then(|user| user.linker.as_ref()?.linker.clone()) {
            return Some(linker);
        }
        let driver = |t: &Toolchain| Linker::Driver { program: t.linker.clone(), link: t.link };
        let std_links = system::of(&self.target.triple).std_links;
        if mode.compiles() && !std_links {
            return self.toolchain().map(driver);
        }
        let (triple, Findings { stds, rust_lld, host_cc, host, .. }) = (&self.target.triple, self.findings);
        let host_cc = host_cc.as_deref().filter(|_| triple == host);
        let plain = plain_linker(triple, stds.get(triple), rust_lld.as_deref(), host_cc);
        let toolchain = || self.toolchain().filter(|_| !std_links).map(driver);
        match self.target.glibc {
            // The host's driver links against the glibc of this machine. A toolchain keeps the floor, because
            // it was probed with it.
            Some(_) if self.target.cc.is_some() => toolchain(),
            Some(_) => toolchain().or(plain),
            None => plain.or_else(toolchain),
        }
    }

    fn job(
        &self,
        mode: &Mode,
        requested: String,
        fallback: Option<Fallback>,
        mut lacks: Vec<Lack>,
    ) -> Result<Job, String> {
        let triple = &self.target.triple;
        let std = match self.findings.stds.get(triple) {
            Some(StdState::Ready(std)) => Some(std.clone()),
            Some(StdState::Obtainable(how)) => {
                lacks.push(Lack::of_setup(format!("Rust's std for {triple}: {how}")));
                None
            }
            Some(StdState::Absent(reason)) => return Err(reason.clone()),
            None => return Err(format!("Rust's std for {triple} was not looked for")),
        };
        if self.findings.host_cc.is_none() {
            let what = "rustc links build scripts with the host's C compiler, and there is no cc, gcc or clang on PATH";
            lacks.push(Lack::of_setup(what));
        }
        lacks.extend(self.findings.absent_wrapper.as_ref().cloned());
        let images = self.config.images.iter().filter(|i| i.targets.iter().any(|t| t.triple == *triple));
        let runner = self.findings.runners.get(triple).cloned();
        Ok(Job {
            platform: triple.platform(),
            requested,
            fallback,
            toolchain: self.toolchain().filter(|_| mode.compiles()).cloned(),
            linker: self.linker(mode),
            std,
            user: self.user().cloned().unwrap_or_default(),
            processors: self.processors(),
            libraries: self.findings.libraries.get(triple).cloned().unwrap_or_default(),
            runner: runner.unwrap_or(Runner::None { reason: "no runner was looked for".into() }),
            images: images.map(|i| i.name.clone()).collect(),
            lacks,
            mode: mode.clone(),
            target: self.target.clone(),
        })
    }
}

/// Returns whether programs of a target are static, considering the user's settings for it.
pub(crate) fn is_static(target: &Target, user: Option<&UserSettings>) -> bool {
    let texts = |flags: &[UserFlag]| flags.iter().map(|flag| flag.text.clone()).collect::<Vec<_>>();
    let none = UserFlags::default();
    let user = user.map_or(&none, |user| &user.flags);
    let before: Vec<String> = texts(&user.before).into_iter().chain(texts(&user.handed)).collect();
    let behind: Vec<String> = target.rustflags.iter().cloned().chain(texts(&user.after)).collect();
    rustflags::is_static(&target.triple, &before, &behind)
}
