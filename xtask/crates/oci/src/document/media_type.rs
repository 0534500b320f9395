//! Media types (image-spec, `media-types.md`).

/// The media type of an image index: the manifests of an image for its platforms.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an image manifest: one image for one platform.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image configuration: how to run an image.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of an empty configuration, `{}`, in manifests that are not images.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The media type of a layer: a tar, compressed with gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The media type of a layer: an uncompressed tar.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The media type of a layer: a tar, compressed with zstd.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// The media types of Docker's image manifest, version 2, schema 2. Registries return documents with the
/// media type with which they were pushed.
pub mod docker {
    /// Docker's media type of a manifest list, which OCI calls an image index.
    pub const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's media type of an image manifest.
    pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's media type of an image configuration.
    pub const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker's media type of a layer: a tar, compressed with gzip.
    pub const LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker's media type of a layer: an uncompressed tar.
    pub const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker's media type of a layer: a tar, compressed with zstd.
    pub const LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
}
