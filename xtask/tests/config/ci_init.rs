//! The files that `ci init` writes: what services and linters read in them, what their jobs may do, and that this repository has its
//! own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use xtask::ci::init::{CiFacts, CiFile, CiFileState, ToolSource};
use xtask::ci::matrix::{PlannedShard, ReleaseMatrix};
use xtask::ci::workflow::yaml::{self, YamlNode, YamlValue};
use xtask::ci::workflow::{self, StepAction, Workflow, WorkflowJob};
use xtask::cli::CiHost;
use xtask_config::Config;
use xtask_config::workspace::Workspace;
use xtask_files::error::Result;
use xtask_process::exec::{Capture, Cmd};
use xtask_process::host::Host;
use xtask_report::size::MARKDOWN_MARK;
use xtask_setup::PythonLibrary;
use xtask_test_support::skip::skipped;
use xtask_test_support::{folder, golden};
use xtask_triple::Triple;

use crate::init::triples;
use crate::workspace::files;

const LIMIT: Duration = Duration::from_secs(120);

const MANIFEST: &str = "[package]\nname = 'shop'\nversion = '1.2.3'\nedition = '2021'\n";

const TARGETS: &str = "schema = 1\n[app]\npackage = 'shop'\nbin = 'shop'\n[[mode]]\nname = 'default'\n\
                       [[target]]\ntriple = 'x86_64-unknown-linux-musl'\n[[target]]\ntriple = 'aarch64-unknown-linux-musl'\n";

const IMAGE: &str = "[[image]]\nname = 'shop'\nbase = 'scratch'\ntargets = ['x86_64-unknown-linux-musl']\n";

const INSTALL: &str = "cargo install --locked --git https://git.example/xtask cargo-xtask";

fn facts(root: &Path, install: Option<&str>) -> Result<CiFacts> {
    facts_of(root, "targets.toml", install.map(ToolSource::command).transpose()?)
}

/// The facts of the release that a file of the workspace describes.
fn facts_of(root: &Path, config: &str, source: Option<ToolSource>) -> Result<CiFacts> {
    let workspace = Workspace::load(Some(&root.join("Cargo.toml")), true).unwrap_or_else(|e| panic!("{e}"));
    let config = Config::load(&root.join(config), &workspace, &triples()).unwrap_or_else(|e| panic!("{e}"));
    let targets: Vec<_> = config.targets.iter().map(|target| target.triple.clone()).collect();
    let matrix = ReleaseMatrix::new(&config, &targets, "1.2.3", None, None);
    CiFacts::new(&config, &workspace, source, matrix.shards.iter().map(PlannedShard::id).collect())
}

/// The files for a workspace with this in targets.toml.
fn written(host: CiHost, more: &str) -> Vec<CiFile> {
    let targets = format!("{TARGETS}{more}");
    let (_dir, root) =
        files(&[("Cargo.toml", MANIFEST), ("src/main.rs", "fn main() {}"), ("targets.toml", &targets)]);
    host.files(&facts(&root, Some(INSTALL)).unwrap())
}

