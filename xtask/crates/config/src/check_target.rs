//! Checks the tables `[[target]]`, and how targets and modes fit together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::GlibcVersion;
use super::check::ConfigCheck;
use super::quote::{names, quoted};
use super::raw::{RawTarget, SpannedText};
use super::suggest::nearest;
use super::types::{ModeChoice, OnFallback, Target};
use xtask_compilers::toolchain::{CcChoice, Provider};
use xtask_gate::processors;
use xtask_gate::{Level, Severity, check_flags};
use xtask_triple::{Arch, Libc, Triple};

/// Checks all targets of the file.
pub(super) fn targets(check: &mut ConfigCheck<'_, '_>) -> Vec<Target> {
    let raw = check.raw;
    let targets = raw.targets.iter().filter_map(|t| target(check, t)).collect();
    duplicates(check);
    unused_modes(check);
    targets
}

fn target<'a>(check: &mut ConfigCheck<'a, '_>, raw: &'a RawTarget) -> Option<Target> {
    let triple = raw.triple.as_ref().map(|text| (text, Triple::parse(text.get_ref())));
    if let Some((text, _)) = &triple {
        known(check, text);
    }
    let parsed = triple.map(|(_, parsed)| parsed);
    let defaults = Target::with_defaults(parsed.clone().unwrap_or_else(|| Triple::parse("")));
    let target = Target {
        mode: raw.mode.as_ref().map_or(ModeChoice::Auto, |m| mode(check, m)),
        on_fallback: raw
            .on_fallback
            .as_ref()
            .and_then(|text| check.word::<OnFallback>("a value of `on-fallback`", text))
            .unwrap_or(OnFallback::Allow),
        cc: raw.cc.as_ref().and_then(|text| cc(check, text)),
        glibc: raw.glibc.as_ref().and_then(|text| glibc(check, text, parsed.as_ref())),
        cpu: raw.cpu.as_ref().and_then(|text| cpu(check, text, raw, parsed.as_ref())),
        sysroot: raw.sysroot.as_ref().and_then(|text| sysroot(check, text)),
        profile: raw.profile.as_ref().map_or(defaults.profile.clone(), |text| profile(check, text)),
        env: env(check, &raw.env, parsed.as_ref()),
        rustflags: raw.rustflags.as_ref().map(|flags| rustflags(check, flags)).unwrap_or_default(),
        ..defaults
    };
    parsed.map(|_| target)
}

pub(super) fn known<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) {
    let triples = check.triples;
    if !triples.contains(text.get_ref()) {
        let message = format!("{} is not a target that rustc knows", quoted(text.get_ref()));
        check.diags.at(text.span(), message).help_with(move || {
            match nearest(text.get_ref(), triples.iter().map(String::as_str)) {
                Some(near) => vec![format!("did you mean {}?", quoted(near))],
                None => vec!["`rustc --print target-list` prints them all".to_owned()],
            }
        });
    }
}

fn mode<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> ModeChoice {
    let raw = check.raw;
    let known = move || raw.modes.iter().filter_map(|m| m.name.as_ref()).map(|n| n.get_ref().as_str());
    match text.get_ref().as_str() {
        "auto" => return ModeChoice::Auto,
        "all" => {
            check.diags.at(text.span(), "\"all\" cannot be the mode of a target").help(
                "write the name of a mode, or \"auto\"; `--mode all` on the command line builds every mode",
            );
        }
        // A mode whose name could not be read may be the one that is meant.
        name if raw.modes.iter().any(|m| m.name.is_none()) || known().any(|k| k == name) => {}
        _ => {
            let message = format!("there is no mode {}", quoted(text.get_ref()));
            let diag = check.diags.at(text.span(), message).whole();
            diag.help_with(move || {
                let all = || ["auto"].into_iter().chain(known());
                let near = nearest(text.get_ref(), all()).map(|n| format!("did you mean {}?", quoted(n)));
                near.into_iter().chain([format!("the modes are {}, or \"auto\"", names(known()))]).collect()
            });
        }
    }
    ModeChoice::Named(text.get_ref().clone())
}

