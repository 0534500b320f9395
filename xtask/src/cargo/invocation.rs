//! Makes the cargo call of a cohort, as a value. Pure, except for the variables and files that the caller
//! passes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::c_flags::c_flags;
use super::cohort::Cohort;
use super::inherited::clean;
use super::path_maps::{CMaps, PathMaps};
use super::target_files::TargetFiles;
use crate::compile_cache::{CachedCall, CompileCache};
use crate::plan::Job;
use crate::trap::Traps;
use xtask_compilers::toolchain::mapped_link::{linker_variable, map_variable};
use xtask_compilers::toolchain::stand_in::{HOST_CC, PATH_MAPS, RUST_LLD_PROGRAM, TARGET_DIR};
use xtask_compilers::toolchain::zig::{SDKROOT, sdk_stand_in};
use xtask_compilers::toolchain::{Link, Linker, Toolchain};
use xtask_config::cargo_config::{CargoConfig, FlagRoad};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

/// The context that all cargo calls of a run share.
#[derive(Debug, Clone)]
pub struct CargoContext<'a> {
    /// The path of the cargo program.
    pub cargo: PathBuf,
    /// The workspace's root Cargo.toml.
    pub manifest: PathBuf,
    /// The manifests of all workspace members.
    pub manifests: Vec<PathBuf>,
    /// The package ID of each member, by its name.
    pub ids: BTreeMap<String, String>,
    /// The content of Cargo's configuration files.
    pub configuration: &'a CargoConfig,
    /// The folder of the workspace that is built.
    pub root: &'a Path,
    /// The folder in which Cargo is started. Cargo reads its configuration there and in the parent folders,
    /// wherever the manifest lies. It is the original workspace's folder even if a copy is built.
    pub start: &'a Path,
    /// Cargo's target folder for this workspace.
    pub target_directory: &'a Path,
    /// The snapshot of the environment of this machine.
    pub host: &'a Host,
    /// The program that rustc starts as the linker of each target, see
    /// [`xtask_compilers::toolchain::stand_in::HOST_OR_TARGET`]. A target has no entry if the program could
    /// not be written. Then rustc starts the linker itself, and there is no link map.
    pub links: BTreeMap<Triple, PathBuf>,
    /// A program that starts `rust-lld` with those arguments for a driver that it understands. None if it
    /// could not be written.
    pub rust_lld: Option<PathBuf>,
    /// The host's own C driver.
    pub host_cc: Option<&'a Path>,
    /// Cargo's home folder: `CARGO_HOME`, or the default one. None if it is not known.
    pub cargo_home: Option<PathBuf>,
    /// The cache folder with the built standard libraries.
    pub cache: &'a Path,
    /// Whether Cargo runs with `--offline`.
    pub offline: bool,
    /// Whether every release of the crate `cc` in Cargo.lock joins the variables with flags of C compilers,
    /// see [`super::lock_file::LockedGraph::cc_joins_flags`].
    pub cc_joins_flags: bool,
    /// Variables for Cargo in addition to those of targets.toml.
    pub extra_env: BTreeMap<String, String>,
    /// Further folders of this machine, each with the path that replaces it in build outputs.
    pub renamed: Vec<(PathBuf, String)>,
    /// The umask of the build, in octal. None keeps the umask of this program.
    pub umask: Option<&'static str>,
    /// Settings for Cargo's `--config`. They override the workspace's own.
    pub settings: Vec<String>,
    /// The files by which build tools find what belongs to a target.
    pub files: BTreeMap<Triple, TargetFiles>,
    /// Whether build outputs contain the paths of this machine, by which a debugger finds the sources.
    pub keeps_paths: bool,
    /// The compile cache, if one is configured.
    pub compile_cache: Option<&'a CompileCache>,
}

impl CargoContext<'_> {
    /// Returns the name of a member for Cargo: its package ID, because a dependency may have the same name.
    pub fn id<'s>(&'s self, name: &'s str) -> &'s str {
        self.ids.get(name).map_or(name, String::as_str)
    }
}

/// The goal of a cargo call for a cohort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CargoGoal {
    /// Build one program of one package.
    Bin {
        /// The name of the package.
        package: String,
        /// The name of the program.
        bin: String,
    },
    /// Run the tests of these packages. The mode's features belong to the first one.
    Tests(Vec<String>),
}

