//! Makes the bill of the base below a program: its packages, and the files that belong to no package. Pure,
//! except that it reads the files of the base in the cache.

use std::collections::BTreeMap;

use super::bill::Bill;
use super::component::{Component, ComponentKind, Hash, Scope};
use super::document::{Aggregate, Composition};
use super::purl::Purl;
use xtask_base::Base;
use xtask_base::tree::{ASSEMBLER, STATUS};
use xtask_base::{BaseImage, DebPackage};
use xtask_gate::{Manager, Record, records};
use xtask_oci::scratch::CERTIFICATES;
use xtask_oci::{Digest, RootFs};

/// The reference of the base in a document.
pub const BASE: &str = "base";
/// The reference of the distribution.
const SYSTEM: &str = "operating-system";

/// The part of a base that ships.
#[derive(Debug, Clone, Copy)]
pub struct ShippedBase<'a> {
    /// The base as targets.toml names it.
    pub name: &'a Base,
    /// The base image below the program.
    pub base: &'a BaseImage,
    /// The files of the base that ship, if not all of them do.
    pub left: Option<&'a RootFs>,
}

/// The files of a distroless base that are in no package, or that differ from those of a package: see
/// [`xtask_base::tree`].
const GENERATED: [&str; 5] =
    [CERTIFICATES, "etc/group", "etc/nsswitch.conf", "etc/passwd", "usr/lib/os-release"];

/// Makes the bill of a base.
pub fn bill(below: ShippedBase<'_>) -> Bill {
    let ShippedBase { name, base, left } = below;
    let shipped = left.unwrap_or(&base.rootfs);
    let assembled = matches!(name, Base::Distroless(_));
    let system = InstalledSystem::of(&base.rootfs);
    let records = records(&base.rootfs, shipped);
    let kept: Vec<&Record> = match left {
        None => records.iter().collect(),
        Some(left) => {
            let told = |record: &Record| left.get(&format!("{STATUS}/{}", record.package.name)).is_some();
            records.iter().filter(|record| record.shipped > 0 || told(record)).collect()
        }
    };
    let mut bill = Bill::new(component(below));
    if let Some(system) = &system {
        bill.part(BASE, system.component());
    }
    let locked: BTreeMap<&str, &DebPackage> = base.packages.iter().map(|p| (p.name.as_str(), p)).collect();
    for record in &kept {
        let package = of_record(record, locked.get(record.package.name.as_str()).copied(), system.as_ref());
        bill.part(BASE, package);
    }
    if assembled {
        bill.part(BASE, generated(shipped));
    }
    let aggregate = match (left, kept.is_empty()) {
        (_, true) => Aggregate::Unknown,
        (Some(_), false) => Aggregate::Incomplete,
        (None, false) if assembled => Aggregate::Complete,
        // Records name packages. Files that were added without a package are in no record.
        (None, false) => Aggregate::Incomplete,
    };
    bill.compositions.push(Composition {
        aggregate,
        assemblies: vec![BASE.into()],
        dependencies: vec![BASE.into()],
    });
    bill
}

fn component(below: ShippedBase<'_>) -> Component {
    let ShippedBase { name, base, left } = below;
    let digest = &base.digest;
    let part = match left {
        Some(_) => "partial: of its packages only the files that the program needs ship",
        None => "all of it ships",
    };
    let component = Component {
        kind: ComponentKind::Container,
        reference: BASE.into(),
        name: base.name.clone(),
        version: digest.as_str().to_owned(),
        description: Some(format!("the base of the image; {part}")),
        scope: Some(Scope::Required),
        ..Component::default()
    };
    let component = component.with("xtask:partial", if left.is_some() { "true" } else { "false" });
    match name {
        Base::Registry(reference) => {
            let repository = format!("{}/{}", reference.registry(), reference.repository());
            let last = reference.repository().rsplit('/').next().unwrap_or_default();
            let purl = Purl::new("oci", last, digest.as_str())
                .with("arch", base.platform.architecture)
                .with("repository_url", &repository)
                .with("tag", reference.tag().unwrap_or_default());
            Component { purl: Some(purl), hashes: vec![Hash::sha256(digest.hex())], ..component }
        }
        // The digest of a lock is not the digest of a file.
        _ => component.with("xtask:base:assembler", ASSEMBLER.to_string()),
    }
}