/// Workspaces that differ in what the files depend on, by names.
fn variants() -> [(&'static str, String); 3] {
    let distroless = IMAGE.replace("scratch", "distroless:static");
    let publish = "[publish]\nto = 'registry.example:5000/team/{image}'\n";
    [
        ("archives", String::new()),
        ("key", format!("{IMAGE}{publish}sign = 'env:SHOP_KEY'\n")),
        ("keyless", format!("{distroless}[publish]\nto = 'ghcr.io/team/{{image}}'\nsign = 'keyless'\n")),
    ]
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The files of its release, and of that of `cargo xtask` itself.
fn of_this_repository() -> Vec<CiFile> {
    let of = |config| CiHost::GitHub.files(&facts_of(repository(), config, None).unwrap());
    ["targets.toml", "xtask/targets.toml"].into_iter().flat_map(of).collect()
}

/// The files of a workspace that gets the program from an image.
fn with_image() -> Vec<CiFile> {
    let (_dir, root) =
        files(&[("Cargo.toml", MANIFEST), ("src/main.rs", "fn main() {}"), ("targets.toml", TARGETS)]);
    let source = ToolSource::image(&tool(), CiHost::GitHub).unwrap();
    CiHost::GitHub.files(&facts_of(&root, "targets.toml", Some(source)).unwrap())
}

fn tool() -> String {
    format!("registry.example/tools/cargo-xtask@sha256:{}", "5".repeat(64))
}

#[test]
fn an_image_with_the_program_is_named_by_its_digest_alone() {
    for (text, host, word) in [
        ("registry.example/tools/cargo-xtask:1.0", CiHost::GitHub, "by its digest alone"),
        (&tool().replace('@', ":1.0@"), CiHost::GitHub, "by its digest alone"),
        ("a b", CiHost::GitHub, "not a reference"),
        (&tool(), CiHost::GitLab, "--install"),
    ] {
        let error = ToolSource::image(text, host).unwrap_err();
        assert_eq!(error.kind, xtask_files::error::ExitKind::Usage);
        assert!(error.to_string().contains(word), "{error}");
    }
    for file in with_image().iter().filter(|file| !file.path.ends_with("refresh.yml")) {
        assert!(file.text.contains(&format!("\n          TOOL: {}\n", tool())), "{}", file.text);
        assert!(!file.text.contains("cargo install"));
    }
    assert!(with_image()[0].text.contains(&format!("ci init github --check --tool {}\n", tool())));
}

/// The release of `cargo xtask` itself has tags, a workflow and a configuration of its own.
#[test]
fn a_second_release_is_apart_from_the_first() {
    let own = of_this_repository().into_iter().find(|file| file.path.ends_with("/cargo-xtask-release.yml"));
    let text = own.unwrap().text;
    for line in text.lines().filter(|line| line.contains("cargo xtask ci ") && !line.starts_with('#')) {
        assert!(line.contains(" --config 'xtask/targets.toml'"), "{line}");
    }
    assert!(
        text.contains("    - cargo-xtask-v*\n") && text.contains("!= \"cargo-xtask-v$version\""),
        "{text}"
    );
    assert!(
        !text.contains("/workflows/xtask-release.yml") && !text.contains("name: xtask-release"),
        "{text}"
    );
}

/// All workflows for GitHub: those of the variants, and those of this repository.
fn workflows() -> Vec<(String, CiFile)> {
    let of = |(name, more): (&str, String)| {
        written(CiHost::GitHub, &more)
            .into_iter()
            .map(|file| (format!("{name}: {}", file.path), file))
            .collect()
    };
    let own = of_this_repository().into_iter().map(|file| (format!("here: {}", file.path), file));
    let with_image = with_image().into_iter().map(|file| (format!("image: {}", file.path), file));
    variants()
        .into_iter()
        .flat_map(|it: (&str, String)| -> Vec<(String, CiFile)> { of(it) })
        .chain(own)
        .chain(with_image)
        .collect()
}

fn read(name: &str, file: &CiFile) -> Workflow {
    workflow::read(name, &file.text).unwrap_or_else(|e| panic!("{e}"))
}

fn scripts(job: &WorkflowJob) -> impl Iterator<Item = &str> {
    job.steps.iter().filter_map(|step| match &step.action {
        StepAction::Run(script) => Some(script.as_str()),
        StepAction::Uses { .. } => None,
    })
}

#[test]
fn this_repository_has_its_own() {
    for file in of_this_repository() {
        golden::compare(&repository().display().to_string(), &file.path, &file.text);
        assert_eq!(file.state(repository()).unwrap(), CiFileState::Same);
    }
}

#[test]
fn the_files_are_known() {
    for (name, more) in variants() {
        for host in [CiHost::GitHub, CiHost::GitLab] {
            for file in written(host, &more) {
                let file_name = file.path.rsplit('/').next().unwrap().trim_start_matches('.');
                golden!(&format!("ci/{name}/{file_name}"), &file.text);
            }
        }
    }
}

/// A job with a right that others lack compiles nothing and starts no build script, and no other has these rights.
#[test]
fn only_the_job_that_publishes_may_write_packages() {
    let mut publishing = 0;
    for (name, file) in workflows() {
        let workflow = read(&name, &file);
        let read_only = BTreeMap::from([("contents".to_owned(), "read".to_owned())]);
        assert_eq!(workflow.permissions, read_only, "{name}");
        for job in &workflow.jobs {
            let rights = job.permissions.clone().unwrap_or_default();
            let writes: Vec<&str> =
                rights.iter().filter(|(_, right)| *right == "write").map(|(what, _)| what.as_str()).collect();
            match (&*file.path, job.id.as_str()) {
                (path, "publish") if path.ends_with("xtask-release.yml") => {
                    publishing += 1;
                    assert_eq!(writes, ["attestations", "id-token", "packages"]);
                }
                (_, "archives") => assert_eq!(writes, ["contents"]),
                (_, "comment") => assert_eq!(writes, ["pull-requests"]),
                (_, "propose") => assert_eq!(writes, ["contents", "pull-requests"]),
                _ => assert_eq!(writes, [""; 0], "{name}: {}", job.id),
            }
            let builds = |script: &str| {
                // The mark of a comment names a command.
                let script = script.replace(MARKDOWN_MARK, "");
                script
                    .split(|c: char| c.is_whitespace() || "\"'()$|;&".contains(c))
                    .any(|word| word == "cargo")
            };
            if !writes.is_empty() || job.id == "verify" {
                for script in scripts(job) {
                    assert!(!builds(script), "{name}: {} compiles: {script}", job.id);
                }
            } else {
                assert!(scripts(job).any(builds), "{name}: {} does nothing", job.id);
            }
            for step in &job.steps {
                if let StepAction::Uses { action, with } = &step.action
                    && action.starts_with("actions/checkout@")
                {
                    assert_eq!(with["persist-credentials"], "false", "{name}: {}", step.title());
                }
                // The secrets of a step are in no other step.
                let secret = |text: &String| text.contains("secrets.") || text.contains("github.token");
                assert!(!step.env.values().any(secret) || !writes.is_empty() || job.id == "verify", "{name}");
            }
        }
    }
    assert_eq!(publishing, 6);
}

/// Every `needs.x.outputs.y` is an output of a job that is needed, and every step's output is of a step in front.
#[test]
fn what_jobs_hand_on_is_there() {
    for (name, file) in workflows() {
        let workflow = read(&name, &file);
        for job in &workflow.jobs {
            for need in &job.needs {
                assert!(workflow.job(need).is_some(), "{name}: {} needs {need}", job.id);
            }
            let inputs = job.steps.iter().flat_map(|step| {
                let with = match &step.action {
                    StepAction::Uses { with, .. } => with.values().collect::<Vec<_>>(),
                    StepAction::Run(_) => Vec::new(),
                };
                step.env.values().chain(with).chain(&step.condition).collect::<Vec<_>>()
            });
            let texts: Vec<&String> =
                inputs.chain(&job.matrix).chain(job.outputs.values()).chain(&job.condition).collect();
            let parts = |prefix: &'static str| {
                texts.iter().flat_map(move |text| text.split(prefix).skip(1)).map(|rest| {
                    let end = rest.find(|c: char| !(c.is_alphanumeric() || "._-".contains(c)));
                    rest[..end.unwrap_or(rest.len())].split('.').collect::<Vec<_>>()
                })
            };
            for part in parts("needs.") {
                let [of, "outputs", output] = part[..] else { panic!("{name}: {part:?}") };
                assert!(job.needs.iter().any(|need| need == of), "{name}: {} does not need {of}", job.id);
                assert!(
                    workflow.job(of).unwrap().outputs.contains_key(output),
                    "{name}: {of} has no {output}"
                );
            }
            for part in parts("steps.") {
                let [of, "outputs", output] = part[..] else { panic!("{name}: {part:?}") };
                let step = job.steps.iter().find(|step| step.id.as_deref() == Some(of)).unwrap();
                let StepAction::Run(script) = &step.action else { panic!("{name}: {of}") };
                assert!(script.contains(&format!("\"{output}=")), "{name}: {of} does not set {output}");
            }
        }
    }
}

#[test]
fn every_script_is_one_of_bash() {
    let mut checked = 0;
    for (name, file) in workflows() {
        for job in &read(&name, &file).jobs {
            for step in &job.steps {
                let any = |_: &str| Some("x".to_owned());
                let Some(cmd) = step.command(&any).unwrap() else { continue };
                let script = cmd.args.last().unwrap();
                let output = Cmd::new("bash").args(["-n", "-c"]).arg(script).capture(LIMIT).unwrap();
                assert!(output.ok(), "{name}:{}: {}", step.line, output.errors());
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked}");
    for (name, more) in variants() {
        for file in written(CiHost::GitLab, &more) {
            let pipeline = yaml::read(name, &file.text).unwrap_or_else(|e| panic!("{e}"));
            let jobs = pipeline.entries().unwrap().iter();
            let scripts =
                jobs.flat_map(|(_, job)| job.get("script").and_then(YamlValue::items).unwrap_or_default());
            for script in scripts {
                let output =
                    Cmd::new("bash").args(["-n", "-c"]).arg(script.text().unwrap()).capture(LIMIT).unwrap();
                assert!(output.ok(), "{name}:{}: {}", script.line, output.errors());
            }
        }
    }
}

/// The note on a merge request is written once and then replaced, whatever others write.
#[test]
fn a_note_on_gitlab_is_replaced() {
    let json_of_perl = Cmd::new("perl").args(["-MJSON::PP", "-e", "1"]).capture(LIMIT);
    if !json_of_perl.is_ok_and(|output| output.ok()) {
        return skipped("ci_init::note", "perl with JSON::PP");
    }
    let file = written(CiHost::GitLab, IMAGE).remove(0);
    let pipeline = yaml::read("x", &file.text).unwrap();
    let script = pipeline.get("comment").and_then(|job| job.get("script")).and_then(YamlValue::items);
    let script = script.unwrap()[0].text().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let curl = "#!/bin/sh\nfor last; do :; done\necho \"$2 $3 $last\" >>log\n\
                case $last in */user) echo '{\"id\":7}' ;; *notes\\?*) cat notes ;; esac\n\
                case $* in *PUT*) echo replaced >>log ;; esac\n";
    folder::script(dir.path().join("bin/curl"), curl);
    let path = format!("{}:{}", dir.path().join("bin").display(), std::env::var("PATH").unwrap());
    let note = |id: u32, author: u32, body: &str| serde_json::json!({ "id": id, "body": body, "author": { "id": author } });
    let (mark, stranger) = (format!("{MARKDOWN_MARK}\nsizes"), note(11, 8, MARKDOWN_MARK));
    let cases = [
        (serde_json::json!([]), "/4/notes\n"),
        (serde_json::json!([note(10, 7, "sizes"), stranger]), "/4/notes\n"),
        (serde_json::json!([stranger, note(12, 7, &mark), note(13, 7, &mark)]), "/4/notes/12\nreplaced\n"),
    ];
    for (notes, end) in cases {
        std::fs::write(dir.path().join("notes"), notes.to_string()).unwrap();
        let _ = std::fs::remove_file(dir.path().join("log"));
        let cmd = Cmd::new("bash").args(["-eo", "pipefail", "-c", script]).cwd(dir.path()).env("PATH", &path);
        let cmd = cmd.env("CI_API_V4_URL", "https://gitlab.example/api/v4").env("CI_PROJECT_ID", "3");
        let cmd = cmd.env("CI_MERGE_REQUEST_IID", "4").env("XTASK_COMMENT_TOKEN", "x");
        let output = cmd.capture(LIMIT).unwrap();
        assert!(output.ok(), "{}", output.errors());
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.ends_with(end), "{log}");
    }
}

/// The value as JSON, in which texts are texts.
fn json(value: &YamlValue) -> Value {
    match &value.node {
        YamlNode::Text(text) => text.as_str().into(),
        YamlNode::List(items) => items.iter().map(json).collect(),
        YamlNode::Map(entries) => {
            Value::Object(entries.iter().map(|(key, of)| (key.clone(), json(of))).collect())
        }
    }
}

/// A Python with the linters, and their folder; none where they are not here.
fn linters(test: &str) -> Option<(Cmd, PathBuf)> {
    let host = Host::read(Triple::parse("x86_64-unknown-linux-gnu"));
    let cache = xtask_process::cache::dir(&host, std::env::consts::OS).ok();
    let found = host.program("python3").zip(cache).and_then(|(python, cache)| {
        Some((PythonLibrary::Workflows.python(&python, &cache)?, PythonLibrary::Workflows.place(&cache)))
    });
    if found.is_none() {
        skipped(test, "check-jsonschema and zizmor: cargo xtask setup --tests");
    }
    found
}

/// All files of all variants, each with the name of its service's schema.
fn all() -> Vec<(String, &'static str, CiFile)> {
    let github = workflows().into_iter().map(|(name, file)| (name, "vendor.github-workflows", file));
    let gitlab = variants().into_iter().flat_map(|(name, more)| {
        let files = written(CiHost::GitLab, &more).into_iter();
        files.map(move |file| (format!("{name}: {}", file.path), "vendor.gitlab-ci", file))
    });
    github.chain(gitlab).collect()
}

#[test]
fn another_reader_of_yaml_reads_the_same() {
    let Some((python, _)) = linters("ci_init::yaml") else { return };
    let script = "import json, sys\nfrom ruamel.yaml import YAML\n\
                  print(json.dumps(YAML(typ='base', pure=True).load(sys.stdin)))";
    for (name, _, file) in all() {
        let cmd = python.clone().args(["-c", script]);
        let output = cmd.captured(&Capture::within(LIMIT).whole().fed(file.text.as_bytes())).unwrap();
        assert!(output.ok(), "{name}: {}", output.errors());
        let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json(&yaml::read(&name, &file.text).unwrap()), theirs, "{name}");
    }
}

#[test]
fn every_file_fits_the_schema_of_its_service() {
    let Some((python, _)) = linters("ci_init::schema") else { return };
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, schema: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let cmd = python.clone().args(["-m", "check_jsonschema", "--builtin-schema", schema]).arg(&path);
        cmd.capture(LIMIT).unwrap()
    };
    for (name, schema, file) in all() {
        let output = check("x.yml", schema, &file.text);
        assert!(output.ok(), "{name}: {}\n{}", output.text(), output.errors());
    }
    assert!(!check("x.yml", "vendor.github-workflows", "name: x\non: {}\njobs: {}\n").ok());
}

