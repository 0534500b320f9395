//! Finds out why a foreign file was linked: a package asked for it, by its build script or by an attribute in
//! its source, or the user's flags did.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use xtask_link_map::{ForeignFile, ForeignLibrary, LinkAccount, LinkArguments, LinkRecord};

use super::{ForeignPart, ProgramContents, rlib};
use crate::trap::{Script, package_name};

/// The package or setting that had a file linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkAsker {
    /// The package ID. None if no package asked for it, or if the package is not known.
    pub package: Option<String>,
    /// The way in which it was asked for.
    pub way: AskedWay,
}

/// The way in which a file came to be linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AskedWay {
    /// A build script printed this line.
    Script(String),
    /// A `#[link]` attribute in this file asks for it.
    Attribute(PathBuf),
    /// It is inside the library that rustc made of the package, because of an attribute or of Cargo's
    /// configuration.
    Bundled,
    /// The table `[target.<triple>.<links>]` of Cargo's configuration replaces the build script.
    Configuration(String),
    /// `rustflags` contain it.
    Flags,
    /// No known setting names it.
    Unknown,
}

impl LinkAsker {
    /// Returns the package with its version, or a phrase if there is no package.
    pub fn name(&self) -> String {
        match (&self.package, &self.way) {
            (Some(package), _) => package_name(package),
            (None, AskedWay::Flags) => "rustflags".to_owned(),
            (None, _) => "an unknown place".to_owned(),
        }
    }
}

/// Writes a clause: `z-sys 1.0.0 asked for it with cargo::rustc-link-lib=z`.
impl fmt::Display for LinkAsker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match &self.way {
            AskedWay::Script(line) => write!(f, "{name} asked for it with {line}"),
            AskedWay::Attribute(file) => write!(f, "{name} asked for it with #[link] in {}", file.display()),
            AskedWay::Bundled => write!(f, "it is in the library of {name}"),
            AskedWay::Configuration(links) => {
                write!(
                    f,
                    "Cargo's configuration asked for it: the table `{links}` of the target replaces the build script of {name}"
                )
            }
            AskedWay::Flags => write!(f, "rustflags ask for it"),
            AskedWay::Unknown => {
                write!(f, "neither a build script nor an attribute that was found asks for it")
            }
        }
    }
}

/// The data of a build by which the origin of a linker input is found.
#[derive(Debug, Clone, Copy)]
pub struct BuildNames<'a> {
    /// The build scripts that ran for the target, or whose results were fresh.
    pub scripts: &'a [Script],
    /// The package of each library that rustc made.
    pub libraries: &'a BTreeMap<PathBuf, String>,
    /// The manifest of each package.
    pub manifests: &'a BTreeMap<String, PathBuf>,
    /// The flags of rustc for the target.
    pub flags: &'a [String],
}

