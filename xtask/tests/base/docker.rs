//! Programs run on the bases: in Docker, and for another processor under qemu.

use std::num::NonZeroUsize;
use std::path::Path;

use xtask_base::DebianArch;
use xtask_base::distroless::Assembled;
use xtask_oci::document::Runtime;
use xtask_oci::{ImageSpec, LayerSource, LayerSpec, Node, Packer, PlatformSpec, RootFs};
use xtask_process::exec::Cmd;
use xtask_test_support::c::compile;
use xtask_test_support::docker::{LoadedNames, daemon};
use xtask_test_support::process::run;
use xtask_test_support::skip::{have, on_x86_64};

use crate::support::{base, had, load_here, locks, unpacked};

/// A C++ program that needs what `cc` has, and looks at what every base has.
const PROGRAM: &str = r#"
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <netdb.h>
#include <pwd.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
int main() {
    std::string line, name;
    std::ifstream release("/etc/os-release");
    while (std::getline(release, line)) if (line.rfind("PRETTY_NAME=", 0) == 0) name = line.substr(12);
    for (const char *library : {"libssl.so.3", "libz.so.1", "libzstd.so.1", "libgomp.so.1"})
        if (!dlopen(library, RTLD_NOW)) { std::cout << dlerror() << "\n"; return 1; }
    int answer = 0;
    std::thread([&] { try { throw std::runtime_error("x"); } catch (std::exception &) { answer = 42; } }).join();
    setenv("TZ", "Asia/Kathmandu", 1);
    time_t zero = 0;
    char time[64];
    strftime(time, sizeof time, "%H:%M", localtime(&zero));
    struct passwd *user = getpwuid(getuid());
    struct servent *https = getservbyname("https", "tcp");
    struct addrinfo *local = nullptr;
    int found = getaddrinfo("localhost", nullptr, nullptr, &local);
    const char *bundle = getenv("SSL_CERT_FILE");
    std::cout << name << " " << answer << " " << time << " " << (user ? user->pw_name : "nobody knows") << " "
        << (https ? (https->s_port >> 8 | (https->s_port & 255) << 8) : 0) << " " << found << " "
        << (bundle && access(bundle, R_OK) == 0) << " " << getcwd(nullptr, 0) << std::endl;
}
"#;

const SAYS: &str = "\"Distroless\" 42 05:30 nonroot 443 0 1 /home/nonroot";

/// Packs a base with a program on it, and loads that.
fn loaded(assembled: Assembled, program: &Path, dir: &Path) -> LoadedNames {
    let mut rootfs = RootFs::new();
    rootfs.insert("program", Node::disk(0o755, program)).unwrap();
    let own = LayerSpec { rootfs, created_by: "test".into() };
    let mut layers: Vec<_> = assembled.base.layers.into_iter().map(LayerSource::Stored).collect();
    layers.push(LayerSource::Tree(own));
    let runtime = Runtime { entrypoint: vec!["/program".into()], ..assembled.base.runtime };
    let spec = ImageSpec {
        name: format!(
            "xtask-test-base-{}-{}",
            std::process::id(),
            assembled.base.digest.hex().get(..8).unwrap()
        ),
        version: "1".into(),
        platforms: vec![PlatformSpec { platform: assembled.base.platform, layers, runtime }],
        annotations: Default::default(),
        codec: Default::default(),
        created: 0,
    };
    let (dist, cache) = (dir.join("dist"), dir.join("cache"));
    let packer = Packer { dist: &dist, cache: &cache, threads: NonZeroUsize::MIN };
    let packed = packer.pack(std::slice::from_ref(&spec)).unwrap().remove(0);
    run(&Cmd::new("docker").args(["load", "--input"]).arg(&packed.tar));
    LoadedNames(vec![format!("{}:1", spec.name), format!("{}:1-amd64", spec.name)])
}

const CONTAINER: [&str; 5] = ["run", "--rm", "--read-only", "--network=none", "--cap-drop=ALL"];

