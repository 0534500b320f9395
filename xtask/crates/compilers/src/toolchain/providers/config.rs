//! A compiler that `cc` in targets.toml names as a program.

use super::Definition;

pub(super) const CONFIG: Definition =
    Definition { name: "config", only: None, find: None, compilers: &[], supply: |_| None };
