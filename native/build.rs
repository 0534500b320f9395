//! Compiles the C component under the feature `native`. Without it this does nothing, and does not even know `cc`.

#[cfg(feature = "native")]
#[path = "build/compile.rs"]
mod compile;

fn main() {
    // Without a word to Cargo, any change in this package, C sources included, would run a pure build's script again.
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "native")]
    compile::run();
}
