//! `cargo xtask resolve`: inserts published digests into files for Kubernetes and Compose.

use std::path::Path;

use crate::cli::Common;
use crate::publish::ResolvedImages;
use crate::session::Session;
use xtask_files::error::{Error, Result};

pub(super) fn run(common: &Common, files: &[String], in_place: bool) -> Result<()> {
    if in_place && files.iter().any(|file| file == "-") {
        return Err(Error::usage("standard input cannot be changed with --in-place")
            .help("leave --in-place out to print the result"));
    }
    let session = Session::open(common, false)?;
    let images = ResolvedImages::read(&session.dist())?;
    let (mut resolved, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match images.resolve(file, &text(file)?) {
            Ok(text) => resolved.push(text),
            Err(found) => problems.extend(found),
        }
    }
    // Nothing is written if any reference is wrong.
    if !problems.is_empty() {
        let error = Error::usage("the files name images that were not published");
        return Err(problems
            .into_iter()
            .fold(error, Error::found)
            .help("correct the names, or publish the images: cargo xtask publish"));
    }
    if !in_place {
        session.ui.document(&joined(&resolved));
        return Ok(());
    }
    files
        .iter()
        .zip(&resolved)
        .try_for_each(|(file, text)| xtask_files::write(Path::new(file), text.as_bytes()))
}

fn text(file: &str) -> Result<String> {
    let read = match file {
        "-" => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(file),
    };
    read.map_err(|e| Error::usage(format!("cannot read {file}: {e}")).due_to(&e))
}

/// Returns the texts as documents of one YAML stream.
fn joined(texts: &[String]) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() {
            let line_end = if all.ends_with('\n') { "" } else { "\n" };
            all.push_str(line_end);
            all.push_str("---\n");
        }
        all.push_str(text);
    }
    all
}
