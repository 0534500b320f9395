//! What valid files mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask_base::{Base, SnapshotArchive};
use xtask_compilers::toolchain::Provider;
use xtask_compilers::toolchain::own::{CommandTemplate, OwnProvider, TargetPattern};
use xtask_config::workspace::Package;
use xtask_config::{
    App, CcChoice, Compression, Config, GlibcVersion, HealthCheck, Id, Image, ImageRun, ImageSmoke,
    ImageTarget, Mode, ModeChoice, Need, OnFallback, Target, TestNeed, TestSection, User,
};
use xtask_triple::Triple;

use crate::made_up::{VALID, parse, triples, workspace};

#[test]
fn the_least_a_file_can_say() {
    let text = "schema = 1\n[app]\npackage = \"shop\"\nbin = \"shop\"\n[[mode]]\nname = \"default\"\n\
                [[target]]\ntriple = \"x86_64-unknown-linux-musl\"\n";
    let triple = Triple::parse("x86_64-unknown-linux-musl");
    let expected = Config {
        file: "targets.toml".into(),
        app: App {
            package: "shop".into(),
            bin: "shop".into(),
            smoke: vec!["--version".into()],
            auditable: false,
        },
        modes: vec![Mode {
            name: "default".into(),
            features: vec![],
            default_features: true,
            needs: [].into(),
        }],
        targets: vec![Target {
            triple,
            mode: ModeChoice::Auto,
            on_fallback: OnFallback::Allow,
            cc: None,
            glibc: None,
            cpu: None,
            sysroot: None,
            profile: "release".into(),
            env: BTreeMap::new(),
            rustflags: vec![],
        }],
        providers: vec![],
        images: vec![],
        snapshots: vec![],
        publish: xtask_config::PublishSection::default(),
        test: TestSection::default(),
    };
    assert_eq!(parse(text.as_bytes()), Ok(expected.clone()));
    let defaults = Target::with_defaults(Triple::parse("x86_64-unknown-linux-musl"));
    assert_eq!(expected.targets, [defaults]);
}

