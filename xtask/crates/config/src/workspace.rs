//! The facts about a Cargo workspace that this program needs, as Cargo reports them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_metadata::MetadataCommand;
pub use cargo_metadata::semver::Version;

use crate::cargo_config::CargoConfig;
use crate::cargo_words;
use xtask_files::error::{Error, Result};
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::Triple;

mod files;
mod profiles;

/// The time limit of `cargo metadata --no-deps`. It reads only manifests, so a longer run hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A Cargo workspace. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The directory of the workspace's root Cargo.toml.
    pub root: PathBuf,
    /// Cargo's target folder. `CARGO_TARGET_DIR` and the setting `build.target-dir` are included.
    pub target_directory: PathBuf,
    /// The lock file, which may not exist yet.
    pub lock_file: PathBuf,
    /// The members, sorted by name.
    pub packages: Vec<Package>,
    /// The profiles that `cargo build --profile` accepts here: the four built-in ones, those of the root
    /// manifest, and those of Cargo's configuration files. Profiles that only `CARGO_PROFILE_…` variables
    /// define are not included.
    pub profiles: BTreeSet<String>,
    /// The content of Cargo's configuration files for the folder of the root manifest, in which builds are
    /// started.
    pub configuration: CargoConfig,
}

/// A member of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name of the package.
    pub name: String,
    /// Cargo's package ID, which is unique. A dependency may have the same name as a member.
    pub id: String,
    /// The version of the package.
    pub version: Version,
    /// The directory of its Cargo.toml.
    pub dir: PathBuf,
    /// Whether Cargo builds it if no package is named (`default-members`).
    pub default_member: bool,
    /// The names of its programs, sorted.
    pub bins: Vec<String>,
    /// The features without which Cargo does not build a program (`required-features`), by its name.
    pub required_features: BTreeMap<String, Vec<String>>,
    /// The program that `cargo run` starts (`default-run`).
    pub default_run: Option<String>,
    /// Its features, each with those that it turns on. Implicit features of optional dependencies are
    /// included.
    pub features: BTreeMap<String, Vec<String>>,
    /// Its dependencies of every kind, by the names in its manifest.
    pub dependencies: BTreeMap<String, Dependency>,
    /// The SPDX expression of `license`.
    pub license: Option<String>,
    /// The licence texts to ship with its programs, sorted: `license-file`, and the LICENSE, LICENCE,
    /// COPYING, COPYRIGHT, NOTICE and UNLICENSE files beside its manifest and at the workspace root. A file
    /// may be missing or be a link.
    pub license_files: Vec<PathBuf>,
    /// `rust-version`, as three numbers.
    pub rust_version: Option<Version>,
    /// `repository`: the image label `org.opencontainers.image.source`.
    pub repository: Option<String>,
    /// `description`: the image label `org.opencontainers.image.description`.
    pub description: Option<String>,
    /// `homepage`: the image label `org.opencontainers.image.url`.
    pub homepage: Option<String>,
    /// `documentation`: the image label `org.opencontainers.image.documentation`.
    pub documentation: Option<String>,
    /// `authors`: the image label `org.opencontainers.image.authors`.
    pub authors: Vec<String>,
}

/// A dependency in a manifest. A name that is declared several times (per kind or platform) appears once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependency {
    /// The name of its package, which differs from the key if the manifest renames it.
    pub package: String,
    /// Whether a build script uses it.
    pub build: bool,
    /// Whether the program or library itself uses it.
    pub normal: bool,
    /// Whether it is optional, so that a feature turns it on.
    pub optional: bool,
}

