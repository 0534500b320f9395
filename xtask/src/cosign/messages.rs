//! The messages of cosign, without the secrets of the environment.

use std::ffi::OsStr;

use xtask_process::host::Host;

/// The number of lines that are shown.
const LINES: usize = 8;
/// Words in the names of variables whose values are secrets.
const SECRET: [&str; 6] = ["CREDENTIAL", "KEY", "PASS", "PIN", "SECRET", "TOKEN"];

/// Returns the last lines of cosign's messages. An error that cosign prints twice is returned once.
pub(super) fn last_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()) {
        // cosign prints an error twice, with different beginnings.
        let repeated = line.strip_prefix("error during command execution: ");
        let known = |error: &str| lines.iter().any(|line| line.strip_prefix("Error: ") == Some(error));
        if !repeated.is_some_and(known) {
            lines.push(line.to_owned());
        }
    }
    lines.split_off(lines.len().saturating_sub(LINES))
}

/// The values of the environment that are never shown.
pub(super) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Collects the values of variables whose names contain one of [`SECRET`], line by line.
    pub(super) fn of(host: &Host) -> Self {
        let secret = |name: &OsStr| {
            let name = name.to_string_lossy().to_ascii_uppercase();
            SECRET.iter().any(|word| name.contains(word))
        };
        let values = host.vars().filter(|(name, _)| secret(name)).map(|(_, value)| value.to_string_lossy());
        let mut lines: Vec<String> = values
            .flat_map(|value| value.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        // Shorter values are not secrets, and would match everywhere.
        lines.retain(|line| line.len() >= 4);
        lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
        lines.dedup();
        Self(lines)
    }

    /// Returns the text with `***` instead of every secret.
    pub(super) fn hidden(&self, text: &str) -> String {
        let text = xtask_files::escape::masked(text);
        self.0.iter().fold(text, |text, secret| text.replace(secret.as_str(), "***"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cosign_says_twice_is_shown_once() {
        let text = "Using payload\n\nError: no such key\nerror during command execution: no such key\n";
        assert_eq!(last_lines(text), ["Using payload", "Error: no such key"]);
        assert_eq!(last_lines("error during command execution: a"), ["error during command execution: a"]);
        let many: String = (0..20).map(|n| format!("{n}\n")).collect();
        assert_eq!(last_lines(&many), ["12", "13", "14", "15", "16", "17", "18", "19"]);
    }

    #[test]
    fn values_of_secret_variables_are_hidden() {
        let vars = [
            ("VAULT_TOKEN", "hvs.secret"),
            ("AWS_SECRET_ACCESS_KEY", "first line\nlast line"),
            ("COSIGN_PKCS11_PIN", "1234"),
            ("MY_PIN", "123"),
            ("LANG", "visible"),
        ];
        let vars = vars.map(|(key, value)| (key.into(), value.into()));
        let secrets = Secrets::of(&Host::new(xtask_triple::Triple::parse("x86_64-unknown-linux-gnu"), vars));
        let shown = secrets.hidden("hvs.secret visible last line 1234 123 pin-value=99");
        assert_eq!(shown, "*** visible *** *** 123 pin-value=**");
        assert!(!format!("{secrets:?}").contains("hvs"));
    }
}
