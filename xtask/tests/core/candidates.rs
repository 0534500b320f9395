//! Candidates: their order, what a person may name, and the tools that lie beside a compiler.

use xtask_compilers::toolchain::candidates::{CcChoice, Wish, Zig, candidates, own_compilers};
use xtask_compilers::toolchain::own::{CommandTemplate, OwnProvider, TargetPattern};
use xtask_compilers::toolchain::{Candidate, Link, Provider};

use crate::support::{ARM_GNU, ARM_MUSL, GNU, MUSL, Machine, triple};

fn zigs() -> Vec<Zig> {
    ["/z/zig", "/p/zig"].map(|p| Zig { program: p.into(), origin: "found".into() }).into()
}

fn found(machine: &Machine, target: &str, wish: &Wish) -> Vec<Candidate> {
    candidates(&triple(target), &machine.host(), wish, &zigs()).list
}

/// `gnu ~aarch64-linux-gnu-gcc`: provider and driver.
fn listed(machine: &Machine, target: &str, wish: &Wish) -> Vec<String> {
    let line = |c: &Candidate| machine.short(&format!("{} {}", c.provider, c.cc.join(" ")));
    found(machine, target, wish).iter().map(line).collect()
}

fn cc(text: &str) -> Wish {
    let explicit = match Provider::from_name(text) {
        Some(provider) => CcChoice::Provider(provider),
        None => CcChoice::Program(text.into()),
    };
    Wish { cc: Some(explicit), ..Wish::default() }
}

fn from(providers: &[Provider]) -> Wish {
    Wish { providers: Some(providers.into()), ..Wish::default() }
}

#[test]
fn in_the_order_of_the_contract() {
    let all = [
        "cc",
        "gcc",
        "x86_64-linux-gnu-gcc",
        "x86_64-linux-musl-gcc",
        "musl-gcc",
        "clang-14",
        "aarch64-linux-gnu-gcc",
        "aarch64-unknown-linux-gnu-gcc",
        "aarch64-linux-musl-gcc",
        "arm-linux-musleabihf-gcc",
        "riscv64-unknown-linux-musl-gcc",
        "x86_64-w64-mingw32-gcc",
    ];
    let cases: [(&str, &[&str]); 7] = [
        (GNU, &["host ~cc", "gnu ~x86_64-linux-gnu-gcc", "clang ~clang-14 --target=x86_64-linux-gnu"]),
        (MUSL, &["musl ~x86_64-linux-musl-gcc", "clang ~clang-14 --target=x86_64-linux-musl"]),
        (ARM_GNU, &["gnu ~aarch64-linux-gnu-gcc", "clang ~clang-14 --target=aarch64-linux-gnu"]),
        (ARM_MUSL, &["musl ~aarch64-linux-musl-gcc", "clang ~clang-14 --target=aarch64-linux-musl"]),
        (
            "armv7-unknown-linux-musleabihf",
            &["musl ~arm-linux-musleabihf-gcc", "clang ~clang-14 --target=arm-linux-musleabihf"],
        ),
        (
            "riscv64gc-unknown-linux-musl",
            &["musl ~riscv64-unknown-linux-musl-gcc", "clang ~clang-14 --target=riscv64-linux-musl"],
        ),
        ("x86_64-pc-windows-gnu", &["mingw ~x86_64-w64-mingw32-gcc"]),
    ];
    let machine = Machine::with(&all);
    for (target, expected) in cases {
        let mut lines = listed(&machine, target, &Wish::default());
        // Every zig comes last, in the order in which they were found; none where zig knows no such target.
        let zigs = if target == "x86_64-pc-windows-gnu" { 0 } else { 2 };
        let last = lines.split_off(lines.len() - zigs);
        assert_eq!(lines, expected, "{target}");
        assert!(last.iter().all(|l| l.starts_with("zig ")), "{target}: {last:?}");
    }
    // musl-gcc serves the machine's own processor, where no musl cross compiler does.
    assert_eq!(listed(&Machine::with(&["musl-gcc"]), MUSL, &Wish::default())[0], "musl ~musl-gcc");
    assert_eq!(listed(&Machine::with(&["musl-gcc"]), ARM_MUSL, &Wish::default()).len(), 2);
}

