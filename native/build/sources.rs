//! The files of the C component: the same for the linked backend, the shared library and the WebAssembly module.

/// Relative to the package.
pub(crate) const SOURCES: [&str; 9] = [
    "c/array.c",
    "c/block.c",
    "c/boundary.c",
    "c/cursor.c",
    "c/heap.c",
    "c/keeper.c",
    "c/person.c",
    "c/text.c",
    "c/vector.c",
];
