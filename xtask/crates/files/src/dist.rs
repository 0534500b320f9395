//! The folders below `target/dist`, where everything that ships goes.

use std::path::{Path, PathBuf};

/// The name of the folder of bills of materials, which reports say as a part of paths.
pub const BILLS: &str = "sbom";

/// The name of the folder of archives.
pub const ARCHIVES: &str = "archives";

/// The name of the file that lists the digests of the archives.
pub const SUMS: &str = "SHA256SUMS";

/// What the name of a Sigstore bundle ends with, after the name of the file that it is about.
pub const BUNDLE_SUFFIX: &str = ".sigstore.json";

/// The folder of all programs, which lie at `bin/<triple>/<mode>/<bin>` below `dist`.
pub fn programs(dist: &Path) -> PathBuf {
    dist.join("bin")
}

/// The folder of the program for a target in a mode.
pub fn program(dist: &Path, target: &str, mode: &str) -> PathBuf {
    programs(dist).join(target).join(mode)
}

/// The folder of the archives of programs.
pub fn archives(dist: &Path) -> PathBuf {
    dist.join(ARCHIVES)
}

/// The folder of the bills of materials.
pub fn bills(dist: &Path) -> PathBuf {
    dist.join(BILLS)
}

/// The folder of in-toto statements about what ships.
pub fn provenance(dist: &Path) -> PathBuf {
    dist.join("provenance")
}

/// The folder of the files that Docker needs to build the same images.
pub fn docker(dist: &Path) -> PathBuf {
    dist.join("docker")
}

/// The folder of the OCI layout that holds all images.
pub fn layout(dist: &Path) -> PathBuf {
    dist.join("oci")
}

/// The folder of the tars of images.
pub fn tars(dist: &Path) -> PathBuf {
    dist.join("images")
}

/// The tar of an image, which `docker load` takes.
pub fn tar(dist: &Path, image: &str) -> PathBuf {
    tars(dist).join(format!("{image}.tar"))
}
