//! Which packages of Debian have the headers and libraries that builds ask for most. Others have their names in common with
//! what they hold often enough that the search for a package is proposed.

/// The first folder or file of a header, or the name of a library, with the package that has it.
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

/// What to do about a header or library that this machine does not have, for a build that links with what it has.
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

/// The word of a file's name that a search may find.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
