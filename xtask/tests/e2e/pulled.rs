//! What other tools do with a published image: Docker pulls and runs it, skopeo reads it, cosign verifies it. Over https with
//! an authority of one's own and a login, and without both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use xtask_process::exec::{Cmd, Output};
use xtask_setup::cosign::CosignVersion;
use xtask_test_support::certificates::Certificates;
use xtask_test_support::docker::{self, LoadedNames, TrustedAuthority};
use xtask_test_support::need;
use xtask_test_support::process::run;
use xtask_test_support::registry::{PASSWORD, RegistryServer, Settings, USER};
use xtask_test_support::skip::{have, skipped};

use crate::machine::{self, ARM_MUSL, HOST_MUSL};
use crate::signed::{Cosign, key};
use crate::space::{Space, XTASK};

/// What the application prints.
const SAYS: &str = "answer=42 native=false\nflag_a=false flag_b=false";
/// The platforms of the image, and what Go calls their architectures.
const PLATFORMS: [(&str, &str); 2] = [("linux/amd64", "amd64"), ("linux/arm64/v8", "arm64")];

/// A release of one image for two platforms, without C, and a key.
fn released(openssl: &Path) -> (Space, PathBuf, PathBuf) {
    let space = Space::with_targets(&[HOST_MUSL, ARM_MUSL]);
    space.image("app", &[HOST_MUSL, ARM_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let (private, public) = key(openssl, space.root(), "key");
    (space, private, public)
}

/// A command with a login of its own: what a user has in `~/.docker`.
fn docker(login: &Path, args: &[&str]) -> Output {
    run(&Cmd::new("docker").args(args).env("DOCKER_CONFIG", login))
}

/// Docker pulls and runs every platform, by the tag and by the digest.
fn docker_runs(login: &Path, tag: &str, pinned: &str) {
    for (platform, arch) in PLATFORMS {
        // Docker's older store keeps one platform under a digest, and refuses another one.
        let _removed = LoadedNames(vec![tag.to_owned(), pinned.to_owned()]);
        if arch == "arm64" && !docker::binfmt() {
            skipped("pulled::arm64", "binfmt_misc knows no qemu-aarch64, and it could not be enabled");
            continue;
        }
        for name in [tag, pinned] {
            docker(login, &["pull", "--quiet", "--platform", platform, name]);
            let inspect = ["image", "inspect", "--format", "{{.Os}} {{.Architecture}}", name];
            assert_eq!(docker(login, &inspect).text(), format!("linux {arch}"), "{name}");
            let said = docker(login, &["run", "--rm", "--pull=never", "--platform", platform, name]).text();
            assert_eq!(said, SAYS, "{name} on {platform}");
        }
    }
}

/// skopeo reads the configuration of every platform.
fn skopeo_reads(skopeo: &Path, args: &[&str], name: &str) {
    for (_, arch) in PLATFORMS {
        let inspect = [&["inspect", "--override-os=linux", "--override-arch", arch], args].concat();
        let said = run(&Cmd::new(skopeo).args(inspect).arg(format!("docker://{name}"))).text();
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&said["Architecture"], &said["Os"]), (&arch.into(), &"linux".into()), "{said:#}");
        assert_eq!(said["Labels"]["org.opencontainers.image.version"], "1.2.3", "{said:#}");
    }
}

