//! `publish --key keyless`: an identity signs by way of cosign. The certificate authority (Fulcio) is one that is written
//! here and certifies whatever it is asked to; cosign and its requests are real. There is no public log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use xtask_process::exec::{Cmd, Output};
use xtask_setup::cosign::CosignVersion;
use xtask_test_support::process::run;
use xtask_test_support::registry::{PASSWORD, RegistryServer, Settings, USER};
use xtask_test_support::skip::have;
use xtask_test_support::{folder, need};

use crate::machine::{self, HOST_MUSL};
use crate::signed::{Cosign, published};
use crate::space::Space;

/// Who the certificates are for, and who says so.
const IDENTITY: &str = "ci@example.com";
const ISSUER: &str = "https://issuer.example";

/// A certificate authority with both versions of Fulcio's interface.
struct Fulcio {
    at: String,
    /// The certificate of the authority.
    ca: PathBuf,
    asked: Arc<AtomicUsize>,
}

impl Fulcio {
    fn start(openssl: &Path, dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let (ca, key) = (dir.join("ca.pem"), dir.join("ca.key"));
        let made =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        let named =
            ["-subj", "/O=test/CN=authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout"];
        run(&Cmd::new(openssl).args(made).args(named).arg(&key).arg("-out").arg(&ca));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, openssl, folder) = (Arc::clone(&asked), openssl.to_owned(), dir.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let (openssl, folder) = (openssl.clone(), folder.clone());
                std::thread::spawn(move || answer(client, &openssl, &folder, number));
            }
        });
        Self { at, ca, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Certifies the key of one request.
fn answer(client: TcpStream, openssl: &Path, folder: &Path, number: usize) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap();
            }
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let second = path.ends_with("/v2/signingCert");
    let key = match second {
        true => body["publicKeyRequest"]["publicKey"]["content"].as_str().unwrap().as_bytes().to_vec(),
        false => BASE64_STANDARD.decode(body["publicKey"]["content"].as_str().unwrap()).unwrap(),
    };
    let file = |name: &str| folder.join(format!("{number}-{name}"));
    std::fs::write(file("key.pub"), key).unwrap();
    let issuer: String = ISSUER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let extensions = format!(
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n\
         subjectAltName=critical,email:{IDENTITY}\n1.3.6.1.4.1.57264.1.1=DER:{issuer}\n"
    );
    std::fs::write(file("extensions"), extensions).unwrap();
    let request =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/"];
    run(&Cmd::new(openssl).args(request).arg("-keyout").arg(file("key")).arg("-out").arg(file("request")));
    let cmd =
        Cmd::new(openssl).args(["x509", "-req", "-days", "1", "-set_serial"]).arg((number + 7).to_string());
    let cmd = cmd.arg("-in").arg(file("request")).arg("-force_pubkey").arg(file("key.pub"));
    let cmd = cmd.arg("-CA").arg(folder.join("ca.pem")).arg("-CAkey").arg(folder.join("ca.key"));
    let leaf = run(&cmd.arg("-extfile").arg(file("extensions"))).text() + "\n";
    let ca = std::fs::read_to_string(folder.join("ca.pem")).unwrap();
    let (status, text) = match second {
        true => {
            let chain = json!({"chain": {"certificates": [leaf, ca]}});
            ("200 OK", json!({"signedCertificateEmbeddedSct": chain}).to_string())
        }
        false => ("201 Created", leaf + &ca),
    };
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
    (&client).write_all((head + &text).as_bytes()).unwrap();
}

/// A token of an identity provider. Only Fulcio would verify it.
fn token() -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": ISSUER, "sub": "ci", "email": IDENTITY, "email_verified": true, "aud": "sigstore",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    format!(
        "{}.{}.{}",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(claims),
        BASE64_URL_SAFE_NO_PAD.encode([7; 64])
    )
}

/// Whether a cosign accepts an image by the identity, with a login of its own.
fn accepts(cosign: &Cosign, login: &Path, more: &[&str], identity: &str, name: &str) -> Output {
    let args = ["verify", "--insecure-ignore-tlog=true", "--insecure-ignore-sct=true"];
    let cmd = Cmd::new(&cosign.program).args(args).args(["--certificate-identity", identity]);
    let cmd = cmd.args(["--certificate-oidc-issuer", ISSUER]).args(more).arg(name);
    cmd.env("HOME", login).env("DOCKER_CONFIG", login).capture(Duration::from_secs(120)).unwrap()
}

