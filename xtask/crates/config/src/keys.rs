//! Every key of targets.toml. This list is the only one: the reader takes types and suggestions from it, and
//! the reference page (docs/reference/targets-toml.md) is generated from it.

use super::types::{Compression, Keyword, Need, OnFallback, TestNeed};
use xtask_compilers::toolchain::Provider;
use xtask_gate::Level;

/// A table of targets.toml with its keys.
#[derive(Debug)]
pub struct Section {
    /// The table as it is written: `[[target]]`.
    pub name: &'static str,
    /// The description of the table, in Markdown.
    pub meaning: &'static str,
    /// Its keys, in the usual order.
    pub keys: &'static [ConfigKey],
    /// Keys that are planned but not supported yet.
    pub(super) later: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub struct ConfigKey {
    /// The key as it is written.
    pub name: &'static str,
    /// The type of the key's value.
    pub kind: ValueKind,
    /// The default, in Markdown; none for a required key.
    pub default: Option<&'static str>,
    /// The meaning of the key, in Markdown.
    pub meaning: &'static str,
    /// Valid TOML that sets the key: one line, or a whole table for a key of the file.
    pub example: &'static str,
    /// Returns the strings that it accepts, if they are a fixed set.
    pub values: fn() -> Vec<&'static str>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A string: text in quotes.
    String,
    /// A list of strings.
    Strings,
    /// A string, or a list of strings: a program, or a program with its arguments.
    Words,
    /// An integer: a whole number.
    Integer,
    /// A boolean: `true` or `false`.
    Boolean,
    /// A table of strings with free names.
    Map,
    /// A table that is written as the value, with its own keys.
    Inline,
    /// A table with the header `[key]`. It appears once.
    Table,
    /// A list of tables, each with the header `[[key]]`.
    Tables,
}

impl ValueKind {
    /// Returns the type with its article, for errors.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Strings => "a list of strings",
            Self::Words => "a string or a list of strings",
            Self::Integer => "a number",
            Self::Boolean => "true or false",
            Self::Map => "a table of strings",
            Self::Inline => "a table",
            Self::Table => "one table",
            Self::Tables => "a list of tables",
        }
    }
}

impl ConfigKey {
    const fn required(
        name: &'static str,
        kind: ValueKind,
        meaning: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, kind, default: None, meaning, example, values: Vec::new }
    }

    const fn optional(
        name: &'static str,
        kind: ValueKind,
        default: &'static str,
        meaning: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, kind, default: Some(default), meaning, example, values: Vec::new }
    }

    /// Restricts the key to the words of a fixed set.
    const fn of<W: Keyword>(self) -> Self {
        self.one_of(|| W::ALL.iter().map(|(spelling, _)| *spelling).collect())
    }

    /// Restricts the key to these words.
    const fn one_of(mut self, values: fn() -> Vec<&'static str>) -> Self {
        self.values = values;
        self
    }
}

impl Section {
    /// Returns the key with this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static ConfigKey> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the key as it is written: a table in brackets.
    pub(super) fn written(&self, key: &str) -> String {
        match self.key(key).map(|key| key.kind) {
            Some(ValueKind::Table) => format!("[{key}]"),
            Some(ValueKind::Tables) => format!("[[{key}]]"),
            _ => format!("`{key}`"),
        }
    }

    /// Returns the help for a key that is missing, or whose value has another type.
    pub(super) fn help(&self, key: &str) -> String {
        let Some(key) = self.key(key) else { return String::new() };
        match key.kind {
            ValueKind::Table | ValueKind::Tables => format!("add to the file:\n{}", key.example),
            _ if self.name == FILE.name => format!("begin the file with: {}", key.example),
            _ if key.default.is_none() => format!("add, for example: {}", key.example),
            _ => format!("write, for example: {}", key.example),
        }
    }
}

use ValueKind::{Boolean, Inline, Integer, Map, String as Text, Strings, Table, Tables, Words};

