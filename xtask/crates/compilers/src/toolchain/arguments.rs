//! The arguments of a link, read into one form. They are arguments of a linker (`-z now`), arguments that a
//! driver passes on (`-Wl,-z,now`, `-Xlinker -z`), or options of a driver only (`-fuse-ld=mold`, `-pthread`).
//! One table gives the meaning of each. [`lld`] and [`zig`](super::zig) write the arguments that their linker
//! accepts, and report the others as left out.

use self::table::{DriverOption, Meaning};

pub mod left_out;
pub mod lld;
pub(super) mod state;
pub(super) mod table;

#[cfg(test)]
mod tests;

/// One argument of a link, with the words of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkArgument {
    /// The kind of the argument.
    pub kind: LinkArgumentKind,
    /// Its words, in the grammar of a linker: without `-Wl,`, `-Xlinker` and, for a library, `-l`.
    pub words: Vec<String>,
    /// The index of the command-line word that it came from. Arguments in one `-Wl,` have the same index.
    pub(super) from: usize,
}

/// The kinds of arguments of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkArgumentKind {
    /// A file, or an option with the same spelling in drivers and linkers: `-o out`, `-L dir`, `-static`.
    Common,
    /// A library, given by its name.
    Library,
    /// An option that a linker understands.
    Linker,
    /// An option that only a driver understands.
    Driver(Meaning),
}

impl LinkArgument {
    /// Returns the argument as text for the user.
    pub fn line(&self) -> String {
        match self.kind {
            LinkArgumentKind::Library => format!("-l{}", self.words.join(" ")),
            _ => self.words.join(" "),
        }
    }

    /// Returns its first word: the name of the option, or the file.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// One word of the command line, without the `-Wl,` or `-Xlinker` around it.
struct Word {
    text: String,
    /// Whether a driver would pass it on to the linker.
    handed_on: bool,
    from: usize,
}

/// Reads the arguments of a link. None is lost: an argument that is in no table is read as common or as an
/// option of the linker.
pub fn read(args: impl IntoIterator<Item = String>) -> Vec<LinkArgument> {
    let mut read: Vec<LinkArgument> = Vec::new();
    let mut words = unwrapped(args).into_iter().peekable();
    while let Some(Word { text, handed_on, from }) = words.next() {
        let mut argument = |kind, words: Vec<String>| read.push(LinkArgument { kind, words, from });
        let mut value = || words.next().map(|word| word.text);
        // A linker also accepts `-no-pie`, but then the program crashes: its start files are those of a
        // position-independent program.
        let driver = table::driver(&text).filter(|option| !handed_on || option.meaning == Meaning::NoPie);
        if let Some(DriverOption { meaning, takes_word }) = driver {
            let value = takes_word.then(&mut value).flatten();
            argument(LinkArgumentKind::Driver(meaning), [text].into_iter().chain(value).collect());
        } else if let Some(name) = library(&text) {
            let name = if name.is_empty() { value().unwrap_or_default() } else { name.to_owned() };
            argument(LinkArgumentKind::Library, vec![name]);
        } else if table::takes_word(&text) {
            let kind =
                if table::is_common(&text) { LinkArgumentKind::Common } else { LinkArgumentKind::Linker };
            argument(kind, [text].into_iter().chain(value()).collect());
        } else if let Some(spelled) = table::common(&text, handed_on) {
            argument(LinkArgumentKind::Common, vec![spelled.to_owned()]);
        } else if text.len() > 1 && text.starts_with('-') {
            argument(LinkArgumentKind::Linker, vec![text]);
        } else {
            // After an option that is in no table, a word in the same `-Wl,` is its value.
            let option = read.last_mut().filter(|option| {
                handed_on
                    && option.kind == LinkArgumentKind::Linker
                    && option.from == from
                    && option.words.len() == 1
            });
            match option.filter(|option| !table::stands_alone(option.name())) {
                Some(option) => option.words.push(text),
                None => read.push(LinkArgument { kind: LinkArgumentKind::Common, words: vec![text], from }),
            }
        }
    }
    read
}

fn unwrapped(args: impl IntoIterator<Item = String>) -> Vec<Word> {
    let mut words = Vec::new();
    let mut args = args.into_iter().enumerate();
    while let Some((from, arg)) = args.next() {
        let mut word = |text: String, handed_on| words.push(Word { text, handed_on, from });
        if let Some(joined) = arg.strip_prefix("-Wl,") {
            joined.split(',').filter(|part| !part.is_empty()).for_each(|part| word(part.to_owned(), true));
        } else if matches!(arg.as_str(), "-Xlinker" | "--for-linker") {
            args.next().into_iter().for_each(|(_, text)| word(text, true));
        } else {
            word(arg, false);
        }
    }
    words
}

/// Returns the name in `-lname`, `--library=name` or `-l`. The name is empty if it is the next word.
fn library(word: &str) -> Option<&str> {
    match word {
        "--library" | "-library" => Some(""),
        _ => word.strip_prefix("--library=").or_else(|| word.strip_prefix("-l")),
    }
}
