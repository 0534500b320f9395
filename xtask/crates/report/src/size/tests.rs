use std::path::Path;

use super::*;
use crate::report::ForeignEntry;
use xtask_files::Memo;
use xtask_files::error::ExitKind;
use xtask_oci::document::Runtime;
use xtask_oci::{Codec, ImageSpec, LayerSource, LayerSpec, Layout, Node, Packer, PlatformSpec, RootFs};
use xtask_triple::Triple;

fn layer(files: &[(&str, usize)]) -> LayerSource {
    let mut rootfs = RootFs::new();
    for (path, size) in files {
        rootfs.insert(path, Node::bytes(0o644, vec![7; *size])).unwrap();
    }
    LayerSource::Tree(LayerSpec { rootfs, created_by: format!("{} files", files.len()) })
}

/// Packs an image with these layers and measures it.
fn sizes(dir: &Path, codec: Codec, layers: Vec<LayerSource>) -> Sizes {
    let triple = Triple::parse("aarch64-unknown-linux-musl");
    let labels = [("xtask.target", triple.as_str()), ("xtask.mode", "pure")];
    let runtime = Runtime {
        labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Runtime::default()
    };
    let image = ImageSpec {
        name: "a".into(),
        version: "1".into(),
        platforms: vec![PlatformSpec { platform: triple.platform().unwrap(), layers, runtime }],
        annotations: Default::default(),
        codec,
        created: 0,
    };
    let (dist, cache) = (dir.join("dist"), dir.join("cache"));
    let threads = std::num::NonZeroUsize::MIN;
    let packed = Packer { dist: &dist, cache: &cache, threads }.pack(&[image]).unwrap().remove(0);
    let subjects = ["a", "not there"].map(|name| MeasuredImage { name: name.into(), budget: Some(2000) });
    let measure = || {
        super::measure(&subjects, &Layout::new(dist.join("oci")), &dir.join("work"), &Memo::new(&cache))
            .unwrap()
    };
    let images = measure();
    assert_eq!(images, measure(), "what is remembered is what was read");
    assert_eq!(std::fs::read_dir(dir.join("work")).unwrap().count(), 0, "no unpacked layer is left");
    assert_eq!(images[0].platforms[0].pull, packed.manifests[0].size);
    assert_eq!(images[0].index_digest, packed.index_digest.as_str());
    Sizes { schema: 1, app: "app".into(), version: "1".into(), images, programs: Vec::new() }
}

#[test]
fn a_layout_says_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    for (codec, name) in [(Codec::Gzip, "gzip"), (Codec::Zstd, "zstd")] {
        let layers = vec![layer(&[("etc/x", 5000), ("etc/y", 10)]), layer(&[("etc/x", 600)])];
        let sizes = sizes(dir.path(), codec, layers);
        assert_eq!(sizes.images.len(), 1);
        let platform = &sizes.images[0].platforms[0];
        assert_eq!(platform.platform, "linux/arm64/v8");
        assert_eq!(platform.built, Some(("aarch64-unknown-linux-musl".into(), "pure".into())));
        // The root and etc are entries too. A tar consists of blocks of 512 bytes and ends with two.
        let told: Vec<_> = platform
            .layers
            .iter()
            .map(|l| (l.compression.as_str(), l.unpacked, l.entries, l.created_by.as_str()))
            .collect();
        assert_eq!(told, [(name, 10 * 512 + 7 * 512, 4, "2 files"), (name, 5 * 512 + 2 * 512, 3, "1 files")]);
        assert_eq!(platform.unpacked, 12 * 512 + 12 * 512);
        let files: Vec<_> =
            platform.files.iter().map(|f| (f.path.as_str(), f.size, f.layer, f.hidden)).collect();
        assert_eq!(files, [("etc/x", 5000, 0, true), ("etc/x", 600, 1, false), ("etc/y", 10, 0, false)]);
    }
}