#[test]
fn a_signed_image_goes_over_https_with_an_authority_of_ones_own() {
    const NAME: &str = "pulled::https";
    need!("pulled::https", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    if !docker::daemon(NAME) {
        return;
    }
    let Some(ip) = docker::reachable() else {
        return skipped(NAME, "the Docker daemon has no bridge on this machine");
    };
    let Some(made) = Certificates::make(NAME, &format!("IP:{ip}")) else { return };
    let (Some(skopeo), Some(openssl)) = (have(NAME, "skopeo"), have(NAME, "openssl")) else { return };
    let tls = Some((made.path("cert.pem"), made.path("key.pem")));
    let settings = Settings { ip: Some(ip), tls, password: true, ..Settings::default() };
    let Some(server) = RegistryServer::start_with(NAME, settings) else { return };
    let ca = made.path("ca.pem");
    let Some(trusted) = TrustedAuthority::add(NAME, &server.at, &ca) else { return };
    let login = server.dir().join("login");
    // As a user does it.
    let typed =
        format!("printf %s '{PASSWORD}' | docker login --username {USER} --password-stdin {}", server.at);
    run(&Cmd::new("sh").args(["-c", &typed]).env("DOCKER_CONFIG", &login));

    let (mut space, private, public) = released(&openssl);
    space.set("DOCKER_CONFIG", &login);
    space.set("SSL_CERT_FILE", &ca);
    let to = server.name("team/app");
    let private = private.to_str().unwrap();
    let published = space.run(&["publish", "-q", "--to", &to, "--tag", "latest", "--key", private]).ended(0);
    let (tag, pinned) = (format!("{to}:latest"), published.stdout());
    assert!(pinned.starts_with(&format!("{to}@sha256:")), "{published}");

    docker_runs(&login, &tag, &pinned);
    drop(trusted);
    let strange = Cmd::new("docker").args(["pull", "--quiet", &tag]).env("DOCKER_CONFIG", &login);
    let strange = strange.capture(Duration::from_secs(60)).unwrap();
    assert!(!strange.ok() && strange.errors().contains("unknown authority"), "{}", strange.errors());
    // skopeo takes the certificates of a folder by their ending.
    std::fs::create_dir(made.path("trusted")).unwrap();
    std::fs::copy(&ca, made.path("trusted/ca.crt")).unwrap();
    let (trusted, config) = (made.path("trusted"), login.join("config.json"));
    let args = ["--cert-dir", trusted.to_str().unwrap(), "--authfile", config.to_str().unwrap()];
    skopeo_reads(&skopeo, &args, &tag);
    let strange = Cmd::new(&skopeo).args(["inspect", "--authfile", config.to_str().unwrap()]);
    let strange = strange.arg(format!("docker://{tag}")).capture(Duration::from_secs(60)).unwrap();
    assert!(!strange.ok() && strange.errors().contains("unknown authority"), "{}", strange.errors());

    for version in CosignVersion::ALL {
        let Some(cosign) = Cosign::find(NAME, version) else { continue };
        let verify = ["verify", "--key", public.to_str().unwrap(), "--insecure-ignore-tlog=true", &tag];
        let output = cosign.call(
            &[
                &verify[..],
                &[
                    "--registry-username",
                    USER,
                    "--registry-password",
                    PASSWORD,
                    "--registry-cacert",
                    ca.to_str().unwrap(),
                ],
            ]
            .concat(),
        );
        assert!(output.ok(), "{version:?}: {}", output.errors());
    }
    let verified = ["verify", &tag, "--key", public.to_str().unwrap()];
    space.run(&verified).ended(0);
    space.unset("SSL_CERT_FILE");
    space.run(&verified).ended(1).says(&["its certificate is not trusted", "SSL_CERT_FILE"]);
}

#[test]
fn a_signed_image_goes_to_a_registry_without_tls_and_login() {
    const NAME: &str = "pulled::plain";
    need!("pulled::plain", machine::std_for(&[HOST_MUSL, ARM_MUSL]));
    if !docker::daemon(NAME) {
        return;
    }
    let (Some(skopeo), Some(openssl)) = (have(NAME, "skopeo"), have(NAME, "openssl")) else { return };
    let Some(server) = RegistryServer::start(NAME) else { return };
    let (mut space, private, public) = released(&openssl);
    let nobody = server.dir().join("nobody");
    space.set("DOCKER_CONFIG", &nobody);
    let (to, private) = (server.name("team/app"), private.to_str().unwrap());
    space.write(
        "targets.toml",
        &(space.read("targets.toml")
            + &format!("\n[publish]\nto = \"{to}\"\ntags = [\"latest\"]\nsign = \"{private}\"\n")),
    );
    // The line of the guide, with the program under test for `cargo xtask`.
    let line = format!("docker run --rm $({XTASK} publish -q)");
    let said = Space::finish(&space.cmd("sh").args(["-c", &line])).ended(0);
    let pinned = format!("{to}@{}", space.report()["images"][0]["index_digest"].as_str().unwrap());
    drop(LoadedNames(vec![pinned.clone()]));
    assert_eq!(said.stdout(), SAYS, "{said}");
    // Docker's own words alone: it says that it pulls.
    said.never_says(&["Pushing", "Signing", "Published", "Blob"]);

    let tag = format!("{to}:latest");
    docker_runs(&nobody, &tag, &pinned);
    skopeo_reads(&skopeo, &["--tls-verify=false"], &tag);
    for version in CosignVersion::ALL {
        let Some(cosign) = Cosign::find(NAME, version) else { continue };
        let output = cosign.verifies(&public, &tag);
        assert!(output.ok(), "{version:?}: {}", output.errors());
    }
}