#[test]
fn an_identity_signs_by_way_of_both_cosigns() {
    const NAME: &str = "keyless::signs";
    need!("keyless::signs", machine::std_for(&[HOST_MUSL]));
    let settings = Settings { password: true, ..Settings::default() };
    let Some(server) = RegistryServer::start_with(NAME, settings) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    let cosigns = CosignVersion::ALL.map(|version| Cosign::find(NAME, version));
    let [Some(two), Some(three)] = cosigns else { return };
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let fulcio = Fulcio::start(&openssl, &space.path("../fulcio"));
    let login = space.path("../login");
    let auth = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    folder::write(login.join("config.json"), &json!({"auths": {&server.at: {"auth": auth}}}).to_string());
    let root = space.path("../fulcio/root.json");
    let chain = format!("url={ISSUER},certificate-chain={}", fulcio.ca.display());
    let made = three.call(&["trusted-root", "create", "--fulcio", &chain, "--out", root.to_str().unwrap()]);
    assert!(made.ok(), "{}", made.errors());

    let token = token();
    space.set("SIGSTORE_ID_TOKEN", &token);
    space.set("XTASK_REGISTRY", &server.at);
    space.set("XTASK_REGISTRY_USER", USER);
    space.set("XTASK_REGISTRY_PASSWORD", PASSWORD);
    space.set("COSIGN_TLOG_UPLOAD", "false");
    let secrets = [token.as_str(), PASSWORD, auth.as_str()];
    let tags = |name: &str| {
        server.storage.join(format!("docker/registry/v2/repositories/team/{name}/_manifests/tags/latest"))
    };

    let ca = ["--ca-roots", fulcio.ca.to_str().unwrap()];
    let trusted = ["--trusted-root", root.to_str().unwrap()];
    // cosign 2 wants a receipt of a certificate log, cosign 3 asks Sigstore which services there are.
    for (name, cosign, setting, more) in [
        ("two", &two, ("COSIGN_INSECURE_SKIP_VERIFY", "true"), ca),
        ("three", &three, ("COSIGN_USE_SIGNING_CONFIG", "false"), trusted),
    ] {
        let bin = space.path(&format!("../{name}"));
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(&cosign.program, bin.join("cosign")).unwrap();
        space.path_first(&bin);
        space.set(setting.0, setting.1);
        let to = server.name(&format!("team/{name}"));
        let publish = ["publish", "--to", &to, "--tag", "latest", "--key", "keyless"];

        // Sigstore cannot be reached: cosign says why, and no tag moves.
        space.set("COSIGN_FULCIO_URL", "http://127.0.0.1:1");
        let failed = space.run(&[&publish[..], &["-v"]].concat()).ended(1);
        let failed = failed.says(&["cosign sign did not sign", "cosign says: Error:", "connection refused"]);
        failed.never_says(&secrets);
        assert!(!tags(name).exists());

        space.set("COSIGN_FULCIO_URL", &fulcio.at);
        let before = fulcio.asked();
        let dry = space.run(&[&publish[..], &["--dry-run"]].concat()).ended(0);
        for line in ["cosign sign --yes ", "cosign attest --type https://slsa.dev/provenance/v1 "] {
            assert!(dry.stdout().contains(line), "no {line:?}\n{dry}");
        }
        assert_eq!(fulcio.asked(), before);

        let done = space.run(&[&publish[..], &["-v"]].concat()).ended(0);
        done.says(&["files of the release are not signed", "13 documents attached"]).never_says(&secrets);
        let document = published(&space);
        // A signature of the index and of the platform, five statements of the index, six of the platform.
        assert_eq!(document["referrers"].as_array().unwrap().len(), 2 + 5 + 6, "{document:#}");
        assert_eq!(fulcio.asked() - before, 2 + 5 + 6);
        let tagged = format!("{to}:latest");
        let output = accepts(cosign, &login, &more, IDENTITY, &tagged);
        assert!(output.ok(), "{name}: {}", output.errors());
        assert!(!accepts(cosign, &login, &more, "somebody@example.com", &tagged).ok());
        space.run(&["verify", &tagged]).ended(0);
        space
            .run(&["verify", &tagged, "--key", "keyless"])
            .ended(2)
            .says(&["keyless signatures are not verified"]);

        // What this machine had said is not said again.
        space.run(&publish).ended(0).says(&["Unchanged"]);
        assert_eq!(published(&space)["referrers"], document["referrers"]);
        assert_eq!(fulcio.asked() - before, 2 + 5 + 6);
        space.unset(setting.0);
    }

    // The login that a killed run left is removed.
    let left = space.path("target/xtask/publish/keyless-999999999");
    folder::write(left.join("config.json"), PASSWORD);

    // A cosign that ends well and attaches nothing: the gap is seen before a tag moves.
    let bin = space.path("../none");
    let seen = bin.join("seen");
    let text = format!("echo \"$@\" >> {0}; cat \"$DOCKER_CONFIG/config.json\" > {0}.json", seen.display());
    space.script("../none/cosign", &text);
    space.path_first(&bin);
    let to = server.name("team/none");
    let lost = space.run(&["publish", "--to", &to, "--tag", "latest", "--key", "keyless"]).ended(1);
    lost.says(&["the registry does not have what cosign attached"]).never_says(&secrets);
    assert!(!tags("none").exists() && !left.exists());
    let index = space.report()["images"][0]["index_digest"].as_str().unwrap().to_owned();
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(
        seen.lines().any(|line| line == format!("sign --yes --allow-http-registry {to}@{index}")),
        "{seen}"
    );
    assert_eq!(seen.lines().filter(|line| line.starts_with("attest --type ")).count(), 5 + 6, "{seen}");
    let given: Value = serde_json::from_slice(&std::fs::read(bin.join("seen.json")).unwrap()).unwrap();
    assert_eq!(given, json!({"auths": {&server.at: {"auth": auth}}}));

    for (file, bytes) in folder::files(&space.path("target/xtask"))
        .into_iter()
        .chain(folder::files(&space.path("target/dist")))
    {
        for secret in secrets {
            let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there, "{secret:?} in {file}");
        }
    }
}
