//! The cargo call of a cohort, as a value: pure but for the variables and files it is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::cohort::Cohort;
use super::inherited::clean;
use super::path_maps::{CMaps, PathMaps};
use crate::plan::Job;
use crate::trap::Traps;
use xtask_compilers::toolchain::mapped_link::{linker_variable, map_variable};
use xtask_compilers::toolchain::stand_in::{HOST_CC, PATH_MAPS, RUST_LLD_PROGRAM, TARGET_DIR};
use xtask_compilers::toolchain::{Linker, Toolchain};
use xtask_config::cargo_config::{CargoConfig, FlagRoad};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// What every call of a run shares.
#[derive(Debug, Clone)]
pub struct CargoContext<'a> {
    /// The path of the cargo program.
    pub cargo: PathBuf,
    /// The workspace's root Cargo.toml.
    pub manifest: PathBuf,
    /// The manifests of all its members.
    pub manifests: Vec<PathBuf>,
    /// The package ID of each member, by its name.
    pub ids: BTreeMap<String, String>,
    /// What the files of Cargo's configuration say.
    pub configuration: &'a CargoConfig,
    /// The folder of the workspace that is built.
    pub root: &'a Path,
    /// Where Cargo is started: it takes its configuration from there and from the folders above, wherever the manifest
    /// lies. The workspace's own folder, also for a copy of it.
    pub start: &'a Path,
    /// Cargo's target folder for this workspace.
    pub target_directory: &'a Path,
    /// The snapshot of the environment of this machine.
    pub host: &'a Host,
    /// What rustc starts as the linker of each target, see [`xtask_compilers::toolchain::stand_in::HOST_OR_TARGET`]. None
    /// where it could not be written: the linker itself is started then, and gives no map.
    pub links: BTreeMap<Triple, PathBuf>,
    /// Starts `rust-lld` with what it takes of arguments that are written for a driver. None where it could not be written.
    pub rust_lld: Option<PathBuf>,
    /// The host's own C driver.
    pub host_cc: Option<&'a Path>,
    /// Cargo's home folder: `CARGO_HOME`, or the default one; none where it is not known.
    pub cargo_home: Option<PathBuf>,
    /// The folder that holds the built stds.
    pub cache: &'a Path,
    /// Whether Cargo runs with `--offline`.
    pub offline: bool,
    /// Variables for Cargo beside those of targets.toml.
    pub extra_env: BTreeMap<String, String>,
    /// Further folders of this machine, with what stands for them in what is built.
    pub renamed: Vec<(PathBuf, String)>,
    /// The umask of the build, in octal; this program's own where none.
    pub umask: Option<&'static str>,
    /// Settings for Cargo's `--config`, over the workspace's own.
    pub settings: Vec<String>,
}

impl CargoContext<'_> {
    /// What names a member to Cargo: its package ID, since a dependency may have the same name.
    pub fn id<'s>(&'s self, name: &'s str) -> &'s str {
        self.ids.get(name).map_or(name, String::as_str)
    }
}

/// What Cargo is to do with the cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CargoGoal {
    /// Build one program of one package.
    Bin {
        /// The name of the package.
        package: String,
        /// The name of the program.
        bin: String,
    },
    /// Run the tests of these packages, the first being the one that the mode's features belong to.
    Tests(Vec<String>),
}

