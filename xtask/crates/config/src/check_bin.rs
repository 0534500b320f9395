//! Checks that the program's path in an image is free. The program is `/<bin>`, beside the folders of the
//! base.

use super::check::ConfigCheck;
use super::quote::quoted;
use xtask_base::Base;

use super::types::Image;
use xtask_oci::kernel;
use xtask_oci::scratch;

/// The top folders of the distroless bases (`base list` shows their files), including `:debug` and other
/// architectures. The folders of a registry's base are known only after it is read: see
/// `image_spec/platform`.
const DISTROLESS: [&str; 17] = [
    "bin", "boot", "busybox", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "root", "run", "sbin",
    "srv", "tmp", "usr", "var",
];

/// Reports a program whose path in an image is already in use.
pub(super) fn place(check: &mut ConfigCheck<'_, '_>, images: &[Image]) {
    let Some(bin) = check.raw.app.as_ref().and_then(|app| app.bin.as_ref()) else { return };
    let name = bin.get_ref().as_str();
    for image in images {
        let why = match kernel::hides(name) {
            Some(top) => hidden(top),
            None if taken(name, image) => {
                format!("the program would replace the folder /{name}, which the image needs")
            }
            None => continue,
        };
        let message = format!("{} cannot be the program of image {}", quoted(name), quoted(&image.name));
        check
            .diags
            .at(bin.span(), message)
            .whole()
            .help(why)
            .help("in an image it is /<bin>: give the program another name, in a [[bin]] of its package");
        // Other images would only repeat the error.
        return;
    }
}

/// Returns the reason why an image's files in a folder are not visible.
pub(super) fn hidden(top: &str) -> String {
    format!("the kernel mounts its own file system on /{top} when the image starts, which hides it")
}

fn taken(bin: &str, image: &Image) -> bool {
    match image.base {
        Base::Scratch => scratch::FOLDERS.contains(&bin) || (image.tzdata && bin == scratch::ZONES_FOLDER),
        Base::Distroless(_) | Base::Auto => DISTROLESS.contains(&bin),
        Base::Registry(_) => false,
    }
}
