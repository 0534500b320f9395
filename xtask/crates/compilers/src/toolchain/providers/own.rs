//! A provider that a `[[provider]]` of targets.toml defines by templates of its commands.

use std::path::PathBuf;

use super::{Definition, Finds, Provider, Search};
use crate::toolchain::named::{named, with_zig_target};
use crate::toolchain::{Candidate, Driver, Link};
use template::TemplateValues;
use xtask_process::host::{Host, PathLookup};
use xtask_triple::Triple;

mod target_pattern;
mod template;

pub use target_pattern::TargetPattern;
pub use template::{CommandTemplate, PLACEHOLDERS, TemplateFault, TemplateFaultKind};

/// What all such providers have in common. Setup installs nothing for them.
pub(super) const OWN: Definition =
    Definition { name: "own", only: None, find: Some(find), compilers: &[], supply: |_| None };

/// A C toolchain that targets.toml defines. A command is a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnProvider {
    /// The place among the tables of the file. Providers are tried in this order.
    pub place: usize,
    /// The name, which no other provider has.
    pub name: String,
    /// The targets that it serves.
    pub targets: Vec<TargetPattern>,
    /// The folder of targets.toml, where relative paths of programs start.
    pub folder: PathBuf,
    /// The value of `{root}`.
    pub root: Option<CommandTemplate>,
    /// The C compiler: at least a program.
    pub cc: Vec<CommandTemplate>,
    /// The C++ compiler; without it, the provider has no C++.
    pub cxx: Option<Vec<CommandTemplate>>,
    /// The archiver; without it, the one that the C compiler names.
    pub ar: Option<Vec<CommandTemplate>>,
    /// The archive indexer; without it, the one that the C compiler names.
    pub ranlib: Option<Vec<CommandTemplate>>,
    /// The driver that links; without it, the C compiler.
    pub linker: Option<Vec<CommandTemplate>>,
    /// Further arguments of the compilers and of the linker.
    pub args: Vec<CommandTemplate>,
}

fn find(search: &Search) -> Finds {
    let Provider::Own(own) = search.provider else { return Finds::default() };
    let candidate = own.candidate(search).unwrap_or_else(|why| own.absent(search.provider, why));
    Finds { candidates: vec![candidate], looked_for: None }
}

impl OwnProvider {
    /// Returns why it makes no programs for a target, or none if it does.
    pub(super) fn elsewhere(&self, target: &Triple) -> Option<String> {
        if self.targets.iter().any(|pattern| pattern.matches(target)) {
            return None;
        }
        let targets: Vec<&str> = self.targets.iter().map(TargetPattern::as_str).collect();
        Some(format!("{} serves only {}, by targets.toml", self.name, targets.join(", ")))
    }

    /// Makes the candidate for a target. The error is the reason why there is none.
    fn candidate(&self, search: &Search) -> Result<Candidate, String> {
        let Search { provider, target, host, .. } = *search;
        let root = self.root(target, host)?;
        let values = TemplateValues { target, host, root: root.as_deref() };
        let fill = |key: &str, words: &[CommandTemplate]| -> Result<Driver, String> {
            let mut words: Driver =
                words.iter().map(|word| self.fill(key, word, &values)).collect::<Result<_, _>>()?;
            if let Some(program) = words.first_mut().filter(|program| is_path(program)) {
                *program = self.path(program);
            }
            Ok(words)
        };
        let args = fill_all(self, &self.args, &values)?;
        let compiler = |key: &str, words: &[CommandTemplate]| {
            fill(key, words).map(|words| words.into_iter().chain(args.iter().cloned()).collect::<Driver>())
        };
        let cc = compiler("cc", &self.cc)?;
        let origin = format!("{}, [[provider]] of targets.toml", cc.join(" "));
        let mut candidate = named(provider, origin, cc, target, host);
        let mut absent = candidate.absent.take();
        let mut found = |key: &str, words: Driver| {
            let (words, why) = on_this_machine(words, host);
            absent = absent.take().or_else(|| Some(format!("{}, which `{key}` names", why?)));
            words
        };
        let is_zig = candidate.link == Link::Zig;
        candidate.cxx = match &self.cxx {
            Some(words) => {
                let mut words = found("cxx", compiler("cxx", words)?);
                if is_zig {
                    with_zig_target(&mut words, target);
                }
                Some(words)
            }
            None => None,
        };
        for (key, template, slot) in
            [("ar", &self.ar, &mut candidate.ar), ("ranlib", &self.ranlib, &mut candidate.ranlib)]
        {
            if let Some(words) = template {
                *slot = Some(found(key, fill(key, words)?));
            }
        }
        if let Some(words) = &self.linker {
            if is_zig {
                return Err("zig links its programs itself; remove `linker`".to_owned());
            }
            candidate.linker = Some(found("linker", compiler("linker", words)?));
        }
        candidate.absent = absent;
        Ok(candidate)
    }

    /// Returns the folder of the toolchain for a target, if the file names one.
    ///
    /// # Errors
    /// A variable in it is not set.
    pub fn root(&self, target: &Triple, host: &Host) -> Result<Option<String>, String> {
        let values = TemplateValues { target, host, root: None };
        let root = self.root.as_ref().map(|root| self.fill("root", root, &values)).transpose()?;
        Ok(root.map(|root| self.path(&root)))
    }

    fn fill(
        &self,
        key: &str,
        template: &CommandTemplate,
        values: &TemplateValues<'_>,
    ) -> Result<String, String> {
        let unset = |name: &str| {
            format!("the variable {name} is not set, and `{key}` of {} contains {{env:{name}}}", self.name)
        };
        template.fill(values).map_err(unset)
    }

    /// Returns a candidate that cannot be probed, with the reason.
    fn absent(&self, provider: Provider, why: String) -> Candidate {
        let cc: Vec<String> = self.cc.iter().map(ToString::to_string).collect();
        Candidate {
            provider,
            origin: format!("{}, [[provider]] of targets.toml", cc.join(" ")),
            cc,
            cxx: None,
            ar: None,
            ranlib: None,
            linker: None,
            workers: Vec::new(),
            link: Link::Driver,
            absent: Some(why),
        }
    }

    /// Returns the path of a program or of the root, which may be relative to the folder of targets.toml.
    fn path(&self, text: &str) -> String {
        let joined = self.folder.join(text);
        std::path::absolute(&joined).unwrap_or(joined).to_string_lossy().into_owned()
    }
}

fn fill_all(
    own: &OwnProvider,
    words: &[CommandTemplate],
    values: &TemplateValues<'_>,
) -> Result<Driver, String> {
    words.iter().map(|word| own.fill("args", word, values)).collect()
}

fn is_path(program: &str) -> bool {
    program.contains(std::path::is_separator)
}

/// Returns a command with the absolute path of its program, and the reason if there is no such program.
fn on_this_machine(mut words: Driver, host: &Host) -> (Driver, Option<String>) {
    let why = match host.find(&words[0]) {
        PathLookup::Program(path) => {
            words[0] = path.to_string_lossy().into_owned();
            None
        }
        PathLookup::NotExecutable(path) => Some(format!("{} is not executable", path.display())),
        PathLookup::Nothing => Some(format!("there is no program {}", words[0])),
    };
    (words, why)
}
