//! Makes the files by which build tools find what belongs to a target and not to this machine: a `pkg-config`,
//! a toolchain file of CMake, and clang's arguments for bindgen.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::plan::Job;
use crate::trap::pkg_config::{PROGRAMS, PkgConfig};
use xtask_compilers::toolchain::Toolchain;
use xtask_compilers::toolchain::libraries::TargetLibraries;
use xtask_compilers::toolchain::names::llvm_target;
use xtask_process::exec::Cmd;
use xtask_process::host::Host;
use xtask_triple::{Arch, Os, Triple};

/// The time limit for a compiler that prints its folders of headers.
const LIMIT: Duration = Duration::from_secs(30);

/// The variables that name the files of a target, without the target in their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFiles {
    variables: BTreeMap<&'static str, OsString>,
    /// The folder with a `pkg-config` for the PATH of build scripts, which serves each of them for its target.
    pub on_path: Option<PathBuf>,
}

/// The places from which the files of a target are made.
#[derive(Debug, Clone, Copy)]
pub struct FilePlaces<'a> {
    /// The folder for the files, which later runs use again.
    pub folder: &'a Path,
    /// The environment of this machine.
    pub host: &'a Host,
    /// The path of this program.
    pub this: &'a Path,
}

impl TargetFiles {
    /// Writes the files for the target of a job. This machine's own target needs none without a sysroot. A file
    /// that cannot be written is left out, and so is one that the user's variables replace.
    pub fn write(job: &Job, places: FilePlaces<'_>) -> Self {
        let mut files = Self::default();
        let triple = &job.target.triple;
        if *triple == places.host.triple && job.target.sysroot.is_none() {
            return files;
        }
        let users = |name: &str| {
            let keys = [format!("{name}_{triple}"), format!("{name}_{}", triple.underscored())];
            let keys = || keys.iter().map(String::as_str).chain([name]);
            keys().any(|key| places.host.var_os(key).is_some() || job.target.env.contains_key(key))
        };
        // Who sets one of these has libraries for the target, and describes them to pkg-config completely.
        if !["PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR"].into_iter().any(users) {
            files.pkg_config(triple, &job.libraries, places);
        }
        // For this machine's own target, CMake would believe that it compiles for another one.
        if let Some(toolchain) = job.toolchain.as_ref().filter(|_| *triple != places.host.triple) {
            files.cmake(triple, toolchain, &job.libraries, places);
            files.bindgen(triple, toolchain, &job.libraries, places);
        }
        files.variables.retain(|name, _| !users(name));
        files
    }

    /// Returns the variables with their values. Each name is to be followed by `_` and the target.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.variables.iter().map(|(name, value)| (*name, value))
    }

    fn pkg_config(&mut self, triple: &Triple, libraries: &TargetLibraries, places: FilePlaces<'_>) {
        let Ok(folders) = std::env::join_paths(&libraries.pkg_config) else { return };
        let sysroot = libraries.sysroot.as_deref();
        if let Some(real) = PROGRAMS.iter().find_map(|name| places.host.program(name)) {
            let folder = places.folder.join("pkg-config");
            let scripts = PkgConfig { folder: &folder, this: places.this, real: &real };
            if let Some(program) = scripts.of_target(triple, Path::new(&folders), sysroot) {
                self.variables.insert("PKG_CONFIG", program.into());
                self.on_path = scripts.on_path();
            }
        }
        if let Some(sysroot) = sysroot {
            self.variables.insert("PKG_CONFIG_SYSROOT_DIR", sysroot.into());
        }
        self.variables.insert("PKG_CONFIG_ALLOW_CROSS", "1".into());
        self.variables.insert("PKG_CONFIG_LIBDIR", folders);
    }

    fn cmake(
        &mut self,
        triple: &Triple,
        toolchain: &Toolchain,
        libraries: &TargetLibraries,
        places: FilePlaces<'_>,
    ) {
        let file = places.folder.join("cmake").join(format!("{triple}-{}.cmake", toolchain.id));
        let mut text = toolchain_file(triple, toolchain, libraries);
        if let Some(program) = self.variables.get("PKG_CONFIG") {
            let program = bracket(Path::new(program));
            text += &format!("set(PKG_CONFIG_EXECUTABLE {program} CACHE FILEPATH \"\")\n");
        }
        let kept = std::fs::read(&file).is_ok_and(|old| old == text.as_bytes());
        if kept || xtask_files::write(&file, text.as_bytes()).is_ok() {
            self.variables.insert("CMAKE_TOOLCHAIN_FILE", file.into());
        }
    }

    /// libclang knows neither the folders of a cross compiler's headers nor zig's. The compiler is asked for
    /// them once.
    fn bindgen(
        &mut self,
        triple: &Triple,
        toolchain: &Toolchain,
        libraries: &TargetLibraries,
        places: FilePlaces<'_>,
    ) {
        let Some(target) = llvm_target(triple) else { return };
        let file = places.folder.join("include").join(format!("{triple}-{}", toolchain.id));
        let text = std::fs::read_to_string(&file).ok().or_else(|| {
            let asked = Cmd::new(&toolchain.cc).args(["-E", "-v", "-xc", "/dev/null"]).env("LC_ALL", "C");
            let text = asked.capture(LIMIT).ok().filter(|output| output.ok())?.errors();
            let folders: String = headers(&text).iter().map(|dir| format!("{}\n", dir.display())).collect();
            let _ = xtask_files::write(&file, folders.as_bytes());
            Some(folders)
        });
        let Some(folders) = text.filter(|text| !text.is_empty()) else { return };
        // bindgen splits the value as a shell does.
        let mut words = Cmd::new(format!("--target={target}")).arg("-nostdlibinc");
        for folder in folders.lines() {
            words = words.arg("-isystem").arg(folder);
        }
        words = words.args(libraries.header_options());
        self.variables.insert("BINDGEN_EXTRA_CLANG_ARGS", words.line().into());
    }
}

