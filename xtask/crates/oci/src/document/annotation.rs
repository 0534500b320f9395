//! Keys of annotations and labels (image-spec, `annotations.md`).

/// The time at which the image was built, RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// The title of the image: a name for people.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The description of the image: a sentence for people.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// The version of the packed program.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The commit from which it was built.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// The address of the source code from which the image was built.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// The address at which people find more about the image.
pub const URL: &str = "org.opencontainers.image.url";
/// The address of the documentation of the image.
pub const DOCUMENTATION: &str = "org.opencontainers.image.documentation";
/// The people or the organization who wrote the packed program.
pub const AUTHORS: &str = "org.opencontainers.image.authors";
/// The licences of the packed program, as an SPDX expression.
pub const LICENSES: &str = "org.opencontainers.image.licenses";
/// The reference of the base image.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The digest of the base image.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
/// The name by which to find the image, only in the `index.json` of a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full reference that containerd gives to an image that it imports from a layout.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
