//! Checks the keys of `[[image]]` that describe how it is run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::check::ConfigCheck;
use super::check_bin::hidden;
use super::quote::quoted;
use super::raw::{RawHealthcheck, RawRun, SpannedText, SpannedTexts};
use super::types::{HealthCheck, ImageRun, ImageSmoke, User};
use super::values;
use xtask_oci::kernel;

/// Prefixes of keys of labels and annotations that this program writes itself, so that their values are
/// always right.
const RESERVED: [&str; 3] = ["xtask.", "org.opencontainers.image.base.", "org.opencontainers.image.ref."];

/// Checks the keys that describe how the image is run.
pub(super) fn run<'a>(check: &mut ConfigCheck<'a, '_>, raw: &'a RawRun) -> ImageRun {
    ImageRun {
        entrypoint: raw.entrypoint.as_ref().map(|texts| command(check, "entrypoint", texts)),
        cmd: raw.cmd.as_ref().map(|texts| check.arguments(texts)).unwrap_or_default(),
        env: env(check, &raw.env),
        user: raw.user.as_ref().and_then(|text| user(check, text)),
        workdir: raw.workdir.as_ref().and_then(|text| folder(check, "workdir", text)),
        ports: ports(check, raw.ports.as_ref()),
        volumes: volumes(check, raw.volumes.as_ref()),
        stop_signal: raw.stop_signal.as_ref().and_then(|text| signal(check, text)),
        healthcheck: raw.healthcheck.as_ref().and_then(|raw| healthcheck(check, raw)),
        labels: facts(check, "labels", &raw.labels),
        annotations: facts(check, "annotations", &raw.annotations),
    }
}

/// Checks the keys of the image's smoke run.
pub(super) fn smoke<'a>(check: &mut ConfigCheck<'a, '_>, raw: &'a RawRun) -> ImageSmoke {
    let args = raw.smoke.as_ref().map(|texts| check.arguments(texts));
    if let (Some(entrypoint), None) = (&raw.entrypoint, &args)
        && entrypoint.get_ref().len() > 1
    {
        // `smoke` of [app] holds arguments of the program. After other arguments they would have another
        // meaning, or none.
        check
            .diags
            .at(entrypoint.span(), "the entrypoint has arguments, and the image has no `smoke`")
            .help("add smoke = […]: arguments after the entrypoint with which the program runs and exits")
            .help("or move the arguments to `cmd`: those of the smoke run replace them");
    }
    let expect = raw.expect.as_ref();
    let exit = expect.and_then(|expect| expect.exit.as_ref());
    if let Some(text) = exit.filter(|text| text.get_ref().parse::<u8>().is_err()) {
        check
            .diags
            .at(text.span(), format!("{} is not an exit code", text.get_ref()))
            .help("write a number from 0 to 255");
    }
    let stdout = expect.and_then(|expect| expect.stdout.as_ref());
    if let Some(text) = stdout.filter(|text| text.get_ref().is_empty()) {
        check
            .diags
            .at(text.span(), "`stdout` is empty, so it matches every output")
            .help("remove `stdout`, or write a text");
    }
    ImageSmoke {
        args,
        exit: exit.and_then(|text| text.get_ref().parse().ok()).unwrap_or(0),
        stdout: stdout.map(|text| text.get_ref().clone()),
    }
}

/// Checks a program and its arguments.
fn command<'a>(check: &mut ConfigCheck<'a, '_>, key: &str, texts: &'a SpannedTexts) -> Vec<String> {
    match texts.get_ref().first() {
        None => {
            check.diags.at(texts.span(), format!("`{key}` names no program"));
        }
        Some(first) if first.get_ref().is_empty() => {
            check.diags.at(first.span(), format!("`{key}` names no program"));
        }
        Some(first) if first.get_ref().contains(' ') => {
            let words: Vec<String> = first.get_ref().split_whitespace().map(quoted).collect();
            check
                .diags
                .at(first.span(), format!("{} is not the name of a program", quoted(first.get_ref())))
                .help(format!("write each argument as a separate string: [{}]", words.join(", ")));
        }
        Some(first) => {
            if let Some(top) = kernel::hides(first.get_ref()).filter(|_| first.get_ref().starts_with('/')) {
                check
                    .diags
                    .at(first.span(), format!("{} cannot be a program for `{key}`", quoted(first.get_ref())))
                    .help(hidden(top));
            }
        }
    }
    check.arguments(texts)
}

