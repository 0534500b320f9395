//! Makes the bill of a program: its packages, its C, Rust's std and a statically linked C library. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bill::Bill;
use super::c::Library;
use super::component::{Component, ComponentKind, Hash, Scope};
use super::crates::{CratePackage, CratePackages};
use super::document::{Aggregate, Composition};
use super::license::License;
use super::lock::CargoLock;
use super::manifest::CargoManifest;
use super::package::{c_parts, cpe, links, of_package, with_features};
use super::purl::Purl;

/// The reference of the program in a document.
pub const PROGRAM: &str = "program";
/// The reference of Rust's standard library.
const STD: &str = "std";
/// The reference of the statically linked C library.
const LIBC: &str = "libc";

/// The facts about a program that a run knows before it reads further inputs for the bill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProgramSubject {
    /// The name of the program.
    pub name: String,
    /// The version of its package.
    pub version: String,
    /// The `description` of its package.
    pub description: Option<String>,
    /// The `license` of its package.
    pub license: Option<String>,
    /// The `repository` of its package.
    pub repository: Option<String>,
    /// The commit from which it was built.
    pub revision: Option<String>,
    /// The triple of the target that the program was built for.
    pub target: String,
    /// The name of the mode that the program was built in.
    pub mode: String,
    /// The preferred mode, and the code of the reason why it was not built.
    pub fallback: Option<(String, String)>,
    /// The result of the purity check: `proven`, `not-seen`; none for a mode with C.
    pub purity: Option<&'static str>,
    /// The SHA-256 digest of the program's file, in hexadecimal.
    pub sha256: String,
    /// The kind of linking: `static`, `static-pie`, `dynamic`. None if the file is not an ELF file.
    pub linkage: Option<String>,
    /// The dynamic loader that it names.
    pub interpreter: Option<String>,
    /// The shared libraries that it names.
    pub needed: Vec<String>,
    /// The newest glibc that it requires.
    pub glibc: Option<String>,
    /// The C compiler of its mode: its provider, and its name and version.
    pub compiler: Option<(String, String)>,
    /// The Rust standard library that is in the program.
    pub std: LinkedStd,
    /// The statically linked C library: its name, and its vendor and product in the CPE list of
    /// vulnerabilities.
    pub libc: Option<(&'static str, &'static str)>,
}

/// Rust's standard library in a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LinkedStd {
    /// The version of the rustc that it belongs to.
    pub version: String,
    /// The origin: `rustc` if it came with the compiler, `built` if it was built here.
    pub provider: String,
    /// The text that distinguishes two compilers of one version.
    pub identity: String,
}

/// The further inputs for the bill of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BillInputs {
    /// The packages of the program; none if Cargo did not list them.
    pub packages: Option<CratePackages>,
    /// The content of the manifests, by the index of the package.
    pub manifests: BTreeMap<usize, CargoManifest>,
    /// The origin and the digest of each package in Cargo.lock.
    pub lock: CargoLock,
    /// The static libraries in it.
    pub libraries: Vec<Library>,
    /// The version of the statically linked C library, if the library contains it.
    pub libc: Option<String>,
}

/// Makes the bill of a program from the known facts and the further inputs.
pub fn bill(program: &ProgramSubject, read: &BillInputs) -> Bill {
    let none = CratePackages::default();
    let packages = read.packages.as_ref().unwrap_or(&none);
    let references = references(packages);
    let mut bill = Bill::new(component(program, read));
    bill.component.components = c_parts(program, read, packages.all.get(packages.root), PROGRAM);
    for (at, package) in packages.all.iter().enumerate() {
        let needs = package.needs.iter().map(|need| references[*need].clone());
        bill.edges.entry(references[at].clone()).or_default().extend(needs);
        if at != packages.root {
            let mut component = of_package(package, read.manifests.get(&at), &read.lock, &references[at]);
            component.components = c_parts(program, read, Some(package), &references[at]);
            bill.components.push(component);
        }
    }
    let known = if read.packages.is_some() { Aggregate::Complete } else { Aggregate::Unknown };
    let of = if references.is_empty() { vec![PROGRAM.to_owned()] } else { references };
    bill.compositions.push(Composition { aggregate: known, assemblies: Vec::new(), dependencies: of });
    std(program, read, &mut bill);
    bill
}

