//! Media types (image-spec, `media-types.md`).

/// The media type of an image index: the manifests of an image for its platforms.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an image manifest: one image for one platform.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an image configuration: how to run an image.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a configuration that says nothing: `{}`, for manifests that hold no image.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A layer: a tar, compressed with gzip.
pub const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer: a tar, as it is.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// A layer: a tar, compressed with zstd.
pub const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// What Docker's image manifest, version 2, schema 2 calls these, which registries give out as they were given it.
pub mod docker {
    /// Docker's media type of a manifest list, which OCI calls an image index.
    pub const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker's media type of an image manifest.
    pub const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's media type of an image configuration.
    pub const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// A layer: a tar, compressed with gzip.
    pub const LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// A layer: a tar, as it is.
    pub const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// A layer: a tar, compressed with zstd.
    pub const LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
}
