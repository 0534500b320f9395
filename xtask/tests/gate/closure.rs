//! The gate's closure, symbols and versions, held against what the real loader does in the same root.

use std::sync::Arc;

use xtask_gate::{
    Closure, Level, Limits, Object, Program, Severity, Tree, check_in, check_library_in, closure_paths,
};
use xtask_test_support::process::run;
use xtask_test_support::skip::skipped;
use xtask_triple::Triple;

use crate::programs::{HELLO, THREADS};
use crate::roots::{CXX, GNU, LIB, Root, ready};

/// The gate and the loader say the same: it starts or not, and what is mapped.
fn agree(root: &Root, at: &str) -> Vec<String> {
    let failures = root.failures(at);
    let (started, said) = root.start(at);
    assert_eq!(failures.is_empty(), started, "the gate: {failures:#?}\nthe loader: {said}");
    if started {
        let files = root.tree();
        let tree = Tree::new("test", &files).starting_with(&root.env, &root.folder);
        let program = Program::read(&root.path(at), at).unwrap();
        let interpreter = program.facts.interpreter.as_deref();
        let closure = Closure::of(&program.object, at, interpreter, &tree, Level::V1);
        let mut ours: Vec<String> = closure.loaded[1..].iter().map(|l| l.path.clone()).collect();
        let mut theirs = root.mapped(at);
        // The loader names itself last, whoever asked for it.
        let last = |path: &String| path.contains("/ld-linux");
        ours.sort_by_key(last);
        theirs.sort_by_key(last);
        assert_eq!(ours, theirs, "{:?} in {}: {said}", root.env, root.folder);
    }
    failures
}

#[test]
fn c_and_cxx_programs_on_what_they_need_and_less() {
    let test = "c_and_cxx_programs_on_what_they_need_and_less";
    if !ready(test) {
        return;
    }
    let base = Root::glibc("distroless:base", &[]);
    base.program("gcc", "app", HELLO, &[]);
    assert_eq!(agree(&base, "/app"), [""; 0]);
    base.program("gcc", "usr/bin/threads", THREADS, &["-no-pie", "-fno-pie", "-lm"]);
    assert_eq!(agree(&base, "/usr/bin/threads"), [""; 0]);
    // What a C++ program needs, without a C++ compiler.
    let (cxx, gcc) = (format!("{LIB}/libstdc++.so.6"), format!("{LIB}/libgcc_s.so.1"));
    if ![&cxx, &gcc].iter().all(|path| std::path::Path::new(path).exists()) {
        return skipped(test, "libstdc++");
    }
    let source = "void *__cxa_allocate_exception(unsigned long); void __cxa_free_exception(void *);\n\
        int _Unwind_Backtrace(int (*)(void *, void *), void *); int f(void *a, void *b) { return 0; }\n\
        int main(void) { __cxa_free_exception(__cxa_allocate_exception(8)); return _Unwind_Backtrace(f, 0) != 5; }\n";
    let cc = Root::glibc("distroless:cc", &CXX);
    for root in [&base, &cc] {
        root.program("gcc", "cxx", source, &[&cxx, &gcc, "-lm"]);
    }
    assert_eq!(agree(&cc, "/cxx"), [""; 0]);
    let failures = agree(&base, "/cxx");
    assert_eq!(failures.len(), 2, "one line for each library, none for their symbols: {failures:#?}");
    assert_eq!(failures[0], "cxx needs libstdc++.so.6, which distroless:base does not have");
}

