//! `cargo xtask size`: shows the sizes of the images and programs in target/dist, their parts, and the changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::pipeline::{claim, start};
use crate::cli::{Common, Planning, SetupFlag};
use crate::session::Session;
use xtask_config::Config;
use xtask_files::Memo;
use xtask_files::dist;
use xtask_files::error::{Error, Result};
use xtask_oci::Layout;
use xtask_process::ui::Ui;
use xtask_report::report::Report;
use xtask_report::size::{self, Against, MeasuredImage, PlatformSize, SizeChange, SizeFiles, Sizes};

/// The request of the command line.
pub(super) struct SizeRequest {
    pub(super) images: Vec<String>,
    pub(super) crates: bool,
    pub(super) against: Option<PathBuf>,
    pub(super) save: bool,
    pub(super) top: usize,
    pub(super) markdown: bool,
    pub(super) json: bool,
}

/// The document that `cargo xtask size --json` prints.
#[derive(Serialize)]
struct SizeDocument<'a> {
    #[serde(flatten)]
    sizes: &'a Sizes,
    against: Option<&'a str>,
    changes: Vec<SizeChange>,
}

pub(super) fn run(common: &Common, asked: &SizeRequest) -> Result<()> {
    let session = Session::open(common, asked.json)?;
    let config = session.config()?;
    // This is read first, so that a mistake on the command line is reported before a build.
    let against = asked.against.as_deref().map(Against::read).transpose()?;
    let subjects = subjects(&config, &asked.images)?;
    claim(&session);
    let dist = session.dist();
    let kept = SizeFiles::new(&dist, &session.work());
    let mut sizes = Sizes {
        schema: 1,
        app: config.app.bin.clone(),
        version: session.package(&config)?.version.to_string(),
        images: measured(&subjects, &session)?,
        programs: Vec::new(),
    };
    let report = Report::last(&dist);
    let archived = |sizes: &Sizes, named: Option<&UnstrippedPrograms>| match &report {
        // A person who names images asks for nothing else.
        Some(report) if asked.images.is_empty() => {
            let twin = |target: &str, mode: &str| named.and_then(|named| named.program(target, mode));
            size::archived(report, &sizes.images, &dist, twin)
        }
        _ => Ok(Vec::new()),
    };
    sizes.programs = archived(&sizes, None)?;
    missing(&subjects, &sizes, &session.ui)?;
    let named = if asked.crates { Some(with_symbols(common, &sizes)?) } else { None };
    let twin = |platform: &PlatformSize| {
        let (target, mode) = platform.built.as_ref()?;
        named.as_ref()?.program(target, mode)
    };
    size::add_programs(&mut sizes.images, &config.app.bin, &dist, twin)?;
    if named.is_some() {
        sizes.programs = archived(&sizes, named.as_ref())?;
    }
    if let Some(report) = &report {
        size::add_origins(&mut sizes.images, report);
    }
    let against = against.or_else(|| kept.last(&sizes));
    let changes = against.as_ref().map(|a| size::changes(&a.sizes, &sizes)).unwrap_or_default();
    if asked.json {
        let source = against.as_ref().map(|a| a.source.as_str());
        session.ui.data(&xtask_report::json::pretty(&SizeDocument {
            sizes: &sizes,
            against: source,
            changes,
        }));
    } else if asked.markdown {
        let since = against.as_ref().map(|against| against.source.as_str());
        session.ui.data(&size::markdown(&sizes, since, &changes, asked.top));
    } else {
        session.ui.data(&text(&sizes, against.as_ref(), &changes, asked.top, &session.ui));
    }
    if asked.save {
        session.ui.step("Saved", kept.save(&sizes)?.display().to_string());
    }
    Ok(())
}

fn text(sizes: &Sizes, against: Option<&Against>, changes: &[SizeChange], top: usize, ui: &Ui) -> String {
    let text = size::text(sizes, top, ui.color_out);
    let Some(against) = against else { return text };
    match changes.is_empty() {
        true => format!("{text}\nNo size changed since {}.\n", against.source),
        false => {
            let table = size::changes_table(changes, top, ui.color_out);
            format!("{text}\nChanged since {}:\n\n{table}", against.source)
        }
    }
}