impl BuildNames<'_> {
    /// Returns the contents of a program. `std` are the folders of the std that was linked.
    pub fn contents(&self, record: &LinkRecord, std: &[PathBuf]) -> ProgramContents {
        let account = LinkAccount::of(record, std);
        let files = account.foreign.iter().flat_map(|file| self.parts(file, &record.given));
        let shared = account.shared.iter().map(|library| self.shared(library));
        let mut parts: Vec<ForeignPart> = files.chain(shared).collect();
        parts.sort_by(|one, other| (&one.asker, &one.file).cmp(&(&other.asker, &other.file)));
        ProgramContents { parts, account, linked: record.files.clone() }
    }

    /// Finds why a framework of macOS was linked.
    pub fn asker_of(&self, framework: &str) -> LinkAsker {
        self.asker(Path::new(framework))
    }

    /// Returns the parts of a foreign file: the file itself, or the archives that rustc put into the library
    /// of a package.
    fn parts(&self, file: &ForeignFile, given: &LinkArguments) -> Vec<ForeignPart> {
        let Some(package) = self.package_of(&file.path) else {
            let path = self.place(&file.path, given);
            return vec![part(self.asker(&path), path, &file.objects)];
        };
        let scripts = self.scripts.iter().filter(|script| script.package == *package);
        let scripts: Vec<&Script> = scripts.collect();
        rlib::archives(file, &scripts, given)
            .into_iter()
            .map(|(archive, objects)| {
                let library = archive.as_deref().map(library_name).unwrap_or_default();
                let script = scripts.iter().find_map(|script| asked_by_name(script, &library));
                let way = script
                    .or_else(|| self.attribute(package, &library))
                    .or_else(|| self.replaced(package).map(AskedWay::Configuration))
                    .unwrap_or(AskedWay::Bundled);
                let asker = LinkAsker { package: Some(package.clone()), way };
                part(asker, archive.unwrap_or_else(|| file.path.clone()), &objects)
            })
            .collect()
    }

    /// Returns the package of a library that rustc made. With link-time optimisation, rustc links a copy of
    /// the library from a folder below the library's own. The copy lacks the code that rustc has optimised
    /// itself.
    fn package_of(&self, file: &Path) -> Option<&String> {
        let original = || self.libraries.get(&file.parent()?.parent()?.join(file.file_name()?));
        self.libraries.get(file).or_else(original)
    }

    fn shared(&self, library: &ForeignLibrary) -> ForeignPart {
        let file =
            library.found.as_ref().map_or_else(|| PathBuf::from(&library.name), |found| found.path.clone());
        let makers = library.found.iter().flat_map(|found| found.notes.makers.clone()).collect();
        ForeignPart { asker: self.asker(&file), file, members: Vec::new(), bytes: None, makers }
    }

    /// Finds why a file was linked that has an argument of its own on the linker's command line.
    fn asker(&self, file: &Path) -> LinkAsker {
        let library = library_name(file);
        let by = |way: fn(&Script, &str, &Path) -> Option<AskedWay>| {
            let found = |script: &Script| {
                Some(LinkAsker { package: Some(script.package.clone()), way: way(script, &library, file)? })
            };
            self.scripts.iter().find_map(found)
        };
        // The driver adds the second archive of LLVM's C++ library by itself.
        let second = |script: &Script, library: &str, _: &Path| {
            (library == "c++abi").then(|| asked_by_name(script, "c++")).flatten()
        };
        by(|script, library, _| asked_by_name(script, library))
            .or_else(|| by(second))
            .or_else(|| by(asked_by_argument))
            .or_else(|| self.flags(file, &library))
            .or_else(|| self.configured(&library))
            .or_else(|| self.attributed(&library))
            .or_else(|| by(|script, _, file| asked_by_folder(script, file)))
            .unwrap_or(LinkAsker { package: None, way: AskedWay::Unknown })
    }

    fn flags(&self, file: &Path, library: &str) -> Option<LinkAsker> {
        let names = |flag: &String| {
            names_input(flag, library, file) || flag.split(['=', ',', ' ']).any(|word| word == library)
        };
        self.flags.iter().any(names).then_some(LinkAsker { package: None, way: AskedWay::Flags })
    }

    /// Returns the path of a file. rustc unpacks an archive that is bundled whole in a library, and removes
    /// it after linking. In this case the original archive is searched for.
    fn place(&self, file: &Path, given: &LinkArguments) -> PathBuf {
        let Some(name) = file.file_name().filter(|_| !file.exists()) else { return file.to_owned() };
        let folders = self.scripts.iter().flat_map(rlib::folders).chain(given.folders.iter().cloned());
        let places = folders.map(|folder| folder.join(name));
        places.into_iter().find(|place| place.is_file()).unwrap_or_else(|| file.to_owned())
    }

    /// Returns the name of the Cargo configuration table that replaces a package's build script. This is the
    /// value of the package's `links` key, if it has one and its script did not run.
    fn replaced(&self, package: &str) -> Option<String> {
        if self.scripts.iter().any(|script| script.package == *package) {
            return None;
        }
        let manifest: toml::Table =
            std::fs::read_to_string(self.manifests.get(package)?).ok()?.parse().ok()?;
        Some(manifest.get("package")?.get("links")?.as_str()?.to_owned())
    }

    /// Finds a package whose build script did not run because a table of Cargo's configuration replaces it.
    fn configured(&self, library: &str) -> Option<LinkAsker> {
        let silent = |package: &String| Some((package.clone(), self.replaced(package)?));
        let silent: Vec<(String, String)> = self.manifests.keys().filter_map(silent).collect();
        let found = silent.iter().find(|(_, links)| links == library).or(match silent.as_slice() {
            [one] => Some(one),
            _ => None,
        });
        found.map(|(package, links)| LinkAsker {
            package: Some(package.clone()),
            way: AskedWay::Configuration(links.clone()),
        })
    }

    fn attributed(&self, library: &str) -> Option<LinkAsker> {
        let found = |package: &String| {
            Some(LinkAsker { way: self.attribute(package, library)?, package: Some(package.clone()) })
        };
        self.manifests.keys().find_map(found)
    }

    /// Finds the source file of a package with an attribute that links the library.
    fn attribute(&self, package: &str, library: &str) -> Option<AskedWay> {
        let folder = self.manifests.get(package)?.parent()?;
        let file = rlib::source_with(folder, &|text| has_attribute(text, library))?;
        Some(AskedWay::Attribute(file.strip_prefix(folder).unwrap_or(&file).to_owned()))
    }
}

