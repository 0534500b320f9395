//! clang with a sysroot for the target.

use super::{Definition, Finds, Search};
use crate::toolchain::names::llvm_target;

pub(super) const CLANG: Definition = Definition {
    name: "clang",
    only: None,
    find: Some(find),
    compilers: &["clang", "clang++"],
    supply: |_| None,
};

/// The names of clang. The unversioned name comes first, then the newest version, so that an old clang beside
/// a new one does no harm.
const NAMES: [&str; 13] = [
    "clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16",
    "clang-15", "clang-14", "clang-13", "clang-11",
];

fn find(search: &Search) -> Finds {
    let Search { target, host, .. } = *search;
    let Some(llvm) = llvm_target(target) else { return Finds::default() };
    let Some(name) = NAMES.into_iter().find(|name| host.program(name).is_some()) else {
        let looked_for = Some("clang, clang-23 … clang-11 on PATH".into());
        return Finds { candidates: Vec::new(), looked_for };
    };
    let command = format!("{name} --target={llvm}");
    let mut candidate = search.named(format!("{command}, {name} being on PATH"), &command);
    // The archiver must read the objects of the target. LLVM's archiver reads those of every architecture.
    if *target != host.triple {
        let suffix = name.strip_prefix("clang").unwrap_or("");
        let llvm = |tool: &str| {
            host.program(&format!("llvm-{tool}{suffix}")).map(|p| vec![p.to_string_lossy().into_owned()])
        };
        candidate.ar = llvm("ar").or(candidate.ar);
        candidate.ranlib = llvm("ranlib").or(candidate.ranlib);
    }
    Finds { candidates: vec![candidate], looked_for: None }
}
