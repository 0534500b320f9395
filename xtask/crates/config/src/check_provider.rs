//! Checks the tables `[[provider]]`: C toolchains that the file defines.

use std::ops::Range;

use super::check::ConfigCheck;
use super::check_target::known;
use super::quote::{names, quoted};
use super::raw::{RawProvider, SpannedText, SpannedTexts};
use super::suggest::nearest;
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::own::{
    CommandTemplate, OwnProvider, PLACEHOLDERS, TargetPattern, TemplateFaultKind,
};

/// Names that mean something else where providers are named.
const RESERVED: [&str; 5] = ["all", "auto", "driver", "none", "rust-lld"];

/// The maximum length of a name. It becomes a part of file names.
const LONGEST: usize = 32;

/// Checks all providers of the file.
pub(super) fn providers(check: &mut ConfigCheck<'_, '_>) -> Vec<Provider> {
    let raw = check.raw;
    let all = raw.providers.iter().enumerate();
    let providers = all.filter_map(|(place, raw)| provider(check, place, raw)).collect();
    check.differ("provider", raw.providers.iter().filter_map(|provider| provider.name.as_ref()));
    providers
}

fn provider<'a>(check: &mut ConfigCheck<'a, '_>, place: usize, raw: &'a RawProvider) -> Option<Provider> {
    let name = raw.name.as_ref().and_then(|text| name(check, text));
    let targets = raw.targets.as_ref().map(|texts| targets(check, texts));
    let root = raw.root.as_ref().map(|text| self::root(check, text));
    let has_root = raw.root.is_some();
    let mut command = |key, texts: &'a Option<SpannedTexts>| {
        texts.as_ref().map(|texts| command(check, key, texts, has_root))
    };
    let cc = command("cc", &raw.cc);
    let cxx = command("cxx", &raw.cxx);
    let ar = command("ar", &raw.ar);
    let ranlib = command("ranlib", &raw.ranlib);
    let linker = command("linker", &raw.linker);
    let args = raw.args.as_ref().map(|texts| words(check, texts, has_root)).unwrap_or_default();
    let folder = check.dir.to_owned();
    let (name, targets, cc) = (name?, targets?, cc?);
    // A fault was reported, so there is no valid provider.
    let is_whole = !targets.is_empty() && !cc.is_empty();
    is_whole.then(|| {
        let root = root.flatten();
        Provider::own(OwnProvider { place, name, targets, folder, root, cc, cxx, ar, ranlib, linker, args })
    })
}

fn name<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<String> {
    let name = text.get_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(plain)
        && name.len() <= LONGEST;
    if !is_plain {
        let message = format!("{} cannot be the name of a provider", quoted(name));
        check
            .diags
            .at(text.span(), message)
            .help(format!("use at most {LONGEST} small letters, digits and -; begin with a letter or digit"));
    } else if Provider::from_name(name).is_some() {
        let message = format!("{} is a built-in provider", quoted(name));
        check.diags.at(text.span(), message).help("choose another name, such as the vendor's");
    } else if RESERVED.contains(&name.as_str()) {
        check
            .diags
            .at(text.span(), format!("the name {} is reserved", quoted(name)))
            .help(format!("choose a name other than {}", names(RESERVED)));
    }
    Some(name.clone())
}

fn targets<'a>(check: &mut ConfigCheck<'a, '_>, texts: &'a SpannedTexts) -> Vec<TargetPattern> {
    if texts.get_ref().is_empty() {
        let diag = check.diags.at(texts.span(), "`targets` names no target");
        diag.help("write triples, or a pattern such as \"aarch64-*-linux-gnu\"");
    }
    let triples = check.triples;
    let mut patterns = Vec::new();
    for text in texts.get_ref() {
        let pattern = TargetPattern::new(text.get_ref());
        if pattern.is_triple() {
            known(check, text);
        } else if !triples.iter().any(|triple| pattern.fits(triple)) {
            let message = format!("no target that rustc knows fits {}", quoted(text.get_ref()));
            check.diags.at(text.span(), message).help("`rustc --print target-list` prints them all");
        }
        patterns.push(pattern);
    }
    patterns
}