fn part(asker: LinkAsker, file: PathBuf, objects: &[xtask_link_map::LinkedObject]) -> ForeignPart {
    let foreign = ForeignFile { path: file, objects: objects.to_vec() };
    ForeignPart {
        asker,
        members: objects.iter().filter_map(|object| object.member.clone()).collect(),
        bytes: Some(foreign.bytes()),
        makers: foreign.makers().into_iter().map(str::to_owned).collect(),
        file: foreign.path,
    }
}

/// Returns the name of a file as `-l` takes it: `z` for `libz.a`, `libz.so.1` and `libz-1.dll`.
pub fn library_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_prefix("lib").unwrap_or(&name);
    if let Some(name) = name.strip_suffix(".dll") {
        let numbered =
            name.rsplit_once('-').filter(|(_, number)| number.starts_with(|c: char| c.is_ascii_digit()));
        return numbered.map_or(name, |(name, _)| name).to_owned();
    }
    let ending = [".a", ".lib", ".dylib", ".tbd"].iter().find_map(|ending| name.strip_suffix(ending));
    name.split_once(".so").map_or_else(|| ending.unwrap_or(name), |(name, _)| name).to_owned()
}

fn asked_by_name(script: &Script, library: &str) -> Option<AskedWay> {
    let named = |lib: &&String| lib.rsplit_once('=').map_or(lib.as_str(), |(_, name)| name) == library;
    script.linked_libs.iter().find(named).map(|lib| AskedWay::Script(format!("cargo::rustc-link-lib={lib}")))
}

/// Finds the line of a build script that passes the file to the linker. Cargo's messages do not have all
/// lines; the file beside the script's `OUT_DIR` has.
fn asked_by_argument(script: &Script, library: &str, file: &Path) -> Option<AskedWay> {
    let output = std::fs::read(script.out_dir.parent()?.join("output")).ok()?;
    let output = String::from_utf8_lossy(&output);
    let says =
        |line: &&str| line.starts_with("cargo:") && line.contains("link") && names_input(line, library, file);
    output.lines().find(says).map(|line| AskedWay::Script(line.trim().to_owned()))
}

fn asked_by_folder(script: &Script, file: &Path) -> Option<AskedWay> {
    let folder = file.parent()?;
    let searched =
        |path: &&String| is_path_of(path.split_once('=').map_or(path.as_str(), |(_, path)| path), folder);
    let searched = script.linked_paths.iter().find(searched)?;
    Some(AskedWay::Script(format!("cargo::rustc-link-search={searched}")))
}

/// Whether a text with arguments of a linker names an input: by its path, or as a library.
fn names_input(text: &str, library: &str, file: &Path) -> bool {
    let as_library =
        [Some(library.to_owned()), file.file_name().map(|n| format!(":{}", n.to_string_lossy()))];
    let names = |word: &str| match word.strip_prefix("-l") {
        Some(name) => as_library.iter().flatten().any(|library| library == name),
        None => is_path_of(word, file),
    };
    text.contains(&*file.to_string_lossy()) || text.split(['=', ',', ' ']).any(names)
}

