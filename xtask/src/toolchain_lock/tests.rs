use super::*;

fn tool(provider: &str, version: &str, digest: &str) -> LockedTool {
    LockedTool { provider: provider.into(), version: version.into(), digest: digest.into() }
}

fn lock(target: &str, c: Option<LockedTool>, linker: Option<LockedTool>) -> ToolchainLock {
    let locked = LockedTarget { rustc: "1.95.0".into(), std: "sha256:5".into(), c, linker };
    ToolchainLock { targets: [(Triple::parse(target), locked)].into() }
}

const MUSL: &str = "x86_64-unknown-linux-musl";

#[test]
fn what_is_written_is_read_back() {
    let odd = tool("zig", "zig \"0.15\"\\\u{1b}[31m\n", "sha256:1");
    let mut written = lock(MUSL, Some(odd), Some(tool("rust-lld", "1.95.0", "sha256:2")));
    written.targets.extend(lock("aarch64-unknown-linux-gnu", None, None).targets);
    let text = written.text();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_eq!(ToolchainLock::parse(&text, Path::new(FILE_NAME)).unwrap(), written);
}

#[test]
fn a_file_that_is_no_lock_is_named_with_the_place() {
    let refused = |text: &str| ToolchainLock::parse(text, Path::new(FILE_NAME)).unwrap_err().to_string();
    let unknown = refused("schema = 1\n[[target]]\ntriple = \"a\"\nrustc = \"1\"\nstd = \"s\"\nsdt = 1\n");
    assert!(unknown.contains("toolchains.lock") && unknown.contains("line 6"), "{unknown}");
    assert!(refused("schema = 2\n").contains("version 2"));
    let table = "[[target]]\ntriple = \"a\"\nrustc = \"1\"\nstd = \"s\"\n";
    assert!(refused(&format!("schema = 1\n{table}{table}")).contains("twice"));
    assert!(refused("").contains("schema"));
}

#[test]
fn what_differs_is_said_and_what_is_not_used_is_not_compared() {
    let zig = tool("zig", "zig 0.15.2", "sha256:1");
    let lld = tool("rust-lld", "1.95.0", "sha256:2");
    let locked = lock(MUSL, Some(zig.clone()), Some(lld.clone()));
    assert_eq!(drifts(&locked, &locked), []);
    assert_eq!(drifts(&locked, &lock(MUSL, None, Some(lld.clone()))), []);
    let said = |here: &ToolchainLock| drifts(&locked, here).iter().map(Drift::to_string).collect::<Vec<_>>();
    assert_eq!(
        said(&lock(MUSL, Some(tool("musl", "gcc 12.2.0", "sha256:3")), None)),
        [format!("{MUSL}: C toolchain: locked: zig 0.15.2 (zig); here: gcc 12.2.0 (musl)")]
    );
    assert_eq!(
        said(&lock(MUSL, Some(tool("zig", "zig 0.15.2", "sha256:3")), None)),
        [format!("{MUSL}: C toolchain: locked: zig 0.15.2 (zig) sha256:1; here: zig 0.15.2 (zig) sha256:3")]
    );
    assert_eq!(
        said(&lock("x86_64-unknown-linux-gnu", Some(zig), None)),
        ["x86_64-unknown-linux-gnu: target: locked: nothing; here: zig 0.15.2 (zig)"]
    );
    let mut other_std = lock(MUSL, None, Some(lld));
    other_std.targets.values_mut().for_each(|target| target.std = "sha256:6".into());
    assert_eq!(said(&other_std), [format!("{MUSL}: std: locked: sha256:5; here: sha256:6")]);
    other_std.targets.values_mut().for_each(|target| target.rustc = "1.96.0".into());
    assert_eq!(said(&other_std), [format!("{MUSL}: rustc: locked: 1.95.0; here: 1.96.0")]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(schema = 1\n)?(\\[\\[target\\]\\]\n)?(.|\n){0,80}") {
        let _ = ToolchainLock::parse(&text, Path::new(FILE_NAME));
    }

    #[test]
    fn every_version_survives(version in "\\PC{0,20}|[\\x00-\\x1f\"\\\\]{0,9}") {
        let written = lock(MUSL, Some(tool("zig", &version, "sha256:1")), None);
        proptest::prop_assert_eq!(ToolchainLock::parse(&written.text(), Path::new(FILE_NAME)).unwrap(), written);
    }
}
