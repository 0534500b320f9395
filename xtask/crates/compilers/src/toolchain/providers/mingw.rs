//! MinGW-w64's gcc, which makes programs for Windows.

use super::{Definition, Finds, Search, Supply};
use xtask_triple::{Arch, Env, Os, Triple};

pub(super) const MINGW: Definition = Definition {
    name: "mingw",
    only: Some(Os::Windows),
    find: Some(find),
    compilers: &["gcc", "g++"],
    supply,
};

fn find(search: &Search) -> Finds {
    let names = prefix(search.target).map(|prefix| format!("{prefix}-w64-mingw32-gcc"));
    search.on_path(names.as_slice())
}

fn prefix(target: &Triple) -> Option<&'static str> {
    match (target.env(), target.arch()) {
        (Env::MingwGnu, Arch::X86_64) => Some("x86_64"),
        (Env::MingwGnu, Arch::X86) => Some("i686"),
        _ => None,
    }
}

fn supply(target: &Triple) -> Option<Supply> {
    let (apt, dnf) = match prefix(target)? {
        "i686" => ("gcc-mingw-w64-i686", "mingw32-gcc"),
        _ => ("gcc-mingw-w64-x86-64", "mingw64-gcc"),
    };
    Some(Supply::Package { apt, dnf, brew: "mingw-w64" })
}
