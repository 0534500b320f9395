//! Cargo's package ID specifications, the form in which Cargo prints packages
//! (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).

/// Returns the name and the version in `registry+https://x/index#a@1.0.0` or `path+file:///x/a#1.0.0`.
pub fn name_and_version(id: &str) -> (&str, &str) {
    let (url, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    fragment.rsplit_once('@').unwrap_or_else(|| {
        let path = url.split_once('?').map_or(url, |(path, _)| path);
        (path.trim_end_matches('/').rsplit('/').next().unwrap_or(path), fragment)
    })
}
