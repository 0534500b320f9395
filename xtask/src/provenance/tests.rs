//! What is said of an image whose platforms differ.

use xtask_report::report::{ContentsEntry, ForeignEntry, SmokeEntry, SmokeStatus, Status};

use super::*;

fn job(purity: PurityEntry, foreign: Option<bool>) -> JobEntry {
    let c = ForeignEntry {
        package: Some("z-sys 1.0.0".into()),
        file: "libz.a".into(),
        objects: 2,
        bytes: Some(7),
        compilers: Vec::new(),
    };
    let contents = |there: bool| ContentsEntry {
        rust: 1,
        std: 2,
        c_library: 3,
        foreign: there.then(|| c.clone()).into_iter().collect(),
    };
    JobEntry {
        target: "x86_64-unknown-linux-musl".into(),
        mode: "m".into(),
        requested: "auto".into(),
        fallback: None,
        toolchain: None,
        artifact: None,
        gate: None,
        warnings: vec!["a path: /home/somebody".into()],
        notes: Vec::new(),
        refused: vec!["/home/somebody: cc -E".into()],
        contents: foreign.map(contents),
        purity,
        smoke: SmokeEntry { runner: None, status: SmokeStatus::Pass, reason: None },
        status: Status::Ok,
        error: None,
        seconds: 1.5,
    }
}

fn manifest(digit: &str, status: SmokeStatus) -> ManifestEntry {
    let smoke = Some(SmokeEntry { runner: Some("docker".into()), status, reason: None });
    let digest = format!("sha256:{}", digit.repeat(64));
    ManifestEntry { platform: format!("linux/{digit}"), digest, size: 1, smoke, sbom: None }
}

fn origin() -> ReleaseOrigin {
    let source = source::SourceState {
        repository: Some("https://example.com/x".into()),
        commit: Some("c".repeat(40)),
        dirty: Some(false),
        files: vec![("Cargo.lock".into(), Digest::of(b"lock"))],
    };
    let [app, package, version] = ["app", "pkg", "1.0.0"].map(str::to_owned);
    ReleaseOrigin { app, package, version, created: 0, source }
}

fn predicate(of: &[(PurityEntry, Option<bool>, SmokeStatus)], kind: StatementKind) -> Value {
    let jobs: Vec<_> = of.iter().map(|(purity, foreign, _)| job(*purity, *foreign)).collect();
    let manifests: Vec<_> =
        of.iter().zip(["1", "2", "3"]).map(|((_, _, status), digit)| manifest(digit, *status)).collect();
    let platforms: Vec<_> = jobs
        .iter()
        .zip(&manifests)
        .map(|(job, manifest)| PlatformFacts {
            image: "app",
            program: ProgramFacts {
                job,
                profile: "release",
                fallback: Some(("native", "no-c-toolchain")),
                warnings: vec!["w"],
                tools: None,
            },
            base: BaseFacts { name: "scratch".into(), digest: None, trimmed: false },
            manifest,
            args: &[],
            exit: 0,
            bill: json!({}),
        })
        .collect();
    let stated: Vec<_> = platforms.iter().map(|platform| platform.stated(&origin())).collect();
    let statements = of_index("app", &Digest::of(b"index"), &stated);
    let (_, statement) = statements.into_iter().find(|(found, _)| *found == kind).unwrap();
    assert!(statement.is_about(&Digest::of(b"index")));
    assert!(!String::from_utf8(statement.to_json()).unwrap().contains("/home/"), "no path of the machine");
    statement.predicate
}

#[test]
fn an_image_contains_c_where_a_platform_does_and_none_where_all_are_known_to_have_none() {
    use PurityEntry::{NotApplicable, NotSeen, Proven};
    let pass = SmokeStatus::Pass;
    for (platforms, contains, purity) in [
        (vec![(Proven, None, pass), (Proven, Some(false), pass)], json!(false), json!("proven")),
        (vec![(Proven, None, pass), (NotApplicable, Some(true), pass)], json!(true), Value::Null),
        (vec![(NotApplicable, Some(true), pass), (NotSeen, None, pass)], json!(true), Value::Null),
        (vec![(Proven, None, pass), (NotSeen, None, pass)], Value::Null, Value::Null),
        (vec![(NotApplicable, Some(false), pass)], json!(false), Value::Null),
    ] {
        let said = predicate(&platforms, StatementKind::Purity);
        assert_eq!((&said["containsC"], &said["purity"]), (&contains, &purity), "{said:#}");
        assert_eq!(said["platforms"].as_array().unwrap().len(), platforms.len());
        assert_eq!(said["platforms"][0]["refusedCalls"], 1);
    }
}

#[test]
fn an_image_started_where_every_platform_did() {
    let of = |second: SmokeStatus| {
        let platforms = [SmokeStatus::Pass, second].map(|status| (PurityEntry::Proven, None, status));
        predicate(&platforms, StatementKind::Smoke)["result"].clone()
    };
    assert_eq!(of(SmokeStatus::Pass), "pass");
    assert_eq!(of(SmokeStatus::Skipped), "skipped");
}

#[test]
fn provenance_names_sources_and_why_another_mode_was_built() {
    let said = predicate(&[(PurityEntry::Proven, None, SmokeStatus::Pass)], StatementKind::Slsa);
    let definition = &said["buildDefinition"];
    let build = &definition["externalParameters"]["build"][0];
    assert_eq!(build["fallback"], json!({"from": "native", "reason": "no-c-toolchain"}));
    let source = &definition["resolvedDependencies"][0];
    assert_eq!(source["uri"], "git+https://example.com/x");
    assert_eq!(source["annotations"]["dirty"], false);
    assert_eq!(definition["resolvedDependencies"][1]["name"], "Cargo.lock");
}
