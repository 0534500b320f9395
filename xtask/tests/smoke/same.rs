//! What a program finds in its image is the same by each way to run it.

use xtask::outcome::Smoke;
use xtask_config::ImageSmoke;
use xtask_oci::Node;
use xtask_oci::document::Runtime;

use crate::failures::ways;
use crate::support::{Bench, can, prints, runtime};

/// Each argument is a question; the answers stand in one line.
const PROGRAM: &str = r#"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static const char *answer(int failed) {
    if (!failed) return "ok";
    return errno == EROFS ? "read-only" : errno == ENOENT ? "absent" : errno == EACCES ? "denied" : strerror(errno);
}
static int opened(const char *path, int flags) {
    int file = open(path, flags, 0644);
    return file < 0 || close(file);
}
static int loopback(void) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int one = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    return bind(one, (void *)&at, size) || listen(one, 1) || getsockname(one, (void *)&at, &size) ||
           connect(other, (void *)&at, size);
}
static int holds(const char *path, const char *text) {
    char all[4000] = "";
    FILE *file = fopen(path, "r");
    if (!file) return 1;
    size_t size = fread(all, 1, sizeof all - 1, file);
    fclose(file);
    errno = ENODATA;
    return !size || !strstr(all, text);
}
int main(int argc, char **argv) {
    for (int at = 1; at < argc; at++) {
        const char *what = argv[at] + 1;
        char name[300] = "";
        int failed = 1;
        switch (argv[at][0]) {
        case 'l': failed = loopback(); break;
        case 'h': failed = holds("/etc/hosts", "127.0.0.1\tlocalhost"); break;
        case 'n': failed = gethostname(name, sizeof name - 1) || holds("/etc/hostname", name); break;
        case 'r': failed = opened(what, O_RDONLY); break;
        case 'w': failed = opened(what, O_WRONLY | O_CREAT); break;
        case 'f': failed = !opened(what, O_WRONLY | O_CREAT); break;
        case 'a': failed = opened(what, O_WRONLY | O_APPEND); break;
        }
        printf("%s:%s ", argv[at], answer(failed));
    }
    puts("end");
}
"#;

/// Asks by each way, and wants the answers.
fn asked(test: &str, run: &Runtime, more: &[(&str, Node)], questions: &[(&str, &str)]) {
    if !can(test, &["gcc"]) {
        return;
    }
    let bench = Bench::new();
    let image = bench.pack_with(&bench.compile("gcc", PROGRAM), run, more);
    let args = questions.iter().map(|(question, _)| (*question).to_owned()).collect();
    let wanted: String = questions.iter().map(|(question, answer)| format!("{question}:{answer} ")).collect();
    let expect = ImageSmoke { args: Some(args), ..prints(wanted + "end") };
    for (way, host) in ways(test, &bench) {
        let ran = bench.run(&image, &expect, &host, 60);
        assert_eq!((ran[0].runner.as_deref(), &ran[0].smoke), (Some(way), &Smoke::Passed), "{way}");
    }
}

#[test]
fn what_engines_give_every_program() {
    let questions = [
        ("loopback", "ok"),
        ("hosts", "ok"),
        ("name", "ok"),
        ("r/etc/resolv.conf", "ok"),
        ("r/etc/mtab", "ok"),
        ("r/dev/fd/0", "ok"),
        ("r/dev/stdin", "ok"),
        ("a/dev/stdout", "ok"),
        ("a/dev/stderr", "ok"),
        ("w/dev/shm/x", "ok"),
        ("r/dev/ptmx", "ok"),
        ("f/dev/x", "ok"),
        ("r/sys/devices/system/cpu/online", "ok"),
        ("w/sys/x", "read-only"),
        ("f/etc/hosts", "ok"),
        ("w/x", "read-only"),
    ];
    asked("same::given", &runtime(65532), &[], &questions);
}

/// In user namespaces too, where all files belong to the one user.
#[test]
fn volumes_are_as_the_image_has_them() {
    let run = Runtime {
        volumes: ["/srv", "/data", "/data/sub", "/var/run/app", "/new", "/group"].map(str::to_owned).into(),
        ..runtime(65532)
    };
    let mine = |mode| Node::dir(mode).owned(65532, 65532);
    let more = [
        ("srv", Node::dir(0o755)),
        ("data/seed", Node::bytes(0o644, &b"seed"[..])),
        ("data/secret", Node::bytes(0o600, &b"root's"[..])),
        ("data/sub", mine(0o700)),
        ("run/app", mine(0o755)),
        ("var/run", Node::symlink("/run")),
        ("group", Node::dir(0o775).owned(0, 65532)),
    ];
    let questions = [
        ("w/srv/x", "denied"),
        ("r/data/seed", "ok"),
        ("w/data/seed", "denied"),
        ("r/data/secret", "denied"),
        ("w/data/x", "ok"),
        ("w/data/sub/x", "ok"),
        ("w/var/run/app/x", "ok"),
        ("r/run/app/x", "ok"),
        ("w/new/x", "denied"),
        ("w/group/x", "ok"),
    ];
    asked("same::volumes", &run, &more, &questions);
}

/// On an image with nothing in it, one in the other.
#[test]
fn volumes_in_volumes() {
    let run = Runtime {
        volumes: ["/a/b/c", "/a", "/a/b"].map(str::to_owned).into(),
        user: "0:0".into(),
        ..runtime(0)
    };
    asked(
        "same::nested",
        &run,
        &[],
        &[("w/a/x", "ok"), ("w/a/b/x", "ok"), ("w/a/b/c/x", "ok"), ("w/x", "read-only")],
    );
}

/// It has no capabilities, so that it may do no more than its modes say.
#[test]
fn root_is_weak() {
    let run = Runtime { volumes: ["/others", "/data"].map(str::to_owned).into(), ..runtime(0) };
    let more = [("others", Node::dir(0o755).owned(7, 7))];
    asked("same::root", &run, &more, &[("w/others/x", "denied"), ("w/data/x", "ok")]);
}
