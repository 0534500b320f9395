//! Which modes a new targets.toml has: what Cargo says of the program decides.

use super::Ask;
use crate::cargo::compilers::{BuildQuery, Compilers};
use xtask_config::Need;
use xtask_config::workspace::Package;
use xtask_files::error::Error;

/// A mode to write.
#[derive(Debug)]
pub(super) struct ModeDraft {
    pub(super) shape: Shape,
    /// What Cargo says that its build compiles; nothing where it did not say.
    pub(super) compilers: Compilers,
}

/// Its name and features.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) features: &'static [&'static str],
    pub(super) default_features: bool,
    /// It is what is left without the default features, and nobody has said that this is a program of use.
    pub(super) bare: bool,
}

const DEFAULT: Shape = Shape { name: "default", features: &[], default_features: true, bare: false };
const NATIVE: Shape = Shape { name: "native", features: &["native"], default_features: false, bare: false };
const PURE: Shape = Shape { name: "pure", features: &["pure"], default_features: false, bare: false };
const BARE: Shape = Shape { name: "pure", features: &[], default_features: false, bare: true };

/// The modes of a package's program, asked about for one target; and why Cargo did not tell, where it did not.
///
/// The rule: features named `native` and `pure` are two modes, of which the first needs C. Else the default features are the
/// first mode, with the compilers that its build scripts are made for; where these are any, and the feature `pure` alone,
/// or no feature at all, does without, that is the second.
pub(super) fn of(
    package: &Package,
    bin: &str,
    target: &str,
    ask: &Ask<'_>,
) -> (Vec<ModeDraft>, Option<Error>) {
    let told = |shape: Shape| {
        let Shape { features, default_features, .. } = shape;
        let question = BuildQuery { package: &package.id, bin, target, features, default_features };
        ask(&question).map(|graph| ModeDraft { shape, compilers: Compilers::of(&graph, target) })
    };
    let untold = |shape: Shape| ModeDraft { shape, compilers: Compilers::default() };
    let has = |feature: &str| package.features.contains_key(feature);
    if has("native") && has("pure") {
        let (mut native, error) = match told(NATIVE) {
            Ok(mode) => (mode, None),
            Err(error) => (untold(NATIVE), Some(error)),
        };
        native.compilers.needs.insert(Need::C);
        return (vec![native, told(PURE).unwrap_or_else(|_| untold(PURE))], error);
    }
    let first = match told(DEFAULT) {
        Ok(mode) => mode,
        Err(error) => return (vec![untold(DEFAULT)], Some(error)),
    };
    let second = match has("pure") {
        _ if first.compilers.needs.is_empty() => None,
        true => Some(PURE),
        false => package.features.get("default").filter(|list| !list.is_empty()).map(|_| BARE),
    };
    // Without its default features a program may not be one that Cargo would build.
    let second = second.and_then(|mode| told(mode).ok()).filter(|mode| mode.compilers.needs.is_empty());
    (std::iter::once(first).chain(second).collect(), None)
}