fn cc<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<CcChoice> {
    let word = text.get_ref();
    if let Some(provider) =
        Provider::with_name(word, &check.providers).filter(|provider| !provider.is_explicit())
    {
        return Some(CcChoice::Provider(provider));
    }
    let help = format!(
        "it is one of {}, or a compiler: a path, or the name of a program",
        names(Provider::choices().chain(check.providers.iter().map(|own| own.name())))
    );
    let path = word.contains(std::path::is_separator);
    let spaced = word.trim() != word || (!path && word.contains(char::is_whitespace));
    if word.is_empty() || word.contains('\0') {
        check.diags.at(text.span(), "`cc` names no compiler").help(help);
        None
    } else if spaced {
        let message = format!("{} is not the name of one program", quoted(word));
        check
            .diags
            .at(text.span(), message)
            .help(help)
            .help("to pass arguments, write a script and name it in `cc`");
        None
    } else if path {
        // The path is absolute, because a build starts compilers in many folders.
        let joined = check.dir.join(word);
        Some(CcChoice::Program(std::path::absolute(&joined).unwrap_or(joined)))
    } else {
        Some(CcChoice::Program(Path::new(word).to_owned()))
    }
}

/// Reads the path of a sysroot, and reports one that has no headers and no libraries.
fn sysroot<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<PathBuf> {
    let joined = check.dir.join(text.get_ref());
    let folder = std::path::absolute(&joined).unwrap_or(joined);
    let holds = |name: &str| folder.join(name).is_dir();
    let fault = if text.get_ref().is_empty() || text.get_ref().contains('\0') {
        "`sysroot` names no folder".to_owned()
    } else if !folder.is_dir() {
        format!("there is no folder {}", quoted(text.get_ref()))
    } else if !["usr/include", "usr/lib", "include", "lib"].into_iter().any(holds) {
        format!("{} is no sysroot: it has neither headers nor libraries", quoted(text.get_ref()))
    } else if folder.to_str().is_none_or(|path| path.contains(char::is_whitespace)) {
        format!("build systems split flags at white space, which {} contains", folder.display())
    } else {
        return Some(folder);
    };
    check.diags.at(text.span(), fault).help(
        "name a folder that contains usr/include or usr/lib, such as Debian's packages unpacked with `dpkg-deb -x`",
    );
    None
}

fn glibc<'a>(
    check: &mut ConfigCheck<'a, '_>,
    text: &'a SpannedText,
    triple: Option<&Triple>,
) -> Option<GlibcVersion> {
    let Some(version) = GlibcVersion::parse(text.get_ref()) else {
        let message = format!("{} is not a version of glibc", quoted(text.get_ref()));
        check.diags.at(text.span(), message).help("write it as in \"2.31\"");
        return None;
    };
    if let Some(triple) = triple.filter(|t| t.libc() != Libc::Glibc) {
        let message = format!("{} has no glibc", quoted(triple.as_str()));
        check.diags.at(text.span(), message).help("remove `glibc`, or name a target that ends in -gnu");
    } else if version < GlibcVersion::OLDEST {
        let message = format!("Rust programs do not run on glibc {version}");
        check.diags.at(text.span(), message).help(format!("the oldest is \"{}\"", GlibcVersion::OLDEST));
    }
    Some(version)
}

/// Reads the level, and reports flags in the same table that require a higher one.
fn cpu<'a>(
    check: &mut ConfigCheck<'a, '_>,
    text: &'a SpannedText,
    raw: &'a RawTarget,
    triple: Option<&Triple>,
) -> Option<Level> {
    if let Some(triple) = triple.filter(|t| t.arch() != Arch::X86_64) {
        let message = format!("{} is not a target for x86-64", quoted(triple.as_str()));
        check.diags.at(text.span(), message).help("remove `cpu`, or name a target that begins with x86_64");
    }
    let level = check.word::<Level>("a level of x86-64", text)?;
    let flags = raw.rustflags.as_ref().map(|flags| flags.get_ref().as_slice()).unwrap_or_default();
    for asked in processors(flags.iter().map(|flag| flag.get_ref().as_str())) {
        let finding = check_flags(std::slice::from_ref(&asked), Some(level), false).pop();
        let refused = finding.filter(|finding| finding.severity == Severity::Fail);
        if let Some((refused, flag)) = refused.zip(flags.get(asked.at)) {
            let diag = check.diags.at(flag.span(), refused.what);
            diag.help(refused.fix).also("`cpu` is on", text.span().start);
        }
    }
    Some(level)
}

fn profile<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> String {
    let profiles = &check.workspace.profiles;
    if !profiles.contains(text.get_ref()) {
        check.unknown(text, "a profile of this workspace", || profiles.iter().map(String::as_str));
    }
    text.get_ref().clone()
}

