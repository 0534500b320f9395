//! Reads the flags of rustc, given as a list of arguments. This module is pure.

/// Returns the codegen options with a value, in the order of the flags. Each has the index of its flag, its
/// name and its value.
pub fn codegen_options<'f>(flags: impl Iterator<Item = &'f str>) -> Vec<(usize, String, &'f str)> {
    let mut options = Vec::new();
    let mut before = "";
    for (at, flag) in flags.enumerate() {
        // The forms are `-Cname=value`, `--codegen=name=value`, and the option and its value as two
        // arguments.
        let option = match before {
            "-C" | "--codegen" => Some(flag),
            _ => flag.strip_prefix("--codegen=").or_else(|| flag.strip_prefix("-C")),
        };
        if let Some((name, value)) = option.and_then(|option| option.split_once('=')) {
            // rustc accepts `_` and `-` in names.
            options.push((at, name.replace('_', "-"), value));
        }
        before = flag;
    }
    options
}