#[test]
fn every_spelling_in_its_rank() {
    // The strongest first; each is found where it is the strongest that is set.
    let cross = ["CC_aarch64-unknown-linux-musl", "CC_aarch64_unknown_linux_musl", "TARGET_CC"];
    let host = ["CC_x86_64-unknown-linux-gnu", "CC_x86_64_unknown_linux_gnu", "TARGET_CC", "HOST_CC", "CC"];
    for (target, keys) in [(ARM_MUSL, &cross[..]), (GNU, &host[..])] {
        for strongest in 0..keys.len() {
            let mut machine = Machine::with(&["cc", "mine"]);
            for key in &keys[strongest..] {
                machine = machine.set(key, "mine");
            }
            let list = found(&machine, target, &Wish::default());
            assert_eq!(list.len(), 1, "an explicit choice is the only candidate");
            assert_eq!(
                (list[0].provider, &*list[0].origin),
                (Provider::Env, &*format!("{}=mine", keys[strongest]))
            );
        }
    }
    // What names the host's compiler names none for another target.
    let machine = Machine::with(&["mine"]).set("CC", "mine").set("HOST_CC", "mine");
    assert!(listed(&machine, ARM_MUSL, &Wish::default()).iter().all(|l| l.starts_with("zig")));
    // An empty variable is not set.
    let machine = Machine::with(&["cc"]).set("CC", "");
    assert_eq!(listed(&machine, GNU, &Wish::default())[0], "host ~cc");
}

#[test]
fn targets_toml_ranks_between_the_targets_variables_and_the_hosts() {
    let machine = || Machine::with(&["cc", "mine", "theirs"]);
    let first = |machine: Machine, wish: &Wish| listed(&machine, GNU, wish)[0].clone();
    assert_eq!(first(machine().set("CC_x86_64_unknown_linux_gnu", "mine"), &cc("theirs")), "env ~mine");
    assert_eq!(first(machine().set("TARGET_CC", "mine"), &cc("theirs")), "env ~mine");
    assert_eq!(first(machine().set("CC", "mine"), &cc("theirs")), "config ~theirs");
    assert_eq!(first(machine().set("CC", "mine"), &cc("host")), "host ~cc");
    assert!(first(machine().set("HOST_CC", "mine"), &cc("zig")).starts_with("zig /z/zig cc "));
    assert_eq!(listed(&machine(), GNU, &cc("zig")).len(), 2, "both zigs and nothing else");
    assert!(listed(&machine(), GNU, &cc("gnu")).is_empty());
}

#[test]
fn providers_limit_and_say_so() {
    let machine = || Machine::with(&["cc", "x86_64-linux-gnu-gcc"]).set("CC_x86_64-unknown-linux-gnu", "cc");
    assert_eq!(listed(&machine(), GNU, &from(&[Provider::Gnu])), ["gnu ~x86_64-linux-gnu-gcc"]);
    assert_eq!(listed(&machine(), GNU, &from(&[Provider::Env])), ["env ~cc"]);
    let none = candidates(&triple(GNU), &machine().host(), &from(&[]), &zigs());
    assert!(none.list.is_empty());
    let said: Vec<String> =
        none.nothing.iter().map(|n| format!("{}: {}", n.provider, n.looked_for)).collect();
    assert_eq!(said[0], "env: CC_x86_64-unknown-linux-gnu=cc is left out by --providers");
    for provider in Provider::ALL.iter().filter(|provider| !provider.is_explicit()) {
        assert!(said.contains(&format!("{provider}: left out by --providers")), "{said:?}");
    }
    let config = Wish { providers: Some(vec![Provider::Zig]), ..cc("/opt/cc") };
    let found = candidates(&triple(ARM_GNU), &machine().host(), &config, &[]);
    assert!(found.nothing.iter().any(|n| n.provider == Provider::Config && n.looked_for.contains("/opt/cc")));
}

#[test]
fn what_is_not_there_is_named_and_not_replaced() {
    let absent = |machine: Machine| {
        let list = found(&machine, ARM_GNU, &Wish::default());
        assert_eq!(list.len(), 1);
        machine.short(list[0].absent.as_deref().unwrap())
    };
    assert_eq!(absent(Machine::new().set("TARGET_CC", "/no/cc -m64")), "there is no program /no/cc");
    assert_eq!(absent(Machine::new().set("TARGET_CC", "nocc")), "there is no program nocc");
    let machine = Machine::new();
    machine.file("bin/plain", "text");
    assert_eq!(absent(machine.set("TARGET_CC", "plain")), "~plain is not executable");
    // A folder is no compiler; one that cannot be run does not hide the next.
    let machine = Machine::with(&["gcc"]);
    std::fs::create_dir(machine.path().join("bin/cc")).unwrap();
    assert_eq!(listed(&machine, GNU, &Wish::default())[0], "host ~gcc");
    let machine = Machine::with(&["gcc"]);
    machine.file("bin/cc", "");
    assert_eq!(listed(&machine, GNU, &Wish::default())[..2], ["host cc", "host ~gcc"]);
}