fn env<'a>(
    check: &mut ConfigCheck<'a, '_>,
    entries: &'a [(SpannedText, SpannedText)],
) -> BTreeMap<String, String> {
    for (name, value) in entries {
        if name.get_ref().is_empty() || name.get_ref().contains(['=', '\0']) {
            let message = format!("{} cannot be the name of a variable", quoted(name.get_ref()));
            check.diags.at(name.span(), message).help("a name is not empty and contains no =");
        }
        if value.get_ref().contains('\0') {
            check.diags.at(value.span(), "a variable cannot contain the character \\u0000");
        }
    }
    entries.iter().map(|(name, value)| (name.get_ref().clone(), value.get_ref().clone())).collect()
}

fn user<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<User> {
    let (user, group) = match text.get_ref().split_once(':') {
        Some((user, group)) => (values::id(user), Some(values::id(group))),
        None => (values::id(text.get_ref()), None),
    };
    match (user, group) {
        (Some(user), None) => Some(User { user, group: None }),
        (Some(user), Some(Some(group))) => Some(User { user, group: Some(group) }),
        _ => {
            check
                .diags
                .at(text.span(), format!("{} is not a user", quoted(text.get_ref())))
                .help("write a number or a name, optionally followed by : and a group: \"65532:65532\"")
                .help(format!("the largest number that container engines accept is {}", User::MAX));
            None
        }
    }
}

/// The maximum length of a path, and of one part of a path, in bytes. The first is the limit of Linux
/// (limits.h, without the NUL), the second that of all file systems to which images are unpacked.
const LONGEST: (usize, usize) = (4095, 255);

/// Checks an absolute path without `.`, `..` and `//`. It must not lie in a folder that the kernel mounts, or
/// in the program.
fn folder<'a>(check: &mut ConfigCheck<'a, '_>, key: &str, text: &'a SpannedText) -> Option<String> {
    let path = text.get_ref().as_str();
    let normal = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let rest = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let Some(rest) = rest.filter(|rest| !rest.contains('\0') && (rest.is_empty() || normal(rest))) else {
        check
            .diags
            .at(text.span(), format!("{} is not a folder for `{key}`", quoted(path)))
            .help("write an absolute path in the image, without `.`, `..` and `//`");
        return None;
    };
    let path = format!("/{rest}");
    let bin = check.raw.app.as_ref().and_then(|app| app.bin.as_ref());
    let bin = bin.filter(|bin| rest.split('/').next() == Some(bin.get_ref()));
    let why = if let Some(top) = kernel::hides(&path) {
        hidden(top)
    } else if path.len() > LONGEST.0 || rest.split('/').any(|part| part.len() > LONGEST.1) {
        format!("a path has at most {} bytes, and each part of it at most {}", LONGEST.0, LONGEST.1)
    } else if let Some(bin) = bin {
        format!("/{} is the program", bin.get_ref())
    } else {
        return Some(path);
    };
    let message = format!("{} cannot be a folder for `{key}`", quoted(&path));
    check.diags.at(text.span(), message).help(why);
    None
}

fn ports<'a>(check: &mut ConfigCheck<'a, '_>, texts: Option<&'a SpannedTexts>) -> BTreeSet<String> {
    let mut ports = BTreeMap::new();
    for text in texts.map(|t| t.get_ref().as_slice()).unwrap_or_default() {
        let Some(port) = values::port(text.get_ref()) else {
            check
                .diags
                .at(text.span(), format!("{} is not a port", quoted(text.get_ref())))
                .help("write a number from 1 to 65535, optionally followed by /tcp, /udp or /sctp: \"8080\", \"53/udp\"");
            continue;
        };
        once(check, &mut ports, port, text);
    }
    ports.into_keys().collect()
}

