use super::*;
use crate::cargo::units;

const TARGET: &str = "x86_64-unknown-linux-musl";

/// A unit: package ID, platform, kind, mode, features, dependencies.
type Row<'a> = (&'a str, Option<&'a str>, &'a str, &'a str, &'a [&'a str], &'a [usize]);

fn graph(rows: &[Row<'_>]) -> UnitGraph {
    let unit = |(id, platform, kind, mode, features, needs): &Row<'_>| {
        let needs: Vec<_> = needs.iter().map(|index| serde_json::json!({ "index": index })).collect();
        serde_json::json!({ "pkg_id": id, "platform": platform, "mode": mode, "features": features,
            "target": { "name": kind, "kind": [kind], "src_path": format!("/{kind}.rs") }, "dependencies": needs })
    };
    let units: Vec<_> = rows.iter().map(unit).collect();
    let text = serde_json::json!({ "version": 1, "units": units, "roots": [0] }).to_string();
    units::read(text.as_bytes()).unwrap()
}

const APP: &str = "path+file:///w/app#0.1.0";
const DEP: &str = "registry+https://x/index#dep@1.0.0";
const MACROS: &str = "registry+https://x/index#macros@2.0.0";
const SYS: &str = "git+https://x/sys?branch=main#3.0.0";
const CC: &str = "sparse+https://y/index/#cc@4.0.0";

#[test]
fn code_of_the_program_is_told_from_code_of_the_build() {
    let target = Some(TARGET);
    let graph = graph(&[
        (APP, target, "bin", "build", &["native"], &[1, 2, 3]),
        (DEP, target, "lib", "build", &["std"], &[]),
        (MACROS, None, "proc-macro", "build", &[], &[7]),
        (SYS, target, "lib", "build", &[], &[4]),
        (SYS, target, "custom-build", "run-custom-build", &[], &[5]),
        (SYS, None, "custom-build", "build", &[], &[6]),
        (CC, None, "lib", "build", &["parallel"], &[7]),
        (DEP, None, "lib", "build", &["alloc", "std"], &[]),
    ]);
    let packages = CratePackages::of(&graph, TARGET).unwrap();
    let told: Vec<_> =
        packages.all.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.in_program)).collect();
    assert_eq!(
        told,
        [
            ("app", "0.1.0", true),
            ("cc", "4.0.0", false),
            ("dep", "1.0.0", true),
            ("macros", "2.0.0", false),
            ("sys", "3.0.0", true)
        ]
    );
    assert_eq!(packages.root, 0);
    let features = |at: usize| packages.all[at].features.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        (features(1), features(2)),
        (vec!["parallel"], vec!["std"]),
        "the host's features are the host's"
    );
    let needs = |at: usize| packages.all[at].needs.iter().copied().collect::<Vec<_>>();
    assert_eq!((needs(0), needs(4), needs(1), needs(3)), (vec![2, 3, 4], vec![1], vec![2], vec![2]));
    assert_eq!(packages.all[4].src_path.to_str(), Some("/lib.rs"));
    let sources: Vec<_> = packages.all.iter().map(|p| p.source.locked()).collect();
    assert_eq!(
        sources,
        [
            None,
            Some("sparse+https://y/index/".into()),
            Some("registry+https://x/index".into()),
            Some("registry+https://x/index".into()),
            Some("git+https://x/sys?branch=main".into())
        ]
    );
}

#[test]
fn a_graph_for_another_target_or_with_edges_to_nowhere() {
    let rows: [Row<'_>; 1] = [(APP, Some(TARGET), "bin", "build", &[], &[9, 0])];
    assert_eq!(CratePackages::of(&graph(&rows), "other"), None);
    assert_eq!(CratePackages::of(&graph(&rows), TARGET).unwrap().all.len(), 1);
}

#[test]
fn package_ids() {
    let default = parse("registry+https://example.org/rust-lang/crates.io-index#a-b@1.0.0-rc.1+x");
    assert_eq!(
        (default.0.as_str(), default.1.as_str(), default.2.is_default()),
        ("a-b", "1.0.0-rc.1+x", true)
    );
    let git = parse("git+https://x/team/dep?rev=ab#0.1.0");
    assert_eq!(git, ("dep".into(), "0.1.0".into(), PackageSource::Git("https://x/team/dep?rev=ab".into())));
    assert_eq!(parse("path+file:///w/folder#name@0.1.0").0, "name");
    assert_eq!(parse("odd"), ("odd".into(), String::new(), PackageSource::Other("odd".into())));
}
