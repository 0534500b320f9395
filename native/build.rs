//! Compiles the C component under the feature `native`. Without it this does nothing, and does not even know `cc`.

#[cfg(feature = "native")]
#[path = "build/compile.rs"]
mod compile;

fn main() {
    // Without a word to Cargo, any change in this package, C sources included, would run a pure build's script again.
    println!("cargo::rerun-if-changed=build.rs");
    // `ffi` where a backend reaches C by native calls, `loadable` where one of them loads a library.
    println!("cargo::rustc-check-cfg=cfg(ffi, loadable)");
    let set = |name: &str| std::env::var_os(name).is_some();
    let loadable = cfg!(feature = "dlopen") && (set("CARGO_CFG_UNIX") || set("CARGO_CFG_WINDOWS"));
    if loadable {
        println!("cargo::rustc-cfg=loadable");
    }
    if loadable || cfg!(feature = "native") {
        println!("cargo::rustc-cfg=ffi");
    }
    // What the example that builds the library compiles for, where it is not told otherwise.
    println!("cargo::rustc-env=NATIVE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    #[cfg(feature = "native")]
    compile::run();
}
