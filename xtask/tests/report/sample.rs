//! A report with everything in it: a native job, a fallback, a gate that failed, a build that failed, a skipped target.

use xtask_gate::Linkage;
use xtask_report::report::{
    ArtifactEntry, CheckVerdict, FallbackEntry, ImageEntry, JobEntry, ManifestEntry, PurityEntry, Report,
    Sbom, SkippedEntry, SmokeEntry, SmokeStatus, Status, ToolchainEntry, Unmade,
};
use xtask_report::timing::{BuildSeconds, Case, CaseRecord, HostFacts, Sample, SampledBy, Scenario, Timings};

pub(crate) fn report() -> Report {
    Report {
        schema: 1,
        app: "grün".into(),
        version: "1.2.0".into(),
        jobs: vec![native(), fallback(), refused(), broken()],
        images: vec![ImageEntry {
            name: "app".into(),
            base: "scratch".into(),
            refreshed: None,
            closure: false,
            rejected: Vec::new(),
            index_digest: format!("sha256:{}", "ab".repeat(32)),
            compression: "zstd".into(),
            tar_index_digest: format!("sha256:{}", "cd".repeat(32)),
            budget: Some(20_000_000),
            left_out: vec!["linux/riscv64".into()],
            manifests: vec![
                ManifestEntry {
                    platform: "linux/amd64".into(),
                    digest: format!("sha256:{}", "01".repeat(32)),
                    size: 1_834_112,
                    smoke: Some(SmokeEntry {
                        runner: Some("unshare".into()),
                        status: SmokeStatus::Pass,
                        reason: Some("docker: load: no space left on device".into()),
                    }),
                    sbom: Some(sbom("app-1.2.0-linux-amd64")),
                },
                ManifestEntry {
                    platform: "linux/arm64/v8".into(),
                    digest: format!("sha256:{}", "23".repeat(32)),
                    size: 999_999,
                    smoke: Some(SmokeEntry {
                        runner: None,
                        status: SmokeStatus::Skipped,
                        reason: Some("docker is not on PATH".into()),
                    }),
                    sbom: None,
                },
            ],
        }],
        unmade: vec![
            Unmade {
                name: "tools".into(),
                reason: "riscv64gc-unknown-linux-musl failed".into(),
                earlier: Some(format!("sha256:{}", "ef".repeat(32))),
            },
            Unmade {
                name: "new".into(),
                reason: "riscv64gc-unknown-linux-musl failed".into(),
                earlier: None,
            },
        ],
        skipped: vec![SkippedEntry {
            target: "aarch64-apple-darwin".into(),
            reason: "no std for this target can be had here".into(),
        }],
    }
}

fn artifact(target: &str, mode: &str, kind: Linkage) -> ArtifactEntry {
    let dynamic = kind == Linkage::Dynamic;
    ArtifactEntry {
        path: format!("bin/{target}/{mode}/app"),
        sha256: "c0".repeat(32),
        size: 4_718_592,
        kind: Some(kind),
        machine: Some(target.split('-').next().unwrap_or_default().to_owned()),
        interpreter: dynamic.then(|| "/lib64/ld-linux-x86-64.so.2".to_owned()),
        needed: if dynamic { vec!["libgcc_s.so.1".into(), "libc.so.6".into()] } else { vec![] },
        glibc_max: dynamic.then(|| "2.34".to_owned()),
        sbom: Some(sbom(&format!("app-1.2.0-{target}"))),
    }
}

fn sbom(name: &str) -> Sbom {
    Sbom { path: format!("sbom/{name}.cdx.json"), sha256: "5b".repeat(32) }
}