impl Workspace {
    /// Asks Cargo about the workspace of `manifest_path`, or about the one around the current directory.
    ///
    /// # Errors
    /// [`ExitKind::Usage`](xtask_files::error::ExitKind::Usage) with Cargo's own message if there is no
    /// manifest or it is broken.
    pub fn load(manifest_path: Option<&Path>, offline: bool) -> Result<Self> {
        let host = Host::read(Triple::parse("unknown"));
        let (dir, manifest) = folder(manifest_path)?;
        let workspace = Self::ask(&host, &dir, manifest.as_deref(), offline)?;
        let configuration = CargoConfig::ask(&host, &workspace.root)?;
        Ok(workspace.with(configuration))
    }

    /// Works as [`Workspace::load`], but starts Cargo in the folder `dir` and does not read its
    /// configuration.
    ///
    /// # Errors
    /// As [`Workspace::load`].
    pub fn ask(host: &Host, dir: &Path, manifest: Option<&Path>, offline: bool) -> Result<Self> {
        let cmd = host.settled(Self::command(&host.cargo(), manifest, offline), dir);
        let output = cmd.capture_whole(LIMIT)?;
        if !output.ok() {
            return Err(cargo_words::failed(&cmd, &output));
        }
        Self::from_json(&output.stdout)
    }

    /// Returns the workspace with the configuration of Cargo for its root. The profiles of this configuration
    /// are added.
    #[must_use]
    pub fn with(mut self, configuration: CargoConfig) -> Self {
        self.profiles.extend(configuration.profiles().map(str::to_owned));
        Self { configuration, ..self }
    }

    /// Returns the command line that [`Workspace::load`] runs.
    pub fn command(cargo: &Path, manifest_path: Option<&Path>, offline: bool) -> Cmd {
        let mut cmd =
            Cmd::new(cargo).args(["metadata", "--no-deps", "--format-version", "1", "--color", "never"]);
        if offline {
            cmd = cmd.arg("--offline");
        }
        if let Some(path) = manifest_path {
            cmd = cmd.arg("--manifest-path").arg(path);
        }
        cmd
    }

    /// Reads the output of `cargo metadata`, and the files to which it refers.
    ///
    /// # Errors
    /// The output is not valid metadata, or the root manifest cannot be read.
    pub fn from_json(stdout: &[u8]) -> Result<Self> {
        let not_metadata =
            |why: String| Error::failed("cannot read the output of `cargo metadata`").found(why);
        let text = std::str::from_utf8(stdout).map_err(|e| not_metadata(e.to_string()))?;
        let metadata = MetadataCommand::parse(text).map_err(|e| not_metadata(e.to_string()))?;
        let root = metadata.workspace_root.into_std_path_buf();
        // A Cargo older than 1.71 does not report default members. Then every member counts as one, as
        // without the key.
        let members = Some(&metadata.workspace_default_members).filter(|members| members.is_available());
        let is_default =
            |package: &cargo_metadata::Package| members.is_none_or(|members| members.contains(&package.id));
        let mut packages: Vec<Package> = metadata
            .packages
            .into_iter()
            .map(|package| {
                let default_member = is_default(&package);
                Package::new(package, default_member, &root)
            })
            .collect();
        packages.sort_by(|a, b| (&a.name, &a.dir).cmp(&(&b.name, &b.dir)));
        Ok(Self {
            target_directory: metadata.target_directory.into_std_path_buf(),
            lock_file: root.join("Cargo.lock"),
            profiles: profiles::of(&root)?,
            configuration: CargoConfig::default(),
            packages,
            root,
        })
    }

    /// Returns the package ID of each member, by its name.
    pub fn ids(&self) -> BTreeMap<String, String> {
        self.packages.iter().map(|package| (package.name.clone(), package.id.clone())).collect()
    }

    /// Returns the member that a text means: by its name, as `name@version`, or by its package ID.
    pub fn package(&self, spec: &str) -> Option<&Package> {
        self.packages.iter().find(|p| p.is_meant(spec))
    }
}

