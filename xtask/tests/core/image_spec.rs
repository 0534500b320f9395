//! Which images are made of what was verified, and what their labels say.

use std::collections::BTreeMap;
use std::path::Path;

use xtask::base_selection::{Placements, place};
use xtask::failure::Failure;
use xtask::image_spec::pack;
use xtask::plan::{Job, PlanRequest, plan};
use xtask::record::{
    Artifact, BuildRecord, BuiltProgram, ProgramOrigin, Purity, StoredProgram, UnmadeImage, VerifiedProgram,
    WhyUnmade,
};
use xtask::verify::Verified;
use xtask_base::Bases;
use xtask_config::workspace::Workspace;
use xtask_gate::Facts;
use xtask_oci::PackedImage;
use xtask_process::host::Host;
use xtask_process::ui::Ui;
use xtask_triple::Arch;

use crate::support::{ARM_MUSL, GNU, MUSL, Machine, config, findings, surveyed, triple};

fn verified(job: &Job, program: &Path, error: Option<&str>) -> Verified {
    let built = BuiltProgram {
        job: job.clone(),
        program: program.to_owned(),
        build: BuildRecord {
            seconds: 1.0,
            worked: true,
            from_nothing: true,
            company: 2,
            ..BuildRecord::default()
        },
        purity: if job.pure() { Purity::Proven } else { Purity::NotPromised },
        contents: Err("a test".into()),
        scripts: Vec::new(),
    };
    let artifact = Artifact { path: program.to_owned(), sha256: String::new(), size: 3 };
    let stored = StoredProgram { built, artifact };
    let facts = Some(Facts::read(program).unwrap());
    let program = VerifiedProgram { stored, facts, warnings: Vec::new(), not_run: None };
    match error {
        None => Ok(program),
        Some(error) => Err(program.refused(vec![Failure::SmokeRun(error.to_owned())])),
    }
}

