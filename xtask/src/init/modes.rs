//! Which modes a new targets.toml has: what Cargo says of the program decides.

use std::collections::BTreeSet;

use super::Examination;
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
    /// It was built without any C compiler, as a trial: the packages whose calls of one were refused.
    pub(super) refused: Option<BTreeSet<String>>,
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
const PURE_ON_TOP: Shape = Shape { name: "pure", features: &["pure"], default_features: true, bare: false };
const BARE: Shape = Shape { name: "pure", features: &[], default_features: false, bare: true };

/// The modes of a package's program, asked about for one target; and why Cargo did not tell, where it did not.
///
/// The rule: features named `native` and `pure` are two modes, of which the first needs C. Else the default features are the
/// first mode, with the compilers that its build scripts are made for; where these are any, and the feature `pure`, alone or
/// on top of the default ones, or no feature at all, does without, that is the second. What the feature `pure` leaves of
/// build scripts that can run compilers is tried: one may only ask a compiler what it knows, and compile nothing.
pub(super) fn of(
    package: &Package,
    bin: &str,
    target: &str,
    look: &dyn Examination,
) -> (Vec<ModeDraft>, Option<Error>) {
    let query = |shape: Shape| {
        let Shape { features, default_features, .. } = shape;
        BuildQuery { package: &package.id, bin, target, features, default_features }
    };
    let told = |shape: Shape| {
        let graph = look.graph(&query(shape))?;
        Ok(ModeDraft { shape, compilers: Compilers::of(&graph, target), refused: None })
    };
    let untold = |shape: Shape| ModeDraft { shape, compilers: Compilers::default(), refused: None };
    let tried = |mode: ModeDraft| match mode.compilers.needs.is_empty() {
        true => mode,
        false => match look.refused(&query(mode.shape)) {
            None => mode,
            refused => {
                let compilers = Compilers { packages: mode.compilers.packages, ..Compilers::default() };
                ModeDraft { compilers, refused, ..mode }
            }
        },
    };
    let has = |feature: &str| package.features.contains_key(feature);
    if has("native") && has("pure") {
        let (mut native, error) = match told(NATIVE) {
            Ok(mode) => (mode, None),
            Err(error) => (untold(NATIVE), Some(error)),
        };
        native.compilers.needs.insert(Need::C);
        return (vec![native, told(PURE).map_or_else(|_: Error| untold(PURE), tried)], error);
    }
    let first = match told(DEFAULT) {
        Ok(mode) => mode,
        Err(error) => return (vec![untold(DEFAULT)], Some(error)),
    };
    let has_defaults = package.features.get("default").is_some_and(|list| !list.is_empty());
    let second: &[Shape] = match (has("pure"), has_defaults) {
        _ if first.compilers.needs.is_empty() => &[],
        (true, true) => &[PURE, PURE_ON_TOP],
        (true, false) => &[PURE],
        (false, true) => &[BARE],
        (false, false) => &[],
    };
    // Without its default features a program may not be one that Cargo would build.
    let second = second.iter().filter_map(|shape| told(*shape).ok());
    let second = second.map(|mode| if mode.shape.bare { mode } else { tried(mode) });
    let second = { second }.find(|mode| mode.compilers.needs.is_empty());
    (std::iter::once(first).chain(second).collect(), None)
}
