//! Compiles the C component under the feature `native`. Without it this does nothing, and does not even know `cc`.

#[cfg(feature = "native")]
#[path = "build/compile.rs"]
mod compile;

fn main() {
    // Without a word to Cargo, any change in this package, C sources included, would run a pure build's script again.
    println!("cargo::rerun-if-changed=build.rs");
    // Set where a backend reaches C by native calls, whichever it is.
    println!("cargo::rustc-check-cfg=cfg(ffi)");
    #[cfg(any(feature = "native", feature = "dlopen"))]
    println!("cargo::rustc-cfg=ffi");
    #[cfg(feature = "native")]
    compile::run();
}
