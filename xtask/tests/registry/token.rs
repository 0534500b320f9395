//! Tokens: docker-registry asks for one of another server, which stands here and signs with openssl (the distribution
//! project's "Token Authentication Implementation").

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use xtask_process::exec::Cmd;
use xtask_test_support::certificates::Certificates;
use xtask_test_support::process::run;
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::image::packed;
use crate::support::{AMD64, Machine};

/// `reader:open sesame` in base64.
const RIGHT: &str = "cmVhZGVyOm9wZW4gc2VzYW1l";
const IDENTITY: &str = "an-identity-token";

fn base64url(dir: &Path, bytes: &[u8]) -> String {
    base64(dir, bytes).replace('+', "-").replace('/', "_").replace('=', "")
}

fn base64(dir: &Path, bytes: &[u8]) -> String {
    let file = dir.join(format!("b64-{:?}", std::thread::current().id()));
    std::fs::write(&file, bytes).unwrap();
    run(&Cmd::new("base64").arg("-w0").arg(&file)).text()
}

/// A server of tokens, which lets in who has the password or the identity token.
struct Tokens {
    at: String,
    /// The first lines of requests, with the body.
    seen: Arc<Mutex<Vec<String>>>,
}

/// What signs: the folder of the authority's certificate and key.
struct Signer {
    dir: PathBuf,
    der: String,
}

impl Signer {
    /// A JSON Web Token that allows what a scope asks for.
    fn token(&self, service: &str, scope: &str) -> String {
        let dir = &self.dir;
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","x5c":["{}"]}}"#, self.der);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let access = match scope.split(':').collect::<Vec<_>>()[..] {
            [kind, name, actions] => {
                let actions = actions.split(',').map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(",");
                format!(r#"{{"type":"{kind}","name":"{name}","actions":[{actions}]}}"#)
            }
            _ => String::new(),
        };
        let claims = format!(
            r#"{{"iss":"test","sub":"reader","aud":"{service}","exp":{},"nbf":{},"iat":{now},"jti":"1","access":[{access}]}}"#,
            now + 300,
            now - 10
        );
        let signed = format!("{}.{}", base64url(dir, header.as_bytes()), base64url(dir, claims.as_bytes()));
        let file = dir.join("signed");
        std::fs::write(&file, &signed).unwrap();
        let sign =
            Cmd::new("openssl").args(["dgst", "-sha256", "-sign"]).arg(dir.join("token.key")).arg(&file);
        let signature = run(&sign).stdout;
        format!("{signed}.{}", base64url(dir, &signature))
    }
}

impl Tokens {
    fn start(signer: Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = seen.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() > 0 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let field = |name: &str| {
                    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
                };
                let length = field("content-length").map_or(0, |text| text.parse().unwrap());
                let mut body = vec![0; length];
                client.read_exact(&mut body).unwrap();
                let line = head.lines().next().unwrap_or_default().to_owned();
                let body = String::from_utf8(body).unwrap();
                let asked =
                    line.split(' ').nth(1).unwrap_or_default().split_once('?').map_or(&body[..], |(_, q)| q);
                let value = |name: &str| {
                    let found = asked
                        .split('&')
                        .filter_map(|pair| pair.split_once('='))
                        .find(|(key, _)| *key == name);
                    found.map_or(String::new(), |(_, value)| {
                        value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",")
                    })
                };
                let known = field("authorization") == Some(format!("Basic {RIGHT}"))
                    || (value("grant_type") == "refresh_token" && value("refresh_token") == IDENTITY);
                all.lock().unwrap().push(format!("{line} {body}"));
                let (status, answer) = if known {
                    let token = signer.token(&value("service"), &value("scope"));
                    let name = if line.starts_with("POST") { "access_token" } else { "token" };
                    ("200 OK", format!(r#"{{"{name}": "{token}", "expires_in": 300}}"#))
                } else {
                    ("401 Unauthorized", r#"{"details": "hunter2"}"#.to_owned())
                };
                let length = answer.len();
                let head =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                client.write_all(format!("{head}{answer}").as_bytes()).unwrap();
            }
        });
        Self { at, seen }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[test]
fn a_token_is_fetched_once_for_what_is_needed() {
    let test = "a_token_is_fetched_once_for_what_is_needed";
    let Some(made) = Certificates::make(test, "DNS:registry.test") else { return };
    let dir = made.path("");
    let new =
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens", "-keyout"];
    run(&Cmd::new("openssl").args(new).arg(made.path("token.key")).arg("-out").arg(made.path("token.pem")));
    let der = ["x509", "-outform", "DER", "-in"];
    let der = run(&Cmd::new("openssl").args(der).arg(made.path("token.pem"))).stdout;
    let der = base64(&dir, &der);
    let tokens = Tokens::start(Signer { dir: dir.clone(), der });

    let Some(open) = RegistryServer::start(test) else { return };
    open.push(&packed(open.dir(), "one"), "team/made:1", &[]);
    let vars = vec![
        ("REGISTRY_AUTH", "token".to_owned()),
        ("REGISTRY_AUTH_TOKEN_REALM", format!("http://{}/token", tokens.at)),
        ("REGISTRY_AUTH_TOKEN_SERVICE", "the registry".replace(' ', "-")),
        ("REGISTRY_AUTH_TOKEN_ISSUER", "test".to_owned()),
        ("REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", made.path("token.pem").display().to_string()),
    ];
    let settings = Settings { vars, storage: Some(open.storage.clone()), ..Settings::default() };
    let Some(server) = RegistryServer::start_with(test, settings) else { return };
    let name = server.name("team/made:1");
    let machine = |entry: &str| {
        let config = format!(r#"{{"auths": {{"{}": {entry}}}}}"#, server.at);
        std::fs::write(made.path("config.json"), config).unwrap();
        Machine::with(&[("DOCKER_CONFIG", &dir)])
    };

    // By password; once for the tag and all that it leads to.
    machine(&format!(r#"{{"auth": "{RIGHT}"}}"#)).base(&name, AMD64).unwrap();
    let seen = tokens.seen();
    let expected = "GET /token?service=the-registry&scope=repository%3Ateam%2Fmade%3Apull HTTP/1.1 ";
    assert_eq!(seen, [expected]);

    // By identity token.
    machine(&format!(r#"{{"identitytoken": "{IDENTITY}"}}"#)).base(&name, AMD64).unwrap();
    let seen = tokens.seen();
    assert!(
        seen.len() <= 3 && seen.iter().all(|line| line.starts_with("POST /token HTTP/1.1 ")),
        "{seen:#?}"
    );

    for entry in [r#"{"auth": "cmVhZGVyOmh1bnRlcjI="}"#, r#"{"identitytoken": "hunter2"}"#, "{}"] {
        let text = machine(entry).refused(&name);
        assert!(text.contains("the server gives no token: 401 Unauthorized"), "{text}");
        assert!(text.contains("docker login") && !text.contains("hunter2"), "{text}");
    }
}