/// Every table. The list serves to find the right table for a key that is in the wrong one.
pub const SECTIONS: [&Section; 11] =
    [&FILE, &APP, &MODE, &TARGET, &PROVIDER, &IMAGE, &HEALTHCHECK, &EXPECT, &DEBIAN, &PUBLISH, &TEST];

/// The keys at the top level of the file.
pub(super) const FILE: Section = Section {
    name: "the file",
    meaning: "The key `schema` comes first. The other keys are tables.",
    keys: &[
        ConfigKey::required("schema", Integer, "The version of the file's format: 1.", "schema = 1"),
        ConfigKey::required("app", Table, "The program to build.", "[app]\npackage = \"app\"\nbin = \"app\""),
        ConfigKey::required(
            "mode",
            Tables,
            "The modes in which the program can be built, in order of preference.",
            "[[mode]]\nname = \"default\"",
        ),
        ConfigKey::required(
            "target",
            Tables,
            "The targets to build for.",
            "[[target]]\ntriple = \"x86_64-unknown-linux-musl\"",
        ),
        ConfigKey::optional(
            "provider",
            Tables,
            "only the built-in ones",
            "C toolchains of your own.",
            "[[provider]]\nname = \"vendor-gcc\"\ntargets = [\"aarch64-unknown-linux-gnu\"]\ncc = \"/opt/vendor-sdk/bin/aarch64-vendor-linux-gnu-gcc\"",
        ),
        ConfigKey::optional(
            "image",
            Tables,
            "no images",
            "The container images to make.",
            "[[image]]\nname = \"app\"\nbase = \"scratch\"\ntargets = [\"x86_64-unknown-linux-musl\"]",
        ),
        ConfigKey::optional(
            "debian",
            Table,
            "only apt's sources",
            "Where the packages of distroless bases come from, beside apt's sources.",
            "[debian]\nsnapshots = [\"http://snapshot.example/file/{sha1}\"]",
        ),
        ConfigKey::optional(
            "publish",
            Table,
            "`--to` is needed",
            "Where `cargo xtask publish` pushes the images.",
            "[publish]\nto = \"registry.example/team/{image}\"",
        ),
        ConfigKey::optional(
            "test",
            Table,
            "nothing",
            "What the project's own tests need.",
            "[test]\nneeds = [\"docker\"]",
        ),
    ],
    later: &[],
};

/// The keys of the table `[app]`.
pub(super) const APP: Section = Section {
    name: "[app]",
    meaning: "The program to build.",
    keys: &[
        ConfigKey::required("package", Text, "The package of the Cargo workspace.", "package = \"app\""),
        ConfigKey::required(
            "bin",
            Text,
            "The program of that package. In an image it is the file `/<bin>`.",
            "bin = \"app\"",
        ),
        ConfigKey::optional(
            "smoke",
            Strings,
            "`[\"--version\"]`",
            "The arguments with which each built program is started once, to see that it runs.",
            "smoke = [\"selftest\"]",
        ),
        ConfigKey::optional(
            "auditable",
            Boolean,
            "`false`",
            "Whether each program carries the list of its packages in its section `.dep-v0`, in the format of cargo-auditable. \
             `cargo audit bin` and scanners of images read it there: see \
             [dependency lists](../concepts/dependency-lists.md).",
            "auditable = true",
        ),
    ],
    later: &[],
};

/// The keys of each `[[mode]]` table.
pub(super) const MODE: Section = Section {
    name: "[[mode]]",
    meaning: "A mode is a named set of Cargo features with its needs. A target is built in the first mode whose needs are \
              met, unless a mode is named. Modes are listed in order of preference.",
    keys: &[
        ConfigKey::required(
            "name",
            Text,
            "Any name that fits in a path, except `auto` and `all`.",
            "name = \"native\"",
        ),
        ConfigKey::optional(
            "features",
            Strings,
            "none",
            "Features of the package. `dependency/feature` works too.",
            "features = [\"native\"]",
        ),
        ConfigKey::optional(
            "default-features",
            Boolean,
            "`true`",
            "Whether the package's default features are on.",
            "default-features = false",
        ),
        ConfigKey::optional(
            "needs",
            Strings,
            "none",
            "What the mode requires. `c` and `c++` are compilers for the target. `dlopen` is a program that can load shared \
             libraries, which a static program cannot. A mode that needs no compiler is built with traps in place of all C \
             compilers.",
            "needs = [\"c\"]",
        )
        .of::<Need>(),
    ],
    later: &[],
};

