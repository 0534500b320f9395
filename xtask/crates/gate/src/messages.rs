//! The texts of findings: the object that requires something, the file that has or lacks it, and the fix.

use super::check::Finding;
use super::closure::{Closure, Gap, LoadedObject};
use super::dso::Required;
use super::glibc::Glibc;
use super::level::Level;
use super::rules::{fail, warn};
use super::tree::{Opened, Tree};
use super::{Object, expect, rules};
use xtask_oci::FileKind;
use xtask_triple::{Libc, Triple};

/// The facts from which the texts of findings are made.
pub(super) struct VerdictMessages<'a> {
    /// The name of the judged program or library in messages.
    pub(super) name: &'a str,
    pub(super) object: &'a Object,
    pub(super) triple: &'a Triple,
    pub(super) tree: &'a Tree<'a>,
    pub(super) closure: &'a Closure,
    /// The level of x86-64 that all machines have, if it is set.
    pub(super) limit: Option<Level>,
}

/// Libraries of the distroless bases, each under the smallest base that contains it. Source: the packages of
/// the published definition for Debian 13.
const IN_BASES: [(&str, &[&str]); 2] = [
    (
        "distroless:base",
        &[
            "libc.so.6",
            "libm.so.6",
            "libdl.so.2",
            "libpthread.so.0",
            "librt.so.1",
            "libutil.so.1",
            "libresolv.so.2",
            "libanl.so.1",
            "libssl.so.3",
            "libcrypto.so.3",
            "libz.so.1",
            "libzstd.so.1",
        ],
    ),
    ("distroless:cc", &["libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1"]),
];

/// The maximum number of symbols that a message names.
const NAMED: usize = 5;