/// Returns the requested images.
fn subjects(config: &Config, asked: &[String]) -> Result<Vec<MeasuredImage>> {
    let names = || config.images.iter().map(|image| image.name.as_str());
    if let Some(name) = asked.iter().find(|name| names().all(|known| known != **name)) {
        let error = Error::usage(format!("{} has no image {name:?}", config.file.display()));
        return Err(match xtask_config::suggest::nearest(name, names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if config.images.is_empty() => {
                error.help("remove --image: the programs are shown without it")
            }
            None => error.help(format!("it names {}", names().collect::<Vec<_>>().join(", "))),
        });
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name);
    Ok(config.images.iter().filter(|image| wanted(&image.name)).map(MeasuredImage::of).collect())
}

fn measured(subjects: &[MeasuredImage], session: &Session) -> Result<Vec<size::ImageSize>> {
    let (dist, work) = (session.dist(), session.work());
    if !dist::layout(&dist).is_dir() {
        return Ok(Vec::new());
    }
    let _lock = xtask_oci::lock_shared(&dist, || session.ui.waits_for_images())?;
    size::measure(
        subjects,
        &Layout::new(dist::layout(&dist)),
        &work.join("size"),
        &Memo::new(work.join("packed")),
    )
}

/// Prints which images are missing, and returns an error if there is nothing to show.
fn missing(subjects: &[MeasuredImage], sizes: &Sizes, ui: &Ui) -> Result<()> {
    let there = |name: &str| sizes.images.iter().any(|image| image.name == name);
    let gone: Vec<&str> = subjects.iter().map(|s| s.name.as_str()).filter(|name| !there(name)).collect();
    if subjects.is_empty() && sizes.programs.is_empty() {
        return Err(Error::failed("there is no program of a release in target/dist")
            .help("make a release first: cargo xtask release"));
    }
    if sizes.images.is_empty() && !subjects.is_empty() {
        return Err(Error::failed(format!("there is no image {} in target/dist", gone.join(", ")))
            .help("pack it first: cargo xtask image"));
    }
    for name in gone {
        ui.warn(format!("there is no image {name} in target/dist: cargo xtask image packs it"));
    }
    Ok(())
}

/// The programs that were built with their symbols.
struct UnstrippedPrograms(Vec<(String, String, PathBuf)>);

impl UnstrippedPrograms {
    fn program(&self, target: &str, mode: &str) -> Option<PathBuf> {
        self.0.iter().find(|(t, m, _)| t == target && m == mode).map(|(_, _, path)| path.clone())
    }
}

/// Builds the programs of these images and archives again without stripping, in a separate build folder.
fn with_symbols(common: &Common, sizes: &Sizes) -> Result<UnstrippedPrograms> {
    let mut named = Vec::new();
    let platforms = sizes.images.iter().flat_map(|image| &image.platforms);
    let packed = platforms.filter_map(|platform| platform.built.clone());
    let archived = sizes.programs.iter().map(|program| (program.target.clone(), program.mode.clone()));
    let mut modes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (target, mode) in packed.chain(archived) {
        modes.entry(mode).or_default().insert(target);
    }
    for (mode, targets) in modes {
        let planning = Planning::of_mode(&mode, targets.into_iter().collect());
        let start = start(common, &planning, SetupFlag::default(), true)?;
        start.check()?;
        start.take_turn();
        let mut site = start.site();
        let profiles: BTreeSet<&String> = start.plan.jobs.iter().map(|job| &job.target.profile).collect();
        site.settings =
            profiles.into_iter().map(|profile| format!("profile.{profile}.strip=\"none\"")).collect();
        let mut builder = start.session.builder(&start.config, site);
        builder.work = start.session.work().join("size");
        for built in builder.build(&start.plan)? {
            let program = built.map_err(|unbuilt| {
                let what = format!("{} cannot be built with its symbols", unbuilt.job.title());
                Error::failed(what).found(unbuilt.failure.to_string())
            })?;
            named.push((program.job.target.triple.to_string(), mode.clone(), program.program));
        }
    }
    Ok(UnstrippedPrograms(named))
}
