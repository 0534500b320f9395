//! A link with a link map. The linker is asked for its map, and a record of the map is kept beside the build.
//! A linker without a map still links, and the record then says that nothing is known.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use xtask_link_map::{LinkArguments, LinkMap, LinkRecord};
use xtask_process::exec::Cmd;
use xtask_triple::Triple;

/// The ways to ask a linker for its map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRequest {
    /// The program is a linker: `-Map <file>`.
    Linker,
    /// The program is a compiler driver: `-Xlinker -Map -Xlinker <file>`.
    Driver,
    /// The program prints the map instead of writing a file: `-Wl,--print-map`.
    Printed,
    /// The program makes no map. The record is made from its inputs and the symbols of the linked program.
    Nothing,
}

impl MapRequest {
    const ALL: [Self; 4] = [Self::Linker, Self::Driver, Self::Printed, Self::Nothing];

    /// Returns the value that stands for it in [`map_variable`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Linker => "linker",
            Self::Driver => "driver",
            Self::Printed => "printed",
            Self::Nothing => "nothing",
        }
    }

    /// Returns the request for such a value.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.word() == word)
    }

    fn arguments(self, map: &Path) -> Vec<OsString> {
        let map = map.as_os_str().to_owned();
        match self {
            Self::Linker => vec!["-Map".into(), map],
            // `-Wl,` would split a path at its commas.
            Self::Driver => vec!["-Xlinker".into(), "-Map".into(), "-Xlinker".into(), map],
            Self::Printed => vec!["-Wl,--print-map".into()],
            Self::Nothing => Vec::new(),
        }
    }
}

/// Returns the name of the variable that holds the linker of a target:
/// `XTASK_LINKER_X86_64_UNKNOWN_LINUX_MUSL`.
pub fn linker_variable(triple: &Triple) -> String {
    format!("XTASK_LINKER_{}", triple.shouted())
}

/// Returns the name of the variable that says how this linker is asked for a map. It is set if the links are
/// recorded: `XTASK_MAP_X86_64_UNKNOWN_LINUX_MUSL=driver`.
pub fn map_variable(triple: &Triple) -> String {
    format!("XTASK_MAP_{}", triple.shouted())
}

/// Returns the folder for the records of a target's links, inside Cargo's target folder.
pub fn records(target_dir: &Path, triple: &Triple) -> PathBuf {
    target_dir.join(triple.as_str()).join(".links")
}

/// A link to be recorded.
#[derive(Debug)]
pub(super) struct MappedLink<'a> {
    pub(super) request: MapRequest,
    pub(super) linker: &'a Path,
    /// The arguments as given. `expanded` also contains the arguments from response files.
    pub(super) args: &'a [String],
    pub(super) expanded: &'a [String],
    /// The folder for the records.
    pub(super) records: &'a Path,
}

impl MappedLink<'_> {
    /// Links and writes the record. Returns the linker's exit code. A record that cannot be made does not
    /// fail the link.
    pub(super) fn run(&self) -> u8 {
        let plain = Cmd::new(self.linker).args(self.args);
        let folder = std::env::current_dir().unwrap_or_default();
        let given = LinkArguments::of(self.expanded, &folder);
        let name =
            given.output.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|_| fs::create_dir_all(self.records).is_ok()) else {
            return plain.replace();
        };
        let record = self.records.join(format!("{name}.json"));
        // A record from an earlier link must not remain, however this link ends.
        let _ = fs::remove_file(&record);
        if self.request == MapRequest::Nothing {
            let code = plain.pass_through();
            return if code == 0 { write(&record, &LinkRecord::of_inputs(given), code) } else { code };
        }
        let scratch = LinkScratch::new(self.records, &name);
        let Some((out, errors)) = scratch.streams() else { return plain.replace() };
        // If the user asks for a map, it stays at the user's path.
        let asked = given.map.as_deref();
        let map = asked.unwrap_or(&scratch.map);
        let cmd = match asked {
            Some(_) => plain.clone(),
            None => plain.clone().args(self.request.arguments(map)),
        };
        let code = cmd.into_files(out, errors);
        let told = fs::read(&scratch.errors).unwrap_or_default();
        if code != 0 && asked.is_none() && names_map(&told) {
            let why = "the linker does not accept the option for a link map";
            let code = plain.pass_through();
            return if code == 0 { write(&record, &LinkRecord::unseen(given, why), code) } else { code };
        }
        let printed = self.request == MapRequest::Printed && asked.is_none() && code == 0;
        scratch.hand_on(&told, printed);
        if code != 0 {
            return code;
        }
        let text = fs::read(if printed { &scratch.out } else { map });
        let record_of = match text.as_deref().map(LinkMap::read) {
            Ok(Some(map)) => LinkRecord::new(given, &map, &folder),
            Ok(None) => LinkRecord::unseen(given, "the format of the linker's map is not known"),
            Err(_) => LinkRecord::unseen(given, "the linker wrote no map"),
        };
        write(&record, &record_of, code)
    }
}

/// Whether the error output of a failed linker mentions the option for the map.
fn names_map(told: &[u8]) -> bool {
    let holds = |word: &[u8]| told.windows(word.len()).any(|window| window == word);
    holds(b"-Map") || holds(b"print-map")
}

fn write(file: &Path, record: &LinkRecord, code: u8) -> u8 {
    let unwritten =
        || LinkRecord::unseen(LinkArguments::default(), "a path of the link is not valid Unicode");
    if let Ok(json) = record.to_json().or_else(|_| unwritten().to_json()) {
        let _ = xtask_files::write(file, &json);
    }
    code
}

/// The temporary files of one link. They are removed after the link.
struct LinkScratch {
    map: PathBuf,
    out: PathBuf,
    errors: PathBuf,
}

impl LinkScratch {
    fn new(folder: &Path, name: &str) -> Self {
        let place = |kind: &str| folder.join(format!("{name}.{}.{kind}", std::process::id()));
        Self { map: place("map"), out: place("out"), errors: place("err") }
    }

    fn streams(&self) -> Option<(File, File)> {
        Some((File::create(&self.out).ok()?, File::create(&self.errors).ok()?))
    }

    /// Passes on the output of the linker, but not a map that it printed.
    fn hand_on(&self, errors: &[u8], printed_map: bool) {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(errors);
        if !printed_map && let Ok(mut out) = File::open(&self.out) {
            let _ = std::io::copy(&mut out, &mut std::io::stdout());
        }
    }
}

impl Drop for LinkScratch {
    fn drop(&mut self) {
        for file in [&self.map, &self.out, &self.errors] {
            let _ = fs::remove_file(file);
        }
    }
}
