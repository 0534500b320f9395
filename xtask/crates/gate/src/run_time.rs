//! Warns about files that a program may load at run time and that a reduced base (`closure = true`) no longer
//! has: plug-ins (`dlopen`), character sets (`iconv_open`), name services. A warning is given only for files
//! that the full base had.

use std::collections::BTreeSet;

use super::check::Finding;
use super::closure::{Closure, Interpreter};
use super::level::Level;
use super::program::Program;
use super::rules::warn;
use super::tree::Tree;
use super::{Object, name_service};
use xtask_oci::{FileKind, RootFs};

/// The libraries of glibc itself. They load files only for their callers. Source: the packages of glibc.
const GLIBC: [&str; 10] = [
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libnsl.so.1",
];

/// GCC's libraries import `iconv_open` (times in a locale's encoding) and `dlopen` (offloading to graphics
/// cards). Programs that use these libraries hardly ever reach these calls.
const GCC: [&str; 4] = ["libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1", "libatomic.so.1"];

/// The databases of nsswitch.conf(5), with the prefixes of the functions that read them.
const DATABASES: [(&str, &[&str]); 7] = [
    ("hosts", &["getaddrinfo", "gethost", "getnameinfo"]),
    ("passwd", &["getpw"]),
    ("group", &["getgr", "initgroups"]),
    ("networks", &["getnet"]),
    ("protocols", &["getproto"]),
    ("services", &["getserv"]),
    ("shadow", &["getsp"]),
];

/// The version in which glibc moved the services `files` and `dns` into the C library.
const BUILT_IN: &str = "GLIBC_2.34";

/// An object that ships, with its name in messages.
type ImageAsker<'c> = (String, &'c Object);

/// Returns a warning for each way in which the program, or a library that ships with it, may load files at
/// run time that are missing. `kept` is the part of the tree that ships; a file is missing if only the tree
/// has it.
pub fn left_out(program: &Program, tree: &Tree<'_>, kept: &RootFs, level: Level) -> Vec<Finding> {
    let interpreter = program.facts.interpreter.as_deref();
    let closure = Closure::of(&program.object, &program.at, interpreter, tree, level);
    let Interpreter::Found(loader) = &closure.interpreter else { return Vec::new() };
    let mut askers: Vec<ImageAsker<'_>> = vec![(program.name.clone(), program.object.as_ref())];
    for loaded in closure.loaded.iter().skip(1).filter(|l| l.place != loader.place) {
        if !GLIBC.iter().chain(&GCC).any(|own| loaded.answers_to(own)) {
            let package = tree.package(&loaded.place).map(|package| format!(" ({package})"));
            let who = format!("{}{}", loaded.name(), package.unwrap_or_default());
            askers.push((who, loaded.object.as_ref()));
        }
    }
    let libc = closure.loaded.iter().find(|l| l.answers_to("libc.so.6"));
    let built_in = libc.is_none_or(|libc| libc.object.has_version(BUILT_IN));
    let gone = gone(tree.files(), kept);
    let mut findings = Vec::new();
    findings.extend(plug_ins(&askers, &gone, tree));
    findings.extend(character_sets(&askers, &gone, tree));
    findings.extend(services(&askers, &gone, tree, built_in));
    findings
}

/// Returns the shared libraries of a tree that are not in `kept`.
fn gone<'t>(files: &'t RootFs, kept: &RootFs) -> Vec<&'t str> {
    let library = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.ends_with(".so") || name.contains(".so.")
    };
    let all = files.iter().filter(|(path, node)| matches!(node.kind, FileKind::File(_)) && library(path));
    all.map(|(path, _)| path).filter(|path| kept.get(path).is_none()).collect()
}

