//! Handles packages of the workspace that Cargo's configuration patches in. A copy uses the workspace's
//! configuration, whose paths lead to the original. So they are set again, to lead to the copy.

use std::path::Path;

use super::outside::straight;
use super::sources::counterpart;
use crate::cargo::invocation::toml_string;
use xtask_config::cargo_config::PatchedPackage;

/// Returns the settings for Cargo's `--config` that redirect these `[patch]` entries from `root` to `copy`.
/// Entries for folders outside of `root` are left out.
pub fn patches(patched: impl IntoIterator<Item = PatchedPackage>, root: &Path, copy: &Path) -> Vec<String> {
    let setting = |PatchedPackage { source, name, folder }| {
        let place = straight(&folder);
        place.starts_with(root).then(|| {
            let place = toml_string(&counterpart(&place, root, copy).to_string_lossy());
            format!("patch.{}.{}.path={place}", toml_string(&source), toml_string(&name))
        })
    };
    patched.into_iter().filter_map(setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_config::cargo_config::CargoConfig;

    #[test]
    fn patches_lead_to_the_copy() {
        let text = "patch.crates-io.a.path = \"vendor/a\" # /ws/.cargo/config.toml\n\
                    patch.crates-io.b.git = \"https://x/y\" # /ws/.cargo/config.toml\n\
                    patch.\"https://x/z\".c.path = \"../beside/c\" # /ws/.cargo/config.toml\n\
                    patch.\"https://x/z\".d.path = \"./d\" # /ws/.cargo/config.toml\n\
                    patch.\"https://x/z\".e.path = \"e\" # /ws/.cargo/more/x.toml\n";
        let patched = CargoConfig::read(text).unwrap().patches();
        let found = patches(patched, Path::new("/ws"), Path::new("/copy"));
        let expected = [
            "patch.\"crates-io\".\"a\".path=\"/copy/vendor/a\"",
            "patch.\"https://x/z\".\"d\".path=\"/copy/d\"",
            "patch.\"https://x/z\".\"e\".path=\"/copy/.cargo/e\"",
        ];
        assert_eq!(found, expected);
    }
}