fn component(program: &ProgramSubject, read: &BillInputs) -> Component {
    let purl = Purl::new("generic", &program.name, &program.version);
    let mut component = Component {
        kind: ComponentKind::Application,
        reference: PROGRAM.into(),
        name: program.name.clone(),
        version: program.version.clone(),
        description: program.description.clone(),
        hashes: vec![Hash::sha256(&program.sha256)],
        licenses: program.license.as_deref().map(License::of),
        purl: Some(purl.with("checksum", &format!("sha256:{}", program.sha256))),
        links: links(program.repository.as_deref()),
        ..Component::default()
    };
    component = component.with("xtask:target", &program.target).with("xtask:mode", &program.mode);
    if let Some((from, reason)) = &program.fallback {
        component = component.with("xtask:fallback:from", from).with("xtask:fallback:reason", reason);
    }
    component = component.with("xtask:purity", program.purity.unwrap_or("n/a"));
    if let Some(root) = read.packages.as_ref().and_then(|packages| packages.all.get(packages.root)) {
        component = with_features(component, root);
    }
    let facts = [
        ("xtask:revision", &program.revision),
        ("xtask:linkage", &program.linkage),
        ("xtask:interpreter", &program.interpreter),
        ("xtask:glibc", &program.glibc),
    ];
    for (name, value) in facts {
        component = value.iter().fold(component, |component, value| component.with(name, value));
    }
    program.needed.iter().fold(component, |component, library| component.with("xtask:needed", library))
}

/// Returns the reference of each package in the document. The package that contains the program has the
/// program's reference.
fn references(packages: &CratePackages) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let reference = |(at, package): (usize, &CratePackage)| {
        if at == packages.root {
            return PROGRAM.to_owned();
        }
        let name = format!("cargo:{}@{}", package.name, package.version);
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        // One name and version from two sources.
        if *count > 1 { format!("{name}#{count}") } else { name }
    };
    packages.all.iter().enumerate().map(reference).collect()
}

fn std(program: &ProgramSubject, read: &BillInputs, bill: &mut Bill) {
    let LinkedStd { version, provider, identity } = &program.std;
    let std = Component {
        reference: STD.into(),
        name: "std".into(),
        version: version.clone(),
        description: Some("Rust's standard library, with the crates that it is made of".into()),
        scope: Some(Scope::Required),
        licenses: Some(License::of("MIT OR Apache-2.0")),
        cpe: Some(cpe("rust-lang:rust", version)),
        ..Component::default()
    };
    bill.components.push(std.with("xtask:std:provider", provider).with("xtask:rustc:identity", identity));
    bill.needs(PROGRAM, STD);
    bill.edges.entry(STD.into()).or_default();
    let incomplete = vec![STD.to_owned()];
    bill.compositions.push(Composition {
        aggregate: Aggregate::Incomplete,
        assemblies: incomplete,
        dependencies: Vec::new(),
    });
    let Some((name, product)) = program.libc else { return };
    let version = read.libc.clone().unwrap_or_default();
    let libc = Component {
        reference: LIBC.into(),
        name: name.into(),
        description: Some("the C library, linked into the program".into()),
        scope: Some(Scope::Required),
        cpe: read.libc.as_ref().map(|version| cpe(product, version)),
        purl: read.libc.as_ref().map(|version| Purl::new("generic", name, version)),
        version,
        ..Component::default()
    };
    bill.components.push(libc.with("xtask:linkage", "static"));
    bill.needs(STD, LIBC);
    bill.edges.entry(LIBC.into()).or_default();
}
