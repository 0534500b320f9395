//! targets.toml as written. Types are checked; the meaning of the values is not.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::diag::Diags;
use super::keys;
use super::source::SourceFile;
use super::syntax::Syntax;
use super::walk::Fields;
use xtask_files::error::{Error, Result};

mod run;

pub(super) use run::{RawHealthcheck, RawRun};

/// A string with its position.
pub(super) type SpannedText = Spanned<String>;

/// A list of strings with its position.
pub(super) type SpannedTexts = Spanned<Vec<SpannedText>>;

/// The file as written. A value that is none, or missing from a list, was left out or is already reported.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) schema: Option<SpannedText>,
    pub(super) app: Option<RawApp>,
    pub(super) modes: Vec<RawMode>,
    pub(super) targets: Vec<RawTarget>,
    pub(super) providers: Vec<RawProvider>,
    pub(super) images: Vec<RawImage>,
    pub(super) snapshots: Option<SpannedTexts>,
    pub(super) publish_to: Option<SpannedText>,
    pub(super) publish_tags: Option<SpannedTexts>,
    pub(super) publish_sign: Option<SpannedText>,
    pub(super) publish_attest: Option<bool>,
    pub(super) test_needs: Option<SpannedTexts>,
    pub(super) test_all_features: Option<SpannedTexts>,
}

/// The table `[app]` as it is written in the file.
#[derive(Debug)]
pub(super) struct RawApp {
    pub(super) package: Option<SpannedText>,
    pub(super) bin: Option<SpannedText>,
    pub(super) smoke: Option<SpannedTexts>,
    pub(super) auditable: Option<bool>,
}

/// A `[[mode]]` table as it is written in the file.
#[derive(Debug)]
pub(super) struct RawMode {
    pub(super) name: Option<SpannedText>,
    pub(super) features: Option<SpannedTexts>,
    pub(super) default_features: Option<bool>,
    pub(super) needs: Option<SpannedTexts>,
}

/// A `[[target]]` table as it is written in the file.
#[derive(Debug)]
pub(super) struct RawTarget {
    pub(super) triple: Option<SpannedText>,
    pub(super) mode: Option<SpannedText>,
    pub(super) on_fallback: Option<SpannedText>,
    pub(super) cc: Option<SpannedText>,
    pub(super) glibc: Option<SpannedText>,
    pub(super) cpu: Option<SpannedText>,
    pub(super) sysroot: Option<SpannedText>,
    pub(super) profile: Option<SpannedText>,
    pub(super) env: Vec<(SpannedText, SpannedText)>,
    pub(super) rustflags: Option<SpannedTexts>,
}

/// A `[[provider]]` table as it is written in the file.
#[derive(Debug)]
pub(super) struct RawProvider {
    pub(super) name: Option<SpannedText>,
    pub(super) targets: Option<SpannedTexts>,
    pub(super) root: Option<SpannedText>,
    pub(super) cc: Option<SpannedTexts>,
    pub(super) cxx: Option<SpannedTexts>,
    pub(super) ar: Option<SpannedTexts>,
    pub(super) ranlib: Option<SpannedTexts>,
    pub(super) args: Option<SpannedTexts>,
    pub(super) linker: Option<SpannedTexts>,
}

/// An `[[image]]` table as it is written in the file.
#[derive(Debug)]
pub(super) struct RawImage {
    pub(super) name: Option<SpannedText>,
    pub(super) base: Option<SpannedText>,
    pub(super) targets: Option<SpannedTexts>,
    pub(super) tzdata: Option<bool>,
    pub(super) compression: Option<SpannedText>,
    pub(super) budget: Option<SpannedText>,
    /// The keys that describe how the image is run.
    pub(super) run: RawRun,
    pub(super) closure: Option<bool>,
}

/// The stack size for the parser's thread, in bytes. The parser limits the depth of brackets and the parts of
/// a key to 80 each, but not their product. Its result is freed recursively, so 6,400 levels overflow the 1
/// or 2 MiB of a usual thread. Measured: they need less than 8 MiB.
const STACK: usize = 32 * 1024 * 1024;

/// Reads the text. The result contains all errors that can be found without the workspace.
///
/// # Errors
/// No thread can be started.
pub(super) fn read(source: &SourceFile) -> Result<(Raw, Diags<'static>)> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("targets.toml".to_owned()).stack_size(STACK);
        let running = thread
            .spawn_scoped(scope, || parse(source))
            .map_err(|e| Error::failed(format!("cannot start a thread: {e}")))?;
        running.join().map_err(|_| Error::failed(format!("cannot read {}: its parser panicked", source.name)))
    })
}

/// The maximum number of rounds of [`parse`]. Each round finds errors in text that the parser skipped before.
/// Few files need three rounds.
const ROUNDS: usize = 8;

/// Parses the text. After some errors, the parser skips the text that follows. If the errors are limited to
/// their own lines, the file is parsed again with these lines blank. So all errors are reported together.
fn parse(source: &SourceFile) -> (Raw, Diags<'static>) {
    let mut diags = Diags::default();
    let mut text = source.text.clone();
    let mut syntax = Syntax::default();
    for round in 1.. {
        let (document, errors) = DeTable::parse_recoverable(&text);
        let found = syntax.add(&errors, &text, source);
        if found && syntax.contained && round < ROUNDS {
            drop(document);
            text = blank(source, &syntax.lines);
            continue;
        }
        let raw = file(document.get_ref(), &mut diags);
        diags.set_syntax(syntax);
        return (raw, diags);
    }
    (Raw::default(), diags)
}

