//! The arguments of a link, read alike whoever wrote them: those of a linker (`-z now`), those that a driver hands on to one
//! (`-Wl,-z,now`, `-Xlinker -z`), and those that only a driver understands (`-fuse-ld=mold`, `-pthread`). One table says what
//! each is for; [`lld`] and [`zig`](super::zig) write what their linker takes, and name what they leave out.

use self::table::{DriverOption, Meaning};

pub mod left_out;
pub mod lld;
pub(super) mod state;
pub(super) mod table;

#[cfg(test)]
mod tests;

/// One argument of a link with the words of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkArgument {
    /// What it is.
    pub kind: LinkArgumentKind,
    /// Its words, in the grammar of a linker: without `-Wl,`, `-Xlinker` and, for a library, `-l`.
    pub words: Vec<String>,
    /// The word of the command line that it came from: what one `-Wl,` holds belongs together.
    pub(super) from: usize,
}

/// What an argument of a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkArgumentKind {
    /// A file, or an option that drivers and linkers spell alike: `-o out`, `-L dir`, `-static`.
    Common,
    /// A library by its name.
    Library,
    /// An option of a linker.
    Linker,
    /// An option that a driver alone understands.
    Driver(Meaning),
}

impl LinkArgument {
    /// The argument as a person wrote it.
    pub fn line(&self) -> String {
        match self.kind {
            LinkArgumentKind::Library => format!("-l{}", self.words.join(" ")),
            _ => self.words.join(" "),
        }
    }

    /// Its first word: the name of the option, or the file.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
}

/// A word of the command line, taken out of what wrapped it.
struct Word {
    text: String,
    /// A driver would hand it on to the linker.
    handed_on: bool,
    from: usize,
}

/// Reads the arguments of a link. Nothing is lost: what no table knows is common to all or an option of the linker.
pub fn read(args: impl IntoIterator<Item = String>) -> Vec<LinkArgument> {
    let mut read: Vec<LinkArgument> = Vec::new();
    let mut words = unwrapped(args).into_iter().peekable();
    while let Some(Word { text, handed_on, from }) = words.next() {
        let mut argument = |kind, words: Vec<String>| read.push(LinkArgument { kind, words, from });
        let mut value = || words.next().map(|word| word.text);
        // A linker takes `-no-pie`, too, and links a program that crashes: its start files are those of one that moves.
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
            // Behind an option that no table knows, a word in the same `-Wl,` is its value.
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

/// The name in `-lname`, `--library=name` and `-l`, which has it in the next word.
fn library(word: &str) -> Option<&str> {
    match word {
        "--library" | "-library" => Some(""),
        _ => word.strip_prefix("--library=").or_else(|| word.strip_prefix("-l")),
    }
}
