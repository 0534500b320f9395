//! The file that `init` writes is valid for every workspace it is written for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask::cargo::compilers::BuildQuery;
use xtask::cargo::units::{self, UnitGraph};
use xtask::init::{self, Examination};
use xtask_base::Base;
use xtask_config::workspace::Workspace;
use xtask_config::{Config, Need};
use xtask_files::error::{Error, ExitKind, Result};
use xtask_process::exec::Cmd;

use crate::golden;
use crate::workspace::files;

/// What rustc itself knows.
pub(crate) fn triples() -> BTreeSet<String> {
    let output = Cmd::new("rustc").args(["--print", "target-list"]).capture(Duration::from_secs(60)).unwrap();
    output.text().lines().map(String::from).collect()
}

fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = '{name}'\nversion = '0.1.0'\nedition = '2021'\n{rest}")
}

fn load(root: &Path) -> Workspace {
    Workspace::load(Some(&root.join("Cargo.toml")), true).unwrap_or_else(|e| panic!("{e}"))
}

/// Asks Cargo, which finds everything here. Trial builds are made up.
struct Asked {
    root: PathBuf,
    /// The packages whose calls of a compiler a trial with the feature `pure` refuses; none where it fails.
    refused: Option<&'static [&'static str]>,
}

impl Examination for Asked {
    fn graph(&self, query: &BuildQuery<'_>) -> Result<UnitGraph> {
        let cmd = query.command(Path::new("cargo"), &self.root.join("Cargo.toml"), true).cwd(&self.root);
        let output = cmd.capture_whole(Duration::from_secs(60)).unwrap();
        units::read(&output.stdout).ok_or_else(|| Error::failed(output.errors()))
    }

    fn refused(&self, query: &BuildQuery<'_>) -> Option<BTreeSet<String>> {
        assert_eq!(query.features, ["pure"], "only what is called pure is tried");
        self.refused.map(|names| names.iter().map(|name| (*name).to_owned()).collect())
    }
}

fn ask(root: &Path) -> Asked {
    Asked { root: root.to_owned(), refused: None }
}

/// Writes the file, reads it, and hands over both.
fn written(root: &Path, package: Option<&str>) -> (String, Config) {
    written_by(&ask(root), package)
}

fn written_by(asked: &Asked, package: Option<&str>) -> (String, Config) {
    let (root, workspace, triples) = (&asked.root, load(&asked.root), triples());
    let (file, untold) =
        init::write(root, &workspace, &triples, package, asked).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(untold, None);
    assert_eq!(file, root.join("targets.toml"));
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::load(&file, &workspace, &triples).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let left: Vec<_> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().starts_with(".targets")), "{left:?}");
    (text, config)
}

#[test]
fn a_package_that_says_nothing() {
    let (_dir, root) = files(&[("Cargo.toml", &manifest("My_Shop", "")), ("src/main.rs", "fn main() {}")]);
    let (text, config) = written(&root, None);
    golden::check("init-plain.txt", text.trim_end());
    assert_eq!(config.modes.len(), 1);
    assert_eq!((config.modes[0].name.as_str(), config.modes[0].needs.len()), ("default", 0));
    assert_eq!((config.images[0].name.as_str(), &config.images[0].base), ("my-shop", &Base::Scratch));
}

#[test]
fn native_and_pure_are_two_modes() {
    let features = "[features]\nnative = []\npure = []\n";
    let (_dir, root) = files(&[("Cargo.toml", &manifest("shop", features)), ("src/main.rs", "fn main() {}")]);
    let (text, config) = written(&root, None);
    golden::check("init-native-pure.txt", text.trim_end());
    let modes: Vec<_> =
        config.modes.iter().map(|m| (m.name.as_str(), m.default_features, m.needs.len())).collect();
    assert_eq!(modes, [("native", false, 1), ("pure", false, 0)]);
}

#[test]
fn features_that_the_program_requires_are_turned_on() {
    let features = "[[bin]]\nname = 'shop'\npath = 'src/main.rs'\nrequired-features = ['cli', 'log']\n\
                    [features]\ndefault = ['log']\nlog = []\ncli = []\npure = []\nnative = []\n";
    let (_dir, root) = files(&[("Cargo.toml", &manifest("shop", features)), ("src/main.rs", "fn main() {}")]);
    let (_, config) = written(&root, None);
    let modes: Vec<String> = config.modes.iter().map(|mode| mode.features.join(" ")).collect();
    assert_eq!(modes, ["native cli log", "pure cli log"]);
    let default = features.replace("pure = []\nnative = []\n", "");
    let (_dir, root) = files(&[("Cargo.toml", &manifest("shop", &default)), ("src/main.rs", "fn main() {}")]);
    assert_eq!(written(&root, None).1.modes[0].features, ["cli"], "`log` is a default feature");
}

