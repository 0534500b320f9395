//! Small values: users, ports, signals, durations, shares. A text that is not such a value gives none.

use std::time::Duration;

use crate::types::{Id, User};

/// Reads a user or group: a number, or a name as in POSIX (XBD 3.437: the portable file name characters, no
/// `-` first).
pub(super) fn id(text: &str) -> Option<Id> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return plain_number(text).filter(|n| *n <= User::MAX).map(Id::Number);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) && text.len() <= 32;
    is_name.then(|| Id::Name(text.to_owned()))
}

/// Reads a port: `8080` and `8080/tcp` both give `8080/tcp`.
pub fn port(text: &str) -> Option<String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number = plain_number(number).filter(|n| (1..=65535).contains(n))?;
    matches!(protocol, "tcp" | "udp" | "sctp").then(|| format!("{number}/{protocol}"))
}

/// The signals of Linux by number, from 1 (signal(7)). They are the same on every architecture for which
/// images are made.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The first and the last real-time signal, as container engines number them.
const REAL_TIME: (u32, u32) = (34, 64);

/// Reads a signal, and returns its name in the image specification's spelling. The prefix `SIG` may be
/// missing, and a number may be written instead.
pub fn signal(text: &str) -> Option<String> {
    let (first, last) = REAL_TIME;
    if let Some(number) = plain_number(text) {
        return match number {
            1..=31 => Some(format!("SIG{}", SIGNALS[number as usize - 1])),
            _ if number == first => Some("SIGRTMIN".to_owned()),
            _ if (first..=last).contains(&number) => Some(format!("SIGRTMIN+{}", number - first)),
            _ => None,
        };
    }
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let offset = |sign: &str| plain_number(name.strip_prefix(sign)?);
    let known = SIGNALS.contains(&name)
        || matches!(name, "RTMIN" | "RTMAX")
        || offset("RTMIN+").is_some_and(|n| n <= last - first)
        || offset("RTMAX-").is_some_and(|n| n <= last - first);
    known.then(|| format!("SIG{name}"))
}

/// The longest duration that is accepted.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration such as `1h30m`, `45s` or `500ms`: whole numbers with units, the largest unit first, each
/// unit once. It must be from 1 ms to a year.
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut total = 0u64;
    let mut units = UNITS.as_slice();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let at = units.iter().position(|(unit, _)| *unit == &after[..end])?;
        let milliseconds = number.parse::<u64>().ok()?.checked_mul(units[at].1)?;
        total = total.checked_add(milliseconds)?;
        units = &units[at + 1..];
        rest = &after[end..];
    }
    let time = Duration::from_millis(total);
    (total > 0 && time <= YEAR).then_some(time)
}

/// Reads a percentage above 0 and up to 1000 %, such as `5%` or `2.5%`, and returns it as a share: 0.05, 0.025.
pub fn share(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let share = number.parse::<f64>().ok().filter(|_| plain)? / 100.0;
    (share > 0.0 && share <= 10.0).then_some(share)
}

/// Reads decimal digits, without a sign and without leading zeros.
fn plain_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        assert_eq!(id("0"), Some(Id::Number(0)));
        assert_eq!(id("65532"), Some(Id::Number(65532)));
        assert_eq!(id("non-root_1"), Some(Id::Name("non-root_1".into())));
        assert_eq!(id("2147483647"), Some(Id::Number(2_147_483_647)));
        for text in [
            "",
            "-x",
            "2147483648",
            "4294967294",
            "4294967295",
            "4294967296",
            "007",
            "1x",
            "a b",
            "a:b",
            "ä",
            "+1",
        ] {
            assert_eq!(id(text), None, "{text:?}");
        }
    }

    #[test]
    fn ports() {
        for (text, expected) in [("8080", "8080/tcp"), ("53/udp", "53/udp"), ("1/sctp", "1/sctp")] {
            assert_eq!(port(text).as_deref(), Some(expected));
        }
        for text in ["", "0", "65536", "80/", "80/TCP", "/tcp", "8000-8010", "080", "80/tcp/udp", "http"] {
            assert_eq!(port(text), None, "{text:?}");
        }
    }

    #[test]
    fn signals() {
        let cases = [
            ("15", "SIGTERM"),
            ("SIGTERM", "SIGTERM"),
            ("TERM", "SIGTERM"),
            ("1", "SIGHUP"),
            ("31", "SIGSYS"),
            ("34", "SIGRTMIN"),
            ("37", "SIGRTMIN+3"),
            ("64", "SIGRTMIN+30"),
            ("SIGRTMIN+3", "SIGRTMIN+3"),
            ("RTMAX-30", "SIGRTMAX-30"),
        ];
        for (text, expected) in cases {
            assert_eq!(signal(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "SIG", "0", "32", "65", "sigterm", "SIGSIGTERM", "SIGRTMIN+31", "SIGRTMIN+", "-9"] {
            assert_eq!(signal(text), None, "{text:?}");
        }
    }

    #[test]
    fn shares() {
        for (text, expected) in [("5%", 0.05), ("2.5%", 0.025), ("100%", 1.0), ("1000%", 10.0)] {
            assert_eq!(share(text), Some(expected), "{text}");
        }
        for text in ["", "%", "5", "0%", "-5%", "+5%", "5 %", "1e1%", "inf%", "NaN%", "1001%", "5%%"] {
            assert_eq!(share(text), None, "{text:?}");
        }
    }

    #[test]
    fn times() {
        let cases =
            [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1h0m1ms", 3_600_001), ("90m", 5_400_000)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        let wrong = [
            "",
            "0s",
            "30",
            "s",
            "1.5s",
            "-1s",
            "1s1m",
            "1s1s",
            "1 s",
            "1d",
            "9000h",
            "99999999999999999999h",
            "1sé",
        ];
        for text in wrong {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }
}
