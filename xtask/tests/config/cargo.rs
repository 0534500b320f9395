//! Whatever stands in the files of Cargo's configuration, an answer: Cargo reads them, and what it says of them is read here.

use std::collections::BTreeMap;

use proptest::prelude::*;
use xtask_config::cargo_config::{CargoConfig, WrapperKind};
use xtask_process::host::Host;
use xtask_triple::Triple;

use crate::workspace::files;

/// Pieces of which near-valid files are made.
const PIECES: [&str; 40] = [
    "[build]\n",
    "[target.x86_64-unknown-linux-musl]\n",
    "[target.'cfg(unix)']\n",
    "[target.'cfg(all(any(), not(x = \"y\")))']\n",
    "[target.\"cfg(\"]\n",
    "[target.'cfg(日)']\n",
    "[env]\n",
    "[env.CC]\n",
    "[profile.\"a b\"]\n",
    "[[target]]\n",
    "include = [\"more.toml\"]\n",
    "include = \"config.toml\"\n",
    "rustflags",
    "rustc-wrapper",
    "rustc",
    "linker",
    "runner",
    "value",
    "force",
    "relative",
    "CFLAGS",
    "\"日 # x\"",
    " = ",
    "true\n",
    "3\n",
    "3.5\n",
    "1979-05-27\n",
    "[\"--cfg\", \"a # b\"]\n",
    "[[1], {a = 2}]\n",
    "{ value = \"x\", force = true }\n",
    "\"-Cx  -Cy\"\n",
    "'''\n# \"\n'''\n",
    "\"\\u0001\\n\\t\"\n",
    "''\n",
    "[]\n",
    "{}\n",
    "\n",
    "\"",
    "#",
    ".",
];

/// Keys that mean something here, and values of every kind for each of them.
const KEYS: [&str; 13] = [
    "build.rustflags",
    "build.rustc",
    "build.rustc-wrapper",
    "build.rustc-workspace-wrapper",
    "target.x86_64-unknown-linux-musl.rustflags",
    "target.x86_64-unknown-linux-musl.linker",
    "target.'cfg(unix)'.rustflags",
    "target.'cfg(x = \"y\")'.runner",
    "target.'cfg(()'.linker",
    "env.CC",
    "env.\"CFLAGS_x 日\"",
    "env.PATH",
    "profile.\"a b\"",
];
const VALUES: [&str; 12] = [
    "''",
    "'-Cx  -Cy'",
    "'日 # x'",
    "\"\\u0001\\n\\t\\\"\"",
    "\"\"\"\n# a\nb = 3 # /x\n\"\"\"",
    "[]",
    "['--cfg', 'a # b', '']",
    "{ value = 'x', force = true }",
    "{ value = './x', relative = true, force = false }",
    "{ opt-level = 3 }",
    "true",
    "7",
];

/// Asks all that is ever asked.
fn used(configuration: &CargoConfig) {
    let mut host = Host::new(Triple::parse("x86_64-unknown-linux-gnu"), []);
    let target = Triple::parse("x86_64-unknown-linux-musl");
    let cfg = || vec!["unix".to_owned(), "x=\"y\"".to_owned(), "no (cfg".to_owned()];
    let flags = configuration.user_flags(&target, &host, &["-Cours".to_owned()], &|_| cfg());
    let all = flags.around(["ours"]);
    let origins: Vec<_> = (0..=all.len()).map(|at| flags.origin(at, 1)).collect();
    assert_eq!(origins.iter().flatten().count(), flags.all().count(), "all but ours come from somewhere");
    let _ = configuration.linker(&target, &host, &cfg);
    let _ = configuration.has_runner(&target, &host, &cfg);
    let _ = WrapperKind::ALL.map(|kind| configuration.wrapper(kind, &host));
    let _ = (configuration.profiles().count(), configuration.digest());
    configuration.configure(&mut host);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn files_of_any_kind(
        own in prop::collection::btree_map(prop::sample::select(&KEYS[..]), prop::sample::select(&VALUES[..]), 0..8),
        more in prop::collection::btree_map(prop::sample::select(&KEYS[..]), prop::sample::select(&VALUES[..]), 0..4),
        broken in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..2),
    ) {
        let text = |lines: &BTreeMap<&str, &str>| {
            lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>()
        };
        let own = format!("include = ['more.toml']\n{}{}", text(&own), broken.concat());
        let (_dir, root) = files(&[(".cargo/config.toml", &own), (".cargo/more.toml", &text(&more))]);
        let host = Host::new(Triple::parse("x"), [("CARGO_HOME".into(), root.join("home").into_os_string())]);
        match CargoConfig::ask(&host, &root) {
            Ok(configuration) => used(&configuration),
            // In Cargo's own words.
            Err(error) => prop_assert!(error.to_string().contains(".toml"), "{error}"),
        }
    }
}

proptest! {
    #[test]
    fn answers_of_any_pieces(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..20)) {
        if let Ok(configuration) = CargoConfig::read(&pieces.concat()) {
            used(&configuration);
        }
    }

    #[test]
    fn answers_of_any_text(text in ".{0,200}") {
        if let Ok(configuration) = CargoConfig::read(&text) {
            used(&configuration);
        }
    }
}