/// Returns the cargo call that builds `cohort` into `build_dir`. `traps` are given for a pure cohort.
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
            // Only the colours distinguish a line of Cargo from a line of a program.
            .args(["--message-format=json-render-diagnostics", "--keep-going", "--color", "always"]),
        CargoGoal::Tests(packages) => {
            packages.iter().fold(cmd.arg("test"), |cmd, p| cmd.args(["--package", site.id(p)]))
        }
    };
    cmd = cmd.arg("--manifest-path").arg(&site.manifest).arg("--target-dir").arg(build_dir);
    // The user's configuration may put intermediate files elsewhere. Then a path would not show whether a
    // file is for the host or for a target.
    cmd = cmd.arg("--config").arg(self::build_dir(build_dir));
    cmd = site.settings.iter().fold(cmd, |cmd, setting| cmd.arg("--config").arg(setting));
    cmd = match what {
        CargoGoal::Bin { .. } => cmd.args(["--profile", &key.profile]),
        // Tests need debug assertions and overflow checks: Cargo's own test profile.
        CargoGoal::Tests(_) => cmd,
    };
    if !key.default_features {
        cmd = cmd.arg("--no-default-features");
    }
    if !key.features.is_empty() {
        // If several packages are selected, a feature must name its package.
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
    // Settings that do not change the result are fixed, such as the width and the colours of a terminal.
    cmd = site.host.settled(cmd.env("CARGO_TERM_PROGRESS_WHEN", "never"), site.start);
    for (name, value) in site.extra_env.iter().chain(&key.env) {
        cmd = cmd.env(name, value);
    }
    // In a pure build, the host's compiler may only link.
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
    let mut files = cohort.jobs.iter().filter_map(|job| site.files.get(&job.target.triple));
    if let Some(folder) = files.find_map(|files| files.on_path.as_ref()) {
        let given = cmd.env.get(OsStr::new("PATH")).cloned().flatten();
        let rest = given
            .map_or_else(|| site.host.build_path().to_vec(), |path| std::env::split_paths(&path).collect());
        if let Ok(path) = std::env::join_paths(std::iter::once(folder).chain(&rest)) {
            cmd = cmd.env("PATH", path);
        }
    }
    for job in &cohort.jobs {
        cmd = for_target(cmd.args(["--target", job.target.triple.as_str()]), job, what, traps, site);
    }
    let cmd = match site.compile_cache {
        Some(cache) => {
            let jobs = cohort.jobs.iter().copied();
            let toolchains: Vec<_> =
                jobs.filter_map(|job| Some((&job.target.triple, job.toolchain.as_ref()?))).collect();
            cache.around(
                cmd,
                CachedCall { rustc: &key.rustc, toolchains: &toolchains, trapped: traps.is_some() },
            )
        }
        None => cmd,
    };
    let cmd = unforced(cmd, site.configuration);
    match site.umask {
        Some(umask) => under(umask, &cmd),
        None => cmd,
    }
}

/// Gives the variables of a call precedence over those that a configuration file sets with `force`. Our
/// variables already include the values of the file.
pub(crate) fn unforced(cmd: Cmd, configuration: &CargoConfig) -> Cmd {
    let forced = configuration.variables().into_iter().filter(|variable| variable.force);
    let ours: Vec<_> = forced.filter(|it| cmd.env.contains_key(OsStr::new(&it.name))).collect();
    ours.into_iter()
        .fold(cmd, |cmd, it| cmd.arg("--config").arg(format!("env.{}.force=false", toml_string(&it.name))))
}

/// Returns the `--config` setting that puts intermediate files into the same folder as programs.
pub fn build_dir(dir: &Path) -> String {
    format!("build.build-dir={}", toml_string(&dir.to_string_lossy()))
}

/// Wraps the command in a shell that sets the umask. All threads of a process share its umask, so it cannot
/// be set for one child.
fn under(umask: &str, cmd: &Cmd) -> Cmd {
    let script = format!("umask {umask} && exec \"$@\"");
    cmd.behind(Cmd::new("/bin/sh").args(["-c", &script, "sh"]))
}

/// Sets the variables of one target.
fn for_target(mut cmd: Cmd, job: &Job, what: &CargoGoal, traps: Option<&Traps>, site: &CargoContext) -> Cmd {
    let triple = &job.target.triple;
    cmd = with_tools(cmd, job, matches!(what, CargoGoal::Bin { .. }), traps, site);
    // Flags are passed by --config, because variables are split at white space and a path may contain some.
    // Cargo would add the user's variable to our flags, which already contain it.
    cmd = cmd.env_remove(format!("CARGO_TARGET_{}_RUSTFLAGS", triple.shouted()));
    let flags = flags(job, site);
    cmd = match job.user.flags.road {
        FlagRoad::Config => cmd.arg("--config").arg(setting(triple, "rustflags", &list(&flags))),
        FlagRoad::Variable => cmd.env("CARGO_ENCODED_RUSTFLAGS", flags.join(ENCODED)),
    };
    // A build runs no target program. A runner that the user has set takes precedence.
    let runner = job.runner.words().filter(|_| matches!(what, CargoGoal::Tests(_)) && !job.user.runner);
    match runner {
        Some(words) => cmd.arg("--config").arg(setting(triple, "runner", &list(&words))),
        None => cmd,
    }
}