fn native() -> JobEntry {
    JobEntry {
        target: "x86_64-unknown-linux-musl".into(),
        mode: "native".into(),
        requested: "auto".into(),
        fallback: None,
        toolchain: Some(ToolchainEntry {
            provider: "zig".into(),
            cc: "python3 -m ziglang cc".into(),
            version: "zig 0.15.2".into(),
            id: "5f3a".into(),
        }),
        artifact: Some(artifact("x86_64-unknown-linux-musl", "native", Linkage::StaticPie)),
        gate: Some(CheckVerdict::Pass),
        warnings: vec![],
        notes: vec![],
        refused: vec![],
        contents: None,
        purity: PurityEntry::NotApplicable,
        smoke: SmokeEntry { runner: Some("native".into()), status: SmokeStatus::Pass, reason: None },
        status: Status::Ok,
        error: None,
        seconds: 41.25,
    }
}

fn fallback() -> JobEntry {
    JobEntry {
        target: "aarch64-unknown-linux-musl".into(),
        mode: "pure".into(),
        fallback: Some(FallbackEntry {
            from: "native".into(),
            reason: "no-c-toolchain: zig is missing, aarch64-linux-gnu-gcc is broken".into(),
        }),
        toolchain: None,
        artifact: Some(artifact("aarch64-unknown-linux-musl", "pure", Linkage::Static)),
        warnings: vec!["the program makes its stack executable".into()],
        purity: PurityEntry::Proven,
        smoke: SmokeEntry { runner: Some("qemu".into()), status: SmokeStatus::Pass, reason: None },
        seconds: 12.0,
        ..native()
    }
}

fn refused() -> JobEntry {
    let target = "x86_64-unknown-linux-gnu";
    JobEntry {
        target: target.into(),
        artifact: Some(artifact(target, "native", Linkage::Dynamic)),
        gate: Some(CheckVerdict::Fail),
        smoke: SmokeEntry { runner: None, status: SmokeStatus::Skipped, reason: None },
        status: Status::Failed,
        error: Some(
            "the program may require glibc 2.31 at most, but pthread_create asks for GLIBC_2.34".into(),
        ),
        ..native()
    }
}

fn broken() -> JobEntry {
    JobEntry {
        target: "riscv64gc-unknown-linux-musl".into(),
        requested: "native".into(),
        artifact: None,
        gate: None,
        smoke: SmokeEntry { runner: None, status: SmokeStatus::Skipped, reason: None },
        status: Status::Failed,
        error: Some(
            "dot.c:3:1: error: unknown type name '<script>'\n    3 | *boo* | x\n\x1b[31m^\x1b[0m".into(),
        ),
        seconds: 0.85,
        ..native()
    }
}

pub(crate) fn timings() -> Timings {
    let host = HostFacts {
        cores: 2,
        cpu: Some("Some Processor @ 2.60GHz".into()),
        memory_bytes: Some(25_214_418_944),
        os: "Some System 12".into(),
        rustc: Some("rustc 1.95.0".into()),
    };
    let record = |mode: &str, scenario, seconds: &[f64], c_s| {
        let case = Case::new("x86_64-unknown-linux-musl", scenario, mode);
        let sample = |s: &f64| Sample {
            seconds: *s,
            parts: Some(BuildSeconds { c_s, rustc_s: 8.5, link_s: 0.7, other_s: 0.3 }),
            binary_bytes: Some(4_718_592),
            image_bytes: (mode == "native").then_some(1_834_112),
            ..Sample::default()
        };
        CaseRecord::of(&case, &seconds.iter().map(sample).collect::<Vec<_>>(), SampledBy::Bench).unwrap()
    };
    let cases = vec![
        record("native", Scenario::Cold, &[41.2, 40.9, 41.6, 78.0, 41.1], 30.0),
        record("pure", Scenario::Cold, &[9.91, 9.87, 10.02, 9.95, 9.9], 0.0),
        record("native", Scenario::Warm, &[0.213, 0.208, 0.211], 0.0),
        record("pure", Scenario::Warm, &[0.207, 0.209, 0.212], 0.0),
    ];
    Timings::merge(None, host, cases, "native", "pure")
}