#[test]
fn every_key() {
    let text = r#"
schema = 0x1
[app]
package = "shop"
bin = "shop"
smoke = []
auditable = true
[[mode]]
name = "native"
features = ["native", "engine/simd", "default"]
default-features = false
needs = ["c++", "c"]
[[mode]]
name = "pure"
[[target]]
triple = "aarch64-unknown-linux-gnu"
mode = "native"
on-fallback = "fail"
cc = "zig"
glibc = "2.31"
profile = "small"
env = { A = "1", "CFLAGS_aarch64-unknown-linux-gnu" = "-O2" }
rustflags = ["-C", "link-arg=-Wl,-z,now", "--cfg=a b"]
[[target]]
triple = "x86_64-unknown-linux-musl"
mode = "auto"
cpu = "x86-64-v3"
rustflags = ["-Ctarget-cpu=x86-64-v3"]
cc = "/opt/my tools/bin/cc"
[[image]]
name = "shop__a-b.c"
base = "scratch"
targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"]
tzdata = true
compression = "zstd"
budget = "12.5MB"
entrypoint = ["/shop", "serve"]
cmd = ["--port", "80"]
env = { B = "", "A.b" = "x=y" }
user = "nonroot:0"
workdir = "/srv/"
ports = ["80", "53/udp"]
volumes = ["/data", "/a/b/"]
stop-signal = "2"
healthcheck = { cmd = ["/shop", "health"], interval = "1m30s", timeout = "500ms", start-period = "2h", retries = 0x2 }
labels = { "a.b" = "c" }
annotations = { "org.opencontainers.image.vendor" = "d" }
smoke = []
expect = { exit = 3, stdout = "ready" }
[[image]]
name = "least"
base = "scratch"
targets = ["x86_64-unknown-linux-musl"]
healthcheck.cmd = ["/shop"]
[debian]
snapshots = ["http://snapshot.example/file/{sha1}", "https://mirror/debian/20260101T000000Z/"]
[test]
needs = ["umoci", "docker", "umoci"]
"#;
    let config = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.app.smoke, [""; 0]);
    assert!(config.app.auditable);
    assert_eq!(config.modes[0].features, ["native", "engine/simd", "default"]);
    assert!(!config.modes[0].default_features && config.modes[1].default_features);
    assert_eq!(config.modes[0].needs, [Need::C, Need::Cxx].into());
    let target = &config.targets[0];
    assert_eq!(target.mode, ModeChoice::Named("native".into()));
    assert_eq!(target.on_fallback, OnFallback::Fail);
    assert_eq!(target.cc, Some(CcChoice::Provider(Provider::Zig)));
    assert_eq!(target.glibc, Some(GlibcVersion { major: 2, minor: 31 }));
    assert_eq!([target.cpu, config.targets[1].cpu], [None, Some(xtask_gate::Level::V3)]);
    assert_eq!(target.profile, "small");
    assert_eq!(target.env["A"], "1");
    assert_eq!(target.rustflags, ["-C", "link-arg=-Wl,-z,now", "--cfg=a b"]);
    assert_eq!(config.targets[1].cc, Some(CcChoice::Program("/opt/my tools/bin/cc".into())));
    let targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"];
    let targets = targets.map(|target| ImageTarget::of(&Triple::parse(target)).unwrap()).into();
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let pairs = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let run = ImageRun {
        entrypoint: Some(strings(&["/shop", "serve"])),
        cmd: strings(&["--port", "80"]),
        env: pairs(&[("A.b", "x=y"), ("B", "")]),
        user: Some(User { user: Id::Name("nonroot".into()), group: Some(Id::Number(0)) }),
        workdir: Some("/srv".into()),
        ports: strings(&["53/udp", "80/tcp"]).into_iter().collect(),
        volumes: strings(&["/a/b", "/data"]).into_iter().collect(),
        stop_signal: Some("SIGINT".into()),
        healthcheck: Some(HealthCheck {
            cmd: strings(&["/shop", "health"]),
            interval: Some(Duration::from_secs(90)),
            timeout: Some(Duration::from_millis(500)),
            start_period: Some(Duration::from_secs(7200)),
            retries: Some(2),
        }),
        labels: pairs(&[("a.b", "c")]),
        annotations: pairs(&[("org.opencontainers.image.vendor", "d")]),
    };
    let smoke = ImageSmoke { args: Some(Vec::new()), exit: 3, stdout: Some("ready".into()) };
    let image = Image {
        name: "shop__a-b.c".into(),
        base: Base::Scratch,
        targets,
        tzdata: true,
        compression: Compression::Zstd,
        budget: Some(12_500_000),
        closure: false,
        run,
        smoke,
        places: [
            ("entrypoint", "targets.toml:37:14"),
            ("user", "targets.toml:40:8"),
            ("workdir", "targets.toml:41:11"),
            ("volumes", "targets.toml:43:11"),
            ("healthcheck", "targets.toml:45:23"),
        ]
        .map(|(key, place)| (key, place.to_owned()))
        .into(),
    };
    assert_eq!(config.images[0], image);
    let snapshots = ["http://snapshot.example/file/{sha1}", "https://mirror/debian/20260101T000000Z/"];
    assert_eq!(config.snapshots, snapshots.map(|text| SnapshotArchive::parse(text).unwrap()));
    let least = &config.images[1];
    assert_eq!(least.run.healthcheck.as_ref().unwrap().cmd, ["/shop"]);
    assert_eq!(least.run, ImageRun { healthcheck: least.run.healthcheck.clone(), ..ImageRun::default() });
    assert_eq!(least.smoke, ImageSmoke::default());
    assert_eq!((least.compression, least.budget), (Compression::Gzip, None));
    assert_eq!(config.test.needs, [TestNeed::Docker, TestNeed::Umoci].into());
}

#[test]
fn a_relative_compiler_lies_beside_the_file() {
    let text = |cc: &str| format!("{VALID}cc = \"{cc}\"\n").into_bytes();
    let cc = |file: &Path, cc: &str| {
        let config = Config::from_bytes(&text(cc), file, &workspace(), &triples()).unwrap();
        config.targets[1].cc.clone()
    };
    let program = |path: PathBuf| Some(CcChoice::Program(path));
    assert_eq!(cc(Path::new("/p/targets.toml"), "tools/cc"), program("/p/tools/cc".into()));
    let here = std::env::current_dir().unwrap();
    assert_eq!(cc(Path::new("targets.toml"), "./tools/cc"), program(here.join("tools/cc")));
    // A name without a separator is looked up on PATH, wherever the file lies.
    assert_eq!(cc(Path::new("/p/targets.toml"), "clang-19"), program("clang-19".into()));
}