impl Package {
    /// Whether a text means this member of its workspace. Members have different names. A version may be
    /// shortened, as in Cargo.
    pub fn is_meant(&self, spec: &str) -> bool {
        let of_version = |version: &str| {
            let own = self.version.to_string();
            own.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let folder = self.id.split('#').next().unwrap_or_default();
        match spec.split_once('@') {
            _ if [self.name.as_str(), self.id.as_str(), folder].contains(&spec) => true,
            Some((name, version)) => name == self.name && of_version(version),
            None => false,
        }
    }

    /// Returns the features that a program requires and that these features do not turn on. Features of
    /// dependencies are not judged, because only Cargo has their manifests.
    pub fn lacking_features(&self, bin: &str, features: &[&str], default_features: bool) -> Vec<&str> {
        let default = default_features.then_some("default");
        let mut ahead: Vec<&str> = features.iter().copied().chain(default).collect();
        let mut on = BTreeSet::new();
        while let Some(feature) = ahead.pop() {
            if on.insert(feature) {
                ahead.extend(self.features.get(feature).into_iter().flatten().map(String::as_str));
            }
        }
        let required = self.required_features.get(bin).into_iter().flatten().map(String::as_str);
        required.filter(|feature| !feature.contains('/') && !on.contains(feature)).collect()
    }

    fn new(package: cargo_metadata::Package, default_member: bool, root: &Path) -> Self {
        let manifest = package.manifest_path.into_std_path_buf();
        let dir = manifest.parent().unwrap_or(root).to_owned();
        let programs = || package.targets.iter().filter(|target| target.is_bin());
        let mut bins: Vec<String> = programs().map(|target| target.name.clone()).collect();
        bins.sort();
        let required_features =
            programs().map(|target| (target.name.clone(), target.required_features.clone())).collect();
        let mut dependencies = BTreeMap::<String, Dependency>::new();
        for dependency in package.dependencies {
            let key = dependency.rename.unwrap_or_else(|| dependency.name.clone());
            let entry = dependencies.entry(key).or_default();
            entry.package = dependency.name;
            entry.build |= dependency.kind == cargo_metadata::DependencyKind::Build;
            entry.optional |= dependency.optional;
            entry.normal |= dependency.kind == cargo_metadata::DependencyKind::Normal;
        }
        let license_file = package.license_file.map(|f| dir.join(f));
        Self {
            name: package.name.into_inner(),
            id: package.id.repr,
            version: package.version,
            default_member,
            bins,
            required_features,
            default_run: package.default_run,
            features: package.features,
            dependencies,
            license: package.license,
            license_files: files::licenses(license_file, &dir, root),
            rust_version: package.rust_version,
            repository: package.repository,
            description: package.description,
            homepage: package.homepage,
            documentation: package.documentation,
            authors: package.authors,
            dir,
        }
    }

    /// Whether `cargo build --features` accepts this for the package: one of its features, or
    /// `dependency/feature`. Cargo itself checks the feature of a dependency, because only Cargo has its
    /// manifest.
    pub fn takes_feature(&self, feature: &str) -> bool {
        match feature.split_once('/') {
            Some((dependency, feature)) => {
                let dependency = dependency.strip_suffix('?').unwrap_or(dependency);
                !feature.is_empty() && self.dependencies.contains_key(dependency)
            }
            None => feature == "default" || self.features.contains_key(feature),
        }
    }
}

/// Returns the folder of a manifest, or the current directory if none is named. Also returns the manifest's
/// path for a program that is started in this folder.
///
/// # Errors
/// The current directory is not known.
pub fn folder(manifest: Option<&Path>) -> Result<(PathBuf, Option<PathBuf>)> {
    let here = |e: std::io::Error| Error::failed(format!("cannot find the current directory: {e}"));
    let manifest = manifest.map(std::path::absolute).transpose().map_err(here)?;
    let dir = match manifest.as_deref().and_then(Path::parent).filter(|dir| dir.is_dir()) {
        Some(dir) => dir.to_owned(),
        None => std::env::current_dir().map_err(here)?,
    };
    Ok((dir, manifest))
}
