//! Converts the facts of a run about a program to those of its bill. Pure.

use super::program::{LinkedStd, ProgramSubject};
use crate::record::{ProgramOrigin, Purity, VerifiedProgram};
use xtask_gate::{self as gate, Facts};
use xtask_triple::{Libc, Triple};

impl ProgramSubject {
    /// Collects the facts about a program that may ship.
    pub fn of(verified: &VerifiedProgram, bin: &str, origin: &ProgramOrigin) -> Self {
        let VerifiedProgram { stored, facts, .. } = verified;
        let facts = facts.as_ref();
        let (job, package) = (stored.job(), origin.package);
        let std = job.std.as_ref().map(|std| LinkedStd {
            version: std.version.clone(),
            provider: std.provider.to_owned(),
            identity: std.identity.clone(),
        });
        let compiler =
            job.toolchain.as_ref().map(|tools| (tools.provider.name().into(), tools.version.clone()));
        Self {
            name: bin.to_owned(),
            version: package.version.to_string(),
            description: package.description.clone(),
            license: package.license.clone(),
            repository: package.repository.clone(),
            revision: origin.revision.clone(),
            target: job.target.triple.to_string(),
            mode: job.mode.name.clone(),
            fallback: job.fallback.as_ref().map(|f| (f.from.clone(), f.reason.to_owned())),
            purity: match stored.built.purity {
                Purity::Proven => Some("proven"),
                Purity::NotSeen(_) => Some("not-seen"),
                Purity::NotPromised => None,
            },
            sha256: stored.artifact.sha256.clone(),
            linkage: facts.map(|facts| facts.kind.to_string()),
            interpreter: facts.and_then(|facts| facts.interpreter.clone()),
            needed: facts.map(|facts| facts.needed.clone()).unwrap_or_default(),
            glibc: facts.and_then(Facts::glibc_max).map(|(version, _)| version.to_string()),
            compiler,
            std: std.unwrap_or_default(),
            libc: facts.and_then(|facts| linked_libc(&job.target.triple, facts)),
        }
    }
}

/// Returns the C library in a static program, with its vendor and product in the CPE list of vulnerabilities.
fn linked_libc(target: &Triple, facts: &Facts) -> Option<(&'static str, &'static str)> {
    if facts.kind == gate::Linkage::Dynamic {
        return None;
    }
    match target.libc() {
        Libc::Musl => Some(("musl", "musl-libc:musl")),
        Libc::Glibc => Some(("glibc", "gnu:glibc")),
        Libc::Other => None,
    }
}
