//! An authority of a test's own, and certificates that it signs.

use std::path::{Path, PathBuf};

use xtask_process::exec::Cmd;

use crate::process::run;
use crate::skip::have;

/// How `openssl ca` signs. It alone takes the dates of a certificate, also such as have passed.
const AUTHORITY: &str = "[ca]\ndefault_ca = test\n[test]\nnew_certs_dir = .\ndatabase = index.txt\nrand_serial = yes\n\
    default_md = sha256\npolicy = any\nx509_extensions = leaf\n[any]\ncommonName = supplied\n[leaf]\n\
    basicConstraints = critical,CA:FALSE\nsubjectAltName = ";

/// The folder of an authority: `ca.pem` and `ca.key` of it, `cert.pem` and `key.pem` of a server. Removed when dropped.
pub struct Certificates {
    dir: tempfile::TempDir,
    openssl: PathBuf,
}

impl Certificates {
    /// Makes an authority and a certificate for a server of this name, as OpenSSL writes it: `DNS:registry.test`,
    /// `IP:192.0.2.1`. It is valid for two days. Skips the test where openssl is missing.
    ///
    /// # Panics
    /// Where openssl fails.
    pub fn make(test: &str, name: &str) -> Option<Self> {
        let made = Self { openssl: have(test, "openssl")?, dir: tempfile::tempdir().unwrap() };
        let new =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let files = ["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"];
        made.openssl(&[&new[..], &files].concat());
        made.openssl(&[
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=server",
            "-keyout",
            "key.pem",
            "-out",
            "server.csr",
        ]);
        made.sign(name, &["-days", "2"], "cert.pem");
        Some(made)
    }

    /// Signs a certificate for the same key that ended in 2020, and returns its path.
    ///
    /// # Panics
    /// Where openssl fails.
    pub fn expired(&self, name: &str) -> PathBuf {
        self.sign(name, &["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"], "expired.pem")
    }

    /// Signs a certificate for the same key and another server, and returns its path.
    ///
    /// # Panics
    /// Where openssl fails.
    pub fn of_another(&self, name: &str) -> PathBuf {
        self.sign(name, &["-days", "2"], "another.pem")
    }

    /// Returns the path of a file of the authority.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the folder of the authority.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn sign(&self, name: &str, dates: &[&str], out: &str) -> PathBuf {
        std::fs::write(self.path("ca.cnf"), format!("{AUTHORITY}{name}\n")).unwrap();
        std::fs::write(self.path("index.txt"), "").unwrap();
        let sign = ["ca", "-config", "ca.cnf", "-batch", "-notext", "-cert", "ca.pem", "-keyfile", "ca.key"];
        self.openssl(&[&sign[..], &["-in", "server.csr", "-out", out], dates].concat());
        self.path(out)
    }

    fn openssl(&self, args: &[&str]) {
        run(&Cmd::new(&self.openssl).args(args).cwd(self.dir.path()));
    }
}