#[test]
fn one_of_the_two_features_is_no_mode() {
    let features = "[features]\nnative = []\n";
    let (_dir, root) = files(&[("Cargo.toml", &manifest("shop", features)), ("src/main.rs", "fn main() {}")]);
    let (_, config) = written(&root, None);
    assert_eq!(config.modes.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["default"]);
}

/// The dependencies are made here, so that no registry is needed.
#[test]
fn compilers_of_members_that_are_always_built() {
    let engine = "build = 'build.rs'\n[build-dependencies]\ncmake = { path = '../cmake' }\n";
    let maybe = "build = 'build.rs'\n[build-dependencies]\ncc = { path = '../cc' }\n";
    let shop =
        "[dependencies]\nengine = { path = '../engine' }\nmaybe = { path = '../maybe', optional = true }\n";
    let (_dir, root) = files(&[
        ("Cargo.toml", "[workspace]\nresolver = '2'\nmembers = ['shop', 'engine', 'maybe', 'cmake', 'cc']\n"),
        ("shop/Cargo.toml", &manifest("shop", shop)),
        ("shop/src/main.rs", "fn main() {}"),
        ("engine/Cargo.toml", &manifest("engine", engine)),
        ("engine/build.rs", "fn main() {}"),
        ("engine/src/lib.rs", ""),
        ("maybe/Cargo.toml", &manifest("maybe", maybe)),
        ("maybe/build.rs", "fn main() {}"),
        ("maybe/src/lib.rs", ""),
        ("cmake/Cargo.toml", &manifest("cmake", "")),
        ("cmake/src/lib.rs", ""),
        ("cc/Cargo.toml", &manifest("cc", "")),
        ("cc/src/lib.rs", ""),
    ]);
    let (text, config) = written(&root, None);
    assert_eq!(config.modes[0].needs, [Need::C, Need::Cxx].into());
    assert!(text.contains("# C is compiled by engine (cmake), judging by"), "{text}");
}

/// Toolchains without C++, such as musl-gcc, serve a program that needs none.
#[test]
fn cxx_is_claimed_where_it_is_compiled() {
    let engine = |project: &[(&str, &str)], script: &str, by: &str| {
        let engine =
            format!("build = 'build/main.rs'\n[build-dependencies]\n{by} = {{ path = '../{by}' }}\n");
        let shop = manifest("shop", "[dependencies]\nengine = { path = '../engine' }\n");
        let (engine, by_manifest, lib) =
            (manifest("engine", &engine), manifest(by, ""), format!("{by}/src/lib.rs"));
        let members = format!("[workspace]\nresolver = '2'\nmembers = ['shop', 'engine', '{by}']\n");
        let by_path = format!("{by}/Cargo.toml");
        let mut all = vec![
            ("Cargo.toml", members.as_str()),
            ("shop/Cargo.toml", &shop),
            ("shop/src/main.rs", "fn main() {}"),
            ("engine/Cargo.toml", &engine),
            ("engine/build/main.rs", "mod step;\nfn main() {}"),
            ("engine/build/step.rs", script),
            ("engine/src/lib.rs", ""),
            (&by_path, &by_manifest),
            (&lib, "// .cpp(true)\npub fn cpp() { x.cpp(true) }"),
        ];
        all.extend(project);
        let (_dir, root) = files(&all);
        let (text, config) = written(&root, None);
        (text, config.modes[0].needs.clone())
    };
    let (c, both) = ([Need::C].into(), [Need::C, Need::Cxx].into());
    let zlib = "project(z VERSION 1 LANGUAGES C)\nif(WITH_GTEST)\n  enable_language(CXX)\nendif()\n";
    let tests = [("engine/src/z/CMakeLists.txt", zlib), ("engine/tests/CMakeLists.txt", "project(t CXX)")];
    let (text, needs) = engine(&tests, "", "cmake");
    assert_eq!(needs, c, "{text}");
    assert!(
        text.contains("# C is compiled by engine (cmake), judging by") && !text.contains("C++ is"),
        "{text}"
    );
    let (text, needs) = engine(&[("engine/src/z/CMakeLists.txt", "project(z)")], "", "cmake");
    assert_eq!(needs, both);
    assert!(text.contains("\n# C++ is compiled by engine: its CMake project enables C++.\n"), "{text}");
    let asks = "fn f() {\n    cc::Build::new().cpp(true);\n}";
    let (text, needs) = engine(&[("engine/src/x.cc", "")], asks, "cc");
    assert_eq!(needs, both);
    let why = "it has C++ sources, and its build script calls `cpp(true)`";
    assert!(text.contains(&format!("\n# C++ is compiled by engine: {why}.\n")), "{text}");
    // What has none asks for another system.
    assert_eq!(engine(&[("engine/src/x.c", ""), ("engine/tests/x.cc", "")], asks, "cc").1, c);
    assert_eq!(engine(&[("engine/src/x.cc", "")], "// not .cpp(true)", "cc").1, c);
}

