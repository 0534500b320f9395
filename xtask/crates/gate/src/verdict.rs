//! Judges a program against the root file system that ships: what its loader would do there.

use std::sync::Arc;

use super::binding::Unresolved;
use super::check::{self, Finding, Limits, Severity};
use super::closure::{Closure, Interpreter};
use super::facts::Linkage;
use super::level::Level;
use super::program::Program;
use super::tree::Tree;
use super::{Object, expect, messages, rules};
use xtask_triple::{Libc, Triple};

/// Checks a program against its target and the root file system in which it is to start. The findings come in
/// a fixed order. If no finding is a [`Severity::Fail`], the program starts there.
pub fn check_in(program: &Program, triple: &Triple, tree: &Tree<'_>, limits: Limits) -> Vec<Finding> {
    let facts = &program.facts;
    let mut findings = Vec::new();
    findings.extend(rules::system(facts, triple));
    findings.extend(rules::machine(facts, triple));
    findings.extend(rules::float(facts, triple));
    findings.extend(rules::pages(&program.object, triple));
    findings.extend(rules::level(facts.level, limits.level));
    let foreign = findings.iter().any(|f| f.severity == Severity::Fail);
    // For another machine, the following checks would add nothing.
    if facts.kind == Linkage::Dynamic && !foreign {
        match facts.interpreter.as_deref() {
            None => findings.push(rules::nobody_loads(facts)),
            interpreter => {
                let (name, object, at) = (&program.name, &program.object, &program.at);
                findings.extend(JudgedObject { name, object, at, interpreter }.loads(triple, tree, limits));
            }
        }
        findings.extend(rules::interpreter_path(facts, triple));
    }
    findings.extend(check::everywhere(facts, triple, limits));
    findings
}

/// Checks whether a program could load a shared library of the build from the root file system. The library
/// lies there at `at`. `name` is its name in messages.
pub fn check_library_in(
    name: &str,
    library: &Arc<Object>,
    at: &str,
    triple: &Triple,
    tree: &Tree<'_>,
    limits: Limits,
) -> Vec<Finding> {
    let of = (library.machine, library.bits, library.endian);
    if let Some((machine, bits, endian)) = expect::machine(triple).filter(|wanted| *wanted != of) {
        let found = library.machine.name(library.bits, library.endian);
        let what = format!("{name} is for {found}, but {triple} is {}", machine.name(bits, endian));
        return vec![rules::fail(what, format!("build it with `--target {triple}`"))];
    }
    let mut findings: Vec<Finding> = rules::pages(library, triple).into_iter().collect();
    findings.extend(rules::level(library.level, limits.level));
    // Programs of this target load the library, with the target's usual loader if the tree has it.
    let interpreter = match triple.libc() {
        Libc::Glibc => expect::glibc_interpreter(triple).map(str::to_owned),
        Libc::Musl => tree.files().below("lib/ld-musl-").next().map(|(path, _)| format!("/{path}")),
        Libc::Other => None,
    };
    if interpreter.is_none() && !library.needed.is_empty() {
        let what = format!("{name} was not checked further: {} has no loader for {triple}", tree.name());
        findings.push(rules::warn(what, "load it once in its image before you ship it"));
    }
    let judged = JudgedObject { name, object: library, at, interpreter: interpreter.as_deref() };
    findings.extend(judged.loads(triple, tree, limits));
    findings
}

/// The object that is judged: a program or a library.
struct JudgedObject<'a> {
    name: &'a str,
    object: &'a Arc<Object>,
    at: &'a str,
    interpreter: Option<&'a str>,
}

impl JudgedObject<'_> {
    /// Returns the findings about the files that the loader finds or misses.
    fn loads(&self, triple: &Triple, tree: &Tree<'_>, limits: Limits) -> Vec<Finding> {
        let level = limits.level.unwrap_or(Level::V1);
        let closure = Closure::of(self.object, self.at, self.interpreter, tree, level);
        let (name, object, limit) = (self.name, self.object, limits.level);
        let messages = messages::VerdictMessages { name, object, triple, tree, closure: &closure, limit };
        let found = match &closure.interpreter {
            Interpreter::None => return Vec::new(),
            Interpreter::Unfit { path, why } => return vec![messages.interpreter(path, why.as_deref())],
            Interpreter::Unknown(found) => return vec![messages.interpreter_unknown(found)],
            Interpreter::Found(found) => found,
        };
        let musl = expect::libc_of_interpreter(&found.path) == Some(Libc::Musl);
        let mut findings = Vec::new();
        findings.extend(closure.loaded.iter().skip(1).filter_map(|l| messages.abi(l)));
        findings.extend(closure.loaded.iter().skip(1).filter_map(|l| messages.page(l)));
        findings.extend(messages.levels(found));
        findings.extend(closure.gaps.iter().map(|gap| messages.gap(gap)));
        findings.extend(closure.lacks(musl).iter().map(|lack| match lack {
            Unresolved::Version { by, of, version, symbols } => messages.version(*by, *of, version, symbols),
            Unresolved::Symbols { by, required, symbols } => {
                messages.symbols(*by, required.as_ref(), symbols)
            }
        }));
        findings
            .extend(closure.loaded.iter().filter(|l| !l.object.symbols_known).map(|l| messages.unread(l)));
        findings
    }
}