#[test]
fn a_budget_says_how_much_over_and_names_the_largest() {
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = sizes(dir.path(), Codec::Gzip, vec![layer(&[("big", 9000), ("small", 1)])]);
    assert_eq!(check_budgets(&sizes.images), Ok(()));
    sizes.images[0].platforms[0].pull = 2000;
    assert_eq!(check_budgets(&sizes.images), Ok(()), "the budget itself is allowed");
    sizes.images[0].platforms[0].pull = 2001;
    let error = check_budgets(&sizes.images).unwrap_err();
    assert_eq!(error.kind, ExitKind::Failed);
    assert_eq!(
        error.to_string(),
        "image a is larger than its budget\n  \
         note: a on linux/arm64/v8: 2001 bytes to pull, 1 byte (0.1 %) over 2000 bytes\n        \
         largest files, unpacked: /big (9.0 kB), /small (1 B)\n  \
         help: show its contents and what changed: cargo xtask size\n  \
         help: or raise `budget` of its [[image]] in targets.toml"
    );
    let words = |pull, budget| {
        let mut image = sizes.images[0].clone();
        (image.platforms[0].pull, image.budget) = (pull, Some(budget));
        check_budgets(&[image]).unwrap_err().found[0].lines().next().unwrap_or_default().to_owned()
    };
    let head = "a on linux/arm64/v8: ";
    assert_eq!(
        words(363_001, 363_000),
        format!("{head}363001 bytes to pull, 1 byte (less than 0.1 %) over 363000 bytes")
    );
    assert_eq!(words(400_000, 100_000), format!("{head}400 kB to pull, 300000 bytes (300.0 %) over 100 kB"));
    sizes.images[0].budget = None;
    assert_eq!(check_budgets(&sizes.images), Ok(()));
}

#[test]
fn what_changed_is_said_and_nothing_else() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = sizes(one.path(), Codec::Gzip, vec![layer(&[("a", 10), ("b", 20), ("c", 30)])]);
    let mut after = sizes(two.path(), Codec::Gzip, vec![layer(&[("a", 10), ("b", 25), ("d", 7)])]);
    assert_eq!(changes(&before, &before), []);
    after.images[0].platforms[0].pull = before.images[0].platforms[0].pull + 3;
    let told: Vec<_> =
        changes(&before, &after).into_iter().map(|c| (c.what, c.name.clone(), c.by())).collect();
    let expected = [
        (ChangedThing::Pull, "", 3),
        (ChangedThing::File, "c", -30),
        (ChangedThing::File, "d", 7),
        (ChangedThing::File, "b", 5),
    ];
    assert_eq!(told, expected.map(|(what, name, by)| (what, name.to_owned(), by)));
    // A platform that was removed, and a new one.
    after.images[0].platforms[0].platform = "linux/riscv64".into();
    let told: Vec<_> = changes(&before, &after)
        .into_iter()
        .map(|c| (c.platform, c.before.is_some(), c.after.is_some()))
        .collect();
    assert_eq!(told, [("linux/riscv64".to_owned(), false, true), ("linux/arm64/v8".to_owned(), true, false)]);
    // An image that was not made this time is not a change.
    after.images.clear();
    assert_eq!(changes(&before, &after), []);
}

fn contents(bytes: u64) -> ContentsEntry {
    let foreign = |package: Option<&str>, bytes: Option<u64>| ForeignEntry {
        package: package.map(str::to_owned),
        file: "libz.a".into(),
        objects: 1,
        bytes,
        compilers: Vec::new(),
    };
    let foreign = vec![
        foreign(Some("z-sys 1.0.0"), Some(bytes)),
        foreign(None, None),
        foreign(Some("z-sys 1.0.0"), Some(bytes)),
    ];
    ContentsEntry { rust: 3, std: 2, c_library: 1, foreign }
}

#[test]
fn the_bytes_of_c_are_those_of_its_packages() {
    let expected = [
        ("C of z-sys 1.0.0", 14),
        ("Rust of packages", 3),
        ("Rust's std", 2),
        ("C library", 1),
        ("C of no package", 0),
    ];
    let expected: Vec<(String, u64)> = expected.map(|(name, bytes)| (name.to_owned(), bytes)).into();
    assert_eq!(origins::rows(&contents(7)), expected);
    assert_eq!(origins::rows(&contents(u64::MAX))[0].1, u64::MAX);
}

