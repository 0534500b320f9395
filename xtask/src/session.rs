//! The starting point of every command: the workspace, targets.toml, the compiler and the places on disk,
//! each read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::cargo::builder::Builder;
use crate::cargo::invocation::CargoContext;
use crate::cargo::lock_file::LockedGraph;
use crate::cargo::target_files::{FilePlaces, TargetFiles};
use crate::cli::{Common, Planning, SetupFlag};
use crate::compile_cache::CompileCache;
use crate::plan::{self, Job, Lack, Mend, ModeRequest, PlanRequest};
use crate::rebuild::outside::{name_outside, outside};
use crate::toolchain_lock;
use xtask_base::{Bases, distroless};
use xtask_compilers::rustc::{Rustc, find};
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::candidates::own_compilers;
use xtask_compilers::toolchain::stand_in::{HOST_OR_TARGET, RUST_LLD};
use xtask_compilers::toolchain::wrapper::{executable, script_of};
use xtask_config::cargo_config::{CargoConfig, ConfiguredProgram, WrapperKind};
use xtask_config::suggest::nearest;
use xtask_config::workspace::{Package, Workspace, folder};
use xtask_config::{Config, FILE_NAME};
use xtask_files::error::{Error, Result};
use xtask_files::threads;
use xtask_process::cache;
use xtask_process::host::{Host, PathLookup};
use xtask_process::ui::Ui;
use xtask_report::timing::StageClock;
use xtask_triple::Triple;

/// The name of the folder in the target folder for what does not ship.
const WORK: &str = "xtask";

/// The workspace and this machine, before targets.toml is read.
#[derive(Debug)]
pub struct Session {
    /// The printer that shows progress and warnings.
    pub ui: Ui,
    /// The snapshot of the environment of this machine.
    pub host: Host,
    /// The Cargo workspace that the command runs in.
    pub workspace: Workspace,
    /// The rustc that Cargo would use here.
    pub rustc: Rustc,
    /// The user's cache folder, shared by all workspaces.
    pub cache: PathBuf,
    /// The path of this program.
    pub this: PathBuf,
    /// The path of targets.toml.
    pub config_file: PathBuf,
    /// Whether `--offline` was given.
    pub offline: bool,
    /// The folder that takes the place of target/dist, for a run that makes a part of a release.
    pub part: Option<PathBuf>,
    /// The compile cache that Cargo is configured to use, if it is on this machine.
    pub compile_cache: Option<CompileCache>,
    /// How long each stage of the run takes.
    pub stages: StageClock,
}

impl Session {
    /// Reads the workspace and the compiler, in parallel.
    ///
    /// # Errors
    /// There is no workspace, no rustc or no place for a cache, or a variable that is read is not UTF-8.
    pub fn open(common: &Common, json: bool) -> Result<Self> {
        let ui = Ui::new(common.quiet, common.verbose, json);
        // Only rustc can tell the triple. Nothing examines it before that.
        let host = Host::read(Triple::parse("unknown"));
        host.understood(&BTreeSet::new())?;
        let cache = cache::dir(&host, std::env::consts::OS)?;
        let this =
            std::env::current_exe().map_err(|e| Error::failed(format!("cannot find this program: {e}")))?;
        let (dir, manifest) = folder(common.manifest_path.as_deref())?;
        let read = |dir: &Path| Self::read(&host, dir, manifest.as_deref(), &cache, common.offline);
        let mut found = read(&dir)?;
        // Cargo is started in the root, and everything is read for the root. Settings in folders between the
        // root and the current folder have no effect.
        let root = found.0.root.clone();
        if speaks_between(&root, &dir) {
            found = read(&root)?;
        }
        let (workspace, rustc, mut host) = found;
        host.understood(rustc.known_targets())?;
        host.triple = rustc.host.clone();
        let config_file = common.config.clone().unwrap_or_else(|| workspace.root.join(FILE_NAME));
        let work = workspace.target_directory.join(WORK);
        let compile_cache = CompileCache::configured(&workspace.configuration, &host, &work, &this);
        let offline = common.offline;
        Ok(Self {
            ui,
            host,
            workspace,
            rustc,
            cache,
            this,
            config_file,
            offline,
            part: None,
            compile_cache,
            stages: StageClock::default(),
        })
    }

    /// Asks Cargo, its configuration and rustc about a folder, in parallel.
    fn read(
        host: &Host,
        dir: &Path,
        manifest: Option<&Path>,
        cache: &Path,
        offline: bool,
    ) -> Result<(Workspace, Rustc, Host)> {
        let configured = || {
            let configuration = CargoConfig::ask(host, dir)?;
            let mut host = host.clone();
            configuration.configure(&mut host);
            let rustc = find::active(&host, dir, cache)?;
            Ok((configuration, rustc, host))
        };
        let (found, workspace) = threads::both(configured, || Workspace::ask(host, dir, manifest, offline));
        // Faults of the workspace are reported first, because most of them also affect the other two.
        let workspace = workspace?;
        let (configuration, rustc, host) = found?;
        Ok((workspace.with(configuration), rustc, host))
    }

