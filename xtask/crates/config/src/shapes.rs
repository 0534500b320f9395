//! Which keys each table of targets.toml has.

/// The keys of one table.
pub(crate) struct Shape {
    /// The table as it is written.
    pub(crate) name: &'static str,
    /// Its keys, each with a line that shows how to write it.
    keys: &'static [(&'static str, &'static str)],
    /// Keys of the contract that are not built yet.
    pub(crate) later: &'static [&'static str],
}

impl Shape {
    /// Whether the table has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys().any(|k| k == key)
    }

    /// The keys, in the order in which a person would write them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.keys.iter().map(|(key, _)| *key)
    }

    /// The key as it is written: tables in their brackets.
    pub(crate) fn written(&self, key: &str) -> String {
        let table =
            ALL.iter().filter(|_| self.name == FILE.name).find(|s| s.name.trim_matches(['[', ']']) == key);
        table.map_or_else(|| format!("`{key}`"), |table| table.name.to_owned())
    }

    /// A line that shows how to write the key.
    pub(crate) fn example(&self, key: &str) -> &'static str {
        self.keys.iter().find(|(k, _)| *k == key).map_or("", |(_, example)| example)
    }
}

/// The file itself.
pub(crate) const FILE: Shape = Shape {
    name: "the file",
    keys: &[
        ("schema", "begin it with: schema = 1"),
        ("app", "add to it:\n[app]\npackage = \"…\"\nbin = \"…\""),
        ("mode", "add to it:\n[[mode]]\nname = \"default\""),
        ("target", "add to it:\n[[target]]\ntriple = \"x86_64-unknown-linux-musl\""),
        ("image", ""),
        ("test", ""),
    ],
    later: &[],
};

/// `[app]`.
pub(crate) const APP: Shape = Shape {
    name: "[app]",
    keys: &[("package", "add package = \"…\""), ("bin", "add bin = \"…\""), ("smoke", "")],
    later: &[],
};

/// `[[mode]]`.
pub(crate) const MODE: Shape = Shape {
    name: "[[mode]]",
    keys: &[("name", "add name = \"…\""), ("features", ""), ("default-features", ""), ("needs", "")],
    later: &[],
};

/// `[[target]]`.
pub(crate) const TARGET: Shape = Shape {
    name: "[[target]]",
    keys: &[
        ("triple", "add triple = \"x86_64-unknown-linux-musl\", or another of `rustc --print target-list`"),
        ("mode", ""),
        ("on-fallback", ""),
        ("cc", ""),
        ("glibc", ""),
        ("cpu", ""),
        ("profile", ""),
        ("env", "write env = { NAME = \"value\" }"),
        ("rustflags", ""),
    ],
    later: &[],
};

/// `[[image]]`.
pub(crate) const IMAGE: Shape = Shape {
    name: "[[image]]",
    keys: &[
        ("name", "add name = \"…\""),
        ("base", "add base = \"scratch\""),
        ("targets", "add targets = [\"x86_64-unknown-linux-musl\"]"),
        ("tzdata", ""),
        ("closure", ""),
        ("compression", ""),
        ("budget", ""),
        ("entrypoint", ""),
        ("cmd", ""),
        ("env", "write env = { NAME = \"value\" }"),
        ("user", ""),
        ("workdir", ""),
        ("ports", ""),
        ("volumes", ""),
        ("stop-signal", ""),
        ("healthcheck", "write healthcheck = { cmd = [\"/app\", \"health\"], interval = \"30s\" }"),
        ("labels", "write labels = { \"org.example.team\" = \"value\" }"),
        ("annotations", "write annotations = { \"org.example.team\" = \"value\" }"),
        ("smoke", ""),
        ("expect", "write expect = { exit = 0, stdout = \"…\" }"),
    ],
    later: &[],
};

/// `healthcheck` of `[[image]]`.
pub(crate) const HEALTHCHECK: Shape = Shape {
    name: "healthcheck",
    keys: &[
        ("cmd", "add cmd = [\"/app\", \"health\"]"),
        ("interval", ""),
        ("timeout", ""),
        ("start-period", ""),
        ("retries", ""),
    ],
    later: &[],
};

/// `expect` of `[[image]]`.
pub(crate) const EXPECT: Shape = Shape { name: "expect", keys: &[("exit", ""), ("stdout", "")], later: &[] };

/// `[test]`.
pub(crate) const TEST: Shape =
    Shape { name: "[test]", keys: &[("needs", ""), ("all-features", "")], later: &[] };

/// Every table, to find where a key belongs that stands in the wrong one.
pub(crate) const ALL: [&Shape; 8] = [&FILE, &APP, &MODE, &TARGET, &IMAGE, &HEALTHCHECK, &EXPECT, &TEST];