/// The character between the flags in `CARGO_ENCODED_RUSTFLAGS`.
pub(super) const ENCODED: &str = "\u{1f}";

/// Sets the variables that name the tools of one target: its linker, its C tools, and the files of
/// [`TargetFiles`]. `recorded` says whether the contents of linked programs are recorded.
pub(super) fn with_tools(
    mut cmd: Cmd,
    job: &Job,
    recorded: bool,
    traps: Option<&Traps>,
    site: &CargoContext,
) -> Cmd {
    let triple = &job.target.triple;
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
                if recorded {
                    cmd = cmd.env(map_variable(triple), linker.map_request(triple).word());
                }
                stand_in.clone()
            }
            None => own,
        };
        cmd = cmd.env(format!("CARGO_TARGET_{}_LINKER", triple.shouted()), program);
        if let Linker::Driver { program, link: Link::Zig } = linker
            && site.host.var_os(SDKROOT).is_none()
            && let Some(folder) = sdk_stand_in(triple, program)
        {
            cmd = cmd.env(SDKROOT, folder);
        }
    }
    if let Some(toolchain) = &job.toolchain {
        cmd = with_toolchain(cmd, job, toolchain, site);
    }
    let files = site.files.get(triple).into_iter().flat_map(TargetFiles::variables);
    files.fold(cmd, |cmd, (name, value)| cmd.env(format!("{name}_{}", triple.underscored()), value))
}

/// Returns `target."<triple>".<key>=<value>`, for Cargo's `--config`.
fn setting(triple: &Triple, key: &str, value: &str) -> String {
    format!("target.\"{triple}\".{key}={value}")
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| toml_string(w)).collect();
    format!("[{}]", words.join(","))
}

/// Quotes a string for TOML. JSON strings have the same form.
pub(crate) fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the rustflags that a call passes for a job, in this order: the user's flags that Cargo does not
/// add itself, ours, those of targets.toml, and the toolchain's identity. The identity makes Cargo rebuild
/// exactly the units that a change of toolchain affects.
pub fn flags(job: &Job, site: &CargoContext) -> Vec<String> {
    let triple = &job.target.triple;
    let mut flags: Vec<String> = job.user.flags.handed.iter().map(|flag| flag.text.clone()).collect();
    if let (Some(std), Some(linker)) = (&job.std, &job.linker) {
        flags.extend(linker.rustflags(triple, std.sysroot.as_deref()));
        let (source, name) = &std.source;
        let real = std::fs::canonicalize(source).ok().filter(|real| real != source);
        let places = [Some(source.clone()), real].into_iter().flatten().filter(|_| !site.keeps_paths);
        flags.extend(places.map(|place| format!("--remap-path-prefix={}={name}", place.display())));
    }
    flags.extend(PathMaps::of(site).rustc());
    flags.extend(job.libraries.libraries.iter().map(|folder| format!("-Lnative={}", folder.display())));
    flags.extend(job.target.rustflags.iter().cloned());
    if let Some(toolchain) = &job.toolchain {
        flags.push(format!("--cfg=tc_{}", toolchain.id));
    }
    flags
}

/// Sets the variables by which `cc`, CMake and other -sys crates find a target's C tools.
fn with_toolchain(mut cmd: Cmd, job: &Job, toolchain: &Toolchain, site: &CargoContext) -> Cmd {
    let triple = &job.target.triple;
    let underscored = triple.underscored();
    let named: BTreeSet<String> =
        site.configuration.variables().into_iter().map(|variable| variable.name).collect();
    // The spelling with hyphens takes precedence over ours. If a configuration file sets it, removing it from
    // the environment has no effect.
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
    let CMaps { words: mut maps, filtered, unmapped: _ } = PathMaps::of(site).c(toolchain);
    maps.extend(job.libraries.header_options());
    if !filtered.is_empty() {
        cmd = cmd.env(PATH_MAPS, filtered.join("\n"));
    }
    for name in ["CFLAGS", "CXXFLAGS"] {
        let user = c_flags(name, &job.target, site.host);
        let user = user.iter().filter(|flags| !(flags.joined && site.cc_joins_flags));
        let words: Vec<&str> =
            user.map(|flags| flags.words.as_str()).chain(maps.iter().map(String::as_str)).collect();
        cmd = spell(cmd, name, Some(words.join(" ").into()));
        if site.cc_joins_flags && named.contains(&format!("{name}_{triple}")) {
            // `cc` joins both spellings.
            cmd = cmd.env(format!("{name}_{underscored}"), "");
        }
    }
    if let Some(library) = toolchain.link.rules().cxx_library {
        cmd = cmd.env(format!("CXXSTDLIB_{underscored}"), library);
    }
    cmd
}