/// The keys of each `[[target]]` table.
pub(super) const TARGET: Section = Section {
    name: "[[target]]",
    meaning: "A target with its settings. `--target` on the command line also takes targets that the file does not list; \
              they have the defaults.",
    keys: &[
        ConfigKey::required(
            "triple",
            Text,
            "The target triple, as `rustc --print target-list` writes it.",
            "triple = \"x86_64-unknown-linux-gnu\"",
        ),
        ConfigKey::optional(
            "mode",
            Text,
            "`\"auto\"`",
            "`auto` builds the first mode whose needs are met. The name of a mode builds that mode or nothing.",
            "mode = \"native\"",
        ),
        ConfigKey::optional(
            "on-fallback",
            Text,
            "`\"allow\"`",
            "What happens if the first mode cannot be built. `fail` ends the run with exit code 3 before anything is \
             built.",
            "on-fallback = \"fail\"",
        )
        .of::<OnFallback>(),
        ConfigKey::optional(
            "cc",
            Text,
            "every toolchain is tried",
            "The only C toolchain to use: a provider of this list or of a `[[provider]]`, the name of a compiler on `PATH`, \
             or the path of a compiler. A relative path starts at the folder of the file.",
            "cc = \"zig\"",
        )
        .one_of(|| Provider::choices().collect()),
        ConfigKey::optional(
            "glibc",
            Text,
            "any",
            "For gnu targets: the oldest glibc on which the program must run.",
            "glibc = \"2.31\"",
        ),
        ConfigKey::optional(
            "cpu",
            Text,
            "any",
            "For x86_64 targets: the oldest processor on which the program must run. The gate checks programs, libraries \
             and flags against it. It does not change what rustc compiles for; `rustflags` do.",
            "cpu = \"x86-64-v2\"",
        )
        .of::<Level>(),
        ConfigKey::optional(
            "sysroot",
            Text,
            "none",
            "A folder with headers and libraries of the target, laid out as in the root of its file system: `usr/include`, \
             `usr/lib`. C compilers, the linker, pkg-config, CMake and bindgen look there too. A path beside this file.",
            "sysroot = \"sysroots/arm64\"",
        ),
        ConfigKey::optional("profile", Text, "`\"release\"`", "A Cargo profile of the workspace.", "profile = \"release\""),
        ConfigKey::optional(
            "env",
            Map,
            "none",
            "Variables for Cargo and for every process that it starts.",
            "env = { NAME = \"value\" }",
        ),
        ConfigKey::optional(
            "rustflags",
            Strings,
            "none",
            "Arguments for rustc. Each string is one argument.",
            "rustflags = [\"-C\", \"link-arg=-s\"]",
        ),
    ],
    later: &[],
};