/// Whether a path, as it is written in arguments, means this file or folder. A relative path is compared by
/// its end, because the folder in which it begins is not known.
fn is_path_of(written: &str, place: &Path) -> bool {
    let path = Path::new(written);
    if path.is_absolute() {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        return path == place || real(path).is_some_and(|path| Some(path) == real(place));
    }
    let end: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    end != Path::new("") && path.file_name().is_some() && place.ends_with(end)
}

/// Returns whether Rust source text has an attribute that links this library.
fn has_attribute(text: &str, library: &str) -> bool {
    let quoted = format!("\"{library}\"");
    text.match_indices("link(").any(|(at, _)| {
        let rest = &text[at..];
        rest.split_once(')').is_some_and(|(inner, _)| inner.contains("name") && inner.contains(&quoted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries() {
        for (file, name) in [
            ("/x/libz.a", "z"),
            ("libz.so.1.2", "z"),
            ("/x/a.o", "a.o"),
            ("libstdc++.so.6", "stdc++"),
            ("libz-1.dll", "z"),
            ("odd-x.dll", "odd-x"),
        ] {
            assert_eq!(library_name(Path::new(file)), name);
        }
    }

    #[test]
    fn attributes_of_a_source() {
        let text = "#[link(name = \"parcel\",\n  kind = \"static\")]\nunsafe extern \"C\" {}";
        assert!(has_attribute(text, "parcel") && !has_attribute(text, "other"));
        assert!(has_attribute("#[cfg_attr(unix, link(name=\"m\"))]", "m"));
        assert!(!has_attribute("println!(\"link(\");", "m") && !has_attribute("link(name = \"m", "m"));
    }

    #[test]
    fn inputs_by_arguments() {
        let names = |text: &str| names_input(text, "z", Path::new("/x/pre built/libz.a"));
        for text in [
            "cargo::rustc-link-arg-bins=/x/pre built/libz.a",
            "-Clink-arg=-lz",
            "-Clink-arg=-Wl,-l:libz.a",
            "-Clink-args=-s ../libz.a",
        ] {
            assert!(names(text), "{text}");
        }
        assert!(!names("-Clink-arg=-lzz") && !names("-Clink-arg=x/libz.a") && !names("-Clink-arg=.."));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_in_another_spelling_is_recognized() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("package/prebuilt")).unwrap();
        std::fs::write(at("package/prebuilt/z.o"), "").unwrap();
        std::os::unix::fs::symlink(at("package"), at("link")).unwrap();
        for written in ["package/../package/prebuilt/z.o", "link/prebuilt/z.o", "package/prebuilt/./z.o"] {
            assert!(is_path_of(&at(written).display().to_string(), &at("package/prebuilt/z.o")), "{written}");
        }
        assert!(is_path_of(&at("link/prebuilt").display().to_string(), &at("package/prebuilt")));
        assert!(!is_path_of(&at("package").display().to_string(), &at("package/prebuilt")));
    }

    #[test]
    fn a_script_that_asked() {
        let script = Script {
            package: "path+file:///x/sly#0.7.1".into(),
            folder: None,
            out_dir: "/gone/out".into(),
            linked_libs: vec!["static:-bundle=z".into(), "m".into()],
            linked_paths: vec!["native=/x/lib".into()],
        };
        let names = BuildNames {
            scripts: &[script],
            libraries: &BTreeMap::new(),
            manifests: &BTreeMap::new(),
            flags: &["-Clink-arg=/y/b.o".to_owned(), "-Clink-args=-lq -lr".to_owned()],
        };
        let says = |file: &str| names.asker(Path::new(file)).to_string();
        assert_eq!(says("/x/libz.a"), "sly 0.7.1 asked for it with cargo::rustc-link-lib=static:-bundle=z");
        assert_eq!(says("/y/libm.so.6"), "sly 0.7.1 asked for it with cargo::rustc-link-lib=m");
        assert_eq!(
            says("/x/lib/libw.a"),
            "sly 0.7.1 asked for it with cargo::rustc-link-search=native=/x/lib"
        );
        assert_eq!(
            (says("/y/b.o"), says("libr.so.1")),
            ("rustflags ask for it".into(), "rustflags ask for it".into())
        );
        assert!(says("/z/libw.a").starts_with("neither"));
    }
}
