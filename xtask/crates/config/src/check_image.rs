//! Checks the tables `[[image]]`.

use std::collections::BTreeMap;

use super::check::ConfigCheck;
use super::check_run;
use super::check_size;
use super::quote::{names, quoted};
use super::raw::{RawImage, SpannedText, SpannedTexts};
use super::suggest::nearest;
use xtask_base::Base;

use super::types::{Image, ImageTarget, Target};
use crate::workspace::Package;
use xtask_base::{Distroless, Flavour};
use xtask_oci::{grammar, pack};
use xtask_registry::Reference;
use xtask_triple::Platform;

/// Checks all images of the file. Their targets must be in `listed`.
pub(super) fn images(check: &mut ConfigCheck<'_, '_>, listed: &[Target]) -> Vec<Image> {
    let raw = check.raw;
    let images = raw.images.iter().filter_map(|image| self::image(check, image, listed)).collect();
    check.differ("image", raw.images.iter().filter_map(|i| i.name.as_ref()));
    images
}

fn image<'a>(check: &mut ConfigCheck<'a, '_>, raw: &'a RawImage, listed: &[Target]) -> Option<Image> {
    if let Some(name) = raw.name.as_ref().filter(|name| !grammar::is_name(name.get_ref())) {
        check
            .diags
            .at(name.span(), format!("{} cannot be the name of an image", quoted(name.get_ref())))
            .help(grammar::COMPONENT);
    }
    let base = raw.base.as_ref().and_then(|text| base(check, text));
    let targets = raw.targets.as_ref();
    if let Some(list) = targets.filter(|list| list.get_ref().is_empty()) {
        check.diags.at(list.span(), "an image has at least one target");
    }
    let targets = targets.map(|list| self::targets(check, list.get_ref(), listed)).unwrap_or_default();
    let compression = check_size::compression(check, raw.compression.as_ref());
    let budget = check_size::budget(check, raw.budget.as_ref());
    let run = check_run::run(check, &raw.run);
    let smoke = check_run::smoke(check, &raw.run);
    let closure = raw.closure.unwrap_or(false);
    if let (true, Some(Base::Scratch), Some(text)) = (closure, &base, &raw.base) {
        check
            .diags
            .at(text.span(), "closure = true cannot reduce the base scratch, which is empty")
            .help("remove `closure`, or name another base");
    }
    Some(Image {
        name: raw.name.as_ref()?.get_ref().clone(),
        base: base?,
        targets,
        tzdata: raw.tzdata.unwrap_or(false),
        compression,
        budget,
        run,
        smoke,
        closure,
        places: places(check, raw),
    })
}

/// Returns the positions of keys whose values can only be checked against the content of the image.
fn places(check: &ConfigCheck<'_, '_>, raw: &RawImage) -> BTreeMap<&'static str, String> {
    let run = &raw.run;
    let first = |texts: &Option<SpannedTexts>| Some(texts.as_ref()?.span());
    let healthcheck = run.healthcheck.as_ref().and_then(|check| first(&check.cmd));
    let spans = [
        ("entrypoint", first(&run.entrypoint)),
        ("user", run.user.as_ref().map(SpannedText::span)),
        ("workdir", run.workdir.as_ref().map(SpannedText::span)),
        ("volumes", first(&run.volumes)),
        ("healthcheck", healthcheck),
    ];
    spans.into_iter().filter_map(|(key, span)| Some((key, check.source.place(span?.start)))).collect()
}

/// Reports a version that cannot be a tag of an image.
pub(super) fn version(check: &mut ConfigCheck<'_, '_>, package: Option<&Package>, images: &[Image]) {
    let (Some(package), Some(app)) = (package, &check.raw.app) else { return };
    let Some(name) = &app.package else { return };
    let version = package.version.to_string();
    for image in images {
        let platforms: Vec<&Platform> = image.targets.iter().map(|target| &target.platform).collect();
        let tags = pack::tags(&version, &platforms);
        if let Some(tag) = tags.iter().flatten().find(|tag| !grammar::is_tag(tag)) {
            let message =
                format!("the version of {} cannot be a tag of image {}", quoted(&package.name), image.name);
            let tag = format!("the tag {} would have {} characters", quoted(tag), tag.len());
            check.diags.at(name.span(), message).whole().help(tag).help(grammar::TAG);
            return;
        }
    }
}