#[test]
fn a_command_is_split_at_white_space_unless_it_is_a_file() {
    let machine = Machine::new();
    let file = machine.program("my cc", "");
    let one = |value: &str, machine: Machine| {
        let machine = machine.set("TARGET_CC", value);
        found(&machine, ARM_GNU, &Wish::default()).remove(0).cc
    };
    assert_eq!(one(&file.display().to_string(), machine).len(), 1);
    let machine = Machine::with(&["clang"]);
    let words = one(" clang   --target=aarch64-linux-gnu\t--sysroot=/s ", machine);
    assert_eq!(words[1..], ["--target=aarch64-linux-gnu", "--sysroot=/s"]);
    assert!(one("   ", Machine::new()).len() == 1, "only spaces: no panic, and no empty driver");
}

#[test]
fn tools_beside_a_compiler() {
    // Target, compiler, what lies in the folder, then C++, ar and ranlib.
    type Tools = [Option<&'static str>; 3];
    let cases: [(&str, &str, &[&str], Tools); 8] = [
        (
            ARM_GNU,
            "aarch64-linux-gnu-gcc-12",
            &["aarch64-linux-gnu-g++-12", "aarch64-linux-gnu-ar", "aarch64-linux-gnu-ranlib", "ar", "g++"],
            [
                Some("~aarch64-linux-gnu-g++-12"),
                Some("~aarch64-linux-gnu-ar"),
                Some("~aarch64-linux-gnu-ranlib"),
            ],
        ),
        // Not the host's C++ and archiver for another machine's objects.
        (ARM_GNU, "aarch64-linux-gnu-gcc", &["g++", "ar", "ranlib"], [None, None, None]),
        (MUSL, "musl-gcc", &["g++", "c++", "ar", "ranlib"], [None, Some("~ar"), Some("~ranlib")]),
        (GNU, "cc", &["c++", "ar"], [Some("~c++"), Some("~ar"), None]),
        (GNU, "gcc-12", &["g++-12", "g++", "ar"], [Some("~g++-12"), Some("~ar"), None]),
        (
            ARM_GNU,
            "clang-14",
            &["clang++-14", "llvm-ar-14", "ar"],
            [Some("~clang++-14"), Some("~llvm-ar-14"), None],
        ),
        (ARM_GNU, "clang", &["clang++", "ar", "ranlib"], [Some("~clang++"), None, None]),
        (GNU, "tcc-like", &["ar"], [None, Some("~ar"), None]),
    ];
    for (target, compiler, tools, expected) in cases {
        let machine = Machine::with(tools);
        machine.program(compiler, "");
        let machine = machine.set("TARGET_CC", format!("{compiler} -m"));
        let c = found(&machine, target, &Wish::default()).remove(0);
        let first = |d: &Option<Vec<String>>| d.as_ref().map(|d| machine.short(&d[0]));
        let found = [first(&c.cxx), first(&c.ar), first(&c.ranlib)];
        assert_eq!(found, expected.map(|e| e.map(str::to_owned)), "{compiler} for {target}");
        // The C++ compiler takes the C compiler's arguments, which may say the target; the archiver does not.
        assert!(c.cxx.is_none_or(|cxx| cxx[1..] == ["-m"]));
        assert!(c.ar.is_none_or(|ar| ar.len() == 1));
    }
}

#[test]
fn variables_name_the_other_tools_too() {
    let machine = Machine::with(&["cc", "my++", "my-ar"])
        .set("CC_aarch64_unknown_linux_gnu", "cc")
        .set("TARGET_CXX", "my++ -x")
        .set("CXX", "not-this")
        .set("AR_aarch64-unknown-linux-gnu", "my-ar")
        .set("RANLIB_aarch64_unknown_linux_gnu", "no-such-ranlib");
    let c = found(&machine, ARM_GNU, &Wish::default()).remove(0);
    let short = |d: Option<Vec<String>>| machine.short(&d.unwrap().join(" "));
    assert_eq!(short(c.cxx), "~my++ -x");
    assert_eq!((short(c.ar), short(c.ranlib)), ("~my-ar".into(), "no-such-ranlib".into()));
}

#[test]
fn zig_named_by_a_person() {
    let machine = Machine::with(&["zig"]).set("TARGET_CC", "zig cc");
    let c = found(&machine, ARM_MUSL, &Wish::default()).remove(0);
    assert_eq!((c.link, c.provider), (Link::Zig, Provider::Env));
    let words = |d: &[String]| machine.short(&d.join(" "));
    assert_eq!(words(&c.cc), "~zig cc -target aarch64-linux-musl");
    assert_eq!(words(c.cxx.as_ref().unwrap()), "~zig c++ -target aarch64-linux-musl");
    assert_eq!(words(c.ar.as_ref().unwrap()), "~zig ar");
    // The person's own target stands, whichever way it is said.
    for said in ["-target aarch64-linux-musl.1.2.3", "--target=aarch64-linux-musl"] {
        let machine = Machine::with(&["zig"]).set("TARGET_CC", format!("zig cc {said}"));
        let c = found(&machine, ARM_MUSL, &Wish::default()).remove(0);
        assert_eq!(machine.short(&c.cc.join(" ")), format!("~zig cc {said}"));
    }
}

#[test]
fn what_is_found_is_absolute() {
    // A PATH with an entry that is relative to wherever a program is started from.
    let machine = Machine::new();
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count());
    machine.program("cc", "");
    let relative = format!("{up}{}", machine.path().join("bin").strip_prefix("/").unwrap().display());
    let machine = machine.set("PATH", relative.clone());
    let c = found(&machine, GNU, &Wish::default()).remove(0);
    assert!(c.cc[0].starts_with('/'), "{:?} by PATH={relative}", c.cc);
}