fn plug_ins(askers: &[ImageAsker<'_>], gone: &[&str], tree: &Tree<'_>) -> Option<Finding> {
    let others = gone.iter().filter(|path| !path.contains("/gconv/"));
    let names: Vec<&str> = others.map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
    let who = takes(askers, |symbol| matches!(symbol, "dlopen" | "dlmopen"))?;
    let some = match names.as_slice() {
        [] => return None,
        few if few.len() <= 3 => few.join(", "),
        many => format!("{} and {} more", many[..3].join(", "), many.len() - 3),
    };
    let base = tree.name();
    let what = format!(
        "{who}: the libraries that this loads at run time are not known, and `closure = true` leaves out of {base}: {some}"
    );
    Some(warn(
        what,
        "check that the smoke run of the image loads all of them, or ship the whole base: closure = false",
    ))
}

fn character_sets(askers: &[ImageAsker<'_>], gone: &[&str], tree: &Tree<'_>) -> Option<Finding> {
    let sets = gone.iter().filter(|path| path.contains("/gconv/")).count();
    let who = takes(askers, |symbol| symbol == "iconv_open").filter(|_| sets > 0)?;
    let what = format!(
        "{who}, which loads character sets at run time, and `closure = true` leaves out those of {} (files in gconv: {sets})",
        tree.name()
    );
    Some(warn(what, "convert only between UTF-8, UCS-4 and ASCII, or ship the whole base: closure = false"))
}

/// Reports services that the tree's configuration names and whose libraries do not ship.
fn services(askers: &[ImageAsker<'_>], gone: &[&str], tree: &Tree<'_>, built_in: bool) -> Option<Finding> {
    let text = tree.text("/etc/nsswitch.conf").unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut missed = BTreeSet::new();
    let mut functions = BTreeSet::new();
    for (database, prefixes) in DATABASES {
        let reads = |symbol: &str| {
            let known = name_service::FUNCTIONS.contains(&symbol) || symbol == "getnameinfo";
            known && prefixes.iter().any(|prefix| symbol.starts_with(prefix))
        };
        let asked: Vec<&str> = symbols(askers).filter(|symbol| reads(symbol)).collect();
        let wanted = named(&text, database).into_iter().filter(|_| !asked.is_empty());
        for service in wanted.filter(|service| !(built_in && matches!(*service, "files" | "dns"))) {
            let library = format!("/libnss_{service}.so.2");
            if gone.iter().any(|path| path.ends_with(&library)) {
                missed.insert(library.trim_start_matches('/').to_owned());
                functions.extend(asked.iter().copied());
            }
        }
    }
    let who = takes(askers, |symbol| functions.contains(symbol))?;
    let missed = missed.into_iter().collect::<Vec<_>>().join(", ");
    let what = format!(
        "{who}, for which /etc/nsswitch.conf of {} names services whose libraries `closure = true` leaves out: {missed}",
        tree.name()
    );
    Some(warn(
        what,
        "use a base whose nsswitch.conf names `files dns`, or ship the whole base: closure = false",
    ))
}

/// Returns the services of a database in nsswitch.conf(5). For a database without an entry, the default is
/// `files`, and for hosts also `dns`.
fn named<'t>(text: &'t str, database: &str) -> Vec<&'t str> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut entries = lines.filter_map(|line| line.split_once(':'));
    match entries.find(|(name, _)| name.trim() == database) {
        // `[NOTFOUND=return]` is an action, not a service.
        Some((_, services)) => {
            services.split_whitespace().filter(|word| !word.starts_with(['[', '!'])).collect()
        }
        None if database == "hosts" => vec!["files", "dns"],
        None => vec!["files"],
    }
}

fn symbols<'c>(askers: &'c [ImageAsker<'c>]) -> impl Iterator<Item = &'c str> {
    askers.iter().flat_map(|(_, object)| object.imports()).map(|import| import.name)
}

/// Returns the objects that import such symbols, as a phrase, or none if there are none.
fn takes(askers: &[ImageAsker<'_>], wanted: impl Fn(&str) -> bool) -> Option<String> {
    let phrase = |(who, object): &ImageAsker<'_>| {
        let symbols: BTreeSet<&str> = object.imports().map(|i| i.name).filter(|name| wanted(name)).collect();
        let symbols = symbols.into_iter().collect::<Vec<_>>().join(", ");
        (!symbols.is_empty()).then(|| format!("{who} uses {symbols}"))
    };
    let phrases: Vec<String> = askers.iter().filter_map(phrase).collect();
    (!phrases.is_empty()).then(|| phrases.join("; "))
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn services_of_a_database() {
        let text = "# x: y\npasswd:\tfiles systemd # more\nhosts: files [!UNAVAIL=return] mymachines dns\n";
        assert_eq!(named(text, "hosts"), ["files", "mymachines", "dns"]);
        assert_eq!(named(text, "passwd"), ["files", "systemd"]);
        assert_eq!([named(text, "group"), named("", "hosts")], [vec!["files"], vec!["files", "dns"]]);
    }
}
