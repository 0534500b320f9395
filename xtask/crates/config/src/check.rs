//! Turns the file as written into a valid [`Config`], by checking the meaning of every value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::check_bin;
use super::check_image::{self, images};
use super::check_provider::providers;
use super::check_target::targets;
use super::diag::Diags;
use super::publish::{RepositoryTemplate, TagTemplate};
use super::quote::{names, quoted};
use super::raw::{Raw, RawApp, RawMode, SpannedText, SpannedTexts};
use super::signing_source::SigningSource;
use super::source::SourceFile;
use super::suggest::nearest;
use super::types::{App, Config, Keyword, Mode, Need, PublishSection, TestNeed, TestSection};
use crate::workspace::{Package, Workspace};
use xtask_base::SnapshotArchive;
use xtask_compilers::toolchain::Provider;

/// The inputs of the checks, and the receiver of their errors.
pub(super) struct ConfigCheck<'a, 'd> {
    pub(super) raw: &'a Raw,
    /// The text of the file. It provides positions for errors that only packing can find.
    pub(super) source: &'a SourceFile,
    pub(super) workspace: &'a Workspace,
    pub(super) triples: &'a BTreeSet<String>,
    /// The folder to which relative paths refer.
    pub(super) dir: &'a Path,
    /// The providers of the file, once they are checked.
    pub(super) providers: Vec<Provider>,
    pub(super) diags: &'d mut Diags<'a>,
}

/// Checks the whole file. The result is none only if an error was reported.
pub(super) fn config<'a>(
    raw: &'a Raw,
    source: &'a SourceFile,
    file: &'a Path,
    workspace: &'a Workspace,
    triples: &'a BTreeSet<String>,
    diags: &mut Diags<'a>,
) -> Option<Config> {
    let dir = file.parent().unwrap_or(Path::new(""));
    let mut check = ConfigCheck { raw, source, workspace, triples, dir, providers: Vec::new(), diags };
    check.schema()?;
    let package = check.package();
    let app = raw.app.as_ref().and_then(|app| check.app(app, package));
    let modes: Vec<Mode> = raw.modes.iter().filter_map(|mode| check.mode(mode, package)).collect();
    check.differ("mode", raw.modes.iter().filter_map(|m| m.name.as_ref()));
    check.providers = providers(&mut check);
    let targets = targets(&mut check);
    let images = images(&mut check, &targets);
    check_bin::place(&mut check, &images);
    check_image::version(&mut check, package, &images);
    let snapshots = check.snapshots();
    let needs = check.words::<TestNeed>("a tool for tests", raw.test_needs.as_ref());
    let all_features = check.members(raw.test_all_features.as_ref());
    let test = TestSection { needs, all_features };
    let publish = check.publish();
    let providers = check.providers;
    let file = file.to_owned();
    Some(Config { file, app: app?, modes, targets, providers, images, snapshots, publish, test })
}