fn volumes<'a>(check: &mut ConfigCheck<'a, '_>, texts: Option<&'a SpannedTexts>) -> BTreeSet<String> {
    let mut volumes = BTreeMap::new();
    for text in texts.map(|t| t.get_ref().as_slice()).unwrap_or_default() {
        let Some(path) = folder(check, "volumes", text) else { continue };
        if path == "/" {
            check.diags.at(text.span(), "the root cannot be a volume").help("name a folder in it: \"/data\"");
            continue;
        }
        once(check, &mut volumes, path, text);
    }
    volumes.into_keys().collect()
}

/// Keeps a value, or reports that it is listed already.
fn once<'a>(
    check: &mut ConfigCheck<'a, '_>,
    seen: &mut BTreeMap<String, usize>,
    value: String,
    text: &'a SpannedText,
) {
    match seen.get(&value) {
        Some(first) => {
            let message = format!("{} is listed twice", quoted(&value));
            check.diags.at(text.span(), message).also("the first is on", *first);
        }
        None => drop(seen.insert(value, text.span().start)),
    }
}

fn signal<'a>(check: &mut ConfigCheck<'a, '_>, text: &'a SpannedText) -> Option<String> {
    let signal = values::signal(text.get_ref());
    if signal.is_none() {
        check
            .diags
            .at(text.span(), format!("{} is not a signal", quoted(text.get_ref())))
            .help("write a name as in \"SIGTERM\" and \"SIGRTMIN+3\", or its number in Linux");
    }
    signal
}

fn healthcheck<'a>(check: &mut ConfigCheck<'a, '_>, raw: &'a RawHealthcheck) -> Option<HealthCheck> {
    let mut time = |text: Option<&'a SpannedText>| -> Option<Duration> {
        let text = text?;
        let read = values::duration(text.get_ref());
        if read.is_none() {
            check
                .diags
                .at(text.span(), format!("{} is not a duration", quoted(text.get_ref())))
                .help("write it as in \"30s\", \"1m30s\" or \"500ms\", from 1 ms to a year");
        }
        read
    };
    let interval = time(raw.interval.as_ref());
    let timeout = time(raw.timeout.as_ref());
    let start_period = time(raw.start_period.as_ref());
    let retries = raw.retries.as_ref().and_then(|text| {
        let read = text.get_ref().parse().ok().filter(|n| (1..=1000).contains(n));
        if read.is_none() {
            let message = format!("{} is not a number of retries", text.get_ref());
            check.diags.at(text.span(), message).help("write a number from 1 to 1000");
        }
        read
    });
    let cmd = command(check, "cmd", raw.cmd.as_ref()?);
    Some(HealthCheck { cmd, interval, timeout, start_period, retries })
}

/// Checks the labels or annotations of an image, and returns them by their keys.
fn facts<'a>(
    check: &mut ConfigCheck<'a, '_>,
    table: &str,
    entries: &'a [(SpannedText, SpannedText)],
) -> BTreeMap<String, String> {
    for (key, value) in entries {
        if key.get_ref().is_empty() || key.get_ref().contains(char::is_control) {
            check.diags.at(key.span(), format!("{} cannot be a key of `{table}`", quoted(key.get_ref())));
        } else if let Some(prefix) = RESERVED.iter().find(|prefix| key.get_ref().starts_with(*prefix)) {
            check
                .diags
                .at(key.span(), format!("{} in `{table}` is reserved", quoted(key.get_ref())))
                .help(format!("xtask itself writes the keys that begin with {}", quoted(prefix)));
        }
        if value.get_ref().contains('\0') {
            check.diags.at(value.span(), "a value cannot contain the character \\u0000");
        }
    }
    entries.iter().map(|(key, value)| (key.get_ref().clone(), value.get_ref().clone())).collect()
}
