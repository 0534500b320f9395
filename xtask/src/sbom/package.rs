//! Makes the component of a package, with the C in it. Pure.

use super::c::{Library, LibraryOrigin, LinkedPart};
use super::component::{Component, Evidence, ExternalReference, Hash, Identity, Occurrence, Scope};
use super::crates::{CratePackage, PackageSource};
use super::license::License;
use super::lock::CargoLock;
use super::manifest::CargoManifest;
use super::program::{BillInputs, ProgramSubject};
use super::purl::Purl;
use crate::contents::signs;
use xtask_files::counted;

/// Makes the component of a package of a program, or of its build.
pub(super) fn of_package(
    package: &CratePackage,
    manifest: Option<&CargoManifest>,
    lock: &CargoLock,
    reference: &str,
) -> Component {
    let source = &package.source;
    let locked =
        source.locked().and_then(|source| lock.find(&package.name, &package.version, &source).cloned());
    let license = manifest.and_then(|manifest| {
        let file = manifest.license_file.as_deref();
        let text = manifest.license.as_deref().map(License::of);
        text.or_else(|| file.map(|file| License::named(&format!("the file {file} of the package"))))
    });
    let commit = locked.as_ref().and_then(|locked| locked.commit.as_deref());
    let checksum = locked.as_ref().and_then(|locked| locked.checksum.as_deref());
    let component = Component {
        reference: reference.to_owned(),
        name: package.name.clone(),
        version: package.version.clone(),
        description: manifest.and_then(|manifest| manifest.description.clone()),
        scope: Some(if package.in_program { Scope::Required } else { Scope::Excluded }),
        hashes: checksum.map(Hash::sha256).into_iter().collect(),
        licenses: license,
        purl: purl(package, manifest, commit),
        links: links(manifest.and_then(|manifest| manifest.repository.as_deref())),
        ..Component::default()
    };
    with_features(component.with("xtask:cargo:source", source.name()), package)
}

/// Adds the features that are on.
pub(super) fn with_features(component: Component, package: &CratePackage) -> Component {
    if package.features.is_empty() {
        return component;
    }
    let features: Vec<&str> = package.features.iter().map(String::as_str).collect();
    component.with("xtask:cargo:features", features.join(","))
}

/// Returns the package URL. A package that is in no registry has none: another package there may have the
/// same name, and its vulnerabilities would be reported.
fn purl(package: &CratePackage, manifest: Option<&CargoManifest>, commit: Option<&str>) -> Option<Purl> {
    let purl = Purl::new("cargo", &package.name, &package.version);
    match &package.source {
        PackageSource::Path => manifest.is_some_and(|manifest| manifest.published).then_some(purl),
        PackageSource::Registry(_) if package.source.is_default() => Some(purl),
        PackageSource::Registry(index) => {
            Some(purl.with("repository_url", index.strip_prefix("sparse+").unwrap_or(index)))
        }
        PackageSource::Git(address) => {
            // `?branch=main` shows how the commit was found; the commit itself is what was used.
            let address = address.split_once('?').map_or(address.as_str(), |(address, _)| address);
            let at = commit.map(|commit| format!("@{commit}")).unwrap_or_default();
            Some(purl.with("vcs_url", &format!("git+{address}{at}")))
        }
        PackageSource::Other(_) => None,
    }
}

/// Returns the C that a package had linked, as parts of the package.
pub(super) fn c_parts(
    program: &ProgramSubject,
    read: &BillInputs,
    package: Option<&CratePackage>,
    reference: &str,
) -> Vec<Component> {
    let Some(package) = package.filter(|package| package.in_program) else { return Vec::new() };
    let own = read.libraries.iter().filter(|library| library.package == package.id);
    own.map(|library| c_part(program, package, library, reference)).collect()
}

fn c_part(program: &ProgramSubject, package: &CratePackage, library: &Library, reference: &str) -> Component {
    let Library { name, known, origin, linked, .. } = library;
    let file = linked.as_ref().map_or_else(|| format!("lib{name}.a"), |linked| linked.file.clone());
    let (package_name, package_version) = (&package.name, &package.version);
    let (says, technique) = match linked {
        Some(linked) => {
            let objects = counted(linked.objects as u64, "object");
            (format!("the link map of the program names {objects} of {file}"), "binary-analysis")
        }
        None => (
            format!(
                "Cargo reports that the build script of {package_name} {package_version} links static={name}"
            ),
            "other",
        ),
    };
    let mut identity = vec![Identity::of("name", technique, says)];
    if let Some(known) = known {
        let place = format!("the symbol {} of {file}", known.symbol);
        identity.push(Identity::of("version", "binary-analysis", place));
    }
    let component = Component {
        reference: format!("c:{name}:{reference}"),
        name: known.as_ref().map_or(name, |known| &known.name).clone(),
        version: known.as_ref().map(|known| known.version.clone()).unwrap_or_default(),
        description: Some(format!("C in {package_name}: the static library {file}")),
        scope: Some(Scope::Required),
        cpe: known.as_ref().map(|known| cpe(&known.cpe, &known.version)),
        purl: known.as_ref().map(|known| Purl::new("generic", &known.name, &known.version)),
        evidence: Some(Evidence { identity, occurrences: vec![Occurrence { location: file.clone() }] }),
        ..Component::default()
    };
    let mut component = component.with("xtask:c:library", name).with("xtask:c:origin", origin.name());
    if let Some(linked) = linked {
        component = component.with("xtask:c:bytes", linked.bytes.to_string());
        component =
            linked.signed.iter().fold(component, |component, maker| component.with("xtask:c:signed", maker));
    }
    // The compiler of a library that existed before the build is not known.
    match (&program.compiler, origin) {
        (Some((provider, version)), LibraryOrigin::Made) if is_made_by(linked.as_ref(), version) => {
            component.with("xtask:c:provider", provider).with("xtask:c:compiler", version)
        }
        _ => component,
    }
}

/// Returns whether the compiler of the job may have made a library: no other compiler has signed it.
fn is_made_by(linked: Option<&LinkedPart>, compiler: &str) -> bool {
    linked.is_none_or(|linked| linked.signed.iter().all(|maker| signs(compiler, maker)))
}

/// Returns the address of its sources.
pub(super) fn links(repository: Option<&str>) -> Vec<ExternalReference> {
    // The format requires an address here.
    let address = repository.filter(|url| is_address(url));
    address.map(|url| ExternalReference { kind: "vcs", url: url.to_owned() }).into_iter().collect()
}

/// Returns whether a text is an absolute address with only the characters that RFC 3986 allows.
fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=%".contains(&byte);
    text.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
            && !rest.is_empty()
    }) && text.bytes().all(plain)
        && text.matches('#').count() < 2
}

/// Returns a name for the CPE list of vulnerabilities (CPE 2.3): vendor, product and version. In the version,
/// characters other than letters and digits are escaped.
pub(super) fn cpe(product: &str, version: &str) -> String {
    let version = version.chars().fold(String::new(), |mut text, c| {
        if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
            text.push('\\');
        }
        text.push(c);
        text
    });
    format!("cpe:2.3:a:{product}:{version}:*:*:*:*:*:*:*")
}
