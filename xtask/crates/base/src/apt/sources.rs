//! Finds Debian's archive among the host's sources. Pure.

use crate::deb::Paragraph;
use crate::lock::is_security_update;

/// The addresses of the archive, each with a `/` at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptSources {
    /// The address of the main archive.
    pub main: String,
    /// Whether that mirror has the suite of updates between point releases.
    pub updates: bool,
    /// The address of the archive of security updates.
    pub security: Option<String>,
}

/// The names of Debian's suites in sources, by code name and by role.
const SUITES: [&str; 13] = [
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "experimental",
];

/// The role of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Main,
    Updates,
    Security,
}

impl AptSources {
    /// Finds the archive in the output of `apt-get indextargets`. Other distributions also use Debian's names
    /// for their suites. So the origin that apt has read decides, and then the address. A wrong guess is
    /// rejected by the signature check.
    pub fn choose(targets: &[Paragraph]) -> Option<Self> {
        let mut best: [Option<(u8, String)>; 3] = [None, None, None];
        for target in targets {
            let Some((role, score, uri)) = judge(target) else { continue };
            let place = &mut best[role as usize];
            // The first of several equal ones is taken: the order is the administrator's.
            if place.as_ref().is_none_or(|(other, _)| *other < score) {
                *place = Some((score, uri));
            }
        }
        let [main, updates, security] = best.map(|found| found.map(|(_, uri)| uri));
        let updates_here = updates.is_some() && (main.is_none() || updates == main);
        Some(Self { main: main.or(updates)?, updates: updates_here, security })
    }

    /// Returns the address of the archive that has a package, judging by its path in the pool.
    pub fn of(&self, pool: &str) -> &str {
        self.security.as_deref().filter(|_| is_security_update(pool)).unwrap_or(&self.main)
    }

    /// Returns the suites of a release, each with the address of its archive.
    pub fn suites(&self, codename: &str) -> Vec<(String, &str)> {
        let mut suites = vec![(codename.to_owned(), self.main.as_str())];
        if self.updates {
            suites.push((format!("{codename}-updates"), &self.main));
        }
        suites.extend(self.security.as_deref().map(|uri| (format!("{codename}-security"), uri)));
        suites
    }
}

fn judge(target: &Paragraph) -> Option<(Role, u8, String)> {
    if target.get("Component") != Some("main") {
        return None;
    }
    let release = target.get("Release")?.trim_end_matches('/');
    let (name, role) = match release.split_once(['-', '/']) {
        None => (release, Role::Main),
        Some((name, "updates")) if release.contains('-') => (name, Role::Updates),
        Some((name, "security" | "updates")) => (name, Role::Security),
        Some(_) => return None,
    };
    if !SUITES.contains(&name) {
        return None;
    }
    let uri = format!("{}/", target.get("Repo-URI")?.trim_end_matches('/'));
    let usual = if role == Role::Security { "/debian-security/" } else { "/debian/" };
    let score = match target.get("Origin") {
        Some("Debian") => 2,
        Some(other) if !other.is_empty() => return None,
        _ if uri.ends_with(usual) => 1,
        _ => 0,
    };
    Some((role, score, uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(lines: &[[&str; 4]]) -> Option<AptSources> {
        let text: String = lines
            .iter()
            .map(|[release, component, uri, origin]| {
                format!("Release: {release}\nComponent: {component}\nRepo-URI: {uri}\nOrigin: {origin}\n\n")
            })
            .collect();
        AptSources::choose(&Paragraph::all(&text).unwrap())
    }

    #[test]
    fn the_archive_is_told_from_others() {
        let found = choose(&[
            ["stable", "main", "http://browser/deb/", ""],
            ["bookworm", "main", "http://vendor/prod/", "Vendor"],
            ["bookworm", "stable", "http://engine/debian/", ""],
            ["bookworm", "main", "http://mirror/debian", ""],
            ["bookworm", "main", "http://second/debian", ""],
            ["bookworm-updates", "main", "http://mirror/debian/", ""],
            ["bookworm-backports", "main", "http://ports/debian/", ""],
            ["bookworm-security", "main", "http://mirror/debian-security/", ""],
        ])
        .unwrap();
        assert_eq!(found.main, "http://mirror/debian/");
        assert_eq!(found.security.as_deref(), Some("http://mirror/debian-security/"));
        assert_eq!(found.of("pool/updates/main/o/x.deb"), "http://mirror/debian-security/");
        assert_eq!(found.of("pool/main/o/x.deb"), "http://mirror/debian/");
        let suites: Vec<String> = found.suites("trixie").into_iter().map(|(suite, _)| suite).collect();
        assert_eq!(suites, ["trixie", "trixie-updates", "trixie-security"]);
    }

    #[test]
    fn what_apt_has_read_counts_more_than_the_address() {
        let found = choose(&[
            ["trixie", "main", "http://a/debian/", ""],
            ["trixie", "main", "mirror+file:/etc/mirrors.list", "Debian"],
        ]);
        assert_eq!(found.unwrap().main, "mirror+file:/etc/mirrors.list/");
    }

    #[test]
    fn a_host_without_the_archive() {
        assert_eq!(choose(&[["noble", "main", "http://mirror/ubuntu/", "Ubuntu"]]), None);
        assert_eq!(choose(&[]), None);
        let old = choose(&[
            ["buster", "main", "http://m/debian/", ""],
            ["buster/updates", "main", "http://m/debian-security/", ""],
        ]);
        assert_eq!(old.unwrap().security.as_deref(), Some("http://m/debian-security/"));
    }
}
