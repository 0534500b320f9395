//! The predicates of a release: golden texts of what each says.

use serde_json::{Map, Value, json};
use xtask::provenance::source::SourceState;
use xtask::provenance::{
    BaseFacts, PlatformFacts, ProgramFacts, ReleaseOrigin, StatedPlatform, StatementKind, of_index,
};
use xtask::toolchain_lock::{LockedTarget, LockedTool};
use xtask_attest::Statement;
use xtask_oci::Digest;
use xtask_report::report::{ContentsEntry, ForeignEntry, JobEntry, ManifestEntry};
use xtask_test_support::golden;

use crate::sample::report;

fn origin() -> ReleaseOrigin {
    ReleaseOrigin {
        app: "grün".into(),
        package: "app".into(),
        version: "1.2.0".into(),
        created: 86_400,
        source: SourceState {
            repository: Some("https://example.com/app.git".into()),
            commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
            dirty: Some(false),
            files: vec![
                ("Cargo.lock".into(), Digest::of(b"lock")),
                ("targets.toml".into(), Digest::of(b"targets")),
            ],
        },
    }
}

fn tool(provider: &str, version: &str) -> Option<LockedTool> {
    let digest = Digest::of(version.as_bytes()).to_string();
    Some(LockedTool { provider: provider.into(), version: version.into(), digest })
}

/// What a target is built with: C by zig, and no C by Rust's own linker.
fn tools() -> LockedTarget {
    LockedTarget {
        rustc: "1.95.0".into(),
        std: Digest::of(b"std").to_string(),
        c: tool("zig", "zig 0.15.2"),
        linker: tool("rust-lld", "1.95.0"),
    }
}

/// The jobs and manifests of the sample: one in the mode with C, and one that fell back and is proven pure.
fn built() -> [(JobEntry, ManifestEntry); 2] {
    let mut report = report();
    let manifests = report.images.remove(0).manifests;
    let [native, pure]: [JobEntry; 2] = report.jobs.drain(..2).collect::<Vec<_>>().try_into().unwrap();
    let account = |foreign| ContentsEntry { rust: 301_000, std: 250_500, c_library: 61_000, foreign };
    let c = ForeignEntry {
        package: Some("native 0.1.0".into()),
        file: "libanswer.a".into(),
        objects: 2,
        bytes: Some(1_024),
        compilers: vec!["clang version 20.1.2".into()],
    };
    let native = JobEntry { contents: Some(account(vec![c])), ..native };
    let refused = vec!["cc -c answer.c".into()];
    let pure = JobEntry { contents: Some(account(Vec::new())), refused, ..pure };
    let [one, two]: [ManifestEntry; 2] = manifests.try_into().unwrap();
    [(native, one), (pure, two)]
}

fn facts<'a>(job: &'a JobEntry, tools: &'a LockedTarget) -> ProgramFacts<'a> {
    let fallback = job.fallback.as_ref().map(|fallback| (fallback.from.as_str(), "no-c-toolchain"));
    let warnings = job.warnings.iter().map(String::as_str).collect();
    ProgramFacts { job, profile: "release", fallback, warnings, tools: Some(tools) }
}

/// The platforms of an image on a base whose digest is known.
fn with_platforms(look: impl FnOnce(&[PlatformFacts<'_>])) {
    let (built, tools, base) = (built(), tools(), Digest::of(b"base"));
    let args = ["selftest".to_owned()];
    let platform = |(job, manifest)| PlatformFacts {
        image: "app",
        program: facts(job, &tools),
        base: BaseFacts { name: "distroless:static".into(), digest: Some(&base), trimmed: true },
        manifest,
        args: &args,
        exit: 0,
        bill: json!({"bomFormat": "CycloneDX"}),
    };
    look(&built.iter().map(|(job, manifest)| platform((job, manifest))).collect::<Vec<_>>());
}

/// Statements as one text, by their kinds. No golden file changes with our version.
fn text(statements: Vec<(StatementKind, Statement)>) -> String {
    let value = |statement: &Statement| serde_json::from_slice::<Value>(&statement.to_json()).unwrap();
    let all: Map<String, Value> =
        statements.iter().map(|(kind, statement)| (kind.name().to_owned(), value(statement))).collect();
    let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    serde_json::to_string_pretty(&all).unwrap().replace(&version, "\"VERSION\"") + "\n"
}

#[test]
fn of_a_platform_with_c_and_of_one_without() {
    with_platforms(|platforms| {
        for (platform, name) in platforms.iter().zip(["native", "pure"]) {
            golden!(
                &format!("report/statements-{name}.json"),
                &text(platform.stated(&origin()).statements().unwrap())
            );
        }
    });
}

#[test]
fn of_an_index() {
    with_platforms(|platforms| {
        let index = Digest::of(b"index");
        let platforms: Vec<StatedPlatform> = platforms.iter().map(|p| p.stated(&origin())).collect();
        golden!("report/statements-index.json", &text(of_index("app", &index, &platforms)));
        // One platform with C is enough, one without is not.
        let purity = |platforms: &[StatedPlatform]| {
            let all = of_index("app", &index, platforms);
            all.into_iter().find(|(kind, _)| *kind == StatementKind::Purity).unwrap().1.predicate
        };
        let both = purity(&platforms);
        assert_eq!((&both["purity"], &both["containsC"]), (&Value::Null, &true.into()));
        let pure = purity(&platforms[1..]);
        assert_eq!((&pure["purity"], &pure["containsC"]), (&"proven".into(), &false.into()));
    });
}

#[test]
fn of_a_program_by_itself() {
    let (built, tools) = (built(), tools());
    let program = facts(&built[0].0, &tools);
    let all = [
        (StatementKind::Slsa, program.slsa(&origin())),
        (StatementKind::Gate, program.gate(None)),
        (StatementKind::Smoke, program.smoke()),
        (StatementKind::Program, program.places(&[json!({"subject": "app.tar.gz", "path": "app/grün"})])),
    ];
    let all = all.map(|(kind, predicate)| (kind, kind.about(Vec::new(), predicate)));
    golden!("report/statements-program.json", &text(all.into()));
}

#[test]
fn what_is_not_known_is_not_said() {
    let origin = ReleaseOrigin { source: SourceState::default(), ..origin() };
    let (job, _) = &built()[0];
    let job = JobEntry { contents: None, ..job.clone() };
    let tools = tools();
    let program = ProgramFacts { tools: None, ..facts(&job, &tools) };
    let slsa = program.slsa(&origin);
    assert_eq!(slsa["buildDefinition"]["resolvedDependencies"], json!([]));
    let purity = program.purity();
    assert_eq!((&purity["containsC"], &purity["contents"]), (&Value::Null, &Value::Null));
}