#[test]
fn search_paths_as_the_loader_reads_them() {
    if !ready("search_paths_as_the_loader_reads_them") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    let b = b.to_str().unwrap();
    let uses_b = "int b(void); int a(void) { return b(); }";
    let main = "int a(void); int main(void) { return a(); }";
    let old = |path: &str| format!("-Wl,--disable-new-dtags,-rpath,{path}");
    let new = |path: &str| format!("-Wl,--enable-new-dtags,-rpath,{path}");
    // (who has which path) for the library and the program, and whether it starts.
    let cases: [(&str, Vec<String>, Vec<String>, bool); 9] = [
        ("rpath is inherited", vec![], vec![old("/opt/a:/opt/b")], true),
        ("runpath is not", vec![], vec![new("/opt/a:/opt/b")], false),
        ("runpath of each", vec![new("/opt/b")], vec![new("/opt/a")], true),
        ("a runpath hides the rpath above", vec![new("/nowhere")], vec![old("/opt/a:/opt/b")], false),
        ("origin of the library", vec![new("$ORIGIN/../b")], vec![old("/opt/a")], true),
        ("origin of the program", vec![], vec![old("${ORIGIN}/../../opt/a:$ORIGIN/../../opt/b")], true),
        ("a token that is no whole word", vec![], vec![old("/opt/a:$ORIGINS/../../opt/b")], false),
        ("lib", vec![new("/opt/$LIB/x:/opt/$PLATFORM")], vec![old("/opt/a")], false),
        ("nothing at all", vec![], vec![], false),
    ];
    for (what, library, program, starts) in &cases {
        let mut flags: Vec<&str> = library.iter().map(String::as_str).collect();
        flags.push(b);
        let a = root.library("opt/a/liba.so", uses_b, &flags);
        let mut flags: Vec<&str> = program.iter().map(String::as_str).collect();
        flags.extend([a.to_str().unwrap(), "-Wl,--allow-shlib-undefined"]);
        root.program("gcc", "usr/bin/app", main, &flags);
        let failures = agree(&root, "/usr/bin/app");
        assert_eq!(failures.is_empty(), *starts, "{what}: {failures:#?}");
    }
    // $LIB is what Debian's glibc was built with; what $PLATFORM is depends on the processor, so it does not count.
    {
        let folder = format!("opt{LIB}/x");
        root.copy(b, &format!("{folder}/libb.so"));
        let a = root.library("opt/a/liba.so", uses_b, &[&new("/opt/$LIB/x:/opt/$PLATFORM"), b]);
        root.program(
            "gcc",
            "usr/bin/app",
            main,
            &[&old("/opt/a"), a.to_str().unwrap(), "-Wl,--allow-shlib-undefined"],
        );
        assert_eq!(agree(&root, "/usr/bin/app"), [""; 0], "{folder}");
        root.remove(&format!("{folder}/libb.so"));
    }
}

#[test]
fn folders_that_the_image_names() {
    if !ready("folders_that_the_image_names") {
        return;
    }
    let mut root = Root::glibc("test", &[]);
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    let b = b.to_str().unwrap();
    let main = "int b(void); int main(void) { return b(); }";
    root.program("gcc", "bin/app", main, &[b]);
    assert_eq!(agree(&root, "/bin/app").len(), 1);
    let mut starts = |folder: &str, list: &str| {
        root.folder = folder.to_owned();
        root.env = vec!["A".to_owned(), format!("LD_LIBRARY_PATH={list}")];
        agree(&root, "/bin/app").is_empty()
    };
    for list in ["/opt/b", "/nowhere:/opt/b/", "/nowhere;/opt/b", "$ORIGIN/../opt/b", "opt/b"] {
        assert!(starts("/", list), "{list}");
    }
    // An empty item is the folder that the program starts in, an empty list is none.
    for list in [":", "/nowhere:", "/nowhere::/opt", "."] {
        assert!(starts("/opt/b", list) && !starts("/opt", list), "{list}");
    }
    assert!(starts("/opt", "b") && !starts("/opt/b", "b") && !starts("/opt/b", ""));
    // A DT_RPATH comes before it, and it before a DT_RUNPATH: what is no library ends the search.
    root.write("opt/bad/libb.so", "no library");
    root.env = vec!["LD_LIBRARY_PATH=/opt/b".to_owned()];
    for (dtags, path, starts) in [
        ("--disable-new-dtags", "/opt/bad", false),
        ("--enable-new-dtags", "/opt/bad", true),
        ("--disable-new-dtags", "/opt/b", true),
    ] {
        root.program("gcc", "bin/app", main, &[b, &format!("-Wl,{dtags},-rpath,{path}")]);
        assert_eq!(agree(&root, "/bin/app").is_empty(), starts, "{dtags} {path}");
    }
    root.env = vec!["LD_LIBRARY_PATH=/opt/bad".to_owned()];
    assert_eq!(agree(&root, "/bin/app"), [""; 0], "DT_RPATH");
    // It is for the libraries of libraries too, and comes before the cache and the loader's own folders.
    root.env = vec!["LD_LIBRARY_PATH=/opt/a:/opt/b".to_owned()];
    let a = root.library("opt/a/liba.so", "int b(void); int a(void) { return b(); }", &[b]);
    let uses_a = "int a(void); int main(void) { return a(); }";
    root.program("gcc", "bin/app", uses_a, &[a.to_str().unwrap(), "-Wl,--allow-shlib-undefined"]);
    root.copy(b, "usr/lib/libb.so");
    assert_eq!(agree(&root, "/bin/app"), [""; 0]);
    // What is cut down keeps them.
    let files = root.tree();
    let tree = Tree::new("test", &files).starting_with(&root.env, &root.folder);
    let program = Program::read(&root.path("bin/app"), "/bin/app").unwrap();
    let kept = closure_paths(&program, &tree, Level::V1).unwrap();
    let named: Vec<&String> = kept.iter().filter(|path| path.starts_with("opt/")).collect();
    assert_eq!(named, ["opt/a/liba.so", "opt/b/libb.so"], "{kept:?}");
}