#[test]
fn inline_tables_say_the_same() {
    let inline = r#"
schema = 1
app = { package = "shop", bin = "shop" }
mode = [{ name = "native", features = ["native"], needs = ["c"] },
        { name = "pure", features = ["pure"], default-features = false }]
target = [{ triple = "x86_64-unknown-linux-musl" }, { triple = "aarch64-unknown-linux-gnu" }]
"#;
    assert_eq!(parse(inline.as_bytes()), parse(VALID.as_bytes()));
}

/// A mode that `auto` will not reach behind one without needs is still there for `--mode` and `--mode all`.
#[test]
fn a_mode_behind_one_without_needs_is_allowed() {
    let text = VALID.replace("needs = [\"c\"]\n", "");
    assert_eq!(parse(text.as_bytes()).unwrap().modes.len(), 2);
}

/// The example that users read. Its package is made up here: that it fits the real one shows whenever xtask runs.
#[test]
fn our_own_file() {
    let mut workspace = workspace();
    let shop = workspace.packages.iter_mut().find(|p| p.name == "shop").unwrap();
    (shop.name, shop.bins) = ("app".into(), vec!["app".into()]);
    let native = workspace.packages.iter().find(|p| p.name == "app").cloned();
    workspace.packages.extend(native.map(|app| Package { name: "native".into(), ..app }));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets.toml");
    let config = Config::load(&file, &workspace, &triples()).unwrap_or_else(|e| panic!("{e}"));
    let modes: Vec<_> = config.modes.iter().map(|m| (m.name.as_str(), m.default_features)).collect();
    assert_eq!(modes, [("native", false), ("pure", false)]);
    assert_eq!((config.targets.len(), config.images.len(), config.test.needs.len()), (4, 2, 22));
    assert_eq!(config.test.all_features, ["app".to_owned(), "native".to_owned()].into());
    assert!(config.targets.iter().all(|t| *t == Target::with_defaults(t.triple.clone())));
}

#[test]
fn providers_of_the_file() {
    let text = VALID.to_owned()
        + r#"cc = "vendor-gcc"
[[provider]]
name = "vendor-gcc"
targets = ["aarch64-*-linux-gnu", "x86_64-unknown-linux-gnu"]
root = "{env:SDK}"
cc = "{root}/bin/{arch}-vendor-gcc"
cxx = ["tools/{triple}/g++", "-x{{1}}"]
args = []
[[provider]]
name = "2nd"
targets = ["*"]
cc = ["ccache", "gcc"]
linker = "ld-driver"
"#;
    let config = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let template = |text: &str| CommandTemplate::parse(text).unwrap();
    let first = OwnProvider {
        place: 0,
        name: "vendor-gcc".into(),
        targets: ["aarch64-*-linux-gnu", "x86_64-unknown-linux-gnu"].map(TargetPattern::new).into(),
        folder: PathBuf::new(),
        root: Some(template("{env:SDK}")),
        cc: vec![template("{root}/bin/{arch}-vendor-gcc")],
        cxx: Some(vec![template("tools/{triple}/g++"), template("-x{{1}}")]),
        ar: None,
        ranlib: None,
        linker: None,
        args: Vec::new(),
    };
    let second = OwnProvider {
        place: 1,
        name: "2nd".into(),
        targets: vec![TargetPattern::new("*")],
        root: None,
        cc: vec![template("ccache"), template("gcc")],
        cxx: None,
        linker: Some(vec![template("ld-driver")]),
        ..first.clone()
    };
    assert_eq!(config.providers, [first, second].map(Provider::own));
    assert_eq!(config.targets[1].cc, Some(CcChoice::Provider(config.providers[0])));
    assert!(Provider::Config < config.providers[0] && config.providers[1] < Provider::Host);
}