#[test]
fn a_dynamic_program_runs_on_cc() {
    let test = "a_dynamic_program_runs_on_cc";
    if !on_x86_64(test) || !daemon(test) || have(test, "g++").is_none() {
        return;
    }
    let Some((folder, _)) = locks(test) else { return };
    let Some(assembled) = had(test, load_here(&folder, base("distroless:cc"), DebianArch::Amd64)) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let program = compile("g++", &["-O1", "-pthread", "-ldl"], PROGRAM, dir.path().join("program"));
    let image = loaded(assembled, &program, dir.path());
    assert_eq!(run(&Cmd::new("docker").args(CONTAINER).arg(&image.0[0])).text(), SAYS);
}

/// Under qemu with the unpacked base as the root for libraries; it sees the files of the host.
#[test]
fn a_dynamic_program_finds_its_libraries_on_arm64() {
    let test = "a_dynamic_program_finds_its_libraries_on_arm64";
    if have(test, "qemu-aarch64-static").is_none() || have(test, "aarch64-linux-gnu-gcc").is_none() {
        return;
    }
    let Some((folder, _)) = locks(test) else { return };
    let Some(assembled) = had(test, load_here(&folder, base("distroless:cc"), DebianArch::Arm64)) else {
        return;
    };
    let (dir, root) = (tempfile::tempdir().unwrap(), unpacked(&assembled));
    let text = "#include <dlfcn.h>\n#include <stdio.h>\n#include <gnu/libc-version.h>\nint main(void) {\n\
        const char *names[] = {\"libssl.so.3\", \"libstdc++.so.6\", \"libgcc_s.so.1\", \"libgomp.so.1\", \"libz.so.1\", \"libzstd.so.1\"};\n\
        for (int i = 0; i < 6; i++) if (!dlopen(names[i], RTLD_NOW)) { puts(dlerror()); return 1; }\n\
        puts(gnu_get_libc_version()); return 0; }\n";
    let program = compile("aarch64-linux-gnu-gcc", &["-ldl"], text, dir.path().join("p"));
    let told = run(&Cmd::new("qemu-aarch64-static").arg("-L").arg(root.path()).arg(&program)).text();
    let libc = &assembled.base.packages.iter().find(|p| p.name == "libc6").unwrap().version;
    assert!(libc.starts_with(&format!("{told}-")), "{told}, {libc}");
}

/// The names that were read off the program are those that it says itself, on either processor.
#[test]
fn busybox_has_all_its_names() {
    let test = "busybox_has_all_its_names";
    let Some((folder, _)) = locks(test) else { return };
    let debug = base("distroless:static:debug");
    let mut links = Vec::new();
    for arch in crate::support::ARCHS {
        let Some(assembled) = had(test, load_here(&folder, debug, arch)) else { return };
        let names = assembled.base.rootfs.below("busybox/");
        links.push(names.map(|(path, _)| path["busybox/".len()..].to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(links[0], links[1]);
    if !on_x86_64(test) {
        return;
    }
    let assembled = load_here(&folder, debug, DebianArch::Amd64).unwrap();
    let env = assembled.base.runtime.env.clone();
    assert!(env[0].ends_with(":/bin:/busybox"), "{env:?}");
    let root = unpacked(&assembled);
    let listed = run(&Cmd::new(root.path().join("busybox/busybox")).arg("--list")).text();
    assert_eq!(listed.lines().collect::<Vec<_>>(), links[0]);
    if !daemon(test) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = loaded(assembled, &root.path().join("busybox/busybox"), dir.path());
    let shell = Cmd::new("docker").args(CONTAINER).arg("--entrypoint=sh").arg(&image.0[0]);
    let told = run(&shell.args(["-c", "id -u; pwd; ls / | wc -l; cat /etc/os-release | head -n 1"])).text();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        (lines[0], lines[1], lines[3]),
        ("65532", "/home/nonroot", "PRETTY_NAME=\"Distroless\""),
        "{told}"
    );
}