impl<'a> ConfigCheck<'a, '_> {
    /// Checks the schema. A file with another schema has other keys, so its other errors would be misleading
    /// and are discarded.
    fn schema(&mut self) -> Option<()> {
        let schema = self.raw.schema.as_ref().filter(|s| s.get_ref() != "1");
        let Some(schema) = schema else { return Some(()) };
        self.diags.clear();
        self.diags
            .at(schema.span(), format!("schema {} is not known", quoted(schema.get_ref())))
            .help("this version of xtask reads schema = 1; a newer version may read others");
        None
    }

    /// Returns the package that the file names. A missing package is reported.
    fn package(&mut self) -> Option<&'a Package> {
        let workspace = self.workspace;
        let name = self.raw.app.as_ref()?.package.as_ref()?;
        let package = workspace.package(name.get_ref());
        if package.is_none() {
            let known = || workspace.packages.iter().map(|p| p.name.as_str());
            self.unknown(name, "a package of this workspace", known);
        }
        package
    }

    fn app(&mut self, raw: &'a RawApp, package: Option<&'a Package>) -> Option<App> {
        let smoke = match &raw.smoke {
            Some(smoke) => self.arguments(smoke),
            None => vec!["--version".to_owned()],
        };
        let (bin, package) = (raw.bin.as_ref()?, package?);
        if !package.bins.contains(bin.get_ref()) {
            let what = format!("a program of package {}", quoted(&package.name));
            self.unknown(bin, &what, || package.bins.iter().map(String::as_str));
        }
        let auditable = raw.auditable.unwrap_or(false);
        Some(App { package: package.name.clone(), bin: bin.get_ref().clone(), smoke, auditable })
    }

    fn mode(&mut self, raw: &'a RawMode, package: Option<&'a Package>) -> Option<Mode> {
        let features = raw.features.as_ref().map(|f| f.get_ref().as_slice()).unwrap_or_default();
        for feature in features {
            if let Some(package) = package.filter(|p| !p.takes_feature(feature.get_ref())) {
                let what = format!("a feature of package {}", quoted(&package.name));
                if feature.get_ref().contains('/') {
                    self.diags
                        .at(feature.span(), format!("{} is not {what}", quoted(feature.get_ref())))
                        .help_with(move || {
                            vec![format!("the package depends on {}", names(package.dependencies.keys()))]
                        });
                    continue;
                }
                self.unknown(feature, &what, || package.features.keys().map(String::as_str));
            }
        }
        let needs = self.words::<Need>("a need of modes", raw.needs.as_ref());
        let name = raw.name.as_ref()?;
        let default_features = raw.default_features.unwrap_or(true);
        if let (Some(bin), Some(package)) = (self.raw.app.as_ref().and_then(|app| app.bin.as_ref()), package)
        {
            let given: Vec<&str> = features.iter().map(|feature| feature.get_ref().as_str()).collect();
            let lacking = package.lacking_features(bin.get_ref(), &given, default_features);
            if !lacking.is_empty() {
                let all: Vec<&str> = given.iter().chain(&lacking).copied().collect();
                let [mode, bin, lacking] = [quoted(name.get_ref()), quoted(bin.get_ref()), names(lacking)];
                let message =
                    format!("mode {mode} does not turn on {lacking}, which the program {bin} requires");
                self.diags.at(name.span(), message).help(format!("write features = {all:?}"));
            }
        }
        if matches!(name.get_ref().as_str(), "auto" | "all") {
            self.diags.at(name.span(), format!("the name {} is reserved", quoted(name.get_ref()))).help(
                "`--mode auto` takes the first mode whose needs are met, `--mode all` takes every mode",
            );
        } else if !fits_a_path(name.get_ref()) {
            self.diags
                .at(name.span(), format!("{} cannot be the name of a mode", quoted(name.get_ref())))
                .help(
                    "it names a directory: use letters, digits, -, _ and ., and begin with a letter or digit",
                );
        }
        Some(Mode {
            name: name.get_ref().clone(),
            features: features.iter().map(|f| f.get_ref().clone()).collect(),
            default_features,
            needs,
        })
    }

    /// Reports names that occur twice. Upper and lower case count as equal, because the names become file
    /// names.
    pub(super) fn differ(&mut self, what: &str, names: impl Iterator<Item = &'a SpannedText>) {
        let mut seen: BTreeMap<String, &SpannedText> = BTreeMap::new();
        for name in names {
            let first = *seen.entry(name.get_ref().to_lowercase()).or_insert(name);
            if first.span() == name.span() {
                continue;
            }
            let shown = quoted(name.get_ref());
            let message = match first == name {
                true => format!("{what} {shown} is defined twice"),
                false => format!("{what} {shown} differs from {} only in case", quoted(first.get_ref())),
            };
            self.diags.at(name.span(), message).also("the first is on", first.span().start).whole();
        }
    }

    /// Reads strings that become arguments of a process.
    pub(super) fn arguments(&mut self, texts: &'a SpannedTexts) -> Vec<String> {
        for text in texts.get_ref().iter().filter(|t| t.get_ref().contains('\0')) {
            self.diags.at(text.span(), "an argument cannot contain the character \\u0000");
        }
        texts.get_ref().iter().map(|t| t.get_ref().clone()).collect()
    }

    /// Reads a list of words from a fixed set.
    fn words<W: Keyword + Ord>(&mut self, what: &str, texts: Option<&'a SpannedTexts>) -> BTreeSet<W> {
        let texts = texts.map(|t| t.get_ref().as_slice()).unwrap_or_default();
        texts.iter().filter_map(|text| self.word(what, text)).collect()
    }

    /// Reads `snapshots` of `[debian]`.
    fn snapshots(&mut self) -> Vec<SnapshotArchive> {
        let texts = self.raw.snapshots.as_ref().map(|texts| texts.get_ref().as_slice()).unwrap_or_default();
        let mut read = |text: &'a SpannedText| {
            let archive = SnapshotArchive::parse(text.get_ref());
            let report = |why| {
                let what = format!("{} is not the address of a snapshot archive", quoted(text.get_ref()));
                self.diags.at(text.span(), what).help(why);
            };
            archive.map_err(report).ok()
        };
        texts.iter().filter_map(&mut read).collect()
    }

    fn publish(&mut self) -> PublishSection {
        let several = self.raw.images.len() > 1;
        let to = self.raw.publish_to.as_ref();
        let to = to.and_then(|to| self.template(to, RepositoryTemplate::parse(to.get_ref(), several)));
        let tags = self.raw.publish_tags.as_ref().map(|tags| tags.get_ref().as_slice());
        let tags = tags.map(|tags| {
            tags.iter().filter_map(|tag| self.template(tag, TagTemplate::parse(tag.get_ref()))).collect()
        });
        let sign = self.raw.publish_sign.as_ref();
        let sign = sign.and_then(|sign| {
            let read = SigningSource::parse(sign.get_ref());
            self.template(sign, read.map_err(|why| format!("`sign` cannot be used: {why}")))
        });
        let folder = self.workspace.root.clone();
        let sign = sign.map(|sign| sign.below(&folder));
        let attest = self.raw.publish_attest.unwrap_or(true);
        PublishSection { to, tags, sign, attest }
    }

    /// Returns a parsed text of [publish], or reports the reason why it is not valid.
    fn template<T>(&mut self, text: &SpannedText, read: std::result::Result<T, String>) -> Option<T> {
        match read {
            Ok(template) => Some(template),
            Err(why) => {
                self.diags.at(text.span(), why);
                None
            }
        }
    }

    /// Reads a list of names of workspace members.
    fn members(&mut self, texts: Option<&'a SpannedTexts>) -> BTreeSet<String> {
        let workspace = self.workspace;
        let mut found = BTreeSet::new();
        for text in texts.map(|t| t.get_ref().as_slice()).unwrap_or_default() {
            match workspace.package(text.get_ref()) {
                Some(package) => drop(found.insert(package.name.clone())),
                None => self.unknown(text, "a package of this workspace", || {
                    workspace.packages.iter().map(|p| p.name.as_str())
                }),
            }
        }
        found
    }

    /// Reads a word from a fixed set.
    pub(super) fn word<W: Keyword>(&mut self, what: &str, text: &'a SpannedText) -> Option<W> {
        let word = W::ALL.iter().find(|(spelling, _)| spelling == text.get_ref()).map(|(_, word)| *word);
        if word.is_none() {
            self.unknown(text, what, || W::ALL.iter().map(|(spelling, _)| *spelling));
        }
        word
    }

    /// Reports a name that is not in `known`.
    pub(super) fn unknown<I: Iterator<Item = &'a str>>(
        &mut self,
        text: &'a SpannedText,
        what: &str,
        known: impl Fn() -> I + Send + 'a,
    ) {
        self.diags.at(text.span(), format!("{} is not {what}", quoted(text.get_ref()))).help_with(
            move || {
                let near = nearest(text.get_ref(), known()).map(|n| format!("did you mean {}?", quoted(n)));
                near.into_iter().chain([format!("known: {}", names(known()))]).collect()
            },
        );
    }
}

/// Whether the name can be part of a path on every system.
fn fits_a_path(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && !name.ends_with('.')
        && name.len() <= 64
}
