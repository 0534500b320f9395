//! Misuse of the C component does not compile. Each program in `misuse/` must be refused with the message in the file beside
//! it (`TRYBUILD=overwrite` writes them anew after a change of the compiler). The topics "owned records", "callback contexts",
//! "zero-copy cursors" and "kept buffers" of docs/concepts/c-boundary.md.

#[test]
fn misuse_does_not_compile() {
    // Set by `cargo xtask test --sanitize`: what must not compile has no C to watch, and is not linked with sanitizers.
    if std::env::var_os("XTASK_SANITIZED").is_some() {
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/misuse/*.rs");
    // The compiler quotes its own library's source in these words, if that is installed. `not_send` below holds either way.
    if !library_source() {
        cases.compile_fail("tests/misuse/std/*.rs");
    }
}

/// Whether the compiler in use has the source of its library.
fn library_source() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    #[expect(clippy::disallowed_methods, reason = "native knows nothing of xtask's spawner")]
    let sysroot = std::process::Command::new(rustc).args(["--print", "sysroot"]).output();
    sysroot.is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        std::path::Path::new(&sysroot).join("lib/rustlib/src/rust/library").is_dir()
    })
}

/// Compiles only while the keeper is bound to its thread: were it `Send`, both implementations would fit, and which one is
/// meant could not be told.
#[test]
fn not_send() {
    trait Fits<Which> {
        fn here() {}
    }
    struct Other;
    impl<T: ?Sized> Fits<()> for T {}
    impl<T: ?Sized + Send> Fits<Other> for T {}
    <native::Keeper<'static> as Fits<_>>::here();
}
