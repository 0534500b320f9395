//! Warnings of what programs load when they run, where a base is cut down to what the loader loads.

use xtask_base as base;
use xtask_gate::{Level, Program, Severity, Tree, left_out};
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;

use crate::programs::HELLO;
use crate::roots::{CXX, LIB, Root, ready};

/// The warnings about the program at `/app`.
fn warned(root: &Root) -> Vec<String> {
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let kept = base::closure(&tree, &program, Level::V1, &[]).unwrap();
    let found = left_out(&program, &tree, &kept, Level::V1);
    assert!(found.iter().all(|f| f.severity == Severity::Warn && f.fix.contains("closure = false")));
    found.into_iter().map(|f| f.what).collect()
}

const DLOPEN: &str = "#include <dlfcn.h>\nint main(void) { return dlopen(\"libplug.so\", RTLD_NOW) == 0; }\n";

#[test]
fn plug_ins_that_are_left_out_are_warned_of() {
    if !ready("plug_ins_that_are_left_out_are_warned_of") {
        return;
    }
    let root = Root::glibc("test", &[]);
    root.program("gcc", "app", DLOPEN, &[]);
    root.remove(&format!("usr{LIB}/libm.so.6"));
    assert_eq!(warned(&root), [""; 0], "nothing is left out");
    root.library(&format!("{LIB}/libplug.so"), "int plug;", &[]);
    let rest = "the libraries that this loads at run time are not known, and `closure = true` leaves out of test: libplug.so";
    assert_eq!(warned(&root), [format!("app uses dlopen: {rest}")]);
    // By a library of the base that ships with it.
    let source = DLOPEN.replace("main", "ours");
    let ours = root.library(&format!("{LIB}/libours.so"), &source, &[]);
    root.write("var/lib/dpkg/status.d/ours", "Package: ours\nVersion: 1.2\n");
    let sums = format!("{}  {}/libours.so\n", "0".repeat(32), &LIB[1..]);
    root.write("var/lib/dpkg/status.d/ours.md5sums", sums);
    let main = "int ours(void); int main(void) { return ours(); }";
    root.program("gcc", "app", main, &[ours.to_str().unwrap()]);
    assert_eq!(warned(&root), [format!("libours.so (ours 1.2) uses dlopen: {rest}")]);
    root.program("gcc", "app", HELLO, &[]);
    assert_eq!(warned(&root), [""; 0], "the C library's own use of it is no use");
}

#[test]
fn character_sets_that_are_left_out_are_warned_of() {
    if !ready("character_sets_that_are_left_out_are_warned_of") {
        return;
    }
    let root = Root::glibc("test", &CXX);
    let source =
        "#include <iconv.h>\nint main(void) { return iconv_open(\"UTF-8\", \"KOI8-R\") == (iconv_t) -1; }\n";
    root.program("gcc", "app", source, &[]);
    assert_eq!(warned(&root), [""; 0]);
    root.write(&format!("{LIB}/gconv/KOI8-R.so"), "");
    let what = "app uses iconv_open, which loads character sets at run time, and `closure = true` leaves out those of test \
                (files in gconv: 1)";
    assert_eq!(warned(&root), [what]);
    // libstdc++ asks for it, and hardly a program comes there.
    let main = "int main(void) { return 0; }";
    root.program("gcc", "app", main, &["-Wl,--no-as-needed", &format!("{LIB}/libstdc++.so.6")]);
    assert_eq!(warned(&root), [""; 0]);
}

#[test]
fn services_for_names_that_are_left_out_are_warned_of() {
    if !ready("services_for_names_that_are_left_out_are_warned_of") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let source =
        "#include <netdb.h>\nint main(void) { struct addrinfo *a; return getaddrinfo(\"x\", 0, 0, &a); }\n";
    root.program("gcc", "app", source, &[]);
    for service in ["files", "dns", "custom", "systemd"] {
        root.write(&format!("{LIB}/libnss_{service}.so.2"), "");
    }
    // The C library has these two in it.
    root.write("etc/nsswitch.conf", "passwd: files systemd\nhosts: files dns absent\n");
    assert_eq!(warned(&root), [""; 0]);
    root.write("etc/nsswitch.conf", "passwd: files systemd\nhosts: files [NOTFOUND=return] custom dns\n");
    let what = "app uses getaddrinfo, for which /etc/nsswitch.conf of test names services whose libraries `closure = true` \
                leaves out: libnss_custom.so.2";
    assert_eq!(warned(&root), [what]);
    let source = "#include <pwd.h>\nint main(void) { return getpwuid(0) == 0; }\n";
    root.program("gcc", "app", source, &[]);
    let [found] = warned(&root).try_into().unwrap();
    assert!(found.starts_with("app uses getpwuid,") && found.ends_with(": libnss_systemd.so.2"), "{found}");
}

/// Rust's std takes `dlsym`, `getaddrinfo` and `getpwuid_r` of glibc, and none of them misses anything in a usual base.
#[test]
fn a_rust_program_with_threads_names_and_a_home_is_not_warned_of() {
    let test = "a_rust_program_with_threads_names_and_a_home_is_not_warned_of";
    if !ready(test) {
        return;
    }
    if !starts("rustc") {
        return skipped(test, "rustc");
    }
    let root = Root::glibc("test", &CXX);
    let source = "use std::net::ToSocketAddrs;
        fn main() {
            let found = std::thread::spawn(|| \"localhost:80\".to_socket_addrs().is_ok()).join();
            println!(\"{found:?} {:?} {:?}\", std::env::home_dir(), std::backtrace::Backtrace::force_capture());
        }";
    root.write("app.rs", source);
    let cmd = xtask_process::exec::Cmd::new("rustc").args(["--edition=2024", "-o"]).arg(root.path("app"));
    run(&cmd.arg(root.path("app.rs")));
    root.write("etc/nsswitch.conf", "hosts: files dns\n");
    root.write(&format!("{LIB}/libnss_files.so.2"), "");
    root.write(&format!("{LIB}/gconv/KOI8-R.so"), "");
    root.library(&format!("{LIB}/libplug.so"), "int plug;", &[]);
    assert_eq!(warned(&root), [""; 0]);
}