/// The keys of each `[[provider]]` table.
pub(super) const PROVIDER: Section = Section {
    name: "[[provider]]",
    meaning: "A C toolchain of your own, such as a vendor's SDK: see [your own toolchain](../guide/own-toolchain.md). It is \
              probed like any other, and tried before the built-in ones. A command is a program, or a list of a program \
              and its arguments. In it, `{triple}` is the target, `{arch}` its architecture as toolchains name it \
              (`aarch64`, `arm`, `riscv64`), `{root}` the value of `root`, and `{env:NAME}` the variable NAME. A brace \
              itself is written twice. A program without a separator is searched on `PATH`; a relative path starts at \
              the folder of the file.",
    keys: &[
        ConfigKey::required(
            "name",
            Text,
            "The name for `cc` and `--providers`: small letters, digits and `-`.",
            "name = \"vendor-gcc\"",
        ),
        ConfigKey::required(
            "targets",
            Strings,
            "The targets that it serves: triples, or patterns with `*` for any text.",
            "targets = [\"aarch64-*-linux-gnu\"]",
        ),
        ConfigKey::required(
            "cc",
            Words,
            "The C compiler. It takes the options of gcc.",
            "cc = \"/opt/vendor-sdk/bin/{arch}-vendor-linux-gnu-gcc\"",
        ),
        ConfigKey::optional(
            "root",
            Text,
            "none",
            "The folder of the toolchain, for `{root}`. A relative path starts at the folder of the file.",
            "root = \"{env:VENDOR_SDK}\"",
        ),
        ConfigKey::optional(
            "cxx",
            Words,
            "no C++",
            "The C++ compiler.",
            "cxx = \"/opt/vendor-sdk/bin/{arch}-vendor-linux-gnu-g++\"",
        ),
        ConfigKey::optional(
            "ar",
            Words,
            "found by `cc`",
            "The archiver. Left out, it is the one beside the compiler, or the one that the compiler prints with \
             `-print-prog-name=ar`.",
            "ar = \"llvm-ar\"",
        ),
        ConfigKey::optional(
            "ranlib",
            Words,
            "found by `cc`",
            "The archive indexer, as for `ar`.",
            "ranlib = \"llvm-ranlib\"",
        ),
        ConfigKey::optional(
            "args",
            Strings,
            "none",
            "Arguments of `cc`, `cxx` and `linker`, after their own.",
            "args = [\"--sysroot=/opt/vendor-sdk/sysroot\"]",
        ),
        ConfigKey::optional(
            "linker",
            Words,
            "`cc`",
            "The compiler driver that links.",
            "linker = [\"clang\", \"--target={triple}\", \"-fuse-ld=lld\"]",
        ),
    ],
    later: &[],
};