/// Returns the text with these lines replaced by spaces. All other bytes stay in place.
fn blank(source: &SourceFile, lines: &BTreeSet<usize>) -> String {
    let mut bytes = source.text.clone().into_bytes();
    for line in lines {
        bytes[source.line(*line)].fill(b' ');
    }
    // Only whole lines were replaced, so no character was cut.
    String::from_utf8(bytes).unwrap_or_default()
}

fn file<'t>(document: &'t DeTable<'t>, diags: &mut Diags<'static>) -> Raw {
    let mut file = Fields::open(document, 0..0, &keys::FILE, diags);
    let schema = file.integer("schema");
    let schema = file.required("schema", schema);
    let app = file.table("app");
    let app = file.required("app", app);
    let [modes, targets] = ["mode", "target"].map(|key| {
        let tables = file.tables(key);
        file.required(key, Some(tables)).unwrap_or_default()
    });
    let providers = file.tables("provider");
    let images = file.tables("image");
    let debian = file.table("debian");
    let (publish, test) = (file.table("publish"), file.table("test"));
    let snapshots =
        debian.and_then(|(table, span)| Fields::open(table, span, &keys::DEBIAN, diags).strings("snapshots"));
    let (publish_to, publish_tags, publish_sign, publish_attest) = match publish {
        Some((table, span)) => {
            let mut publish = Fields::open(table, span, &keys::PUBLISH, diags);
            (publish.string("to"), publish.strings("tags"), publish.string("sign"), publish.boolean("attest"))
        }
        None => (None, None, None, None),
    };
    let (test_needs, test_all_features) = match test {
        Some((table, span)) => {
            let mut test = Fields::open(table, span, &keys::TEST, diags);
            (test.strings("needs"), test.strings("all-features"))
        }
        None => (None, None),
    };
    Raw {
        schema,
        app: app.map(|at| app_fields(at, diags)),
        modes: modes.into_iter().map(|at| mode_fields(at, diags)).collect(),
        targets: targets.into_iter().map(|at| target_fields(at, diags)).collect(),
        providers: providers.into_iter().map(|at| provider_fields(at, diags)).collect(),
        images: images.into_iter().map(|at| image_fields(at, diags)).collect(),
        snapshots,
        publish_to,
        publish_tags,
        publish_sign,
        publish_attest,
        test_needs,
        test_all_features,
    }
}

type At<'t> = (&'t DeTable<'t>, Range<usize>);

fn app_fields((table, span): At<'_>, diags: &mut Diags<'static>) -> RawApp {
    let mut app = Fields::open(table, span, &keys::APP, diags);
    let [package, bin] = ["package", "bin"].map(|key| {
        let value = app.string(key);
        app.required(key, value)
    });
    RawApp { package, bin, smoke: app.strings("smoke"), auditable: app.boolean("auditable") }
}

fn mode_fields((table, span): At<'_>, diags: &mut Diags<'static>) -> RawMode {
    let mut mode = Fields::open(table, span, &keys::MODE, diags);
    let name = mode.string("name");
    RawMode {
        name: mode.required("name", name),
        features: mode.strings("features"),
        default_features: mode.boolean("default-features"),
        needs: mode.strings("needs"),
    }
}

fn target_fields((table, span): At<'_>, diags: &mut Diags<'static>) -> RawTarget {
    let mut target = Fields::open(table, span, &keys::TARGET, diags);
    let triple = target.string("triple");
    RawTarget {
        triple: target.required("triple", triple),
        mode: target.string("mode"),
        on_fallback: target.string("on-fallback"),
        cc: target.string("cc"),
        glibc: target.string("glibc"),
        cpu: target.string("cpu"),
        sysroot: target.string("sysroot"),
        profile: target.string("profile"),
        env: target.map("env").unwrap_or_default(),
        rustflags: target.strings("rustflags"),
    }
}

fn provider_fields((table, span): At<'_>, diags: &mut Diags<'static>) -> RawProvider {
    let mut provider = Fields::open(table, span, &keys::PROVIDER, diags);
    let (name, targets, cc) = (provider.string("name"), provider.strings("targets"), provider.words("cc"));
    RawProvider {
        name: provider.required("name", name),
        targets: provider.required("targets", targets),
        root: provider.string("root"),
        cc: provider.required("cc", cc),
        cxx: provider.words("cxx"),
        ar: provider.words("ar"),
        ranlib: provider.words("ranlib"),
        args: provider.strings("args"),
        linker: provider.words("linker"),
    }
}

fn image_fields((table, span): At<'_>, diags: &mut Diags<'static>) -> RawImage {
    let mut image = Fields::open(table, span, &keys::IMAGE, diags);
    let [name, base] = ["name", "base"].map(|key| {
        let value = image.string(key);
        image.required(key, value)
    });
    let targets = image.strings("targets");
    RawImage {
        name,
        base,
        targets: image.required("targets", targets),
        tzdata: image.boolean("tzdata"),
        compression: image.string("compression"),
        budget: image.string("budget"),
        run: run::fields(&mut image),
        closure: image.boolean("closure"),
    }
}