/// `--against` reads files from elsewhere, which may contain any numbers.
#[test]
fn numbers_that_have_no_sum_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = sizes(dir.path(), Codec::Gzip, vec![layer(&[("a", 10), ("b", 20)])]);
    let after = sizes.clone();
    let platform = &mut sizes.images[0].platforms[0];
    (platform.pull, platform.unpacked) = (u64::MAX, u64::MAX);
    platform.layers[0].unpacked = u64::MAX;
    platform.files.iter_mut().for_each(|file| file.size = u64::MAX);
    let one = |name: &str| CrateSize { name: name.into(), code: u64::MAX, data: u64::MAX };
    platform.program = Some(ProgramSize {
        path: "a".into(),
        size: u64::MAX,
        symbols: SymbolSource::Own,
        sections: ["x", "y"].map(|name| SectionSize { name: name.into(), size: u64::MAX }).into(),
        crates: vec![one("c"), one("d")],
        contents: Some(contents(u64::MAX)),
    });
    for top in [0, 1, 9] {
        assert!(text(&sizes, top, false).contains("18.4 EB"));
        for changes in [changes(&sizes, &after), changes(&after, &sizes)] {
            assert!(changes_table(&changes, top, false).contains("18.4 EB") || top == 0);
        }
    }
}

#[test]
fn a_comment_has_the_sizes_and_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let before = sizes(dir.path(), Codec::Gzip, vec![layer(&[("a|b", 10_000), ("c", 20), ("d", 9)])]);
    let mut after = before.clone();
    let platform = &mut after.images[0].platforms[0];
    (platform.pull, platform.unpacked) = (platform.pull + 1_000_000, 12_000);
    platform.files.iter_mut().for_each(|file| file.size += 5_000);
    after.images[0].budget = Some(2_000_000);
    let changes = changes(&before, &after);
    let text = markdown(&after, Some("<x>"), &changes, 1);
    assert!(text.starts_with(MARKDOWN_MARK), "{text}");
    for line in [
        "### Sizes of ",
        "2.0 MB |\n",
        "\nChanged since &lt;x>:\n\n| image |",
        "+1.0 MB |",
        "/a\\|b",
        "2 more files changed",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(markdown(&after, Some("x"), &[], 1).contains("\nNo size changed since x.\n"));
    assert!(markdown(&after, None, &[], 1).ends_with("no earlier sizes to compare with.\n"));
}

/// A remembered layer does not replace a missing one.
#[test]
fn what_is_not_there_is_not_described() {
    let dir = tempfile::tempdir().unwrap();
    let told = sizes(dir.path(), Codec::Gzip, vec![layer(&[("a", 10)])]);
    let layout = Layout::new(dir.path().join("dist/oci"));
    let subjects = [MeasuredImage { name: "a".into(), budget: None }];
    let measure =
        || super::measure(&subjects, &layout, &dir.path().join("work"), &Memo::new(dir.path().join("cache")));
    let layer = &told.images[0].platforms[0].layers[0].digest;
    for digest in [layer, &told.images[0].index_digest] {
        let blob = layout.blobs().path(&xtask_oci::Digest::parse(digest).unwrap());
        let bytes = std::fs::read(&blob).unwrap();
        let refused = |words: &str| {
            let error = measure().unwrap_err();
            assert_eq!(error.kind, ExitKind::Failed);
            let error = error.to_string();
            assert!(error.contains(&blob.display().to_string()) && error.contains(words), "{error}");
            assert!(error.contains("of image a") && error.contains("cargo xtask image"), "{error}");
        };
        std::fs::remove_file(&blob).unwrap();
        refused("No such file");
        std::fs::write(&blob, [&bytes[..bytes.len() - 1], b"x"].concat()).unwrap();
        refused("its content does not match its name");
        std::fs::write(&blob, bytes).unwrap();
        assert_eq!(measure().unwrap()[0].platforms.len(), 1);
    }
}