fn base<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<Base> {
    let word = text.get_ref().as_str();
    match word {
        "scratch" => return Some(Base::Scratch),
        "auto" => return Some(Base::Auto),
        _ => {}
    }
    if let Some(distroless) = Distroless::parse(word) {
        return Some(Base::Distroless(distroless));
    }
    let flavours = Flavour::ALL.map(|flavour| Distroless::of(flavour).to_string());
    if word.split(':').next() == Some("distroless") {
        check.diags.at(text.span(), format!("{} is not a distroless base", quoted(word))).help_with(
            move || {
                vec![
                    format!("the distroless bases are {}", names(flavours.iter().map(String::as_str))),
                    "each can be followed by -debian12 or -debian13, then by :root, :debug or both"
                        .to_owned(),
                ]
            },
        );
        return None;
    }
    // A name alone could also be an image of the default registry, but it is more likely a mistake.
    if word.contains([':', '/', '@']) {
        return match Reference::parse(word) {
            Ok(reference) => Some(Base::Registry(reference)),
            Err(error) => {
                let diag = check.diags.at(text.span(), error.what);
                diag.help_with(move || error.found.into_iter().chain(error.help).collect());
                None
            }
        };
    }
    let all = ["scratch", "auto"].into_iter().chain(flavours.iter().map(String::as_str));
    check.diags.at(text.span(), format!("{} is not a base", quoted(word))).help(
        match nearest(word, all.clone()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("the bases are {}, and images of registries", names(all)),
        },
    );
    None
}

/// Checks the targets of one image. Each must be listed and have a Linux platform, and no two may have the
/// same platform.
fn targets<'a>(
    check: &mut ConfigCheck<'a, '_>,
    texts: &'a [SpannedText],
    listed: &[Target],
) -> Vec<ImageTarget> {
    let mut found: Vec<(ImageTarget, usize)> = Vec::new();
    for text in texts {
        let name = quoted(text.get_ref());
        let Some(target) = listed.iter().find(|target| target.triple.as_str() == text.get_ref()) else {
            // This may be a listed target whose triple could not be read.
            if check.raw.targets.iter().all(|t| t.triple.is_some()) {
                not_listed(check, text);
            }
            continue;
        };
        let target = match ImageTarget::of(&target.triple) {
            Ok(target) => target,
            Err(message) => {
                // A triple that rustc does not know is already reported in its `[[target]]` table.
                if check.triples.contains(text.get_ref()) {
                    check
                        .diags
                        .at(text.span(), message)
                        .help("remove it from the image: not every target needs an image");
                }
                continue;
            }
        };
        match found.iter().find(|(other, _)| other.platform == target.platform) {
            None => found.push((target, text.span().start)),
            Some((other, offset)) => {
                let message = match other.triple == target.triple {
                    true => format!("{name} is in this image twice"),
                    false => {
                        format!("{} and {name} are both {}", quoted(other.triple.as_str()), target.platform)
                    }
                };
                let diag = check.diags.at(text.span(), message).whole().also("the first is on", *offset);
                diag.help("an image has one program for each platform; make two images");
            }
        }
    }
    found.into_iter().map(|(target, _)| target).collect()
}

fn not_listed<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) {
    let raw = check.raw;
    let listed = move || raw.targets.iter().filter_map(|t| t.triple.as_ref()).map(|t| t.get_ref().as_str());
    let name = text.get_ref().as_str();
    let known = check.triples.contains(name);
    let diag = check.diags.at(text.span(), format!("target {} is not listed", quoted(name))).whole();
    diag.help_with(move || match nearest(name, listed()) {
        _ if known => vec![format!("add to the file:\n[[target]]\ntriple = {}", quoted(name))],
        Some(near) => vec![format!("did you mean {}?", quoted(near))],
        None => vec![format!("the file lists {}", names(listed()))],
    });
}
