//! Reads the inputs of a bill that a run does not know yet: the unit graph, Cargo.lock, manifests, static
//! libraries.

use std::path::PathBuf;

use super::c;
use super::crates::CratePackages;
use super::lock::CargoLock;
use super::manifest;
use super::program::BillInputs;
use crate::cargo::builder::Builder;
use crate::cargo::units::{self, Manifests};
use crate::plan::Job;
use crate::record::BuiltProgram;
use xtask_compilers::rust_std::self_contained;
use xtask_compilers::toolchain::Linker;
use xtask_files::error::Result;
use xtask_triple::Libc;

/// Reads the inputs for a program, and the manifests on which it depends.
///
/// # Errors
/// Cargo cannot be run, or its answer cannot be stored.
pub(super) fn read(built: &BuiltProgram, builder: &Builder) -> Result<(BillInputs, Manifests)> {
    let job = &built.job;
    let kept = units::of_job(job, builder)?;
    let packages = kept.as_ref().and_then(|kept| CratePackages::of(&kept.graph, job.target.triple.as_str()));
    if packages.is_none() {
        let title = job.title();
        builder.ui.warn(format!("{title}: this version of Cargo does not list the packages of the program"));
    }
    let all = packages.iter().flat_map(|packages| packages.all.iter().enumerate());
    let manifests =
        all.filter_map(|(at, package)| Some((at, manifest::read(&package.name, &package.src_path)?)));
    let root = packages.as_ref().and_then(|packages| Some(packages.all.get(packages.root)?.id.as_str()));
    let read = BillInputs {
        manifests: manifests.collect(),
        // A missing file is the same as one without packages.
        lock: CargoLock::read(
            &std::fs::read_to_string(builder.site.root.join("Cargo.lock")).unwrap_or_default(),
        ),
        libraries: match &built.contents {
            Ok(contents) => c::in_program(contents, &built.scripts, root.unwrap_or_default()),
            Err(_) => c::libraries(&built.scripts),
        },
        libc: musl(job).and_then(|archive| c::musl_version(&archive)),
        packages,
    };
    Ok((read, kept.map(|kept| kept.manifests).unwrap_or_default()))
}

/// Returns the musl with which a program is linked, if that is certain: the one beside the std, which
/// rust-lld is told to use. A compiler driver may use another one.
fn musl(job: &Job) -> Option<PathBuf> {
    let (std, Linker::RustLld { .. }) = (job.std.as_ref()?, job.linker.as_ref()?) else { return None };
    if job.target.triple.libc() != Libc::Musl {
        return None;
    }
    let own = || std.rustc.parent()?.parent().map(PathBuf::from);
    let sysroot = std.sysroot.clone().or_else(own)?;
    Some(self_contained::folder(&sysroot, &job.target.triple).join("libc.a"))
}