    /// Reads targets.toml and checks it.
    ///
    /// # Errors
    /// All faults in it, at once.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.config_file, &self.workspace, self.rustc.known_targets())
    }

    /// Reads the request of the command line.
    ///
    /// # Errors
    /// A target, mode or provider that does not exist.
    pub fn request(&self, config: &Config, planning: &Planning) -> Result<PlanRequest> {
        let targets = self.triples(&planning.targets)?;
        let making = &planning.making;
        let mode = match making.mode.as_deref() {
            None => None,
            Some("auto") => Some(ModeRequest::Auto),
            Some("all") => Some(ModeRequest::All),
            Some(name) => Some(ModeRequest::Named(plan::named(config, name)?.name.clone())),
        };
        Ok(PlanRequest {
            targets,
            mode,
            strict: making.strict,
            locked: making.locked,
            providers: providers(making.providers.as_deref(), &config.providers)?,
            part: false,
        })
    }

    /// Parses triples that rustc knows.
    ///
    /// # Errors
    /// rustc does not know a triple. The error suggests the most similar one.
    pub fn triples(&self, texts: &[String]) -> Result<Vec<Triple>> {
        let known = self.rustc.known_targets();
        let unknown = |text: &String| {
            let error =
                Error::usage(format!("rustc {} does not know the target `{text}`", self.rustc.version));
            match nearest(text, known.iter().map(String::as_str)) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("see all of them: rustc --print target-list"),
            }
        };
        texts.iter().map(|t| if known.contains(t) { Ok(Triple::parse(t)) } else { Err(unknown(t)) }).collect()
    }

    /// Returns the package of targets.toml's `[app]`.
    ///
    /// # Errors
    /// The workspace does not contain it. Reading targets.toml has excluded this.
    pub fn package(&self, config: &Config) -> Result<&Package> {
        let wanted = &config.app.package;
        self.workspace
            .package(wanted)
            .ok_or_else(|| Error::usage(format!("the workspace has no package `{wanted}`")))
    }

    /// Returns the source of the images' bases. `locks` is [`Session::locks`]. `setup` says whether the user
    /// agreed to fetch what is missing.
    pub fn bases<'a>(
        &'a self,
        locks: &'a Path,
        config: &'a Config,
        setup: SetupFlag,
        strict: bool,
    ) -> Bases<'a> {
        Bases::new(xtask_base::BaseContext {
            locks,
            cache: &self.cache,
            host: &self.host,
            ui: &self.ui,
            snapshots: &config.snapshots,
            offline: self.offline,
            may_refresh: setup.setup,
            strict,
            allow_superseded: setup.allow_superseded,
        })
    }

    /// Returns the folder with the locks of bases.
    pub fn locks(&self) -> PathBuf {
        self.workspace.root.join(distroless::LOCKS)
    }

    /// Returns the path of the lock of toolchains.
    pub fn toolchain_lock(&self) -> PathBuf {
        self.workspace.root.join(toolchain_lock::FILE_NAME)
    }

    /// Returns `target/dist`, the folder for everything that ships, or the folder of a part of a release.
    pub fn dist(&self) -> PathBuf {
        self.part.clone().unwrap_or_else(|| self.whole_dist())
    }

    /// Returns `target/dist`, also where the run makes a part of a release.
    pub fn whole_dist(&self) -> PathBuf {
        self.workspace.target_directory.join("dist")
    }

    /// Returns `target/shards`, the folder for the parts of releases.
    pub fn shards(&self) -> PathBuf {
        self.workspace.target_directory.join("shards")
    }

    /// Returns `target/xtask`, the folder for build folders, wrappers and remembered facts.
    pub fn work(&self) -> PathBuf {
        self.workspace.target_directory.join(WORK)
    }

    /// Returns the context of all cargo calls of a run. `targets` are all targets that may be built.
    pub fn site<'a>(&'a self, host_cc: Option<&'a Path>, targets: &[&Triple]) -> CargoContext<'a> {
        let root = &self.workspace.root;
        CargoContext {
            cargo: self.host.cargo(),
            manifest: root.join("Cargo.toml"),
            manifests: self.workspace.packages.iter().map(|p| p.dir.join("Cargo.toml")).collect(),
            ids: self.workspace.ids(),
            configuration: &self.workspace.configuration,
            root,
            start: root,
            target_directory: &self.workspace.target_directory,
            host: &self.host,
            links: targets.iter().filter_map(|t| Some(((*t).clone(), self.link(t)?))).collect(),
            rust_lld: self.linker_script("rust-lld/rust-lld", &[RUST_LLD]),
            host_cc,
            cargo_home: self.host.cargo_home(),
            cache: &self.cache,
            offline: self.offline,
            cc_joins_flags: self.cc_joins_flags(),
            extra_env: BTreeMap::new(),
            renamed: self.outside().into_iter().map(|dir| (dir.clone(), name_outside(root, &dir))).collect(),
            umask: None,
            settings: Vec::new(),
            files: BTreeMap::new(),
            keeps_paths: false,
            compile_cache: self.compile_cache.as_ref(),
        }
    }

    /// Whether Cargo.lock contains the crate `cc`, and only releases that join the variables with flags of C.
    fn cc_joins_flags(&self) -> bool {
        let lock = std::fs::read_to_string(&self.workspace.lock_file).ok();
        lock.and_then(|text| LockedGraph::read(&text)).is_some_and(|lock| lock.cc_joins_flags())
    }

    /// Writes the files by which build tools find what belongs to the targets of these jobs.
    pub fn target_files(&self, jobs: &[Job]) -> BTreeMap<Triple, TargetFiles> {
        let folder = self.work().join("toolchains");
        let places = FilePlaces { folder: &folder, host: &self.host, this: &self.this };
        // The jobs of a target share their toolchain, but a pure one has none.
        let mut jobs: Vec<&Job> = jobs.iter().collect();
        jobs.sort_by_key(|job| job.toolchain.is_some());
        jobs.into_iter().map(|job| (job.target.triple.clone(), TargetFiles::write(job, places))).collect()
    }

    /// Returns the wrapper of rustc that Cargo is configured to use and that is not on this machine.
    pub fn absent_wrapper(&self) -> Option<Lack> {
        let configured =
            |kind: WrapperKind| Some((kind, self.workspace.configuration.wrapper(kind, &self.host)?));
        WrapperKind::ALL.into_iter().filter_map(configured).find_map(|(kind, wrapper)| {
            let ConfiguredProgram { named, origin, .. } = &wrapper;
            let why = match wrapper.find(&self.host) {
                PathLookup::Program(_) => return None,
                PathLookup::NotExecutable(path) => format!("{} is not executable", path.display()),
                PathLookup::Nothing => "is not on this machine".to_owned(),
            };
            Some(Lack {
                what: format!("Cargo starts rustc through {named}, which {origin} names: it {why}"),
                mend: Mend::Machine(format!(
                    "install {named}, or turn it off with an empty variable: {}=",
                    kind.variable()
                )),
            })
        })
    }

    /// Returns the folders outside of the workspace from which it takes packages.
    pub fn outside(&self) -> BTreeSet<PathBuf> {
        let root = &self.workspace.root;
        let members = self.workspace.packages.iter().map(|package| package.dir.join("Cargo.toml"));
        outside(root, members.chain([root.join("Cargo.toml")]))
    }

    /// Writes the program that rustc starts as the linker of a target.
    fn link(&self, target: &Triple) -> Option<PathBuf> {
        self.linker_script(&format!("link/{target}/cc"), &[HOST_OR_TARGET, target.as_str()])
    }

    /// Writes a linker script with this name that starts this program with these first arguments. Returns
    /// none if it cannot be written. rustc derives the flavour of the linker's arguments from the name.
    fn linker_script(&self, name: &str, first: &[&str]) -> Option<PathBuf> {
        let file = self.work().join("toolchains").join(name);
        let this = self.this.to_string_lossy();
        let words: Vec<String> = [&*this].iter().chain(first).map(|word| (*word).to_owned()).collect();
        executable(&file, &script_of(&words)).ok().map(|()| file)
    }

    /// Returns the inputs of all cargo calls of a run, for the program of `config`.
    pub fn builder<'a>(&'a self, config: &'a Config, site: CargoContext<'a>) -> Builder<'a> {
        let listed = config.targets.iter().map(|target| &target.triple);
        let targets: BTreeSet<&Triple> = listed.chain(site.links.keys()).collect();
        let compilers = own_compilers(&config.providers, targets.iter().copied(), &self.host);
        Builder {
            app: &config.app,
            site,
            work: self.work(),
            this: &self.this,
            ui: &self.ui,
            compilers,
            stages: &self.stages,
        }
    }
}

