//! Those who push images: what each of them is asked to do with the same release, in the way that its documentation shows.

use xtask_process::exec::Cmd;
use xtask_test_support::process::version;

use super::LIMIT;
use super::made::{MadeRelease, TAG};

/// Somebody who pushes images.
pub(crate) struct Pusher {
    /// What it is called in a table.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) says: &'static str,
    /// The part of the release that it pushes.
    pub(crate) share: f64,
    /// Makes ready for a release, which is not counted. Returns its version; or why it cannot take part.
    pub(crate) prepare: fn(&MadeRelease) -> Result<String, String>,
    /// The command that pushes a release to a repository of the registry at an address.
    pub(crate) push: fn(&MadeRelease, &str, &str) -> Cmd,
}

impl Pusher {
    /// All of them, ours first.
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self {
                name: "xtask",
                says: "cargo xtask publish",
                share: 1.0,
                prepare: |_| Ok(env!("CARGO_PKG_VERSION").to_owned()),
                push: |release, at, repository| release.publish(&format!("{at}/{repository}"), &["-q"]),
            },
            Self {
                name: "skopeo",
                says: "skopeo copy --all",
                share: 1.0,
                prepare: |_| version(&Cmd::new("skopeo").arg("--version")),
                push: |release, at, repository| {
                    let flags = ["--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false"];
                    let from = format!("oci:{}:app", release.layout().display());
                    Cmd::new("skopeo").args(flags).args([from, format!("docker://{at}/{repository}:{TAG}")])
                },
            },
            Self {
                name: "crane",
                says: "crane push --index",
                share: 1.0,
                prepare: |_| match Cmd::new("crane").arg("version").capture(LIMIT) {
                    // Debian's does not know its own version.
                    Ok(_) => Ok("Debian's".to_owned()),
                    Err(error) => Err(error.what),
                },
                push: |release, at, repository| {
                    let to = format!("{at}/{repository}:{TAG}");
                    Cmd::new("crane").args(["push", "--insecure", "--index"]).arg(release.layout()).arg(to)
                },
            },
            Self {
                name: "oras",
                says: "oras cp --recursive",
                share: 1.0,
                prepare: |_| version(&Cmd::new("oras").arg("version")),
                push: |release, at, repository| {
                    let from = format!("{}:app", release.layout().display());
                    let flags = ["cp", "--recursive", "--no-tty", "--to-plain-http", "--from-oci-layout"];
                    Cmd::new("oras").args(flags).args([from, format!("{at}/{repository}:{TAG}")])
                },
            },
            Self {
                name: "docker",
                says: "docker push, one platform",
                share: 0.5,
                prepare: |release| {
                    let version =
                        version(&Cmd::new("docker").args(["version", "--format", "{{.Server.Version}}"]))?;
                    let load = Cmd::new("docker").args(["load", "--quiet", "--input"]).arg(release.tar());
                    match load.capture(LIMIT) {
                        Ok(output) if output.ok() => Ok(version),
                        Ok(output) => Err(output.errors()),
                        Err(error) => Err(error.what),
                    }
                },
                push: |_, at, repository| {
                    let script = r#"docker tag "$1" "$2"; docker push --quiet "$2" || code=$?
                        docker image rm --force "$2" >/dev/null; exit ${code:-0}"#;
                    let (from, to) = (format!("app:{TAG}"), format!("{at}/{repository}:{TAG}"));
                    Cmd::new("sh").args(["-c", script, "sh", &from, &to])
                },
            },
            Self {
                name: "curl",
                says: "one stream",
                share: 1.0,
                prepare: |_| version(&Cmd::new("curl").arg("--version")),
                push: |release, at, repository| {
                    let script = r#"to=$1; shift
                        for file; do
                            upload=$(curl -sS -X POST -o /dev/null -D - "http://$to/blobs/uploads/" |
                                tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
                            curl -sS -f -H 'Content-Type: application/octet-stream' -T "$file" \
                                "$upload&digest=sha256:${file##*/}"
                        done"#;
                    let to = format!("{at}/v2/{repository}");
                    Cmd::new("sh").args(["-ec", script, "sh", &to]).args(release.blobs())
                },
            },
        ]
    }
}