/// The cargo call that builds `cohort` into `build_dir`. `traps` are given for a pure cohort.
pub fn invocation(
    cohort: &Cohort,
    what: &CargoGoal,
    build_dir: &Path,
    traps: Option<&Traps>,
    site: &CargoContext,
) -> Cmd {
    let key = &cohort.key;
    let mut cmd = Cmd::new(&site.cargo);
    cmd = match what {
        CargoGoal::Bin { package, bin } => cmd
            .args(["build", "--package", site.id(package), "--bin", bin])
            // By its colours alone a line of Cargo's is told from one of a program.
            .args(["--message-format=json-render-diagnostics", "--keep-going", "--color", "always"]),
        CargoGoal::Tests(packages) => {
            packages.iter().fold(cmd.arg("test"), |cmd, p| cmd.args(["--package", site.id(p)]))
        }
    };
    cmd = cmd.arg("--manifest-path").arg(&site.manifest).arg("--target-dir").arg(build_dir);
    // Were intermediate files elsewhere, by the user's configuration, nobody could tell host from target by their place.
    cmd = cmd.arg("--config").arg(self::build_dir(build_dir));
    cmd = site.settings.iter().fold(cmd, |cmd, setting| cmd.arg("--config").arg(setting));
    cmd = match what {
        CargoGoal::Bin { .. } => cmd.args(["--profile", &key.profile]),
        // Tests want debug assertions and overflow checks: Cargo's own test profile.
        CargoGoal::Tests(_) => cmd,
    };
    if !key.default_features {
        cmd = cmd.arg("--no-default-features");
    }
    if !key.features.is_empty() {
        // With several packages selected, a feature must say whose it is.
        let owner = match what {
            CargoGoal::Tests(packages) => packages.first().map(|p| format!("{p}/")).unwrap_or_default(),
            CargoGoal::Bin { .. } => String::new(),
        };
        let features: Vec<String> = key.features.iter().map(|f| format!("{owner}{f}")).collect();
        cmd = cmd.arg("--features").arg(features.join(","));
    }
    if site.offline {
        cmd = cmd.arg("--offline");
    }
    cmd = clean(cmd, site.host, site.target_directory).env("RUSTC", &key.rustc);
    // What cannot be known from a build is not asked for: a terminal's width and colours change nothing that is kept.
    cmd = site.host.settled(cmd.env("CARGO_TERM_PROGRESS_WHEN", "never"), site.start);
    for (name, value) in site.extra_env.iter().chain(&key.env) {
        cmd = cmd.env(name, value);
    }
    // In a pure build the host's compiler is reached only to link.
    if let Some(cc) = traps.and_then(Traps::host_linker).or_else(|| site.host_cc.map(Path::to_owned)) {
        cmd = cmd.env(HOST_CC, cc);
    }
    cmd = cmd.env(TARGET_DIR, build_dir);
    if let Some(traps) = traps {
        let targets: Vec<&Triple> = cohort.jobs.iter().map(|j| &j.target.triple).collect();
        for (name, value) in traps.env(site.host, &targets, build_dir) {
            cmd = cmd.env(name, value);
        }
        if let Some(linker) = traps.host_linker() {
            cmd = cmd.env(format!("CARGO_TARGET_{}_LINKER", site.host.triple.shouted()), linker);
        }
    }
    for job in &cohort.jobs {
        cmd = for_target(cmd.args(["--target", job.target.triple.as_str()]), job, what, traps, site);
    }
    let cmd = unforced(cmd, site.configuration);
    match site.umask {
        Some(umask) => under(umask, &cmd),
        None => cmd,
    }
}

/// Lets the variables of a call go before those that a file forces on it: what they were to say is part of ours.
pub(crate) fn unforced(cmd: Cmd, configuration: &CargoConfig) -> Cmd {
    let forced = configuration.variables().into_iter().filter(|variable| variable.force);
    let ours: Vec<_> = forced.filter(|it| cmd.env.contains_key(OsStr::new(&it.name))).collect();
    ours.into_iter()
        .fold(cmd, |cmd, it| cmd.arg("--config").arg(format!("env.{}.force=false", toml_string(&it.name))))
}

/// The setting that puts intermediate files where programs go, for Cargo's `--config`.
pub fn build_dir(dir: &Path) -> String {
    format!("build.build-dir={}", toml_string(&dir.to_string_lossy()))
}

/// The command behind a shell that sets the umask, which a process shares with all its threads and cannot set for a child.
fn under(umask: &str, cmd: &Cmd) -> Cmd {
    let script = format!("umask {umask} && exec \"$@\"");
    cmd.behind(Cmd::new("/bin/sh").args(["-c", &script, "sh"]))
}

/// The variables of one target.
fn for_target(mut cmd: Cmd, job: &Job, what: &CargoGoal, traps: Option<&Traps>, site: &CargoContext) -> Cmd {
    let triple = &job.target.triple;
    let prefix = format!("CARGO_TARGET_{}", triple.shouted());
    if let Some(linker) = &job.linker {
        let is_hosts_own = *triple == site.host.triple && site.host_cc == Some(linker.program());
        let shim = traps.and_then(Traps::host_linker).filter(|_| is_hosts_own);
        let behind = match (linker, &site.rust_lld) {
            (Linker::RustLld { program }, Some(script)) => {
                cmd = cmd.env(RUST_LLD_PROGRAM, program);
                script
            }
            _ => linker.program(),
        };
        let own = shim.unwrap_or_else(|| behind.to_owned());
        let program = match site.links.get(triple) {
            Some(stand_in) => {
                cmd = cmd.env(linker_variable(triple), own);
                if matches!(what, CargoGoal::Bin { .. }) {
                    cmd = cmd.env(map_variable(triple), linker.map_request().word());
                }
                stand_in.clone()
            }
            None => own,
        };
        cmd = cmd.env(format!("{prefix}_LINKER"), program);
    }
    // As --config, not as variables: those are split at white space, and a path may hold some. The user's variable
    // would be added to ours; its flags are among ours already.
    cmd = cmd.env_remove(format!("{prefix}_RUSTFLAGS"));
    let flags = flags(job, site);
    cmd = match job.user.flags.road {
        FlagRoad::Config => cmd.arg("--config").arg(setting(triple, "rustflags", &list(&flags))),
        FlagRoad::Variable => cmd.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")),
    };
    // Building runs nothing; and the user's own goes first in any case.
    let runner = job.runner.words().filter(|_| matches!(what, CargoGoal::Tests(_)) && !job.user.runner);
    if let Some(words) = runner {
        cmd = cmd.arg("--config").arg(setting(triple, "runner", &list(&words)));
    }
    match &job.toolchain {
        Some(toolchain) => with_toolchain(cmd, triple, toolchain, site),
        None => cmd,
    }
}

