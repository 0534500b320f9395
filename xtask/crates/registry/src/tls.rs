//! The certificates that TLS trusts, and the check that this processor supports TLS.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

use xtask_files::error::{Error, Result};
use xtask_process::host::Host;
use xtask_process::processor;

/// The files in which Linux systems keep all certificates: Debian, Fedora, openSUSE, Alpine and others.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Returns the settings of TLS. The certificates are those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if one of
/// them is set, as in OpenSSL. Otherwise they are the system's. If the system has none, they are those that
/// Mozilla trusts, which every image gets too.
///
/// # Errors
/// A named file cannot be read or has no certificate.
pub(super) fn config(host: &Host) -> Result<TlsConfig> {
    let roots = match named(host) {
        Some(files) => {
            let roots = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?.concat();
            if roots.is_empty() {
                return Err(Error::usage("SSL_CERT_FILE and SSL_CERT_DIR name no certificate"));
            }
            roots
        }
        None => {
            let system = BUNDLES.iter().map(Path::new).find(|bundle| bundle.is_file());
            match system.map(read).transpose()?.filter(|roots| !roots.is_empty()) {
                Some(roots) => roots,
                None => {
                    let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
                    mozilla.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
                }
            }
        }
    };
    let tls =
        TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::new_with_certs(&roots));
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    let tls =
        tls.unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls_graviola::default_provider()));
    Ok(tls.build())
}

/// Checks that TLS works on this processor.
///
/// # Errors
/// TLS is not supported.
pub(super) fn supported() -> Result<()> {
    let lacks = processor::lacks();
    if lacks.is_empty() {
        return Ok(());
    }
    Err(Error::missing("https is not supported on this processor")
        .found(format!("it lacks {}", lacks.join(", ")))
        .help("copy the image into a registry on this machine, which needs no https: skopeo copy --all")
        .help("or pull on another machine, copy its cache folder (XTASK_CACHE_DIR) here, and use --offline"))
}

/// Returns the files that the variables name.
fn named(host: &Host) -> Option<Vec<PathBuf>> {
    let (file, dirs) = (host.var("SSL_CERT_FILE"), host.var("SSL_CERT_DIR"));
    if file.is_none() && dirs.is_none() {
        return None;
    }
    let mut files: Vec<PathBuf> = file.map(PathBuf::from).into_iter().collect();
    for dir in dirs.map(std::env::split_paths).into_iter().flatten() {
        // A folder may contain other files. Only those with a certificate are read.
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
        found.retain(|path| path.is_file() && read(path).is_ok());
        found.sort();
        files.extend(found);
    }
    Some(files)
}

/// Returns the certificates of a PEM file. Other content is skipped, as in OpenSSL.
fn read(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = std::fs::read(file).map_err(|e| Error::io("cannot read the certificates in", file, &e))?;
    let items = ureq::tls::parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(items.collect())
}
