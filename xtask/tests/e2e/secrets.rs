//! Secrets of a publication: in no output and in no file, in whatever spelling.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use xtask_process::exec::Cmd;
use xtask_test_support::process::{Finished, run};
use xtask_test_support::registry::{PASSWORD, RegistryServer, Settings, USER};
use xtask_test_support::skip::have;
use xtask_test_support::{folder, need};

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

/// The spellings of a secret that could be written somewhere.
fn spellings(secret: &str) -> Vec<String> {
    let basic = BASE64_STANDARD.encode(format!("{USER}:{secret}"));
    let percent = secret.replace('%', "%25").replace(' ', "%20");
    vec![secret.to_owned(), BASE64_STANDARD.encode(secret), basic, percent, secret.replace(' ', "+")]
}

fn hidden(output: &Finished, secrets: &[String], what: &str) {
    let text = format!("{}\n{}", output.stdout(), output.stderr());
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "{what}: {secret:?} in\n{text}");
    }
}

#[test]
fn no_secret_is_written_anywhere() {
    const NAME: &str = "secrets::nowhere";
    need!("secrets::nowhere", machine::std_for(&[HOST_MUSL]));
    let settings = Settings { password: true, ..Settings::default() };
    let Some(server) = RegistryServer::start_with(NAME, settings) else { return };
    let Some(openssl) = have(NAME, "openssl") else { return };
    let mut space = Space::with_targets(&[HOST_MUSL]);
    space.image("app", &[HOST_MUSL]);
    space.run(&["release", "--mode", "pure"]).ended(0);
    let made = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let key = run(&Cmd::new(openssl).args(made)).text();
    // What identifies a key: its own line of base64, not those that all keys have.
    let line = key.lines().nth(1).unwrap().get(20..).unwrap().to_owned();
    let wrong = "correct horse%battery";
    let secrets: Vec<String> = [PASSWORD, wrong, &line].into_iter().flat_map(spellings).collect();

    space.set("SIGNING", &key);
    space.set("XTASK_REGISTRY", &server.at);
    space.set("XTASK_REGISTRY_USER", USER);
    space.set("XTASK_REGISTRY_PASSWORD", wrong);
    let to = server.name("team/app");
    let publish = ["publish", "--to", &to, "--key", "env:SIGNING"];
    let refused = space.run(&[&publish[..], &["-v"]].concat());
    hidden(&refused, &secrets, "a wrong password");
    refused.ended(1).says(&["401", &format!("docker login {}", server.at)]);

    space.set("XTASK_REGISTRY_PASSWORD", PASSWORD);
    for more in [&["--dry-run"][..], &["-v"], &["-v", "--json"], &["-q"]] {
        let output = space.run(&[&publish[..], more].concat());
        hidden(&output, &secrets, &format!("{more:?}"));
        output.ended(0);
    }
    // The variables are for another registry: this one is asked without a password.
    space.set("XTASK_REGISTRY", "registry.example");
    let elsewhere = space.run(&["publish", "--to", &server.name("team/other"), "-v"]);
    hidden(&elsewhere, &secrets, "another registry");
    elsewhere.ended(1).says(&["requires a login", "no password for it was found"]);
    // A key that was pasted where its place belongs.
    let pasted = space.run(&["publish", "--to", &to, "--key", &key]);
    hidden(&pasted, &secrets, "a key as the argument");
    pasted.ended(2).says(&["it is a key itself"]);
    space.set("SIGNING", key.replace("-----END", "-----"));
    let broken = space.run(&publish);
    hidden(&broken, &secrets, "a broken key");
    broken.ended(2).says(&["cut off or damaged"]);

    // In the file, and as an address with a login.
    let file = space.read("targets.toml");
    let line_of_key = key.replace('\n', "\\n");
    let wrong_to = format!("https://{USER}:hunter2@r.example/x");
    for publish in [format!("to = \"{wrong_to}\""), format!("to = \"r.example/x\"\nsign = \"{line_of_key}\"")]
    {
        space.write("targets.toml", &format!("{file}\n[publish]\n{publish}\n"));
        let output = space.run(&["plan"]);
        hidden(&output, &secrets, "targets.toml");
        hidden(&output, &["hunter2".to_owned()], "targets.toml");
        output.ended(2).says(&["targets.toml:", "*"]);
    }
    space.write("targets.toml", &file);
    for args in [["publish", "--to", &wrong_to].as_slice(), &["verify", &wrong_to]] {
        let output = space.run(args);
        hidden(&output, &["hunter2".to_owned()], "an address with a login");
        output.ended(2);
    }

    for place in ["target/dist", "target/xtask"] {
        for (name, bytes) in folder::files(&space.path(place)) {
            for secret in &secrets {
                let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!there, "{secret:?} in {}", Path::new(place).join(&name).display());
            }
        }
    }
}