/// Packs what is asked for, of targets of which `bad` failed; `gone` were not built at all.
fn packed(
    machine: &Machine,
    asked: &[&str],
    bad: &[&str],
    gone: &[&str],
) -> (Vec<PackedImage>, Vec<UnmadeImage>) {
    let mut f = findings();
    f.surveys.insert(triple(ARM_MUSL), surveyed(None));
    let config = config();
    let plan = plan(&config, &f, &PlanRequest::default()).unwrap();
    let error = |j: &Job| bad.contains(&j.target.triple.as_str()).then_some("it failed");
    let jobs = plan.jobs.iter().filter(|j| !gone.contains(&j.target.triple.as_str()));
    let program = |j: &Job| {
        let program = machine.path().join(j.target.triple.as_str());
        std::fs::write(&program, elf(j.target.triple.arch())).unwrap();
        program
    };
    let verified: Vec<Verified> = jobs.map(|j| verified(j, &program(j), error(j))).collect();
    let workspace =
        Workspace::load(Some(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")), true).unwrap();
    let origin = ProgramOrigin {
        package: workspace.package("app").unwrap(),
        revision: Some("c0ffee".into()),
        created: 1_700_000_000,
    };
    let request =
        PlanRequest { targets: asked.iter().map(|t| triple(t)).collect(), ..PlanRequest::default() };
    let (dist, cache) = (machine.path().join("dist"), machine.path().join("cache"));
    let (host, ui) = (Host::read(triple(MUSL)), Ui::silent());
    let bases = Bases::new(xtask_base::BaseContext {
        locks: &dist,
        cache: &cache,
        host: &host,
        ui: &ui,
        snapshots: &[],
        offline: true,
        may_refresh: false,
        strict: false,
        allow_superseded: false,
    });
    let (mut placed, mut unmade) = (Vec::new(), Vec::new());
    let Placements { images, .. } = place(&config, &request, verified, &bases, &ui).unwrap();
    for image in images {
        match image {
            Ok(image) => placed.push(image),
            Err(image) => unmade.push(image),
        }
    }
    let staged = pack(placed, &config, &origin, &mut |_| Ok(None), (&dist, &cache), &ui).unwrap();
    (staged.names.commit().unwrap(), unmade)
}

/// The least that is a static program of 64 bits: a header and one segment to load (System V gABI, "Object Files").
fn elf(arch: Arch) -> Vec<u8> {
    let machine: u16 = if arch == Arch::Aarch64 { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    for half in [2, machine] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(1_u32.to_le_bytes());
    for wide in [0x1_0000_u64, 64, 0] {
        bytes.extend(wide.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 2, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    // What is loaded, and that its stack is not executable.
    for (kind, flags, size) in [(1_u32, 5_u32, 176_u64), (0x6474_e551, 6, 0)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        for wide in [0, if size == 0 { 0 } else { 0x1_0000 }, 0, size, size, 0x1_0000] {
            bytes.extend(wide.to_le_bytes());
        }
    }
    bytes
}

fn platforms(packed: &[PackedImage]) -> Vec<String> {
    packed.iter().flat_map(|i| &i.manifests).map(|m| m.platform.to_string()).collect()
}

#[test]
fn an_image_holds_its_targets_or_those_of_them_that_were_asked_for() {
    let m = Machine::new();
    assert_eq!(platforms(&packed(&m, &[], &[], &[]).0), ["linux/amd64", "linux/arm64/v8"]);
    assert_eq!(platforms(&packed(&m, &[ARM_MUSL], &[], &[MUSL]).0), ["linux/arm64/v8"]);
    // Targets of no image make none, and that is said and no error.
    let unmade = UnmadeImage { name: "app".into(), why: WhyUnmade::NotAskedFor };
    assert_eq!(unmade.why.to_string(), "--target selects none of its platforms");
    assert_eq!(unmade.why.error(), None);
    assert_eq!(packed(&m, &[GNU], &[], &[MUSL]), (Vec::new(), vec![unmade]));
    // What fails elsewhere keeps no image from being made.
    assert_eq!(packed(&m, &[], &[GNU], &[]).0.len(), 1);
}

#[test]
fn an_image_that_would_lack_a_platform_is_not_made() {
    let m = Machine::new();
    let (made, unmade) = packed(&m, &[], &[ARM_MUSL], &[MUSL]);
    assert!(made.is_empty() && !m.path().join("dist").exists());
    assert_eq!(unmade[0].name, "app");
    assert_eq!(unmade[0].why.to_string(), format!("{MUSL} was not built, {ARM_MUSL} failed"));
}

/// The labels of each platform, out of the configs in the layout.
fn labels(dist: &Path) -> Vec<BTreeMap<String, String>> {
    let mut all = Vec::new();
    for blob in std::fs::read_dir(dist.join("oci/blobs/sha256")).unwrap() {
        let Ok(text) = std::fs::read_to_string(blob.unwrap().path()) else { continue };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        if let Some(labels) = json.pointer("/config/Labels") {
            assert_eq!(json["created"], "2023-11-14T22:13:20Z");
            all.push(serde_json::from_value(labels.clone()).unwrap());
        }
    }
    all.sort();
    all
}

#[test]
fn labels_say_mode_and_fallback_by_code_and_nothing_of_this_machine() {
    let m = Machine::new();
    packed(&m, &[], &[], &[]);
    let labels = labels(&m.path().join("dist"));
    let of = |target: &str| labels.iter().find(|l| l["xtask.target"] == target).unwrap();
    let own = |labels: &BTreeMap<String, String>| -> Vec<String> {
        let own = labels.iter().filter(|(key, _)| key.starts_with("xtask."));
        own.map(|(key, value)| format!("{key}={value}")).collect()
    };
    assert_eq!(own(of(MUSL)), ["xtask.mode=native".to_owned(), format!("xtask.target={MUSL}")]);
    let fallen = [
        "xtask.fallback.from=native".to_owned(),
        "xtask.fallback.reason=no-c-toolchain".to_owned(),
        "xtask.mode=pure".to_owned(),
        format!("xtask.target={ARM_MUSL}"),
    ];
    assert_eq!(own(of(ARM_MUSL)), fallen);
    assert_eq!(of(MUSL)["org.opencontainers.image.revision"], "c0ffee");
    assert_eq!(of(MUSL)["org.opencontainers.image.title"], "app");
    assert!(labels.iter().flat_map(|l| l.values()).all(|v| !v.contains(&m.path().display().to_string())));
}
