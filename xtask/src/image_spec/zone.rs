//! Checks whether an image has the time zone that its `TZ` names. A program that does not find its zone
//! silently uses UTC.

use xtask_oci::RootFs;

/// The folder of time zones.
const FOLDER: &str = "usr/share/zoneinfo";

/// Returns a warning if a variable of an image names a time zone that its root does not contain.
pub(super) fn missing_zone(image: &str, env: &[String], root: &RootFs) -> Option<String> {
    let value = env.iter().rev().find_map(|entry| entry.strip_prefix("TZ="))?;
    let name = value.strip_prefix(':').unwrap_or(value);
    if needs_no_file(name) {
        return None;
    }
    let file = match name.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => format!("{FOLDER}/{name}"),
    };
    if root.file(&file).is_some() {
        return None;
    }
    let lacks = format!("image {image} sets TZ={value}, and has no /{file}: its program takes UTC instead");
    let mend = match root.below(&format!("{FOLDER}/")).next() {
        None => "to ship the time zones, set `tzdata = true` in its [[image]]",
        Some(_) => "look for a mistake in the name of the zone",
    };
    Some(format!("{lacks}\n  help: {mend}"))
}

/// Returns whether a value of `TZ` needs no file: an empty value, UTC, or a POSIX rule (`EST5EDT`,
/// `<+05>-5`).
fn needs_no_file(name: &str) -> bool {
    // The text after a comma gives the beginning of summer time, with a slash before the hour.
    let zone = name.split(',').next().unwrap_or(name);
    let rule =
        name.starts_with('<') || (!zone.contains('/') && zone.bytes().any(|byte| byte.is_ascii_digit()));
    name.is_empty() || matches!(name, "UTC" | "GMT" | "Etc/UTC" | "Etc/GMT" | "Universal" | "Zulu") || rule
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_oci::Node;

    #[test]
    fn zones_are_looked_for_where_programs_look() {
        let mut zones = RootFs::new();
        zones.put("usr/share/zoneinfo/Europe/Berlin", Node::bytes(0o644, b"TZif")).unwrap();
        let said = |value: &str, root: &RootFs| missing_zone("web", &[format!("TZ={value}")], root);
        for value in ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin"] {
            assert_eq!(said(value, &zones), None, "{value}");
            let lacks = said(value, &RootFs::new()).unwrap();
            assert!(
                lacks.contains("has no /usr/share/zoneinfo/Europe/Berlin") && lacks.contains("tzdata = true")
            );
        }
        assert!(said("Europe/Berlim", &zones).unwrap().contains("a mistake in the name"));
        for value in ["", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT", "<+05>-5"] {
            assert_eq!(said(value, &RootFs::new()), None, "{value}");
        }
        assert_eq!(missing_zone("web", &["PATH=/bin".to_owned()], &RootFs::new()), None);
    }
}