/// Returns whether a folder between `dir` and the root has files that Cargo or rustup would read only there.
fn speaks_between(root: &Path, dir: &Path) -> bool {
    if root == dir {
        return false;
    }
    let files = [".cargo", "rust-toolchain.toml", "rust-toolchain"];
    let between = || dir.ancestors().take_while(|dir| *dir != root);
    !dir.starts_with(root) || between().any(|dir| files.iter().any(|file| dir.join(file).exists()))
}

/// Parses the list of `--providers`. `own` are the providers of targets.toml.
///
/// # Errors
/// A name is not a provider.
pub fn providers(list: Option<&str>, own: &[Provider]) -> Result<Option<Vec<Provider>>> {
    let Some(list) = list else { return Ok(None) };
    let names = list.split(',').map(str::trim).filter(|n| !n.is_empty());
    if list.trim() == "none" {
        return Ok(Some(Vec::new()));
    }
    if names.clone().next().is_none() {
        return Err(
            Error::usage("--providers lists no provider").help("to use none of them: --providers none")
        );
    }
    let provider = |name: &str| {
        let all = || Provider::offered().chain(own.iter().copied()).map(Provider::name);
        Provider::with_name(name, own).ok_or_else(|| {
            let error = Error::usage(format!("there is no provider `{name}`"));
            let error = match nearest(name, all()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            };
            error.help(format!("--providers takes {}, or none", all().collect::<Vec<_>>().join(",")))
        })
    };
    names.map(provider).collect::<Result<Vec<_>>>().map(Some)
}