impl VerdictMessages<'_> {
    fn base(&self) -> &str {
        self.tree.name()
    }

    /// Returns the name of a loaded object with the package that it came with: `libc.so.6 (libc6 2.36-9)`.
    fn who(&self, at: usize) -> String {
        match self.closure.loaded.get(at) {
            Some(loaded) if at > 0 => self.named(loaded),
            _ => self.name.to_owned(),
        }
    }

    fn named(&self, loaded: &LoadedObject) -> String {
        match self.tree.package(&loaded.place) {
            Some(package) => format!("{} ({package})", loaded.name()),
            None => loaded.name().to_owned(),
        }
    }

    pub(super) fn interpreter(&self, path: &str, why: Option<&str>) -> Finding {
        let (name, base) = (self.name, self.base());
        if base == "scratch" {
            return rules::not_on_scratch(&rules::wants(Some(path), &self.object.needed));
        }
        let musl = expect::libc_of_interpreter(path) == Some(Libc::Musl);
        let own = if musl { "musl" } else { "glibc" };
        if let Some(why) = why {
            let fix = match self.tree.open(path) {
                Opened::Object(..) => {
                    format!("check how {base} was made: is it for the platform of {}?", self.triple)
                }
                _ => format!("check the step that added {path}"),
            };
            return fail(format!("{name} asks for interpreter {path}, and in {base} {why}"), fix);
        }
        let there = self.other_interpreter();
        let has =
            there.as_deref().map(|(path, libc)| format!(": it has {path} ({libc})")).unwrap_or_default();
        let what = format!("{name} asks for interpreter {path} ({own}), which {base} does not have{has}");
        let usual = expect::glibc_interpreter(self.triple)
            .filter(|usual| matches!(self.tree.open(usual), Opened::Object(..)));
        let fix = match (musl, usual, there.is_some()) {
            (true, ..) => {
                "link it statically: add `-Ctarget-feature=+crt-static` to the target's rustflags, and link C libraries \
                 as archives (.a); or use a base that has musl"
                    .to_owned()
            }
            (false, Some(usual), _) => {
                format!("link with `-Clink-arg=-Wl,--dynamic-linker={usual}`, which {base} has")
            }
            (false, None, true) => {
                "build it for a musl target, or use a base that has glibc (`distroless:base`, `distroless:cc`)".to_owned()
            }
            (false, None, false) => {
                "use a base that has glibc (`distroless:base`, `distroless:cc`), or build it for a musl target".to_owned()
            }
        };
        fail(what, fix)
    }

    /// Returns an interpreter that is in the tree, with its C library.
    fn other_interpreter(&self) -> Option<Box<(String, &'static str)>> {
        let folders = ["lib/", "lib64/", "usr/lib/", "usr/lib64/"];
        let all = folders.iter().flat_map(|folder| {
            let inside = self.tree.files().below(folder).map(|(path, _)| path);
            inside.filter(|path| !path[folder.len()..].contains('/')).map(str::to_owned).collect::<Vec<_>>()
        });
        all.filter(|path| matches!(self.tree.open(path), Opened::Object(..))).find_map(|path| {
            let libc = match expect::libc_of_interpreter(&path)? {
                Libc::Musl => "musl",
                _ => "glibc",
            };
            Some(Box::new((format!("/{path}"), libc)))
        })
    }

    pub(super) fn interpreter_unknown(&self, found: &LoadedObject) -> Finding {
        warn(
            format!(
                "{} was not checked further: the rules by which {} searches for libraries are not known",
                self.name, found.path
            ),
            "start the program once in its image before it ships",
        )
    }

    /// Reports an object of the closure with another floating-point convention.
    pub(super) fn abi(&self, loaded: &LoadedObject) -> Option<Finding> {
        let (ours, theirs) = (self.object.float?, loaded.object.float?);
        (ours != theirs).then(|| {
            fail(
                format!(
                    "{} passes floating-point values by {ours}, but {} by {theirs}",
                    self.name,
                    self.named(loaded)
                ),
                format!("{} is for another target than {}", self.base(), self.triple),
            )
        })
    }

    pub(super) fn page(&self, loaded: &LoadedObject) -> Option<Finding> {
        rules::unmappable(&loaded.object).map(|how| {
            fail(format!("{} cannot be mapped: {how}", self.named(loaded)), "use another version of the base")
        })
    }

    /// Reports the loaded objects that need a higher processor level than all machines have.
    pub(super) fn levels(&self, interpreter: &LoadedObject) -> Option<Finding> {
        let limit = self.limit.unwrap_or(Level::V1);
        let others = self.closure.loaded.iter().skip(1);
        let apart = (!others.clone().any(|l| l.place == interpreter.place)).then_some(interpreter);
        let above = others.chain(apart).filter(|l| l.object.level > Some(limit));
        let above: Vec<(Level, String)> =
            above.filter_map(|l| Some((l.object.level?, self.placed(l)))).collect();
        let highest = above.iter().map(|(level, _)| *level).max()?;
        let names: Vec<&str> = above.iter().map(|(_, name)| name.as_str()).collect();
        let what =
            format!("{} in {}: a processor of level {highest} is needed", names.join(", "), self.base());
        Some(match self.limit {
            Some(limit) => fail(
                format!("{what}, but `cpu` in targets.toml is {limit}"),
                format!(
                    "use a base that is built for {limit}, or set cpu = \"{highest}\" if all machines have such a processor"
                ),
            ),
            None => warn(
                format!("{what}: {} does not start on an older one", self.name),
                format!(
                    "set cpu = \"{highest}\" in targets.toml if all machines have such a processor; otherwise use another base"
                ),
            ),
        })
    }

    /// Returns the name of a loaded object with its package. For a library in a `glibc-hwcaps` folder it
    /// returns the path.
    fn placed(&self, loaded: &LoadedObject) -> String {
        match loaded.place.contains("/glibc-hwcaps/") {
            true => format!("/{}", loaded.place),
            false => self.named(loaded),
        }
    }

    pub(super) fn gap(&self, gap: &Gap) -> Finding {
        let (who, name, base) = (self.who(gap.by), &gap.name, self.base());
        if let [(place, why), ..] = gap.unfit.as_slice() {
            return fail(
                format!("{who} needs {name}, but /{place} in {base} cannot be loaded: {why}"),
                format!("check the step that added /{place}"),
            );
        }
        let elsewhere = self.elsewhere(name);
        let better = elsewhere.as_deref().and_then(|place| place.split_once("/glibc-hwcaps/"));
        if let Some(level) = better.and_then(|(_, rest)| rest.split('/').next()) {
            let have =
                self.limit.map(|limit| format!(", but `cpu` in targets.toml is {limit}")).unwrap_or_default();
            return fail(
                format!("{who} needs {name}, which {base} has only for processors of level {level}{have}"),
                format!(
                    "set cpu = \"{level}\" in targets.toml if all machines have such a processor, or {}",
                    self.who_has(name)
                ),
            );
        }
        let what = match &elsewhere {
            Some(place) => {
                format!("{who} needs {name}, which {base} has at /{place}, where the loader does not search")
            }
            None => format!("{who} needs {name}, which {base} does not have"),
        };
        let fix =
            match elsewhere.as_deref().map(|place| place.rsplit_once('/').map_or("", |(folder, _)| folder)) {
                Some(folder) if gap.by == 0 => format!("link with `-Clink-arg=-Wl,-rpath,/{folder}`"),
                Some(_) => format!("ship it in {}", gap.searched.first().map_or("/usr/lib", String::as_str)),
                None => self.who_has(name),
            };
        fail(what, fix)
    }

    fn who_has(&self, name: &str) -> String {
        let base = IN_BASES.iter().find(|(base, names)| *base != self.base() && names.contains(&name));
        let archive = "link it statically";
        match base {
            Some((base, _)) => format!("use a base that has it (`{base}`), or {archive}"),
            None => format!("{archive}, ship it in the image, or use a base that has it"),
        }
    }

    /// Returns the path of any file with this name in the tree.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let named = |path: &str| path.rsplit('/').next() == Some(name);
        let mut all =
            self.tree.files().iter().filter(|(path, node)| named(path) && node.kind != FileKind::Dir);
        all.find_map(|(path, _)| match self.tree.open(path) {
            Opened::Object(..) => Some(path.to_owned()),
            _ => None,
        })
    }

    pub(super) fn version(&self, by: usize, of: usize, version: &str, symbols: &[String]) -> Finding {
        let (who, library, base) = (self.who(by), self.who(of), self.base());
        let object = &self.closure.loaded[of].object;
        let wanted = Glibc::of_symbol(version);
        let newest = object.defines.iter().flatten().filter_map(|name| Glibc::of_symbol(name)).max();
        let (has, fix) = match (wanted, newest) {
            (Some(wanted), Some(newest)) if newest < wanted => (
                format!(" has glibc {newest}"),
                format!(
                    "set `glibc = \"{newest}\"` for {} in targets.toml, or use a base with glibc {wanted} or newer",
                    self.triple
                ),
            ),
            _ => {
                let kin = object.defines.iter().flatten().filter(|name| family(name) == family(version));
                let newest = kin.max_by_key(|name| numbers(name));
                let newest = newest.map_or(String::new(), |name| format!(" has {name} at most"));
                (newest, "use a newer base, or link this library statically".to_owned())
            }
        };
        let fix = if by == 0 {
            fix
        } else {
            format!("{base} is inconsistent: use another version of it, or ship no library from elsewhere")
        };
        let has = if has.is_empty() { " does not have it".to_owned() } else { has };
        let name = self.closure.loaded[of].name();
        let what = if symbols.is_empty() {
            format!("{who} asks for version {version} of {name}, but {library} in {base}{has}")
        } else {
            format!(
                "{who} uses {} in version {version} from {name}, but {library} in {base}{has}",
                some(symbols)
            )
        };
        about(fail(what, fix), by, symbols)
    }

    pub(super) fn symbols(&self, by: usize, required: Option<&Required>, symbols: &[String]) -> Finding {
        let (who, list) = (self.who(by), some(symbols));
        let among = self.closure.loaded.iter().skip(1).map(LoadedObject::name).collect::<Vec<_>>().join(", ");
        let what = match required {
            Some(r) => {
                format!(
                    "{who} uses {list} in version {} from {}, which does not have it",
                    r.version, r.library
                )
            }
            None if among.is_empty() => format!("{who} uses {list}, but needs no library"),
            None => format!("{who} uses {list}, which is not defined in any of its libraries: {among}"),
        };
        let fix = if by == 0 {
            "link the library that defines it, or build against the libraries of this base".to_owned()
        } else {
            format!("{} is inconsistent: take the library from the origin of the others", self.base())
        };
        about(fail(what, fix), by, symbols)
    }

    pub(super) fn unread(&self, loaded: &LoadedObject) -> Finding {
        let name = if loaded.by.is_none() { self.name.to_owned() } else { self.named(loaded) };
        warn(
            format!("the symbols of {name} were not checked: the file does not say how many there are"),
            "keep its section headers, or link with `-Wl,--hash-style=both`",
        )
    }
}

/// Adds the symbols to a finding if the program itself imports them. Other objects are not part of the build.
fn about(mut finding: Finding, by: usize, symbols: &[String]) -> Finding {
    if by == 0 {
        finding.symbols = symbols.to_vec();
    }
    finding
}

/// Returns the first names of a list as text.
fn some(names: &[String]) -> String {
    match names.len() {
        0 => "something".into(),
        n if n <= NAMED => names.join(", "),
        n => format!("{} and {} more", names[..NAMED].join(", "), n - NAMED),
    }
}

/// Returns a version's name without its number: `GLIBCXX_`.
fn family(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

/// Returns the numbers in a version's name, for comparing: `GLIBCXX_3.4.30` → 3, 4, 30.
fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}