#[test]
fn libraries_that_are_loaded_before_all_others() {
    if !ready("libraries_that_are_loaded_before_all_others") {
        return;
    }
    let mut root = Root::glibc("test", &[]);
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    let b = b.to_str().unwrap();
    root.library("opt/p/libp.so", "int b(void); int p(void) { return b(); }", &["-Wl,-rpath,/opt/b", b]);
    root.library("opt/q/libq.so", "int q;", &[]);
    root.program("gcc", "bin/app", HELLO, &["-Wl,-rpath,/opt/q"]);
    let mapped = |root: &Root| {
        assert_eq!(agree(root, "/bin/app"), [""; 0], "{:?}", root.env);
        let all = root.mapped("/bin/app").into_iter();
        all.filter(|path| path.starts_with("/opt")).collect::<Vec<_>>()
    };
    let preload = |value: &str| vec![format!("LD_PRELOAD={value}")];
    root.env = preload("/opt/p/libp.so:libq.so");
    assert_eq!(mapped(&root), ["/opt/p/libp.so", "/opt/q/libq.so", "/opt/b/libb.so"]);
    // What is not there is said on stderr, and no more.
    for absent in ["/opt/none.so libnone.so", "opt/p/none.so", ""] {
        root.env = preload(absent);
        assert_eq!(mapped(&root), [""; 0]);
    }
    root.env = preload("$ORIGIN/../opt/q/libq.so");
    assert_eq!(mapped(&root), [""; 0], "the path begins with /bin");
    assert!(root.mapped("/bin/app").contains(&"/bin/../opt/q/libq.so".to_owned()));
    root.env = preload("libq.so");
    root.write("etc/ld.so.preload", "# libb.so\n/opt/p/libp.so # more\n");
    assert_eq!(mapped(&root), ["/opt/q/libq.so", "/opt/p/libp.so", "/opt/b/libb.so"]);
    // What one of them needs has to be there.
    root.remove("opt/b/libb.so");
    assert_eq!(agree(&root, "/bin/app")[0], "/opt/p/libp.so needs libb.so, which test does not have");
}