/// The distribution that a tree says it is an installation of.
struct InstalledSystem {
    id: String,
    version: String,
}

impl InstalledSystem {
    /// Reads the distribution of a tree from its os-release(5) file; none if the file or its `ID` is missing.
    fn of(files: &RootFs) -> Option<Self> {
        let places = ["etc/os-release", "usr/lib/os-release"];
        let bytes = places.iter().find_map(|place| files.file(place)?.1.read().ok())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
            Some(line.trim().trim_matches(['"', '\'']).to_owned())
        };
        let id = value("ID").filter(|id| !id.is_empty())?;
        Some(Self { id, version: value("VERSION_ID").unwrap_or_default() })
    }

    fn component(&self) -> Component {
        Component {
            kind: ComponentKind::OperatingSystem,
            reference: SYSTEM.into(),
            name: self.id.clone(),
            version: self.version.clone(),
            scope: Some(Scope::Required),
            ..Component::default()
        }
    }

    /// Returns the distribution and its version in one word, such as `debian-13`.
    fn distro(&self) -> String {
        let hyphen = if self.version.is_empty() { "" } else { "-" };
        format!("{}{hyphen}{}", self.id, self.version)
    }
}

fn of_record(record: &Record, locked: Option<&DebPackage>, system: Option<&InstalledSystem>) -> Component {
    let Record { manager, package, architecture, origin, listed, shipped } = record;
    let (kind, vendor) = match manager {
        Manager::Dpkg => ("deb", "debian"),
        Manager::Apk => ("apk", "alpine"),
    };
    let purl = Purl::new(kind, &package.name, &package.version)
        .within(system.map_or(vendor, |system| &system.id))
        .with("arch", architecture)
        .with("distro", &system.map(InstalledSystem::distro).unwrap_or_default())
        .with("upstream", &origin.as_deref().map(upstream).unwrap_or_default());
    let component = Component {
        reference: format!("{kind}:{}", package.name),
        name: package.name.clone(),
        version: package.version.clone(),
        scope: Some(Scope::Required),
        hashes: locked.map(|locked| Hash::sha256(locked.digest.hex())).into_iter().collect(),
        purl: Some(purl),
        ..Component::default()
    };
    let component = component.with("xtask:partial", if shipped < listed { "true" } else { "false" });
    let component = component.with("xtask:files:shipped", shipped.to_string());
    component.with("xtask:files:listed", listed.to_string())
}

/// Returns `gcc-14@14.2.0-19` for `gcc-14 (14.2.0-19)`. Scanners write the source of a package in this form,
/// and advisories of distributions refer to sources.
fn upstream(origin: &str) -> String {
    match origin.split_once(" (") {
        Some((name, version)) => format!("{name}@{}", version.trim_end_matches(')')),
        None => origin.to_owned(),
    }
}

/// Returns a component with the files that installing the packages would have made.
fn generated(shipped: &RootFs) -> Component {
    let file = |path: &&str| {
        let bytes = shipped.file(path)?.1.read().ok()?;
        let hash = Hash::sha256(Digest::of(&bytes).hex());
        Some(file(path, hash))
    };
    Component {
        kind: ComponentKind::Data,
        reference: "generated".into(),
        name: "generated files".into(),
        description: Some("what installing the packages would have made".into()),
        scope: Some(Scope::Required),
        components: GENERATED.iter().filter_map(file).collect(),
        ..Component::default()
    }
}

/// Returns the component of a file in an image.
pub(super) fn file(path: &str, hash: Hash) -> Component {
    Component {
        kind: ComponentKind::File,
        reference: format!("file:/{path}"),
        name: format!("/{path}"),
        scope: Some(Scope::Required),
        hashes: vec![hash],
        ..Component::default()
    }
}
