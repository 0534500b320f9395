//! WebAssembly programs for WASI preview 1: what they need of their host, and how it starts them. Source:
//! <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>.

use super::Finding;
use super::Format;
use super::refusal::{Refusal, refused};
use super::rules::fail;
use xtask_files::error::Result;
use xtask_link_map::wasm::{WasmFault, WasmItem, WasmModule, WasmSignature};
use xtask_triple::system::{self, ObjectFormat};
use xtask_triple::{Os, Triple};

/// The facts of a WebAssembly program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasiProgram {
    /// What it needs of its host, in the file's order.
    pub imports: Vec<HostImport>,
    /// Whether it exports the function `_start`, with which hosts start a program.
    pub starts: bool,
    /// Whether it exports the function `_initialize`, which hosts call before they use a library.
    pub initializes: bool,
    /// Whether it exports `memory`, through which hosts exchange data with it.
    pub memory: bool,
}

/// Something that a program needs of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostImport {
    /// The name of the module of the host.
    pub module: String,
    /// The name in that module.
    pub name: String,
    /// What it is.
    pub kind: HostItem,
}

/// The kind of what a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostItem {
    /// A function with these parameters and results: `iI:i` takes an `i32` and an `i64`, and returns an `i32`.
    Function(String),
    /// A memory, which programs with threads have in common.
    Memory,
    /// A table, a global variable or a tag.
    Other,
}

/// The name of the module with all functions of WASI preview 1.
const PREVIEW_1: &str = "wasi_snapshot_preview1";

/// The functions of [`PREVIEW_1`] with their types, sorted by name.
const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii:i"),
    ("args_sizes_get", "ii:i"),
    ("clock_res_get", "ii:i"),
    ("clock_time_get", "iIi:i"),
    ("environ_get", "ii:i"),
    ("environ_sizes_get", "ii:i"),
    ("fd_advise", "iIIi:i"),
    ("fd_allocate", "iII:i"),
    ("fd_close", "i:i"),
    ("fd_datasync", "i:i"),
    ("fd_fdstat_get", "ii:i"),
    ("fd_fdstat_set_flags", "ii:i"),
    ("fd_fdstat_set_rights", "iII:i"),
    ("fd_filestat_get", "ii:i"),
    ("fd_filestat_set_size", "iI:i"),
    ("fd_filestat_set_times", "iIIi:i"),
    ("fd_pread", "iiiIi:i"),
    ("fd_prestat_dir_name", "iii:i"),
    ("fd_prestat_get", "ii:i"),
    ("fd_pwrite", "iiiIi:i"),
    ("fd_read", "iiii:i"),
    ("fd_readdir", "iiiIi:i"),
    ("fd_renumber", "ii:i"),
    ("fd_seek", "iIii:i"),
    ("fd_sync", "i:i"),
    ("fd_tell", "ii:i"),
    ("fd_write", "iiii:i"),
    ("path_create_directory", "iii:i"),
    ("path_filestat_get", "iiiii:i"),
    ("path_filestat_set_times", "iiiiIIi:i"),
    ("path_link", "iiiiiii:i"),
    ("path_open", "iiiiiIIii:i"),
    ("path_readlink", "iiiiii:i"),
    ("path_remove_directory", "iii:i"),
    ("path_rename", "iiiiii:i"),
    ("path_symlink", "iiiii:i"),
    ("path_unlink_file", "iii:i"),
    ("poll_oneoff", "iiii:i"),
    ("proc_exit", "i:"),
    ("proc_raise", "i:i"),
    ("random_get", "ii:i"),
    ("sched_yield", ":i"),
    ("sock_accept", "iii:i"),
    ("sock_recv", "iiiiii:i"),
    ("sock_send", "iiiii:i"),
    ("sock_shutdown", "ii:i"),
];

impl WasiProgram {
    /// Reads a program in memory. `name` is its name in errors.
    ///
    /// # Errors
    /// It is not a core module, or it is damaged or truncated.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        read(bytes).map_err(|fault| {
            let help = match fault {
                WasmFault::NotWasm => {
                    let format = Format::of(bytes.get(..bytes.len().min(512)).unwrap_or_default());
                    let why = format!("is {format}, not a WebAssembly module");
                    return refused(name, Refusal { why, help: None });
                }
                WasmFault::Component => "build it for wasm32-wasip1, whose programs are core modules",
                WasmFault::Version(_) => "look at the linker: no host starts this version",
                WasmFault::Damaged(_) => {
                    "build it again; if the error remains, check the step that copies or post-processes the file"
                }
            };
            refused(name, Refusal { why: fault.to_string(), help: Some(help) })
        })
    }
}