/// A component with `cc` behind its default feature `c`, in a program with these features.
fn with_component(features: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let shop = format!(
        "{features}[dependencies]\nmathc = {{ path = '../mathc', default-features = false, optional = true }}\n"
    );
    let mathc =
        "[features]\nc = ['dep:cc']\n[build-dependencies]\ncc = { path = '../cc', optional = true }\n";
    files(&[
        ("Cargo.toml", "[workspace]\nresolver = '2'\nmembers = ['shop', 'mathc', 'cc']\n"),
        ("shop/Cargo.toml", &manifest("shop", &shop)),
        ("shop/src/main.rs", "fn main() {}"),
        ("mathc/Cargo.toml", &manifest("mathc", mathc)),
        ("mathc/build.rs", "fn main() {}"),
        ("mathc/src/lib.rs", ""),
        ("cc/Cargo.toml", &manifest("cc", "")),
        ("cc/src/lib.rs", ""),
    ])
}

#[test]
fn default_features_that_compile_c_say_so_and_what_does_without_is_the_second_mode() {
    let modes = |features: &str| {
        let (_dir, root) = with_component(features);
        let (text, config) = written(&root, None);
        let modes = config.modes.into_iter();
        (text, modes.map(|m| (m.name, m.features, m.default_features, m.needs.len())).collect::<Vec<_>>())
    };
    let mode = |name: &str, features: &[&str], default, needs| {
        (name.to_owned(), features.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>(), default, needs)
    };
    let default = mode("default", &[], true, 1);

    let (text, found) = modes(
        "[features]\ndefault = ['c']\nc = ['mathc', 'mathc/c']\npure = ['mathc']\nmathc = ['dep:mathc']\n",
    );
    assert_eq!(found, [default.clone(), mode("pure", &["pure"], false, 0)]);
    golden::check("init-default-pure.txt", text.trim_end());

    // Nobody calls it pure.
    let (text, found) = modes("[features]\ndefault = ['c']\nc = ['dep:mathc', 'mathc/c']\n");
    assert_eq!(found, [default.clone(), mode("pure", &[], false, 0)]);
    assert!(text.contains("# Without the default features nothing compiles C."), "{text}");

    // Nothing does without.
    let always = "[build-dependencies]\ncc = { path = '../cc' }\n";
    let (_dir, root) = with_component(&format!("[features]\npure = []\ndefault = ['pure']\n{always}"));
    std::fs::write(root.join("shop/build.rs"), "fn main() {}").unwrap();
    let config = written(&root, None).1;
    assert_eq!(config.modes.len(), 1);
    assert_eq!(config.modes[0].needs, [Need::C].into());

    // Not by default.
    let (_, found) = modes("[features]\nc = ['dep:mathc', 'mathc/c']\npure = []\n");
    assert_eq!(found, [mode("default", &[], true, 0)]);
}

/// `cc` is at hand with every feature, and the feature `pure` only asks the compiler what it knows.
#[test]
fn a_feature_that_is_called_pure_is_tried() {
    let always = "[build-dependencies]\ncc = { path = '../cc' }\n";
    let modes = |features: &str, refused: Option<&'static [&'static str]>| {
        let (_dir, root) = with_component(&format!("[features]\n{features}{always}"));
        std::fs::write(root.join("shop/build.rs"), "fn main() {}").unwrap();
        let (text, config) = written_by(&Asked { root, refused }, None);
        let modes = config.modes.into_iter().map(|mode| (mode.name, mode.default_features, mode.needs.len()));
        (text, modes.collect::<Vec<_>>())
    };
    let mode = |name: &str, default, needs| (name.to_owned(), default, needs);
    let (text, found) = modes("pure = []\n", Some(&["shop"]));
    assert_eq!(found, [mode("default", true, 1), mode("pure", false, 0)]);
    golden::check("init-tried.txt", text.trim_end());
    let (text, found) = modes("pure = []\n", Some(&[]));
    assert_eq!(found, [mode("default", true, 1), mode("pure", false, 0)]);
    assert!(text.contains("# shop (cc) could compile C, and did not, in a trial build"), "{text}");
    // It broke its promise.
    assert_eq!(modes("pure = []\n", None).1, [mode("default", true, 1)]);
    let (text, found) = modes("native = []\npure = []\n", Some(&["shop"]));
    assert_eq!(found, [mode("native", false, 1), mode("pure", false, 0)]);
    assert!(text.contains("# shop asked for a C compiler, and built without one"), "{text}");
}