/// A provider of targets.toml in the folder of the machine, with these words as its C compiler.
fn own(machine: &Machine, name: &str, targets: &str, cc: &[&str]) -> OwnProvider {
    let template = |text: &&str| CommandTemplate::parse(text).unwrap();
    OwnProvider {
        place: name.len(),
        name: name.into(),
        targets: vec![TargetPattern::new(targets)],
        folder: machine.path().to_owned(),
        root: Some(template(&"sdk")),
        cc: cc.iter().map(template).collect(),
        cxx: None,
        ar: None,
        ranlib: None,
        linker: None,
        args: Vec::new(),
    }
}

fn with(own: Vec<OwnProvider>) -> Wish {
    Wish { own: own.into_iter().map(Provider::own).collect(), ..Wish::default() }
}

#[test]
fn providers_of_targets_toml_come_first_where_they_name_the_target() {
    let machine = || Machine::with(&["cc", "aarch64-linux-gnu-gcc", "vendor-cc"]);
    let wish = |machine: &Machine| {
        let arm = own(machine, "vendor", "aarch64-*-gnu", &["{root}/bin/{arch}-gcc", "--target={triple}"]);
        with(vec![arm, own(machine, "everything", "*", &["vendor-cc"])])
    };
    let here = machine();
    here.program("../sdk/bin/aarch64-gcc", "");
    let list = listed(&here, ARM_GNU, &wish(&here));
    assert_eq!(list[0], "vendor ~/sdk/bin/aarch64-gcc --target=aarch64-unknown-linux-gnu");
    assert_eq!(list[1..3], ["everything ~vendor-cc", "gnu ~aarch64-linux-gnu-gcc"]);
    assert_eq!(listed(&here, GNU, &wish(&here))[..2], ["everything ~vendor-cc", "host ~cc"]);

    // What a person names for this run goes before, and `cc` and `--providers` name one of them.
    let vars = machine().set("CC_aarch64_unknown_linux_gnu", "cc");
    assert_eq!(listed(&vars, ARM_GNU, &wish(&vars)), ["env ~cc"]);
    let mut only = wish(&here);
    only.cc = Some(CcChoice::Provider(only.own[1]));
    assert_eq!(listed(&here, ARM_GNU, &only), ["everything ~vendor-cc"]);
    let mut limited = wish(&here);
    limited.providers = Some(vec![limited.own[0]]);
    assert_eq!(listed(&here, ARM_GNU, &limited).len(), 1);
    let none = candidates(&triple(GNU), &here.host(), &limited, &[]);
    let said = none.nothing.iter().map(|n| n.looked_for.as_str());
    assert!(said.clone().any(|said| said == "vendor serves only aarch64-*-gnu, by targets.toml"), "{none:?}");
    // A lock turns the order round.
    let locked = Wish { locked: Some(Provider::Gnu), ..wish(&here) };
    assert_eq!(listed(&here, ARM_GNU, &locked)[0], "gnu ~aarch64-linux-gnu-gcc");
}

