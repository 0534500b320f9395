//! Static libraries of real C, and what is known of them.

use std::path::Path;
use std::time::Duration;

use xtask::sbom::c::{LibraryOrigin, libraries, musl_version};
use xtask::trap::Script;
use xtask_process::exec::Cmd;
use xtask_test_support::skip::skipped;

fn script(out_dir: &Path, libs: &[&str], paths: &[String]) -> Script {
    Script {
        folder: None,
        package: "registry+https://x/index#sys@1.0.0".into(),
        out_dir: out_dir.to_owned(),
        linked_libs: libs.iter().map(|lib| (*lib).to_owned()).collect(),
        linked_paths: paths.to_vec(),
    }
}

/// Compiles a library with the host's compiler; false where there is none.
fn compile(dir: &Path, name: &str, source: &str) -> bool {
    std::fs::write(dir.join("x.c"), source).unwrap();
    let run = |cmd: Cmd| cmd.cwd(dir).capture(Duration::from_secs(60)).is_ok_and(|output| output.ok());
    run(Cmd::new("cc").args(["-c", "x.c"]))
        && run(Cmd::new("ar").args(["rc", &format!("lib{name}.a"), "x.o"]))
}

#[test]
fn a_version_is_said_where_the_library_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (out, elsewhere) = (dir.path().join("out"), dir.path().join("lib"));
    std::fs::create_dir_all(&out).unwrap();
    std::fs::create_dir_all(&elsewhere).unwrap();
    let sqlite = "int before = 1; const char sqlite3_version[] = \"3.50.4\";";
    let zlib = "const char deflate_copyright[] = \" deflate 1.3.1 Copyright\";";
    if !compile(&out, "sqlite3", sqlite) {
        return skipped("c", "a C compiler for this machine");
    }
    assert!(compile(&elsewhere, "z", zlib));
    assert!(compile(&out, "own", "const char sqlite3_version[] = \"1.0\";"));
    let paths = [format!("native={}", out.display()), elsewhere.display().to_string()];
    let all = libraries(&[script(
        &out,
        &["static=sqlite3", "static=z", "static=own", "static=gone", "dylib=y"],
        &paths,
    )]);
    let told: Vec<_> = all
        .iter()
        .map(|l| (l.name.as_str(), l.origin, l.known.as_ref().map(|k| (k.name.as_str(), k.version.as_str()))))
        .collect();
    assert_eq!(
        told,
        [
            ("gone", LibraryOrigin::Unknown, None),
            ("own", LibraryOrigin::Made, None),
            ("sqlite3", LibraryOrigin::Made, Some(("sqlite", "3.50.4"))),
            ("z", LibraryOrigin::Found, Some(("zlib", "1.3.1")))
        ]
    );
    // A library of that name that is not what it is called.
    for source in ["int sqlite3_version;", "const char sqlite3_version[] = \"unknown\";", "int x;"] {
        std::fs::remove_file(out.join("libsqlite3.a")).unwrap();
        assert!(compile(&out, "sqlite3", source));
        assert_eq!(libraries(&[script(&out, &["static=sqlite3"], &[])])[0].known, None, "{source}");
    }
}

#[test]
fn any_bytes_are_an_archive_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("libc.a");
    for bytes in [&b""[..], b"!<arch>\n", b"!<arch>\n/               0", &[0x7f; 200]] {
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(musl_version(&file), None);
    }
    assert_eq!(musl_version(Path::new("/nonexistent")), None);
}
