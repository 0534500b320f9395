//! Makes the bill of an image for one platform: the program with its parts, and the files that ship with it.
//! Pure, except that it reads the files of a base.

use super::base::{self, ShippedBase, file};
use super::bill::Bill;
use super::component::{Component, ComponentKind, Hash, Scope};
use super::document::{Aggregate, Composition};
use super::license::License;
use super::purl::Purl;
use xtask_oci::scratch::{CERTIFICATES, GROUP, NSSWITCH, PASSWD, certificates, pem_bundle, zones};
use xtask_oci::{Digest, PackedManifest};

/// The reference of the image in a document.
const IMAGE: &str = "image";

/// An image for one platform, as the subject of a bill.
#[derive(Debug, Clone, Copy)]
pub struct ImageSubject<'a> {
    /// The name of the image.
    pub name: &'a str,
    /// The version of the program.
    pub version: &'a str,
    /// The manifest that was packed for the platform.
    pub manifest: &'a PackedManifest,
    /// The base below the program; none if it is scratch.
    pub below: Option<ShippedBase<'a>>,
    /// Whether our own layer contains the time zones.
    pub brings_zones: bool,
}

/// Makes the bill of an image, which includes the bill of its program.
pub fn bill(image: &ImageSubject<'_>, program: Bill) -> Bill {
    let digest = &image.manifest.digest;
    let platform = &image.manifest.platform;
    let purl = Purl::new("oci", image.name, digest.as_str())
        .with("arch", platform.architecture)
        .with("tag", &xtask_oci::pack::tag(image.version));
    let component = Component {
        kind: ComponentKind::Container,
        reference: IMAGE.into(),
        name: image.name.to_owned(),
        version: digest.as_str().to_owned(),
        hashes: vec![Hash::sha256(digest.hex())],
        purl: Some(purl),
        ..Component::default()
    };
    let component = component.with("xtask:platform", platform.to_string());
    let mut bill = Bill::new(component.with("xtask:image:version", image.version));
    bill.part_with_parts(Bill {
        component: Component { scope: Some(Scope::Required), ..program.component },
        ..program
    });
    match image.below {
        Some(below) => bill.part_with_parts(base::bill(below)),
        None => scratch(&mut bill),
    }
    if image.brings_zones {
        bill.part(IMAGE, time_zones());
    }
    bill.compositions.push(Composition {
        aggregate: Aggregate::Complete,
        assemblies: Vec::new(),
        dependencies: vec![IMAGE.into()],
    });
    bill
}

/// Adds the parts of a scratch image other than the program.
fn scratch(bill: &mut Bill) {
    let (name, version) = certificates::CRATE;
    let bundle = Hash::sha256(Digest::of(pem_bundle()).hex());
    let component = Component {
        kind: ComponentKind::Data,
        reference: "certificates".into(),
        name: name.into(),
        version: version.into(),
        description: Some("the certificate authorities that Mozilla trusts".into()),
        scope: Some(Scope::Required),
        licenses: Some(License::of("CDLA-Permissive-2.0")),
        purl: Some(Purl::new("cargo", name, version)),
        components: vec![file(CERTIFICATES, bundle)],
        ..Component::default()
    };
    bill.part(IMAGE, component);
    for (path, text) in [("etc/passwd", PASSWD), ("etc/group", GROUP), ("etc/nsswitch.conf", NSSWITCH)] {
        bill.part(IMAGE, file(path, Hash::sha256(Digest::of(text.as_bytes()).hex())));
    }
}

fn time_zones() -> Component {
    let (name, version) = zones::CRATE;
    let component = Component {
        kind: ComponentKind::Data,
        reference: "time-zones".into(),
        name: name.into(),
        version: version.into(),
        description: Some("the time zone database of IANA, in usr/share/zoneinfo".into()),
        scope: Some(Scope::Required),
        purl: Some(Purl::new("cargo", name, version)),
        ..Component::default()
    };
    match zones::release() {
        Some(release) => component.with("xtask:tzdata:release", release),
        None => component,
    }
}
