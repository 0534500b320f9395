//! The licence texts of the packages in a program ship with it, in archives and in images.

use std::path::Path;

use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process::run;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

/// What `tar` reads of a file in an archive; a name may hold `*`.
fn in_tar(tar: &Path, name: &str) -> String {
    run(&Cmd::new("tar").arg("-xOf").arg(tar).args(["--wildcards", name])).text()
}

/// The layers of an image in the layout, unpacked over each other.
fn in_image(space: &Space, name: &str) -> String {
    let blobs = space.dist("oci/blobs/sha256");
    let all = std::fs::read_dir(blobs).unwrap().map(|blob| blob.unwrap().path());
    let found = all.filter_map(|blob| {
        let output = Cmd::new("tar")
            .arg("-xzOf")
            .arg(blob)
            .arg(name)
            .capture(std::time::Duration::from_secs(60))
            .unwrap();
        output.ok().then(|| output.text())
    });
    found.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn archives_and_images_have_the_texts_of_what_is_in_the_program() {
    need!("licenses::shipped", machine::std_for(&[HOST_MUSL]), machine::programs(&["tar"]));
    let space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    let package = |name: &str, license: &str, text: Option<&str>| {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.3.0\"\nedition = \"2024\"\nlicense = \"{license}\"\n"
        );
        space.write(&format!("{name}/Cargo.toml"), &manifest);
        space.write(&format!("{name}/src/lib.rs"), "");
        text.iter().for_each(|text| space.write(&format!("{name}/LICENSE-ISC"), text));
    };
    package("inside", "ISC", Some("Copyright of inside\r\n"));
    package("bare", "BSD-3-Clause", None);
    package("builder", "GPL-3.0-only", Some("Copyright of builder"));
    space.replace(
        "app/Cargo.toml",
        "[dependencies]\n",
        "[build-dependencies]\nbuilder = { path = \"../builder\" }\n[dependencies]\ninside = { path = \"../inside\" }\nbare = { path = \"../bare\" }\n",
    );
    space.write("app/build.rs", "fn main() {}\n");
    space.replace("app/Cargo.toml", "license = \"MIT\"", "license = \"MIT/Apache-2.0\"");
    let run = space.run(&["release", "--mode", "pure"]).ended(0);
    run.says(&["1 package in the program without a licence text: bare 0.3.0"]);
    let archives = std::fs::read_dir(space.dist("archives")).unwrap().map(|file| file.unwrap().path());
    let archive = in_tar(&archives.last().unwrap(), "*/PACKAGE-LICENSES.txt");
    let image = in_image(&space, "usr/share/licenses/app/PACKAGE-LICENSES.txt");
    assert_eq!(archive, image);
    for words in
        ["- inside 0.3.0: ISC\n", "inside 0.3.0:\n\nCopyright of inside\n", "app 1.2.3:\n\nWhatever."]
    {
        assert!(format!("{image}\n").contains(words), "{words}: {image}");
    }
    assert!(image.contains("- bare 0.3.0: BSD-3-Clause; no text comes with the package"), "{image}");
    assert!(!image.contains("builder") && !image.contains(space.root().to_str().unwrap()), "{image}");
    // The label is an expression.
    let index = space.read("target/dist/oci/index.json");
    assert!(!index.contains("MIT/Apache-2.0"), "{index}");
    let blobs = std::fs::read_dir(space.dist("oci/blobs/sha256")).unwrap().map(|blob| blob.unwrap().path());
    let documents: String = blobs.filter_map(|blob| std::fs::read_to_string(blob).ok()).collect();
    assert!(documents.contains("\"org.opencontainers.image.licenses\":\"MIT OR Apache-2.0\""), "{documents}");
}