#[test]
fn a_provider_of_targets_toml_has_the_tools_that_it_names() {
    let machine = Machine::with(&["cc", "my-ar", "llvm-ar"]).set("SDK", "/opt/x");
    let words =
        |texts: &[&str]| Some(texts.iter().map(|text| CommandTemplate::parse(text).unwrap()).collect());
    let full = OwnProvider {
        cxx: words(&["cc", "-xc++"]),
        ar: words(&["my-ar"]),
        ranlib: words(&["my-ar", "s"]),
        linker: words(&["cc", "-B{env:SDK}"]),
        args: words(&["--sysroot={root}/sys"]).unwrap(),
        ..own(&machine, "full", "*", &["cc", "-m"])
    };
    let c = found(&machine, ARM_GNU, &with(vec![full.clone()])).remove(0);
    let sysroot = machine.path().join("sdk/sys").display().to_string();
    let short = |driver: &[String]| machine.short(&driver.join(" ").replace(&sysroot, "SYS"));
    assert_eq!(short(&c.cc), "~cc -m --sysroot=SYS");
    assert_eq!(short(c.cxx.as_ref().unwrap()), "~cc -xc++ --sysroot=SYS");
    assert_eq!(short(c.linker.as_ref().unwrap()), "~cc -B/opt/x --sysroot=SYS");
    assert_eq!(
        (short(c.ar.as_ref().unwrap()), short(c.ranlib.as_ref().unwrap())),
        ("~my-ar".into(), "~my-ar s".into())
    );
    assert_eq!((c.absent, c.link), (None, Link::Driver));
    // Without `cxx` there is no C++, also where one lies beside the compiler.
    let plain = Machine::with(&["gcc", "g++"]);
    let c = found(&plain, GNU, &with(vec![own(&plain, "plain", "*", &["gcc"])])).remove(0);
    assert_eq!(c.cxx, None);

    // What is not there is missing, with the key that names it.
    let absent = |provider: OwnProvider, expected: &str| {
        let c = found(&machine, ARM_GNU, &with(vec![provider])).remove(0);
        assert_eq!(machine.short(&c.absent.unwrap()), expected);
    };
    absent(own(&machine, "a", "*", &["no-cc"]), "there is no program no-cc");
    absent(
        OwnProvider { ar: words(&["no-ar"]), ..full.clone() },
        "there is no program no-ar, which `ar` names",
    );
    let unset = "the variable NONE is not set, and `cxx` of full contains {env:NONE}";
    absent(OwnProvider { cxx: words(&["{env:NONE}/g++"]), ..full.clone() }, unset);
    let zig = Machine::with(&["zig", "cc"]);
    let own_zig = OwnProvider { cxx: words(&["zig", "c++"]), ..own(&zig, "own-zig", "*", &["zig", "cc"]) };
    let c = found(&zig, ARM_GNU, &with(vec![own_zig.clone()])).remove(0);
    assert_eq!((c.link, zig.short(&c.cc.join(" "))), (Link::Zig, "~zig cc -target aarch64-linux-gnu".into()));
    assert_eq!(zig.short(&c.cxx.unwrap().join(" ")), "~zig c++ -target aarch64-linux-gnu");
    let linked = OwnProvider { linker: words(&["cc"]), ..own_zig };
    let c = found(&zig, ARM_GNU, &with(vec![linked])).remove(0);
    assert_eq!(c.absent.as_deref(), Some("zig links its programs itself; remove `linker`"));
}

/// The compilers over which masks are mounted: not a program that only starts one.
#[test]
fn compilers_of_targets_toml_for_traps() {
    let machine = Machine::with(&["odd", "ccache", "sh"]);
    let all = [
        own(&machine, "a", "*-gnu", &["odd", "-m64"]),
        own(&machine, "b", "*", &["ccache", "/opt/{arch}/cc"]),
        own(&machine, "c", "*", &["sh", "relative/wrapper"]),
        own(&machine, "d", "*", &["{env:NONE}/x"]),
    ];
    let own: Vec<Provider> = all.map(Provider::own).into();
    let targets = [triple(ARM_GNU), triple(MUSL)];
    let odd = machine.path().join("bin/odd");
    let expected = [odd, "/opt/aarch64/cc".into(), "/opt/x86_64/cc".into()];
    assert_eq!(own_compilers(&own, targets.iter(), &machine.host()), expected.into());
}
