//! Decides the modes of a new targets.toml from Cargo's data about the program.

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
    /// The features of the mode: those of the shape, and those that the program requires in addition.
    pub(super) features: Vec<String>,
    /// The compilers that its build needs, according to Cargo. Empty if Cargo did not tell.
    pub(super) compilers: Compilers,
    /// The result of a trial build without any C compiler: the packages whose calls of a compiler were
    /// refused.
    pub(super) refused: Option<BTreeSet<String>>,
}

/// The name and the features of a mode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) features: &'static [&'static str],
    pub(super) default_features: bool,
    /// Whether the mode only switches the default features off, so that it may not be a useful program.
    pub(super) bare: bool,
}

const DEFAULT: Shape = Shape { name: "default", features: &[], default_features: true, bare: false };
const NATIVE: Shape = Shape { name: "native", features: &["native"], default_features: false, bare: false };
const PURE: Shape = Shape { name: "pure", features: &["pure"], default_features: false, bare: false };
const PURE_ON_TOP: Shape = Shape { name: "pure", features: &["pure"], default_features: true, bare: false };
const BARE: Shape = Shape { name: "pure", features: &[], default_features: false, bare: true };

/// Returns the modes of a package's program for one target, and an error if Cargo did not tell.
///
/// If the features `native` and `pure` exist, they are the two modes, and the first needs C. Otherwise the
/// default features are the first mode, with the compilers that its build scripts use. If it needs any
/// compiler, a second mode is looked for that needs none. Its candidates are the feature `pure` alone, `pure`
/// in addition to the default features, and no features. If build scripts that can run compilers remain with
/// the feature `pure`, a trial build decides: a script may only query a compiler and compile nothing.
pub(super) fn of(
    package: &Package,
    bin: &str,
    target: &str,
    look: &dyn Examination,
) -> (Vec<ModeDraft>, Option<Error>) {
    let untold = |shape: Shape| {
        let Shape { features, default_features, .. } = shape;
        let required = package.lacking_features(bin, features, default_features);
        let features = features.iter().copied().chain(required).map(str::to_owned).collect();
        ModeDraft { shape, features, compilers: Compilers::default(), refused: None }
    };
    let told = |shape: Shape| {
        let mode = untold(shape);
        let graph = look.graph(&query(package, bin, target, &mode))?;
        Ok(ModeDraft { compilers: Compilers::of(&graph, target), ..mode })
    };
    let tried = |mode: ModeDraft| match mode.compilers.needs.is_empty() {
        true => mode,
        false => match look.refused(&query(package, bin, target, &mode)) {
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
    // Without its default features, Cargo may not build the program at all.
    let second = second.iter().filter_map(|shape| told(*shape).ok());
    let second = second.map(|mode| if mode.shape.bare { mode } else { tried(mode) });
    let second = { second }.find(|mode| mode.compilers.needs.is_empty());
    (std::iter::once(first).chain(second).collect(), None)
}

fn query<'a>(package: &'a Package, bin: &'a str, target: &'a str, mode: &'a ModeDraft) -> BuildQuery<'a> {
    let ModeDraft { shape, features, .. } = mode;
    BuildQuery { package: &package.id, bin, target, features, default_features: shape.default_features }
}
