//! What this program was built from: facts that were fixed when it was compiled, none of which depends on the machine,
//! and which of the backends this run can use.

use std::fmt;

use crate::json;
use crate::store;

/// What a program was built from.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    /// The version in Cargo.toml.
    pub(crate) version: &'static str,
    /// The full hash of the git commit, what `APP_GIT_COMMIT` said at build time, or `unknown`.
    pub(crate) commit: &'static str,
    /// The triple of the target that the program was built for.
    pub(crate) target: &'static str,
    /// `native` where C was compiled in, else `pure`.
    pub(crate) mode: &'static str,
    /// The C library and how it is linked: `static musl`, `glibc`, …
    pub(crate) libc: &'static str,
    /// The C compiler's name and version; none in pure mode.
    pub(crate) c_compiler: Option<&'static str>,
    /// The names of the compiled backends, the default first.
    pub(crate) backends: Vec<&'static str>,
    /// The names of the backends that were compiled and cannot be used in this run, and why: the library of `dlopen` is
    /// looked for when the program runs.
    pub(crate) unavailable: Vec<(&'static str, String)>,
    /// The names of the compiled store engines, the default first, with their versions where they say one.
    pub(crate) engines: Vec<String>,
}

impl Info {
    /// The facts of this very program.
    pub(crate) fn of_this_program() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("APP_COMMIT"),
            target: env!("APP_TARGET"),
            mode: if native::C_COMPILER.is_some() { "native" } else { "pure" },
            libc: libc(),
            c_compiler: native::C_COMPILER,
            backends: native::backends().iter().map(|backend| backend.name()).collect(),
            unavailable: native::unavailable(),
            engines: store::COMPILED.iter().map(|engine| engine.with_version()).collect(),
        }
    }

    /// One JSON object on one line. Keys may be added, not renamed.
    pub(crate) fn json(&self) -> String {
        let mut object = json::JsonObject::new();
        object.number("schema", 1);
        object.string("name", "app");
        object.string("version", self.version);
        object.string("commit", self.commit);
        object.string("target", self.target);
        object.string("mode", self.mode);
        object.string("libc", self.libc);
        object.optional_string("c_compiler", self.c_compiler);
        object.strings("backends", &self.backends);
        object.strings("unavailable", &self.unavailable.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        object.strings("engines", &self.engines.iter().map(String::as_str).collect::<Vec<_>>());
        object.end() + "\n"
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "app         {}", self.version)?;
        writeln!(f, "commit      {}", self.commit)?;
        writeln!(f, "target      {}", self.target)?;
        writeln!(f, "mode        {}", self.mode)?;
        writeln!(f, "libc        {}", self.libc)?;
        writeln!(f, "c compiler  {}", self.c_compiler.unwrap_or("none"))?;
        writeln!(f, "backends    {}", self.backends.join(", "))?;
        for (name, why) in &self.unavailable {
            // Where it was looked for is a list; here it is one line.
            writeln!(f, "unavailable {name}: {}", why.lines().map(str::trim).collect::<Vec<_>>().join(" "))?;
        }
        let engines = if self.engines.is_empty() { "none".to_owned() } else { self.engines.join(", ") };
        writeln!(f, "engines     {engines}")
    }
}

fn libc() -> &'static str {
    let is_static = cfg!(target_feature = "crt-static");
    if cfg!(target_env = "musl") {
        if is_static { "static musl" } else { "dynamic musl" }
    } else if cfg!(all(target_os = "linux", target_env = "gnu")) {
        if is_static { "static glibc" } else { "glibc" }
    } else if cfg!(all(windows, target_env = "msvc")) {
        if is_static { "static msvcrt" } else { "msvcrt" }
    } else if cfg!(windows) {
        "mingw"
    } else if cfg!(target_vendor = "apple") {
        "libSystem"
    } else if cfg!(target_os = "wasi") {
        "wasi-libc"
    } else {
        "unknown"
    }
}
