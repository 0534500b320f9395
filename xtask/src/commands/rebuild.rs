//! `cargo xtask verify --rebuild`: builds every program a second time, from nothing, in another folder and under other
//! settings of the machine, and holds the two against each other.

use std::path::PathBuf;

use super::pipeline::Start;
use crate::build::Builder;
use crate::error::{Error, Result};
use crate::rebuild::{Difference, compare, paths_in};
use crate::verify::Verified;

/// What the second build finds otherwise: no program may depend on it.
const OTHERWISE: [(&str, &str); 4] =
    [("TZ", "Asia/Kathmandu"), ("LC_ALL", "C"), ("LANG", "tr_TR.UTF-8"), ("USER", "somebody-else")];

/// Fails every job whose program is not the same again, or holds a folder of this machine.
pub(super) fn rebuild(start: &Start, verified: &mut [Verified]) -> Result<()> {
    let ui = &start.session.ui;
    let work = start.session.work().join("rebuild");
    if work.exists() {
        std::fs::remove_dir_all(&work).map_err(|e| Error::io("cannot remove", &work, &e))?;
    }
    let targets: Vec<_> = start.plan.jobs.iter().map(|j| j.target.triple.clone()).collect();
    let mut site = start.session.site(start.look.findings.host_cc.as_deref(), &targets);
    site.extra_env = OTHERWISE.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let machine: Vec<PathBuf> = [Some(site.root.to_owned()), site.cargo_home.clone(), Some(work.clone())]
        .into_iter()
        .flatten()
        .collect();
    let builder = Builder { work: work.clone(), ..start.session.builder(&start.config, site) };
    ui.step("Building", "everything a second time, in another folder and time zone");
    let again = builder.build(&start.plan)?;
    for v in verified.iter_mut().filter(|v| v.ok()) {
        let Some(artifact) = v.artifact.as_ref() else { continue };
        let read = |path: &PathBuf| std::fs::read(path).map_err(|e| Error::io("cannot read", path, &e));
        let one = read(&artifact.path)?;
        let job = v.job().clone();
        let second = again.iter().find(|built| built.job == job).and_then(|built| built.program.as_ref());
        let mut problems = Vec::new();
        match second {
            None => problems.push("the second build failed".to_owned()),
            Some(second) => {
                problems.extend(compare(&one, &read(second)?).map(|difference| words(&difference)))
            }
        }
        for path in paths_in(&one, &machine) {
            problems.push(format!(
                "the program holds the path {}: built in another folder it would be another program\n  help: find the \
                 build script or macro that puts it there",
                path.display()
            ));
        }
        if problems.is_empty() {
            ui.step("Reproduced", job.title());
        } else {
            v.refuse(format!("rebuild: {}", problems.join("\nrebuild: ")), ui);
        }
    }
    // As large as the program's dependencies, and of no further use.
    std::fs::remove_dir_all(&work).map_err(|e| Error::io("cannot remove", &work, &e))
}

fn words(difference: &Difference) -> String {
    let Difference { section, offset, texts, cause } = difference;
    let place = match section {
        Some((name, count)) => format!("first in section {name} at {offset:#x}, {count} bytes of it"),
        None => format!("first at {offset:#x} of the file"),
    };
    let texts =
        texts.as_ref().map(|(one, other)| format!("\n  first build:  {one}\n  second build: {other}"));
    format!("the two builds differ, {place}{}\n  help: {cause}", texts.unwrap_or_default())
}