#[test]
fn what_is_kept_is_the_release_before_and_what_was_saved() {
    let dir = tempfile::tempdir().unwrap();
    let kept = SizeFiles::new(&dir.path().join("dist"), dir.path());
    let image = |name: &str, digest: &str| ImageSize {
        name: name.into(),
        index_digest: digest.into(),
        budget: None,
        platforms: Vec::new(),
    };
    let make = |digest: &str| Sizes {
        schema: 1,
        app: "app".into(),
        version: digest.into(),
        images: vec![image("a", digest)],
        programs: Vec::new(),
    };
    assert_eq!(kept.last(&make("1")), None);
    kept.release(&make("1")).unwrap();
    assert_eq!(kept.last(&make("1")), None, "the first release has none before it");
    kept.release(&make("2")).unwrap();
    kept.release(&make("2")).unwrap();
    let last = |now: &Sizes| {
        let last = kept.last(now).unwrap();
        (last.source, last.sizes)
    };
    let before = ("the release before (app 1)".to_owned(), make("1"));
    assert_eq!(last(&make("2")), before);
    // A different image with `image`, or one that no release had, is newer than the last release.
    let release = ("the last release (app 2)".to_owned(), make("2"));
    let with = |more: ImageSize| Sizes { images: vec![image("a", "2"), more], ..make("2") };
    assert_eq!(last(&make("3")), release);
    assert_eq!(last(&with(image("b", "1"))), release);
    // An image that the last release failed to make is not newer.
    let both = Sizes { images: vec![image("a", "3"), image("b", "3")], ..make("3") };
    kept.release(&both).unwrap();
    kept.release(&make("2")).unwrap();
    assert_eq!(last(&with(image("b", "3"))), ("the release before (app 3)".to_owned(), both));
    kept.release(&make("1")).unwrap();
    kept.release(&make("2")).unwrap();
    kept.save(&make("0")).unwrap();
    assert_eq!(kept.last(&make("3")).unwrap().sizes, make("0"), "what somebody saved comes first");
    // A file of another version counts as missing.
    std::fs::write(dir.path().join("size/saved.json"), "{\"schema\": 2}").unwrap();
    assert_eq!(kept.last(&make("2")).unwrap().sizes, make("1"));
}

#[test]
fn against_takes_either_file_or_a_folder_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| {
        let error = Against::read(path).unwrap_err();
        assert_eq!(error.kind, ExitKind::Usage, "{error}");
        error.what
    };
    assert!(error(dir.path()).contains("contains neither size.json nor report.json"));
    assert!(error(&dir.path().join("gone")).contains("cannot read"));
    let report = dir.path().join("report.json");
    std::fs::write(&report, "{}").unwrap();
    assert!(error(&report).contains("is neither a size.json nor a report.json"));
    let json = r#"{"schema":1,"version":"1","jobs":[],"skipped":[],"images":[{"name":"a","base":"scratch",
        "index_digest":"x","manifests":[{"platform":"linux/arm64/v8","digest":"y","size":123}]}]}"#;
    std::fs::write(&report, json).unwrap();
    let old = Against::read(dir.path()).unwrap();
    assert_eq!(old.sizes.images[0].platforms[0].pull, 123);
    // A report has no files, so none of them is new.
    let work = tempfile::tempdir().unwrap();
    let new = sizes(work.path(), Codec::Gzip, vec![layer(&[("a", 10)])]);
    assert_eq!(changes(&old.sizes, &new).iter().map(|c| c.what).collect::<Vec<_>>(), [ChangedThing::Pull]);
    std::fs::write(dir.path().join("size.json"), new.json()).unwrap();
    assert_eq!(Against::read(dir.path()).unwrap().sizes, new);
}

/// This test itself is a Rust program with symbols. Without them it keeps its sections.
#[test]
fn a_program_says_which_crates_it_is_made_of() {
    let program = std::env::current_exe().unwrap();
    let told = super::program(&program, "app", None).unwrap();
    assert_eq!((told.path.as_str(), told.symbols), ("app", SymbolSource::Own));
    assert_eq!(told.size, std::fs::metadata(&program).unwrap().len());
    let code = |name: &str| told.crates.iter().find(|c| c.name == name).map_or(0, |c| c.code);
    assert!(
        code("xtask_report") > 100_000 && code("core") > 10_000 && code("serde_json") > 10_000,
        "{:?}",
        told.crates
    );
    let text = told.sections.iter().find(|s| s.name == ".text").unwrap().size;
    let named: u64 = told.crates.iter().map(|c| c.code).sum();
    assert!(named <= text && named * 100 > text * 95, "{named} of {text} bytes of code have a name");
    assert!(!told.sections.iter().any(|s| s.name == ".debug_info" || s.name == ".bss"));

    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other");
    std::fs::write(&other, "#!/bin/sh\n").unwrap();
    assert!(super::program(&other, "app", None).unwrap_err().what.ends_with("is not a program"));
    assert!(super::program(&dir.path().join("gone"), "app", None).is_err());
}
