//! Writes a lock. A package is one line, so that an update changes one line for each changed package.

use std::collections::BTreeMap;

use super::{ALL, BaseLock, DebPackage};

impl BaseLock {
    /// Returns the text of the file. Equal locks have equal bytes.
    pub fn text(&self) -> String {
        let Self { debian, releases, packages } = self;
        let mut text = format!(
            "# The packages of the distroless bases of Debian {debian}, made by `cargo xtask base update {debian}`.\n\
             # The archive is not named here: any mirror has files with these digests at these places.\n\
             schema = 1\n\
             debian = {debian}\n"
        );
        for (suite, release) in releases {
            let signers: Vec<String> = release.signers.iter().map(|signer| format!("\"{signer}\"")).collect();
            text += &format!("\n[release.{suite}]\n");
            text += &format!("date = \"{}\"\nsha256 = \"{}\"\n", release.date, release.digest.hex());
            text += &format!("signers = [{}]\n", signers.join(", "));
        }
        // Packages for all architectures are in every architecture's map, but only once in the file.
        let mut tables: BTreeMap<&str, BTreeMap<&str, &DebPackage>> =
            packages.keys().map(|arch| (arch.as_str(), BTreeMap::new())).collect();
        for (arch, packages) in packages {
            for (name, package) in packages {
                let table = if package.architecture == ALL { ALL } else { arch.as_str() };
                tables.entry(table).or_default().insert(name, package);
            }
        }
        for (table, packages) in tables {
            text += &format!("\n[package.{table}]\n");
            for (name, package) in packages {
                let DebPackage { version, size, digest, pool, .. } = package;
                text += &format!(
                    "\"{name}\" = {{ version = \"{version}\", size = {size}, sha256 = \"{}\", pool = \"{pool}\" }}\n",
                    digest.hex()
                );
            }
        }
        text
    }
}
