//! The flags that rustc gets, as a list of arguments. Pure.

/// The codegen options with a value in a list of flags, in its order: which flag holds it, its name and its value.
pub fn codegen_options<'f>(flags: impl Iterator<Item = &'f str>) -> Vec<(usize, String, &'f str)> {
    let mut options = Vec::new();
    let mut before = "";
    for (at, flag) in flags.enumerate() {
        // `-Cname=value`, `--codegen=name=value`, or the option and its value as two arguments.
        let option = match before {
            "-C" | "--codegen" => Some(flag),
            _ => flag.strip_prefix("--codegen=").or_else(|| flag.strip_prefix("-C")),
        };
        if let Some((name, value)) = option.and_then(|option| option.split_once('=')) {
            // rustc takes both spellings.
            options.push((at, name.replace('_', "-"), value));
        }
        before = flag;
    }
    options
}
