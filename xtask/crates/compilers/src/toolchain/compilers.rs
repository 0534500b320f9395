//! Programs that compile C or C++, recognized by their names. Traps replace them, and the trace of a build
//! counts their time.

use super::Provider;

/// Compilers that belong to no provider.
const OTHERS: [&str; 8] = ["tcc", "icc", "icpc", "icx", "icpx", "emcc", "em++", "nvcc"];

/// Archivers. They are trapped because C usually enters a Rust program as an archive of objects.
const ARCHIVERS: [&str; 2] = ["ar", "ranlib"];

/// Programs that start compilers. sccache is not listed, because it wraps rustc too. The C compilers that it
/// starts are trapped.
const STARTERS: [&str; 3] = ["cmake", "ccache", "distcc"];

/// Compilers that are recognized by the whole name only, because a prefix would make the match too loose.
const WHOLE: [&str; 2] = ["clang-cl", "cl"];

/// Whether a program with this name compiles C or C++, archives objects, or starts compilers. It knows the
/// names that distributions use: `aarch64-linux-gnu-gcc-12`, `clang++-14`, `musl-gcc`, `zig`.
pub fn compiles_c(name: &str) -> bool {
    // Debian's MinGW compilers have the threading model as a suffix.
    let name = ["-posix", "-win32"].iter().find_map(|model| name.strip_suffix(model)).unwrap_or(name);
    let stem = without_version(name);
    is_compiler(stem)
        || ends_in(stem, &OTHERS)
        || ends_in(stem, &ARCHIVERS)
        || STARTERS.contains(&stem)
        || WHOLE.contains(&stem)
}

/// Whether a program from the list above compiles nothing itself, but archives or starts compilers.
pub fn is_archiver_or_driver(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || "-.".contains(c));
    ends_in(stem, &ARCHIVERS) || ends_in(stem, &STARTERS)
}

/// Whether a program with this name is the compiler of a provider. A name that the kernel has truncated
/// matches by its first 15 bytes.
pub fn is_compiler(name: &str) -> bool {
    let compilers = || Provider::ALL.iter().flat_map(|provider| provider.compilers());
    let cut_off = name.len() == KEPT_BY_KERNEL && compilers().any(|compiler| compiler.starts_with(name));
    cut_off || compilers().any(|compiler| is_or_ends_in(without_version(name), compiler))
}

/// The number of bytes of a program's name that Linux keeps for a process.
pub const KEPT_BY_KERNEL: usize = 15;

fn without_version(name: &str) -> &str {
    let versioned = |v: &str| !v.is_empty() && v.chars().all(|c| c.is_ascii_digit() || c == '.');
    name.rsplit_once('-').filter(|(_, v)| versioned(v)).map_or(name, |(stem, _)| stem)
}

fn ends_in(name: &str, list: &[&str]) -> bool {
    list.iter().any(|known| is_or_ends_in(name, known))
}

/// Whether a name equals the known one, or has it after a prefix that ends in `-`.
fn is_or_ends_in(name: &str, known: &str) -> bool {
    name.strip_suffix(known).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_compile_c() {
        for name in [
            "cc",
            "gcc",
            "gcc-12",
            "aarch64-linux-gnu-gcc-12",
            "x86_64-linux-musl-g++",
            "clang++-14",
            "musl-gcc",
            "c99",
            "zig",
            "cmake",
            "clang-14",
            "ar",
            "aarch64-linux-gnu-ar",
            "gcc-ar-12",
            "llvm-ar-14",
            "x86_64-w64-mingw32-gcc-posix",
            "x86_64-w64-mingw32-g++-12-win32",
        ] {
            assert!(compiles_c(name), "{name}");
        }
        for name in [
            "rustc",
            "sccache",
            "ld",
            "tar",
            "bash",
            "clang-format",
            "gccgo",
            "ccmake-gui",
            "yacc",
            "collect2",
        ] {
            assert!(!compiles_c(name), "{name}");
        }
    }

    #[test]
    fn what_is_masked_compiles_itself() {
        for name in ["gcc-ar-12", "llvm-ar-14", "ranlib", "cmake", "ccache", "x86_64-linux-gnu-ar"] {
            assert!(is_archiver_or_driver(name), "{name}");
        }
        for name in ["gcc-12", "cc", "c99", "g++", "clang++-14", "x86_64-linux-gnu-gcc-12", "zig"] {
            assert!(!is_archiver_or_driver(name), "{name}");
        }
    }

    #[test]
    fn every_compiler_of_a_provider_is_known() {
        for name in Provider::ALL.iter().flat_map(|provider| provider.compilers()) {
            for spelled in
                [(*name).to_owned(), format!("x-y-{name}"), format!("{name}-14"), format!("x-{name}-1.2")]
            {
                assert!(compiles_c(&spelled) && is_compiler(&spelled), "{spelled}");
            }
        }
        assert!(!is_compiler("ar") && !is_compiler("cmake") && !is_compiler("x86_64-linux-gn"));
    }
}