/// Returns the folders of headers that a compiler prints with `-E -v`, without the headers that belong to the
/// compiler itself. libclang has its own, and the built-in functions of two compilers differ.
fn headers(printed: &str) -> Vec<PathBuf> {
    let list = printed.lines().skip_while(|line| !line.starts_with("#include <...>")).skip(1);
    let list = list.take_while(|line| line.starts_with(' ')).map(|line| Path::new(line.trim()));
    let of_compiler = |dir: &Path| {
        dir.join("syslimits.h").exists() || (dir.join("stddef.h").exists() && !dir.join("stdio.h").exists())
    };
    let list = list.map(|dir| std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned()));
    list.filter(|dir| dir.is_dir() && !of_compiler(dir)).collect()
}

/// Returns a toolchain file of CMake. Programs are found on this machine; headers, libraries and packages only
/// among those of the target, in the project, and among the outputs of other build scripts.
fn toolchain_file(triple: &Triple, toolchain: &Toolchain, libraries: &TargetLibraries) -> String {
    let tools = [
        ("C_COMPILER", Some(&toolchain.cc)),
        ("CXX_COMPILER", toolchain.cxx.as_ref()),
        ("ASM_COMPILER", Some(&toolchain.cc)),
        ("AR", toolchain.ar.as_ref()),
        ("RANLIB", toolchain.ranlib.as_ref()),
    ];
    let tools = tools.into_iter().filter_map(|(name, tool)| Some((name, tool?)));
    let tools: String = tools.map(|(name, tool)| format!("set(CMAKE_{name} {})\n", bracket(tool))).collect();
    let roots: Vec<String> = libraries.roots.iter().map(|root| bracket(root)).collect();
    format!(
        "# {triple}, by {} of {}. `cargo xtask` writes this file.\n\
         set(CMAKE_SYSTEM_NAME {})\n\
         set(CMAKE_SYSTEM_PROCESSOR {})\n\
         {tools}\
         set(CMAKE_FIND_ROOT_PATH {})\n\
         list(APPEND CMAKE_FIND_ROOT_PATH \"${{CMAKE_SOURCE_DIR}}\" \"${{CMAKE_BINARY_DIR}}\")\n\
         if(DEFINED ENV{{OUT_DIR}})\n  \
           get_filename_component(outputs \"$ENV{{OUT_DIR}}/../..\" ABSOLUTE)\n  \
           list(APPEND CMAKE_FIND_ROOT_PATH \"${{outputs}}\")\n\
         endif()\n\
         string(REPLACE \":\" \";\" prefixes \"$ENV{{CMAKE_PREFIX_PATH}}\")\n\
         list(APPEND CMAKE_FIND_ROOT_PATH ${{prefixes}})\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)\n",
        toolchain.version,
        toolchain.provider,
        system(triple),
        processor(triple),
        roots.join(" ")
    )
}

/// Quotes a path for CMake, so that it means every character as it is.
fn bracket(path: &Path) -> String {
    format!("[==[{}]==]", path.display())
}

/// Returns CMake's name of the target's operating system.
fn system(triple: &Triple) -> &'static str {
    match triple.os() {
        Os::Linux => "Linux",
        Os::Windows => "Windows",
        Os::Darwin => "Darwin",
        Os::Wasi => "WASI",
        Os::Other => "Generic",
    }
}

/// Returns the name of the target's processor that the crate `cmake` passes, which projects compare.
fn processor(triple: &Triple) -> &'static str {
    match (triple.os(), triple.arch()) {
        (Os::Windows, Arch::X86_64) => "AMD64",
        (Os::Windows, Arch::X86) => "X86",
        (Os::Windows, Arch::Aarch64) => "ARM64",
        (Os::Darwin, Arch::Aarch64) => "arm64",
        (_, Arch::X86_64) => "x86_64",
        (_, Arch::X86) => "x86",
        (_, Arch::Aarch64) => "aarch64",
        (_, Arch::ArmV7 | Arch::ArmV6 | Arch::ArmV5) => "arm",
        (_, Arch::Riscv64) => "riscv64",
        (_, Arch::Powerpc64le) => "ppc64le",
        (_, Arch::S390x) => "s390x",
        (_, Arch::Loongarch64) => "loongarch64",
        (_, Arch::Wasm32) => "wasm32",
        (_, Arch::Other) => "unknown",
    }
}
