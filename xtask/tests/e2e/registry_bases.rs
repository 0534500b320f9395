//! Bases of a real registry whose contents do not fit what the image says of them.

use std::time::Duration;

use xtask_process::exec::Cmd;
use xtask_test_support::need;
use xtask_test_support::process;
use xtask_test_support::registry::RegistryServer;

use crate::machine::{self, HOST_MUSL};
use crate::space::Space;

const LIMIT: Duration = Duration::from_secs(60);

/// Built by Docker, pushed by skopeo; gone from Docker afterwards.
fn push(server: &RegistryServer, space: &Space, name: &str, dockerfile: &str) -> String {
    space.write("base/Dockerfile", dockerfile);
    let local = format!("xtask-e2e-{name}-{}:1", std::process::id());
    let docker = |args: &[&str]| Cmd::new("docker").args(args).capture(LIMIT).unwrap();
    let built = docker(&["build", "--quiet", "--tag", &local, space.path("base").to_str().unwrap()]);
    assert!(built.ok(), "{}", built.errors());
    server.push(&format!("docker-daemon:{local}"), &format!("{name}:1"), &[]);
    docker(&["image", "rm", "--force", &local]);
    server.name(&format!("{name}:1"))
}

/// The workspace with one image on a base.
fn on(space: &Space, base: &str, more: &str) {
    space.targets(&[(HOST_MUSL, "")]);
    space.image("app", &[HOST_MUSL]);
    space.replace("targets.toml", "base = \"scratch\"", &format!("base = \"{base}\"\n{more}"));
}

#[test]
fn what_a_base_has_is_held_against_what_the_image_says() {
    let programs = machine::programs(&["docker", "docker-registry", "skopeo"]);
    need!("registry_bases::held", machine::std_for(&[HOST_MUSL]), programs);
    let Some(server) = RegistryServer::start("registry_bases::held") else { return };
    let space = Space::with_targets(&[HOST_MUSL]);
    space.script("base/script", "exit 0");
    let mode = |name: &str| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(space.path(name), mode).unwrap();
    };
    space.write("base/cut", "\x7fELF\x02\x01\x01");
    mode("base/cut");
    space.write("base/passwd", "web:x:1000:1001::/:\n");
    space.write("base/group", "web:x:1001:\nmedia:x:2000:web\n");
    let head = "FROM scratch\nCOPY passwd group /etc/\nCOPY --chown=0:0 passwd /srv/\n";
    let base =
        push(&server, &space, "held", &format!("{head}COPY script cut /bin/\nUSER web\nVOLUME /srv\n"));
    let ghost = push(&server, &space, "ghost", &format!("{head}USER ghost\n"));
    let image = || space.run(&["image", "--mode", "pure"]);

    // Its programs are judged where the image names them, the interpreters of scripts too.
    on(&space, &base, "healthcheck = { cmd = [\"/bin/script\"] }");
    image().ended(1).says(&["/bin/script", "/bin/sh"]);
    on(&space, &base, "entrypoint = [\"/bin/cut\"]");
    image().ended(1).says(&["/bin/cut"]);

    // Its user is one that it has, and keeps his groups; its folders stay as they are, with a word where that hurts.
    on(&space, &ghost, "");
    image().ended(1).says(&[&format!("`User` of the base {ghost}"), "ghost, which is not in the image"]);
    on(&space, &base, "");
    let run = image().ended(0);
    run.says(&["in its base, /srv belongs to 0:0 and has mode 0755"]);
    let layout = format!("oci:{}:app", space.dist("oci").display());
    let config = process::run(&Cmd::new("skopeo").args(["inspect", "--config", &layout])).text();
    assert!(config.contains("\"User\": \"1000\"") && config.contains("\"/srv\""), "{config}");
}
