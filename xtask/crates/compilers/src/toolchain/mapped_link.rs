//! A link with a link map. The linker is asked for its map, and a record of the map is kept beside the build.
//! A linker without a map still links, and the record then says that nothing is known.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::stand_in::{given_options, words};
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
    /// The program starts lld-link, which takes options from a variable, and prints the command when it does so.
    LldLink,
    /// The program makes no map. The record is made from its inputs and the symbols of the linked program.
    Nothing,
}

impl MapRequest {
    const ALL: [Self; 5] = [Self::Linker, Self::Driver, Self::Printed, Self::LldLink, Self::Nothing];

    /// Returns the value that stands for it in [`map_variable`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Linker => "linker",
            Self::Driver => "driver",
            Self::Printed => "printed",
            Self::LldLink => "lld-link",
            Self::Nothing => "nothing",
        }
    }

    /// Returns the request for such a value.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.word() == word)
    }

    /// Adds the request for a map in this file to a link.
    fn added(self, link: Cmd, map: &Path) -> Cmd {
        let file = map.as_os_str();
        match self {
            Self::Linker => link.arg("-Map").arg(file),
            // `-Wl,` would split a path at its commas.
            Self::Driver => link.args(["-Xlinker", "-Map", "-Xlinker"]).arg(file),
            Self::Printed => link.arg("-Wl,--print-map"),
            Self::LldLink => {
                let mut options = given_options(LLD_LINK_OPTIONS);
                options.push(format!(" \"-lldmap:{}\"", map.display()));
                link.env(SHOW_LINK, "1").env(LLD_LINK_OPTIONS, options)
            }
            Self::Nothing => link,
        }
    }
}

/// The variable from which lld-link takes options in front of its arguments, as Microsoft's linker does.
const LLD_LINK_OPTIONS: &str = "LINK";

/// The variable by which zig prints the command of its linker, and the name of the program in this command.
const SHOW_LINK: &str = "ZIG_VERBOSE_LINK";
const LLD_LINK: &str = "lld-link ";

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
            None => self.request.added(plain.clone(), map),
        };
        let code = cmd.into_files(out, errors);
        let told = fs::read(&scratch.errors).unwrap_or_default();
        if code != 0 && asked.is_none() && names_map(&told) {
            let why = "the linker does not accept the option for a link map";
            let code = plain.pass_through();
            return if code == 0 { write(&record, &LinkRecord::unseen(given, why), code) } else { code };
        }
        let printed = self.request == MapRequest::Printed && asked.is_none() && code == 0;
        let (told, command) = match self.request {
            MapRequest::LldLink => apart(&told),
            _ => (told, None),
        };
        scratch.hand_on(&told, printed);
        if code != 0 {
            return code;
        }
        let text = fs::read(if printed { &scratch.out } else { map });
        let record_of = match text.as_deref().map(LinkMap::read) {
            Ok(Some(mut map)) => {
                let words = command.map(|command| words(&command, &|path| folder.join(path).exists()));
                let files = words.unwrap_or_default().into_iter().filter(|word| !word.starts_with('-'));
                map.locate(&files.map(PathBuf::from).collect::<Vec<_>>());
                LinkRecord::new(given, &map, &folder)
            }
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

/// Takes the commands that zig shows out of an output. Returns the rest, and the arguments of the last lld-link.
fn apart(told: &[u8]) -> (Vec<u8>, Option<String>) {
    let (mut rest, mut command) = (Vec::new(), None);
    for line in told.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(LLD_LINK.as_bytes()) {
            Some(arguments) => command = Some(String::from_utf8_lossy(arguments).trim_end().to_owned()),
            // The archives of its C library.
            None if line.starts_with(b"ar rcs ") => {}
            None => rest.extend_from_slice(line),
        }
    }
    (rest, command)
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