fn root<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<CommandTemplate> {
    if text.get_ref().is_empty() {
        check.diags.at(text.span(), "`root` names no folder").help("the folder of this file is \".\"");
    }
    let root = template(check, text)?;
    if root.names_root() {
        check.diags.at(text.span(), "`root` cannot contain {root}").help("write the path of the folder");
    }
    Some(root)
}

fn command<'a>(
    check: &mut ConfigCheck<'a, '_>,
    key: &'static str,
    texts: &'a SpannedTexts,
    has_root: bool,
) -> Vec<CommandTemplate> {
    match texts.get_ref().first() {
        Some(program) if !program.get_ref().is_empty() => {
            let text = program.get_ref().as_str();
            let path = text.contains(std::path::is_separator);
            let option = text.split_whitespace().skip(1).any(|word| word.starts_with('-'));
            // The path of a program may contain spaces.
            if option || (!path && text.contains(char::is_whitespace)) {
                let words: Vec<&str> = text.split_whitespace().collect();
                let diag = check
                    .diags
                    .at(program.span(), format!("{} is not the name of one program", quoted(text)));
                diag.help(format!("write {key} = {words:?}"));
            }
        }
        _ => {
            let at = texts.get_ref().first().map_or(texts.span(), |program| program.span());
            check.diags.at(at, format!("`{key}` names no program"));
        }
    }
    words(check, texts, has_root)
}

/// Reads the words of a command, or arguments.
fn words<'a>(
    check: &mut ConfigCheck<'a, '_>,
    texts: &'a SpannedTexts,
    has_root: bool,
) -> Vec<CommandTemplate> {
    check.arguments(texts);
    let mut words = Vec::new();
    for text in texts.get_ref() {
        let Some(word) = template(check, text) else { continue };
        if word.names_root() && !has_root {
            let at = text.get_ref().find("{root}").unwrap_or_default();
            let span = check.source.inside(text.span(), text.get_ref(), at..at + "{root}".len());
            check.diags.at(span, "{root} has no value").help("add the folder of the toolchain: root = \"…\"");
        }
        words.push(word);
    }
    words
}

fn template<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<CommandTemplate> {
    let fault = match CommandTemplate::parse(text.get_ref()) {
        Ok(template) => return Some(template),
        Err(fault) => fault,
    };
    let span: Range<usize> = check.source.inside(text.span(), text.get_ref(), fault.at);
    let known = format!("known: {} and {{env:NAME}}", braced(PLACEHOLDERS).join(", "));
    let twice = |brace: &str| format!("a brace itself is written twice: {brace}{brace}");
    let (message, help) = match fault.kind {
        TemplateFaultKind::Open => ("this brace is not closed".to_owned(), vec![known, twice("{")]),
        TemplateFaultKind::Close => ("this brace closes nothing".to_owned(), vec![twice("}")]),
        TemplateFaultKind::Variable(name) => (
            format!("{} cannot be the name of a variable", quoted(&name)),
            vec!["write {env:NAME}, with letters, digits and _".to_owned()],
        ),
        TemplateFaultKind::Unknown(name) => {
            let near = nearest(&name, PLACEHOLDERS).map(|near| format!("did you mean {{{near}}}?"));
            // Variables are written in capitals.
            let variable = (!name.is_empty() && !name.chars().any(char::is_lowercase))
                .then(|| format!("the value of a variable is {{env:{name}}}"));
            let help = near.or(variable).into_iter().chain([known]).collect();
            (format!("{} is not a placeholder of a command", quoted(&name)), help)
        }
    };
    check.diags.at(span, message).help_with(move || help);
    None
}

fn braced<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(|name| format!("{{{name}}}"))
}