fn read(bytes: &[u8]) -> Result<WasiProgram, WasmFault> {
    let module = WasmModule::parse(bytes)?;
    let (types, exports) = (module.signatures()?, module.exports()?);
    let mut imports = Vec::new();
    for import in module.imports()? {
        let kind = match import.kind {
            WasmItem::Function(index) => {
                let signature =
                    types.get(index as usize).ok_or(WasmFault::Damaged("the type of an import"))?;
                HostItem::Function(text(signature))
            }
            WasmItem::Memory => HostItem::Memory,
            WasmItem::Table | WasmItem::Global | WasmItem::Tag => HostItem::Other,
        };
        imports.push(HostImport { module: import.module.to_owned(), name: import.name.to_owned(), kind });
    }
    let function = |name: &str| {
        exports.iter().any(|export| export.name == name && matches!(export.kind, WasmItem::Function(_)))
    };
    Ok(WasiProgram {
        imports,
        starts: function("_start"),
        initializes: function("_initialize"),
        memory: exports.iter().any(|export| export.name == "memory" && export.kind == WasmItem::Memory),
    })
}

/// Writes a type in the form of [`HostItem::Function`]. `?` stands for a type that is not a number.
fn text(signature: &WasmSignature<'_>) -> String {
    let letter = |kind: &u8| match kind {
        0x7f => 'i',
        0x7e => 'I',
        0x7d => 'f',
        0x7c => 'F',
        _ => '?',
    };
    let letters = |kinds: &[u8]| kinds.iter().map(letter).collect::<String>();
    format!("{}:{}", letters(signature.parameters), letters(signature.results))
}

/// Checks a WebAssembly program against its target. Without a failing finding, every host of WASI preview 1
/// can start it.
pub fn check_wasm(wasm: &WasiProgram, triple: &Triple) -> Vec<Finding> {
    let mut findings = Vec::new();
    if triple.os() != Os::Wasi || system::of(triple).objects != ObjectFormat::Wasm {
        findings.push(fail(
            format!("this is a WebAssembly module, which {triple} cannot start"),
            format!("build it with `--target {triple}`"),
        ));
    }
    findings.extend(wasm.imports.iter().filter_map(judged));
    if !wasm.starts {
        let what = match wasm.initializes {
            true => {
                "the module exports `_initialize` and no `_start`: it is a library (a reactor), not a program"
            }
            false => "the module exports no function `_start`, so no host can start it",
        };
        findings.push(fail(what.into(), "name a [[bin]] target that has a function `main`"));
    }
    if !wasm.memory {
        findings.push(fail(
            "the module does not export its memory, so no host can pass it data".into(),
            "remove the linker arguments that import or hide the memory",
        ));
    }
    findings
}

fn judged(import: &HostImport) -> Option<Finding> {
    let HostImport { module, name, kind } = import;
    let HostItem::Function(signature) = kind else {
        let what = match kind {
            HostItem::Memory => "its memory: it was linked for threads, which WASI preview 1 does not have",
            _ => "a table, a global variable or a tag, which no host of WASI preview 1 provides",
        };
        return Some(fail(
            format!("the program imports {module}.{name}, {what}"),
            "remove the linker arguments for threads and shared libraries, such as `--import-memory`",
        ));
    };
    if module != PREVIEW_1 {
        // The linker makes an import of every function that no object defines.
        let finding = match module.as_str() {
            "env" => fail(
                format!(
                    "the program imports env.{name}: no linked object defines the function {name}, and no host provides it"
                ),
                format!(
                    "link the C library that defines {name}, or build without the code that calls it; WASI has no processes, signals, threads or network names"
                ),
            ),
            "wasi_unstable" => fail(
                format!("the program imports {module}.{name}, which is of an older WASI than preview 1"),
                "compile the C code with the headers of a current wasi-libc",
            ),
            _ => fail(
                format!(
                    "the program imports {module}.{name}, and hosts of WASI preview 1 provide only {PREVIEW_1}"
                ),
                "build without the crate that declares it (`#[link(wasm_import_module = …)]`): it is for browsers or for one host only",
            ),
        };
        return Some(Finding { symbols: vec![name.clone()], ..finding });
    }
    let known =
        FUNCTIONS.binary_search_by_key(&name.as_str(), |(known, _)| known).ok().map(|at| FUNCTIONS[at].1);
    let what = match known {
        Some(expected) if expected == signature => return None,
        Some(expected) => format!(
            "the program imports {module}.{name} with the type ({signature}), and hosts provide ({expected})"
        ),
        None => format!("the program imports {module}.{name}, which WASI preview 1 does not have"),
    };
    let finding = fail(what, "use a wasi-libc and a `wasi` crate for WASI preview 1");
    Some(Finding { symbols: vec![name.clone()], ..finding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        assert!(FUNCTIONS.is_sorted_by_key(|(name, _)| name));
    }
}