/// zizmor examines workflows for what an attacker could use, without the network.
#[test]
fn zizmor_finds_nothing() {
    let Some((_, place)) = linters("ci_init::zizmor") else { return };
    let zizmor = |file: &Path| {
        Cmd::new(place.join("bin/zizmor")).args(["--offline", "--no-config", "--persona=regular"]).arg(file)
    };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".github/workflows");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("x.yml");
    for (name, file) in workflows() {
        std::fs::write(&path, &file.text).unwrap();
        let output = zizmor(&path).capture(LIMIT).unwrap();
        assert!(output.ok(), "{name}: {}\n{}", output.text(), output.errors());
    }
    // It sees what it is there for.
    std::fs::write(&path, of_this_repository()[0].text.replace("persist-credentials: false", "lfs: false"))
        .unwrap();
    assert!(!zizmor(&path).capture(LIMIT).unwrap().ok());
}

#[test]
fn a_changed_file_is_told_from_an_old_one() {
    let (_dir, root) = files(&[]);
    let file = written(CiHost::GitLab, "").remove(0);
    let state = || file.state(&root).unwrap();
    let path = root.join(&file.path);
    assert_eq!(state(), CiFileState::Absent);
    std::fs::write(&path, &file.text).unwrap();
    assert_eq!(state(), CiFileState::Same);
    let other = written(CiHost::GitLab, IMAGE).remove(0);
    let line = other.text.lines().zip(file.text.lines()).skip(1).position(|(a, b)| a != b).unwrap() + 2;
    std::fs::write(&path, &other.text).unwrap();
    assert_eq!(state(), CiFileState::Outdated(line));
    std::fs::write(&path, other.text.replace('\n', "\r\n")).unwrap();
    assert_eq!(state(), CiFileState::Outdated(line));
    std::fs::write(&path, file.text.clone() + "more: 1\n").unwrap();
    assert_eq!(state(), CiFileState::Changed(file.text.lines().count() + 1));
    std::fs::write(&path, "of somebody\n").unwrap();
    assert!(matches!(state(), CiFileState::Changed(_)));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(file.state(&root).is_err());
}

#[test]
fn a_workspace_without_the_program_needs_a_command() {
    let (_dir, root) =
        files(&[("Cargo.toml", MANIFEST), ("src/main.rs", "fn main() {}"), ("targets.toml", TARGETS)]);
    let error = facts(&root, None).unwrap_err().to_string();
    assert!(error.contains("does not contain cargo xtask") && error.contains("--install"), "{error}");
    for line in ["", " ", "a\nb", "echo ${{ github.ref }}"] {
        let error = facts(&root, Some(line)).unwrap_err().to_string();
        assert!(error.contains("--install is not a command on one line"), "{line:?}: {error}");
    }
}