#[test]
fn where_cargo_does_not_tell_the_file_leaves_it_open() {
    let (_dir, root) = files(&[
        ("Cargo.toml", &manifest("shop", "[dependencies]\nnobody-has-this = '99'\n")),
        ("src/main.rs", "fn main() {}"),
    ]);
    let (text, untold) = init::text(&load(&root), &triples(), None, &ask(&root)).unwrap();
    assert!(untold.unwrap().what.contains("nobody-has-this"));
    assert!(text.contains("\n# needs = [\"c\"]  # if a dependency compiles C"), "{text}");
}

#[test]
fn which_package() {
    let workspace = "[workspace]\nresolver = '2'\nmembers = ['a', 'b', 'xtask', 'lib']\n";
    let made = |root_manifest: &str| {
        files(&[
            ("Cargo.toml", root_manifest),
            ("a/Cargo.toml", &manifest("a", "default-run = 'two'\n")),
            ("a/src/bin/one.rs", "fn main() {}"),
            ("a/src/bin/two.rs", "fn main() {}"),
            ("b/Cargo.toml", &manifest("b", "")),
            ("b/src/main.rs", "fn main() {}"),
            ("xtask/Cargo.toml", &manifest("xtask", "")),
            ("xtask/src/main.rs", "fn main() {}"),
            ("lib/Cargo.toml", &manifest("lib", "")),
            ("lib/src/lib.rs", ""),
        ])
    };
    let (_dir, root) = made(workspace);
    let several = init::text(&load(&root), &triples(), None, &ask(&root)).unwrap_err();
    assert_eq!(several.kind, ExitKind::Usage);
    assert_eq!(
        several.to_string(),
        "several packages of this workspace have a program
  note: \"a\" and \"b\"
  help: name one with `--package`"
    );
    let wrong = init::text(&load(&root), &triples(), Some("lib"), &ask(&root)).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "no package \"lib\" with a program is in this workspace
  help: packages with a program: \"a\", \"b\" and \"xtask\""
    );
    let (text, config) = written(&root, Some("a"));
    assert_eq!((config.app.package.as_str(), config.app.bin.as_str()), ("a", "two"));
    assert!(text.contains("bin = \"two\"  # or \"one\"\n"), "{text}");

    let (_dir, root) = made(&format!("{workspace}default-members = ['b', 'lib']\n"));
    assert_eq!(written(&root, None).1.app.package, "b");
}

#[test]
fn no_program() {
    let (_dir, root) = files(&[("Cargo.toml", &manifest("lib", "")), ("src/lib.rs", "")]);
    let error = init::write(&root, &load(&root), &triples(), None, &ask(&root)).unwrap_err();
    assert_eq!(
        (error.kind, error.what.as_str()),
        (ExitKind::Usage, "no package of this workspace has a program")
    );
    assert!(!root.join("targets.toml").exists());
}

#[test]
fn an_existing_file_stays() {
    let (_dir, root) = files(&[
        ("Cargo.toml", &manifest("shop", "")),
        ("src/main.rs", "fn main() {}"),
        ("targets.toml", "mine"),
    ]);
    let error = init::write(&root, &load(&root), &triples(), None, &ask(&root)).unwrap_err();
    assert_eq!(error.kind, ExitKind::Usage);
    assert!(error.what.ends_with("targets.toml exists already"), "{error}");
    assert_eq!(std::fs::read_to_string(root.join("targets.toml")).unwrap(), "mine");
    #[cfg(unix)]
    {
        // A link to nowhere is somebody's, too.
        std::fs::remove_file(root.join("targets.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("targets.toml")).unwrap();
        init::write(&root, &load(&root), &triples(), None, &ask(&root)).unwrap_err();
        assert!(!root.join("nowhere").exists());
    }
}

#[test]
fn our_own_workspace() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let workspace = Workspace::load(Some(&manifest), true).unwrap();
    let ask = ask(manifest.parent().unwrap());
    let (text, _) = init::text(&workspace, &triples(), None, &ask).unwrap_or_else(|e| panic!("{e}"));
    assert!(text.contains("package = \"app\"\nbin = \"app\"\n"), "{text}");
}
