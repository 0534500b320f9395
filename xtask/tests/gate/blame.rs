//! Which object of a build brought in the symbol that a base lacks.

use std::path::PathBuf;

use xtask_gate::{Severity, blame, culprit};
use xtask_process::exec::Cmd;
use xtask_test_support::process::{run, starts};
use xtask_test_support::skip::skipped;

use crate::roots::{GNU, Root, ready};

#[test]
fn the_object_of_an_archive_and_the_crate() {
    let test = "the_object_of_an_archive_and_the_crate";
    if !ready(test) {
        return;
    }
    if !starts("ar") || !starts("rustc") {
        return skipped(test, "ar and rustc");
    }
    let root = Root::glibc("test", &[]);
    let file = |name: &str, text: &str| root.bench.file(name, text);
    let mut objects = Vec::new();
    for (name, source) in [
        ("conv", "int late(void); int conv(void) { return late(); }"),
        ("other", "int other(void) { return 0; }"),
    ] {
        let object = root.bench.path(&format!("{name}.o"));
        run(&Cmd::new("gcc")
            .args(["-c", "-fPIC", "-o"])
            .arg(&object)
            .arg(file(&format!("{name}.c"), source)));
        objects.push(object);
    }
    let archive = root.bench.path("libnative.a");
    run(&Cmd::new("ar").arg("rc").arg(&archive).args(&objects));
    let source = "unsafe extern \"C\" { fn late() -> i32; }\npub fn call() -> i32 { unsafe { late() } }\n";
    let mut rlibs = Vec::new();
    for (name, flags) in [("libsys-0f3a.rlib", &[][..]), ("libthin-77.rlib", &["-Clinker-plugin-lto"][..])] {
        let rlib = root.bench.path(name);
        let cmd =
            Cmd::new("rustc").args(["--crate-type", "rlib", "--crate-name", "sys", "-O", "-Cmetadata=x"]);
        run(&cmd.args(flags).arg("-o").arg(&rlib).arg(file("sys.rs", source)));
        rlibs.push(rlib);
    }
    let damaged = file("libdamaged.a", "!<arch>\nnot an archive");
    let all: Vec<PathBuf> = [damaged, root.bench.path("absent.a"), archive.clone()]
        .into_iter()
        .chain(rlibs)
        .chain([objects[0].clone()])
        .collect();
    let said: Vec<String> = culprit("late", &all).iter().map(ToString::to_string).collect();
    assert_eq!(said[0], "conv.o of libnative.a");
    assert!(said[1].starts_with("crate sys (") && said[1].ends_with(" of libsys-0f3a.rlib)"), "{said:?}");
    assert!(said[2].starts_with("crate thin (") && said[2].contains("libthin-77.rlib"), "{said:?}");
    assert_eq!(said[3..], ["conv.o"]);
    assert_eq!(culprit("conv", &all), [], "what an object defines, it does not take");
    assert_eq!(culprit("", &all), []);

    // In a finding: the library that ships has lost a symbol.
    let library = root.library("opt/liblate.so", "int late(void) { return 0; }", &[]);
    let flags = ["-Wl,-rpath,/opt", archive.to_str().unwrap(), library.to_str().unwrap()];
    root.program("gcc", "app", "int conv(void); int main(void) { return conv(); }", &flags);
    root.library("opt/liblate.so", "int early(void) { return 0; }", &[]);
    let mut findings = root.findings("/app", GNU);
    blame(&mut findings, |symbol| {
        culprit(symbol, std::slice::from_ref(&archive)).iter().map(ToString::to_string).collect()
    });
    let fails: Vec<&str> =
        findings.iter().filter(|f| f.severity == Severity::Fail).map(|f| f.what.as_str()).collect();
    assert_eq!(
        fails,
        [
            "app uses late, which is not defined in any of its libraries: liblate.so, libc.so.6, ld-linux-x86-64.so.2; late is imported by conv.o of libnative.a"
        ]
    );
}