/// `target."<triple>".<key>=<value>`, for Cargo's `--config`.
fn setting(triple: &Triple, key: &str, value: &str) -> String {
    format!("target.\"{triple}\".{key}={value}")
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| toml_string(w)).collect();
    format!("[{}]", words.join(","))
}

/// A string as TOML writes it; JSON writes it the same way.
pub(crate) fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The rustflags that a call hands over for a job, in order: the user's as far as Cargo does not add them by itself, ours,
/// targets.toml's, and the toolchain's identity, which makes Cargo build anew exactly what a change of toolchain touches.
pub fn flags(job: &Job, site: &CargoContext) -> Vec<String> {
    let triple = &job.target.triple;
    let mut flags: Vec<String> = job.user.flags.handed.iter().map(|flag| flag.text.clone()).collect();
    if let (Some(std), Some(linker)) = (&job.std, &job.linker) {
        flags.extend(linker.rustflags(triple, std.sysroot.as_deref()));
        let (source, name) = &std.source;
        let real = std::fs::canonicalize(source).ok().filter(|real| real != source);
        let places = [Some(source.clone()), real].into_iter().flatten();
        flags.extend(places.map(|place| format!("--remap-path-prefix={}={name}", place.display())));
    }
    flags.extend(PathMaps::of(site).rustc());
    flags.extend(job.target.rustflags.iter().cloned());
    if let Some(toolchain) = &job.toolchain {
        flags.push(format!("--cfg=tc_{}", toolchain.id));
    }
    flags
}

/// The variables by which `cc`, CMake-driven and other -sys crates find a target's C tools.
fn with_toolchain(mut cmd: Cmd, triple: &Triple, toolchain: &Toolchain, site: &CargoContext) -> Cmd {
    let underscored = triple.underscored();
    let named: BTreeSet<String> =
        site.configuration.variables().into_iter().map(|variable| variable.name).collect();
    // The spelling with hyphens is stronger than ours, and where a file has it, removing it from the environment does nothing.
    let spell = |cmd: Cmd, name: &str, value: Option<OsString>| {
        let [strong, own] = [format!("{name}_{triple}"), format!("{name}_{underscored}")];
        let Some(value) = value else { return cmd.env_remove(strong) };
        match named.contains(&strong) {
            true => cmd.env(strong, &value).env(own, value),
            false => cmd.env_remove(strong).env(own, value),
        }
    };
    let tools = [
        ("CC", Some(&toolchain.cc)),
        ("CXX", toolchain.cxx.as_ref()),
        ("AR", toolchain.ar.as_ref()),
        ("RANLIB", toolchain.ranlib.as_ref()),
    ];
    for (name, tool) in tools {
        cmd = spell(cmd, name, tool.map(|tool| tool.clone().into_os_string()));
    }
    let CMaps { words: maps, filtered, unmapped: _ } = PathMaps::of(site).c(toolchain);
    if !filtered.is_empty() {
        cmd = cmd.env(PATH_MAPS, filtered.join("\n"));
    }
    for name in ["CFLAGS", "CXXFLAGS"] {
        let user = c_flags(name, triple, site.host);
        let user = user.iter().filter_map(|key| site.host.var(key));
        let words: Vec<&str> = user.chain(maps.iter().map(String::as_str)).collect();
        cmd = spell(cmd, name, Some(words.join(" ").into()));
    }
    if let Some(library) = toolchain.link.rules().cxx_library {
        cmd = cmd.env(format!("CXXSTDLIB_{underscored}"), library);
    }
    cmd
}

/// The variables with a user's flags for C (`CFLAGS`) or C++ that the crate `cc` takes for a target, all of those that are set,
/// the weakest first. Older releases of it take the strongest alone, which gets all of them here.
pub fn c_flags(name: &str, triple: &Triple, host: &Host) -> Vec<String> {
    let of_host = (*triple == host.triple).then(|| format!("HOST_{name}"));
    let keys = std::iter::once(name.to_owned()).chain(of_host);
    let keys = keys.chain([
        format!("TARGET_{name}"),
        format!("{name}_{}", triple.underscored()),
        format!("{name}_{triple}"),
    ]);
    keys.filter(|key| host.var(key).is_some()).collect()
}
