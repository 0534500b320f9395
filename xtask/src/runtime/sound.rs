//! Checks the settings of a base, which `config` has not checked. Values that engines would reject are
//! errors.

use xtask_config::values;
use xtask_files::error::{Error, Result};
use xtask_oci::document::Runtime;

/// Checks the whole configuration of an image. The values from targets.toml are already known to be valid.
/// They may replace values of the base.
///
/// # Errors
/// A value that no engine accepts. `base` is the name of the base.
pub(super) fn check(runtime: &Runtime, base: &str) -> Result<()> {
    let wrong = |what: &str, value: &str, why: &str| {
        Err(Error::failed(format!("the base {base} has {what} {value:?}, {why}"))
            .found("container engines do not start such an image"))
    };
    let folder = |path: &str| path.starts_with('/') && !path.contains('\0');
    if !folder(&runtime.working_dir) {
        let error = wrong("`WorkingDir`", &runtime.working_dir, "which is not an absolute path");
        return error.map_err(|error| error.help("set another in targets.toml: workdir = \"/\""));
    }
    for entry in &runtime.env {
        match entry.split_once('=') {
            Some((name, _)) if !name.is_empty() && !entry.contains('\0') => {}
            Some(_) => {
                return wrong("`Env`", entry, "whose name is not valid for a variable").map_err(other);
            }
            None => {
                let error = wrong("`Env`", entry, "which has no =");
                let help = format!("set its value in targets.toml: env = {{ {entry:?} = \"…\" }}");
                return error.map_err(|error| error.help(help));
            }
        }
    }
    for path in &runtime.volumes {
        if !folder(path) || path.split('/').all(|part| matches!(part, "" | ".")) {
            return wrong("`Volumes`", path, "which is not an absolute path below the root").map_err(other);
        }
    }
    for port in &runtime.exposed_ports {
        let (numbers, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        if [first, last].iter().any(|number| values::port(&format!("{number}/{protocol}")).is_none()) {
            return wrong("`ExposedPorts`", port, "which is not a port").map_err(other);
        }
    }
    let signal = runtime.stop_signal.as_deref().filter(|signal| !signal.is_empty());
    match signal.filter(|signal| values::signal(&signal.to_ascii_uppercase()).is_none()) {
        Some(signal) => wrong("`StopSignal`", signal, "which is not a signal")
            .map_err(|error| error.help("set another in targets.toml: stop-signal = \"SIGTERM\"")),
        None => Ok(()),
    }
}

fn other(error: Error) -> Error {
    error.help("use another base, or fix the config of this one")
}
