//! The Debian packages with the headers and libraries that builds ask for most. Other packages often have a
//! name similar to their header or library, so the help suggests a search.

/// The first folder or file of a header's path, or the name of a library, with its package.
const KNOWN: [(&str, &str); 24] = [
    ("openssl", "libssl-dev"),
    ("ssl", "libssl-dev"),
    ("crypto", "libssl-dev"),
    ("zlib.h", "zlib1g-dev"),
    ("z", "zlib1g-dev"),
    ("zlib", "zlib1g-dev"),
    ("zstd.h", "libzstd-dev"),
    ("zstd", "libzstd-dev"),
    ("libzstd", "libzstd-dev"),
    ("sqlite3.h", "libsqlite3-dev"),
    ("sqlite3", "libsqlite3-dev"),
    ("curl", "libcurl4-openssl-dev"),
    ("libcurl", "libcurl4-openssl-dev"),
    ("pq", "libpq-dev"),
    ("libpq", "libpq-dev"),
    ("libpq-fe.h", "libpq-dev"),
    ("lzma", "liblzma-dev"),
    ("lzma.h", "liblzma-dev"),
    ("bz2", "libbz2-dev"),
    ("bzlib.h", "libbz2-dev"),
    ("ffi.h", "libffi-dev"),
    ("libudev", "libudev-dev"),
    ("dbus-1", "libdbus-1-dev"),
    ("alsa", "libasound2-dev"),
];

/// Returns how to install a header or library that is missing on this machine, for a build that links with
/// this machine's libraries.
pub(super) fn get(name: &str) -> String {
    let first = name.split('/').next().unwrap_or(name);
    match KNOWN.iter().find(|(known, _)| *known == first) {
        Some((_, package)) => format!("install it: apt-get install {package}"),
        None => format!(
            "install the package that has it (on Debian one that ends with -dev: apt-cache search {})",
            stem(first)
        ),
    }
}

/// Returns the part of a file's name to search for.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