/// The keys of each `[[image]]` table.
pub(super) const IMAGE: Section = Section {
    name: "[[image]]",
    meaning: "A container image, with one program for each platform. The keys from `entrypoint` to `annotations` describe \
              how the image is run. Where they are left out, the value of the base holds; the defaults below are those of \
              `scratch`.",
    keys: &[
        ConfigKey::required(
            "name",
            Text,
            "The name of the image: one component of a repository name.",
            "name = \"app\"",
        ),
        ConfigKey::required(
            "base",
            Text,
            "`scratch`; a distroless base such as `distroless:static`, `distroless:base` or `distroless:cc`; an image of a \
             registry, such as `docker.io/library/debian:13-slim`; or `auto`, the smallest of `scratch` and the distroless \
             bases on which the gate proves that the program starts.",
            "base = \"distroless:cc\"",
        ),
        ConfigKey::required(
            "targets",
            Strings,
            "Targets of this file, each for a different platform.",
            "targets = [\"x86_64-unknown-linux-gnu\"]",
        ),
        ConfigKey::optional("tzdata", Boolean, "`false`", "Adds the time zone database.", "tzdata = true"),
        ConfigKey::optional(
            "closure",
            Boolean,
            "`false`",
            "Ships only the files of the base that the program needs.",
            "closure = true",
        ),
        ConfigKey::optional(
            "compression",
            Text,
            "`\"gzip\"`",
            "How the layers in `target/dist/oci` are compressed. The tar in `target/dist/images` always has gzip layers.",
            "compression = \"zstd\"",
        )
        .of::<Compression>(),
        ConfigKey::optional(
            "budget",
            Text,
            "no limit",
            "The most bytes that a pull for one platform may fetch. An image that is larger fails the release. Units: `B`, \
             `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.",
            "budget = \"8 MB\"",
        ),
        ConfigKey::optional(
            "entrypoint",
            Strings,
            "`[\"/<bin>\"]`",
            "The program and its fixed arguments.",
            "entrypoint = [\"/app\"]",
        ),
        ConfigKey::optional(
            "cmd",
            Strings,
            "none",
            "Arguments that the user of the image can replace.",
            "cmd = [\"serve\"]",
        ),
        ConfigKey::optional(
            "env",
            Map,
            "`PATH` and `SSL_CERT_FILE`",
            "Variables of the program, added to those of the base.",
            "env = { LANG = \"C.UTF-8\" }",
        ),
        ConfigKey::optional(
            "user",
            Text,
            "`\"65532:65532\"`",
            "The user and, after a colon, the group that run the program: numbers, or names in the image's `/etc/passwd` and \
             `/etc/group`.",
            "user = \"65532:65532\"",
        ),
        ConfigKey::optional(
            "workdir",
            Text,
            "`\"/\"`",
            "The folder in which the program starts. It is created if the image lacks it.",
            "workdir = \"/srv\"",
        ),
        ConfigKey::optional(
            "ports",
            Strings,
            "none",
            "The ports on which the program listens: a number, and `/tcp`, `/udp` or `/sctp`.",
            "ports = [\"8080\", \"53/udp\"]",
        ),
        ConfigKey::optional(
            "volumes",
            Strings,
            "none",
            "Folders for data. A folder that is missing in the image is created and belongs to the user.",
            "volumes = [\"/data\"]",
        ),
        ConfigKey::optional(
            "stop-signal",
            Text,
            "chosen by the engine (`SIGTERM`)",
            "The signal that asks the program to end, by name or by its number in Linux.",
            "stop-signal = \"SIGINT\"",
        ),
        ConfigKey::optional(
            "healthcheck",
            Inline,
            "none",
            "How the engine asks the running program whether it is healthy.",
            "healthcheck = { cmd = [\"/app\", \"health\"], interval = \"30s\" }",
        ),
        ConfigKey::optional(
            "labels",
            Map,
            "none",
            "Labels in the config of each platform, added to those that `cargo xtask` writes.",
            "labels = { \"org.example.team\" = \"value\" }",
        ),
        ConfigKey::optional(
            "annotations",
            Map,
            "none",
            "Annotations of index and manifests, added to those that `cargo xtask` writes.",
            "annotations = { \"org.example.team\" = \"value\" }",
        ),
        ConfigKey::optional(
            "smoke",
            Strings,
            "`smoke` of `[app]`",
            "The arguments after the entrypoint for the smoke run of the image.",
            "smoke = [\"selftest\"]",
        ),
        ConfigKey::optional(
            "expect",
            Inline,
            "exit code 0",
            "How the smoke run of the image must end.",
            "expect = { exit = 0, stdout = \"ok\" }",
        ),
    ],
    later: &[],
};

/// The keys of the value of `healthcheck` in `[[image]]`.
pub(super) const HEALTHCHECK: Section = Section {
    name: "healthcheck",
    meaning: "The value of `healthcheck` in `[[image]]`. Docker reads it. The engine chooses what is left out. Times are \
              written as in `30s`, `1m30s` or `500ms`.",
    keys: &[
        ConfigKey::required(
            "cmd",
            Strings,
            "The program to run and its arguments. There is no shell in between.",
            "cmd = [\"/app\", \"health\"]",
        ),
        ConfigKey::optional(
            "interval",
            Text,
            "chosen by the engine",
            "The time from one check to the next.",
            "interval = \"30s\"",
        ),
        ConfigKey::optional(
            "timeout",
            Text,
            "chosen by the engine",
            "How long one check may take.",
            "timeout = \"5s\"",
        ),
        ConfigKey::optional(
            "start-period",
            Text,
            "chosen by the engine",
            "How long the program may take until it is healthy.",
            "start-period = \"10s\"",
        ),
        ConfigKey::optional(
            "retries",
            Integer,
            "chosen by the engine",
            "How many checks in a row must fail before the program counts as unhealthy.",
            "retries = 3",
        ),
    ],
    later: &[],
};

