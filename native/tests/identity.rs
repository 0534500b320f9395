//! What is recorded about the C compiler, from the words of real compilers.

#[path = "../build/identity.rs"]
mod identity;

use identity::{identify, installed_dir, is_zig};
use proptest::prelude::*;

const GNU: &str =
    "\nCopyright (C) 2022 Free Software Foundation, Inc.\nThis is free software; see the source.\n";
const ZIG: &str =
    "clang version 20.1.2 (https://github.com/ziglang/zig-bootstrap 7ef74e656cf8ddbd6bf891a8475892aa1afa6891)
Target: aarch64-unknown-linux-musl
Thread model: posix
InstalledDir: /somewhere/a b/ziglang
";

#[test]
fn gcc() {
    for (line, expected) in [
        ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc 12.2.0"),
        ("aarch64-linux-gnu-gcc (Ubuntu 9.4.0-1ubuntu1~20.04.2) 9.4.0", "gcc 9.4.0"),
        ("x86_64-w64-mingw32-gcc (GCC) 12-win32", "gcc 12-win32"),
        ("gcc (GCC) 13.2.1 20231205 (Red Hat 13.2.1-6)", "gcc 13.2.1"),
        (
            "aarch64-none-linux-gnu-gcc (Arm GNU Toolchain 13.2.Rel1 (Build arm-13.7)) 13.2.1 20231009",
            "gcc 13.2.1",
        ),
        ("/opt/x-4.2/bin/cc (crosstool-NG 1.25.0) 11.2.0", "gcc 11.2.0"),
        ("cc (GCC) /opt/bin", "unknown"),
    ] {
        assert_eq!(identify(&format!("{line}{GNU}"), None), expected, "{line}");
    }
}

#[test]
fn clang() {
    for (line, expected) in [
        ("Debian clang version 14.0.6", "clang 14.0.6"),
        ("clang version 19.1.7 (Fedora 19.1.7-1.fc41)", "clang 19.1.7"),
        ("Ubuntu clang version 18.1.3 (1ubuntu1)", "clang 18.1.3"),
        ("Apple clang version 15.0.0 (clang-1500.3.9.4)", "Apple clang 15.0.0"),
        ("clang version ", "unknown"),
        ("clang version /usr/bin", "unknown"),
    ] {
        assert_eq!(identify(line, None), expected, "{line}");
        assert_eq!(identify(line, Some("0.15.2")), expected, "not zig: {line}");
    }
}

#[test]
fn zig() {
    assert!(is_zig(ZIG));
    assert_eq!(installed_dir(ZIG).unwrap().to_str(), Some("/somewhere/a b/ziglang"));
    assert_eq!(identify(ZIG, Some("0.15.2\n")), "zig cc 0.15.2 (clang 20.1.2)");
    assert_eq!(
        identify(ZIG, Some("0.16.0-dev.1484+d0ba6642b")),
        "zig cc 0.16.0-dev.1484+d0ba6642b (clang 20.1.2)"
    );
    assert_eq!(identify(ZIG, None), "zig cc (clang 20.1.2)");
    assert_eq!(identify(ZIG, Some("error: unknown command")), "zig cc (clang 20.1.2)");
    assert_eq!(installed_dir("clang version 1.0\nInstalledDir: relative\n"), None);
}

proptest! {
    /// Whatever a compiler prints, what is recorded is one short line without a path in it.
    #[test]
    fn nothing_else_gets_through(
        line in "(gcc|clang version|Apple clang version|/usr/bin/cc)[ ()./0-9a-z\n-]{0,60}",
        gnu in any::<bool>(),
        zig in prop::option::of("[ ./0-9a-z\n\"=]{0,20}"),
    ) {
        let text = if gnu { format!("{line}{GNU}") } else { line };
        let name = identify(&text, zig.as_deref());
        prop_assert!(!name.is_empty() && name.len() < 120);
        prop_assert!(!name.contains(['\n', '/', '"', '=']), "{}", name);
    }
}
