//! Judges a program against the root file system that ships: what its loader would do there, in words.

use super::binding::Lack;
use super::check::{Finding, Severity};
use super::closure::{Closure, Interpreter};
use super::facts::Kind;
use super::glibc::Glibc;
use super::level::Level;
use super::program::Program;
use super::tree::Tree;
use super::{rules, words};
use crate::triple::Triple;

/// What a user allows a program to ask of the machines that it is to run on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The newest glibc that it may require (targets.toml's `glibc`).
    pub glibc: Option<Glibc>,
    /// The level of x86-64 that all those machines have. Where it is not said, a program that needs more than the lowest
    /// is warned of, and libraries for better processors do not count.
    pub level: Option<Level>,
}

/// Holds a program against its target and the root file system that it is to start in. The findings come in a fixed
/// order; no finding with [`Severity::Fail`] means that it starts there.
pub fn check_in(program: &Program, triple: &Triple, tree: &Tree<'_>, limits: Limits) -> Vec<Finding> {
    let facts = &program.facts;
    let mut findings = Vec::new();
    findings.extend(rules::system(facts, triple));
    findings.extend(rules::machine(facts, triple));
    findings.extend(rules::float(facts, triple));
    findings.extend(rules::pages(&program.object, triple));
    findings.extend(rules::level(&program.object, limits.level));
    let foreign = findings.iter().any(|f| f.severity == Severity::Fail);
    // Of another machine, nothing that follows would say more.
    if facts.kind == Kind::Dynamic && !foreign {
        findings.extend(started(program, triple, tree, limits));
        findings.extend(rules::interpreter_path(facts, triple));
    }
    findings.extend(rules::glibc_floor(facts, triple, limits.glibc));
    findings.extend(rules::glibc_private(facts));
    findings.extend(rules::search_paths(facts));
    findings.extend(rules::stack(facts));
    findings.extend(rules::name_service(facts, triple));
    findings
}

/// What the loader finds, and does not find.
fn started(program: &Program, triple: &Triple, tree: &Tree<'_>, limits: Limits) -> Vec<Finding> {
    let level = limits.level.unwrap_or(Level::V1);
    let interpreter = program.facts.interpreter.as_deref();
    let closure = Closure::of(&program.object, &program.at, interpreter, tree, level);
    let words = words::Words { program, triple, tree, closure: &closure };
    let musl = match &closure.interpreter {
        Interpreter::None => return vec![words.no_interpreter_named()],
        Interpreter::Unfit { path, why } => return vec![words.interpreter(path, why.as_deref())],
        Interpreter::Unknown(found) => return vec![words.interpreter_unknown(found)],
        Interpreter::Found(found) => {
            super::expect::libc_of_interpreter(&found.path) == Some(crate::triple::Libc::Musl)
        }
    };
    let mut findings = Vec::new();
    findings.extend(closure.loaded.iter().skip(1).filter_map(|l| words.abi(l)));
    findings.extend(closure.loaded.iter().skip(1).filter_map(|l| words.page(l)));
    findings.extend(closure.gaps.iter().map(|gap| words.gap(gap)));
    findings.extend(closure.lacks(musl).iter().map(|lack| match lack {
        Lack::Version { by, of, version, symbols } => words.version(*by, *of, version, symbols),
        Lack::Symbols { by, required, symbols } => words.symbols(*by, required.as_ref(), symbols),
    }));
    findings.extend(closure.loaded.iter().filter(|l| !l.object.symbols_known).map(|l| words.unread(l)));
    findings
}