/// The keys of the value of `expect` in `[[image]]`.
pub(super) const EXPECT: Section = Section {
    name: "expect",
    meaning: "The value of `expect` in `[[image]]`.",
    keys: &[
        ConfigKey::optional("exit", Integer, "0", "The exit code, from 0 to 255.", "exit = 3"),
        ConfigKey::optional(
            "stdout",
            Text,
            "any output",
            "A text that standard output must contain.",
            "stdout = \"ready\"",
        ),
    ],
    later: &[],
};

/// The keys of the table `[debian]`.
pub(super) const DEBIAN: Section = Section {
    name: "[debian]",
    meaning: "Where the packages of distroless bases come from, beside apt's sources.",
    keys: &[ConfigKey::optional(
        "snapshots",
        Strings,
        "none",
        "Addresses of snapshot archives, for locked packages that Debian's archive no longer has. An address is that of a \
         copy of the archive, such as `http://snapshot.example/archive/debian/20260701T000000Z`; or it has a placeholder: \
         `{sha256}` for the digest of a file, or `/file/{sha1}` at its end. The first ones are asked first.",
        "snapshots = [\"http://snapshot.example/file/{sha1}\"]",
    )],
    later: &[],
};

/// The keys of the table `[publish]`.
pub(super) const PUBLISH: Section = Section {
    name: "[publish]",
    meaning: "Where `cargo xtask publish` pushes the images of a release, and under which tags.",
    keys: &[
        ConfigKey::optional(
            "to",
            Text,
            "`--to` is needed",
            "The repository, with its registry and without a tag. `{image}` stands for the name of the image; it is required if the file has several images.",
            "to = \"registry.example/team/{image}\"",
        ),
        ConfigKey::optional(
            "tags",
            Strings,
            "`[\"{version}\"]`",
            "The tags. `{version}`, `{major}`, `{minor}` and `{patch}` are those of the package, `{git}` and `{git-short}` the commit; a `+` becomes a `-`. A tag with `{version}`, `{git}` or `{git-short}` never moves to another image; any other one moves forward only, and not to a pre-release.",
            "tags = [\"{version}\", \"{major}.{minor}\", \"latest\"]",
        ),
        ConfigKey::optional(
            "sign",
            Text,
            "nothing is signed",
            "What signs the index and the image of every platform. A P-256 private key in PEM, as PKCS#8 or SEC1: the path of a file, from the folder of `targets.toml`; or `env:` and the name of a variable that contains the key. A P-256 key in a key management service, named by an address that `--key` of cosign accepts: `awskms://`, `gcpkms://`, `azurekms://`, `hashivault://`, `k8s://`, `gitlab://`, `pkcs11:`, or the name of a plugin of cosign and `://`. Or `keyless`, for an identity that Sigstore certifies. Addresses and `keyless` need cosign on PATH.",
            "sign = \"env:XTASK_SIGNING_KEY\"",
        ),
        ConfigKey::optional(
            "attest",
            Boolean,
            "`true`",
            "Whether the statements in `target/dist/provenance` are signed with that key and attached, too.",
            "attest = true",
        ),
    ],
    later: &[],
};

/// The keys of the table `[test]`.
pub(super) const TEST: Section = Section {
    name: "[test]",
    meaning: "What `cargo xtask test` needs beyond modes and targets. A workspace whose tests need nothing leaves it out.",
    keys: &[
        ConfigKey::optional(
            "needs",
            Strings,
            "none",
            "Tools that tests need. `cargo xtask test --setup` installs them.",
            "needs = [\"docker\", \"zstd\"]",
        )
        .of::<TestNeed>(),
        ConfigKey::optional(
            "all-features",
            Strings,
            "none",
            "Packages whose tests run once more with all features.",
            "all-features = [\"app\"]",
        ),
    ],
    later: &[],
};