fn env<'a>(
    check: &mut ConfigCheck<'a, '_>,
    entries: &'a [(SpannedText, SpannedText)],
    triple: Option<&Triple>,
) -> BTreeMap<String, String> {
    for (name, value) in entries {
        let key = name.get_ref();
        if !is_variable(key) {
            check
                .diags
                .at(name.span(), format!("{} cannot be the name of a variable", quoted(key)))
                .help("use letters, digits, _, - and .; begin with no digit");
        } else if let Some(instead) = set_by_us(key, triple) {
            let message = format!("{} is set by xtask itself", quoted(key));
            check.diags.at(name.span(), message).help(instead);
        }
        if value.get_ref().contains('\0') {
            check.diags.at(value.span(), "a variable cannot contain the character \\u0000");
        }
    }
    entries.iter().map(|(name, value)| (name.get_ref().clone(), value.get_ref().clone())).collect()
}

/// Whether a text is the name of a variable. Names such as `CFLAGS_x86_64-unknown-linux-musl` are allowed,
/// although POSIX's stricter rule forbids them.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// Returns the replacement for a variable that this program sets itself, or none for another variable. A
/// value from the file would be lost, or would disable the traps of a pure build.
fn set_by_us(name: &str, triple: Option<&Triple>) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    match name.as_str() {
        "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS" | "CARGO_BUILD_RUSTFLAGS" => {
            return Some("use the key `rustflags` of [[target]]");
        }
        "RUSTC" | "CARGO_BUILD_RUSTC" | "CARGO" => return Some("set it in the environment of `cargo xtask`"),
        "CARGO_BUILD_TARGET" => return Some("list the target in a [[target]] table"),
        "CARGO_TARGET_DIR" | "CARGO_BUILD_TARGET_DIR" => return Some("set it in Cargo's configuration"),
        _ => {}
    }
    let triple = triple?;
    let tool = |tool: &str| {
        let suffixes = [triple.as_str().to_ascii_uppercase(), triple.shouted()];
        let of_target = suffixes.iter().any(|suffix| name == format!("{tool}_{suffix}"));
        of_target || name == tool || name == format!("TARGET_{tool}") || name == format!("HOST_{tool}")
    };
    let linker = ["LINKER", "RUSTFLAGS", "RUNNER"];
    if ["CC", "CXX", "AR", "RANLIB"].into_iter().any(tool) {
        Some("use the key `cc` of [[target]]")
    } else if linker.iter().any(|key| name == format!("CARGO_TARGET_{}_{key}", triple.shouted())) {
        Some("use the keys `cc` and `rustflags` of [[target]]")
    } else {
        None
    }
}

fn rustflags<'a>(check: &mut ConfigCheck<'a, '_>, flags: &'a super::raw::SpannedTexts) -> Vec<String> {
    for flag in flags.get_ref().iter().filter(|f| f.get_ref().is_empty() || f.get_ref().contains('\x1f')) {
        // Cargo separates encoded flags by 0x1f.
        check.diags.at(flag.span(), format!("{} cannot be an argument of rustc", quoted(flag.get_ref())));
    }
    check.arguments(flags)
}

fn duplicates(check: &mut ConfigCheck<'_, '_>) {
    let mut seen = BTreeMap::new();
    for text in check.raw.targets.iter().filter_map(|t| t.triple.as_ref()) {
        let first: usize = *seen.entry(text.get_ref()).or_insert(text.span().start);
        if first != text.span().start {
            let message = format!("target {} is listed twice", quoted(text.get_ref()));
            check.diags.at(text.span(), message).also("the first is on", first).whole();
        }
    }
}

/// Reports modes that no target uses. If every target names its mode, `auto` never chooses one, so the other
/// modes are unused.
fn unused_modes(check: &mut ConfigCheck<'_, '_>) {
    let targets = &check.raw.targets;
    let named: BTreeSet<&str> =
        targets.iter().filter_map(|t| t.mode.as_ref()).map(|m| m.get_ref().as_str()).collect();
    if targets.is_empty() || targets.iter().any(|t| t.mode.is_none()) || named.contains("auto") {
        return;
    }
    for name in check.raw.modes.iter().filter_map(|m| m.name.as_ref()) {
        if !named.contains(name.get_ref().as_str()) {
            check
                .diags
                .at(name.span(), format!("no target can use mode {}", quoted(name.get_ref())))
                .whole()
                .help("every target names another mode: name this mode in a target, or write mode = \"auto\" there");
        }
    }
}