#[test]
fn the_cache_counts_and_the_list_of_folders_alone_does_not() {
    let test = "the_cache_counts_and_the_list_of_folders_alone_does_not";
    if !ready(test) {
        return;
    }
    let root = Root::glibc("test", &[]);
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    root.program("gcc", "app", "int b(void); int main(void) { return b(); }", &[b.to_str().unwrap()]);
    root.write("etc/ld.so.conf", "/opt/b\n");
    let failures = agree(&root, "/app");
    assert_eq!(
        failures,
        ["app needs libb.so, which test has at /opt/b/libb.so, where the loader does not search"]
    );
    let ldconfig =
        ["/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().find(|p| std::path::Path::new(p).exists());
    let Some(ldconfig) = ldconfig else { return skipped(test, "ldconfig") };
    for format in ["new", "compat"] {
        let cmd = xtask_process::exec::Cmd::new(ldconfig)
            .args(["-X", "-c", format, "-r"])
            .arg(root.bench.path("root"));
        run(&cmd);
        assert_eq!(agree(&root, "/app"), [""; 0], "{format}");
    }
    // A cache that names what is gone: the loader goes on to its own folders.
    root.remove("opt/b/libb.so");
    assert_eq!(agree(&root, "/app").len(), 1);
    root.library("usr/lib/libb.so", "int b(void) { return 0; }", &[]);
    assert_eq!(agree(&root, "/app"), [""; 0]);
    // Damaged: as if there were none.
    root.write("etc/ld.so.cache", b"glibc-ld.so.cache1.1\xff\xff\xff\xff");
    assert_eq!(agree(&root, "/app"), [""; 0]);
}

#[test]
fn versions_and_symbols_that_are_gone() {
    if !ready("versions_and_symbols_that_are_gone") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let script =
        root.bench.file("versions", "V1 { global: one; local: *; };\nV2 { global: two; data; } V1;\n");
    let versions = format!("-Wl,--version-script={}", script.display());
    let source = "int data = 7; int one(void) { return 0; } int two(void) { return 0; }";
    let flags = ["-Wl,-rpath,/opt"];
    let program = |main: &str, library: &std::path::Path, more: &[&str]| {
        let all: Vec<&str> = flags.iter().chain(&[library.to_str().unwrap()]).chain(more).copied().collect();
        root.program("gcc", "app", main, &all);
    };
    let both = "int one(void); int two(void); int main(void) { return one() + two(); }";
    let full = root.library("opt/libv.so", source, &[&versions]);
    program(both, &full, &[]);
    assert_eq!(agree(&root, "/app"), [""; 0]);

    // The library that ships knows V1 alone.
    let older = root.bench.file("older", "V1 { global: one; local: *; };\n");
    root.library(
        "opt/libv.so",
        "int one(void) { return 0; }",
        &[&format!("-Wl,--version-script={}", older.display())],
    );
    assert_eq!(
        agree(&root, "/app"),
        ["app uses two in version V2 from libv.so, but libv.so in test has V1 at most"]
    );

    // It has the version, and not the symbol in it.
    let other = root.bench.file("other", "V1 { global: one; local: *; };\nV2 { global: three; } V1;\n");
    let other = format!("-Wl,--version-script={}", other.display());
    root.library("opt/libv.so", "int one(void) { return 0; } int three(void) { return 0; }", &[&other]);
    assert_eq!(agree(&root, "/app"), ["app uses two in version V2 from libv.so, which does not have it"]);

    // It has no versions at all: then its symbols stand for each of them, if they have numbers of versions at all, as
    // they do where the library itself asks for versions.
    let calls =
        "int puts(const char *); int one(void) { return 0; } int two(void) { return puts(\"\") < 0; }";
    root.library("opt/libv.so", calls, &[]);
    assert_eq!(agree(&root, "/app"), [""; 0]);
    root.library("opt/libv.so", source, &["-nostdlib"]);
    assert_eq!(agree(&root, "/app").len(), 2, "one for each version");

    // Linked against no versions, started with versions: the newest that is not hidden, if there is but one.
    let plain = root.library("opt/libv.so", source, &[]);
    program(both, &plain, &[]);
    root.library("opt/libv.so", source, &[&versions]);
    assert_eq!(agree(&root, "/app"), [""; 0]);

    // Data is copied into a program that is not position independent: its own copy does not count.
    let full = root.library("opt/libv.so", source, &[&versions]);
    let copies = "extern int data; int main(void) { return data - 7; }";
    program(copies, &full, &["-no-pie", "-fno-pie"]);
    assert_eq!(agree(&root, "/app"), [""; 0]);
    root.library("opt/libv.so", "int one(void) { return 0; } int three(void) { return 0; }", &[&other]);
    assert_eq!(agree(&root, "/app"), ["app uses data in version V2 from libv.so, which does not have it"]);

    // What is weak may be missing.
    let weak = "__attribute__((weak)) int absent(void); int main(void) { return absent ? absent() : 0; }";
    root.program("gcc", "app", weak, &[]);
    assert_eq!(agree(&root, "/app"), [""; 0]);
}

#[test]
fn libraries_that_are_no_libraries_here() {
    if !ready("libraries_that_are_no_libraries_here") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let b = root.library("opt/1/libb.so", "int b(void) { return 0; }", &[]);
    let bytes = std::fs::read(&b).unwrap();
    let flags = ["-Wl,-rpath,/opt/1:/opt/2", b.to_str().unwrap()];
    root.program("gcc", "app", "int b(void); int main(void) { return b(); }", &flags);
    root.write("opt/2/libb.so", &bytes);
    assert_eq!(agree(&root, "/app"), [""; 0]);
    // For another machine (its number is at byte 18): the next folder counts.
    let mut arm = bytes.clone();
    arm[18] = 183;
    root.write("opt/1/libb.so", &arm);
    assert_eq!(agree(&root, "/app"), [""; 0]);
    root.write("opt/2/libb.so", &arm);
    assert_eq!(
        agree(&root, "/app"),
        ["app needs libb.so, but /opt/1/libb.so in test cannot be loaded: it is for aarch64"]
    );
    // What is no library ends the search.
    root.write("opt/2/libb.so", &bytes);
    root.write("opt/1/libb.so", "INPUT(-lb)\n");
    let failures = agree(&root, "/app");
    assert!(failures[0].contains("cannot be loaded: it is a text file"), "{failures:?}");
    root.write("opt/1/libb.so", &bytes[..bytes.len() / 2]);
    let failures = root.failures("/app");
    assert!(failures[0].contains("cannot be loaded: it is damaged or cut off"), "{failures:?}");
    // A link that leads nowhere is nothing; one that leads in a circle is an error that the loader goes over.
    root.remove("opt/1/libb.so");
    root.link("/nowhere", "opt/1/libb.so");
    assert_eq!(agree(&root, "/app"), [""; 0]);
}

#[test]
fn one_tree_is_read_once_for_many_programs() {
    if !ready("one_tree_is_read_once_for_many_programs") {
        return;
    }
    let root = Root::glibc("test", &[]);
    root.program("gcc", "app", HELLO, &[]);
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let libc = |closure: &Closure| closure.loaded[1].object.clone();
    let closures = [0; 2].map(|_| {
        Closure::of(&program.object, "/app", program.facts.interpreter.as_deref(), &tree, Level::V1)
    });
    assert!(Arc::ptr_eq(&libc(&closures[0]), &libc(&closures[1])));
}

#[test]
fn libraries_for_better_processors_do_not_count_unless_all_machines_are_such() {
    if !ready("libraries_for_better_processors_do_not_count_unless_all_machines_are_such") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let b = root.library(&format!("{LIB}/glibc-hwcaps/x86-64-v2/libb.so"), "int b(void) { return 0; }", &[]);
    root.program("gcc", "app", "int b(void); int main(void) { return b(); }", &[b.to_str().unwrap()]);
    assert_eq!(
        root.failures("/app"),
        ["app needs libb.so, which test has only for processors of level x86-64-v2"]
    );
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let limits = |level| Limits { level: Some(level), ..Limits::default() };
    assert_eq!(check_in(&program, &Triple::parse(GNU), &tree, limits(Level::V2)), []);
    let shipped = closure_paths(&program, &tree, Level::V2).unwrap();
    assert!(shipped.iter().any(|path| path.ends_with("/glibc-hwcaps/x86-64-v2/libb.so")), "{shipped:?}");
    let [refused] = check_in(&program, &Triple::parse(GNU), &tree, limits(Level::V1)).try_into().unwrap();
    assert!(refused.what.ends_with("of level x86-64-v2, but `cpu` in targets.toml is x86-64"), "{refused:?}");
    assert!(refused.fix.starts_with("set cpu = \"x86-64-v2\" in targets.toml"), "{refused:?}");
}

#[test]
fn libraries_that_say_they_need_more_than_machines_have_are_refused() {
    if !ready("libraries_that_say_they_need_more_than_machines_have_are_refused") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let source = "int b(void) { return 0; }";
    let b = root.library(&format!("{LIB}/libb.so"), source, &["-Wl,-z,x86-64-v3"]);
    // The choice for machines of level 2 is one that these cannot load.
    root.library(&format!("{LIB}/glibc-hwcaps/x86-64-v2/libc2.so"), source, &["-Wl,-z,x86-64-v4"]);
    let plain = root.library(&format!("{LIB}/libc2.so"), source, &[]);
    let link = ["-Wl,--no-as-needed", b.to_str().unwrap(), plain.to_str().unwrap()];
    root.program("gcc", "app", "int b(void); int main(void) { return b(); }", &link);
    let files = root.tree();
    let tree = Tree::new("test", &files);
    let program = Program::read(&root.path("app"), "/app").unwrap();
    let judge = |level| {
        let limits = Limits { level, ..Limits::default() };
        let found = check_in(&program, &Triple::parse(GNU), &tree, limits).into_iter();
        found.map(|f| (f.severity, f.what)).collect::<Vec<_>>()
    };
    let one = "libb.so in test: a processor of level x86-64-v3 is needed";
    assert_eq!(judge(None), [(Severity::Warn, format!("{one}: app does not start on an older one"))]);
    let refused =
        |what: &str, have: &str| [(Severity::Fail, format!("{what}, but `cpu` in targets.toml is {have}"))];
    assert_eq!(judge(Some(Level::V1)), refused(one, "x86-64"));
    let both = format!(
        "libb.so, /usr{LIB}/glibc-hwcaps/x86-64-v2/libc2.so in test: a processor of level x86-64-v4 is needed"
    );
    assert_eq!(judge(Some(Level::V2)), refused(&both, "x86-64-v2"));
    assert_eq!(judge(Some(Level::V4)), []);
}

#[test]
fn a_library_of_ours_that_is_found_at_run_time() {
    if !ready("a_library_of_ours_that_is_found_at_run_time") {
        return;
    }
    let root = Root::glibc("test", &[]);
    let judge = |at: &str, triple: &str| {
        let files = root.tree();
        let object = Arc::new(Object::read("libours.so", &xtask_oci::Content::Disk(root.path(at))).unwrap());
        let tree = Tree::new("test", &files);
        let findings =
            check_library_in("libours.so", &object, at, &Triple::parse(triple), &tree, Limits::default());
        findings.into_iter().map(|f| f.what).collect::<Vec<_>>()
    };
    let b = root.library("opt/b/libb.so", "int b(void) { return 0; }", &[]);
    let source = "int b(void); int a(void) { return b(); }";
    root.library("opt/a/libours.so", source, &["-Wl,-rpath,$ORIGIN/../b", b.to_str().unwrap()]);
    assert_eq!(judge("/opt/a/libours.so", GNU), [""; 0]);
    assert_eq!(
        judge("/opt/a/libours.so", "aarch64-unknown-linux-gnu"),
        ["libours.so is for x86_64, but aarch64-unknown-linux-gnu is aarch64"]
    );
    root.remove("opt/b/libb.so");
    assert_eq!(judge("/opt/a/libours.so", GNU), ["libours.so needs libb.so, which test does not have"]);
}
