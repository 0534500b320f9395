use std::collections::BTreeMap;

use super::*;
use xtask_oci::scratch::base_rootfs;

fn tree() -> RootFs {
    let mut tree = base_rootfs(false).unwrap();
    tree.insert("app", Node::bytes(0o755, &b"x"[..])).unwrap();
    tree.insert("usr/bin/tool", Node::bytes(0o755, &b"x"[..])).unwrap();
    tree.insert("etc/data", Node::bytes(0o644, &b"x"[..])).unwrap();
    tree.insert("srv", Node::symlink("/var/srv")).unwrap();
    tree
}

fn of(run: &ImageRun, base: &Runtime) -> Result<Runtime> {
    on(run, base, &tree()).map_err(|misfit| misfit.error)
}

fn on(run: &ImageRun, base: &Runtime, tree: &RootFs) -> Result<Runtime, Misfit> {
    let base = RuntimeDefaults { name: "registry/base:1".to_owned(), runtime: base.clone() };
    runtime(run, "app", &base, Labels::new(), tree)
}

fn said(error: &Error) -> String {
    error.to_string().replace('\n', " ")
}

#[test]
fn what_is_left_out_is_what_every_image_has() {
    let runtime = of(&ImageRun::default(), &Runtime::default()).unwrap();
    let expected = Runtime {
        user: "65532:65532".into(),
        entrypoint: vec!["/app".into()],
        working_dir: "/".into(),
        ..Runtime::default()
    };
    assert_eq!(runtime, expected);
    assert_eq!(folders(&runtime, &tree()).unwrap(), []);
}

#[test]
fn users_become_numbers() {
    let user = |user: &str, group: Option<&str>| {
        let id = |text: &str| text.parse().map_or_else(|_| Id::Name(text.into()), Id::Number);
        let run =
            ImageRun { user: Some(User { user: id(user), group: group.map(id) }), ..ImageRun::default() };
        of(&run, &Runtime::default()).map(|runtime| runtime.user).map_err(|e| said(&e))
    };
    assert_eq!(user("nonroot", None).as_deref(), Ok("65532:65532"));
    assert_eq!(user("root", Some("staff")).as_deref(), Ok("0:50"));
    assert_eq!(user("65534", None).as_deref(), Ok("65534:65534"));
    assert_eq!(user("1000", None).as_deref(), Ok("1000:1000"));
    assert_eq!(user("0", Some("7")).as_deref(), Ok("0:7"));
    let error = user("postgres", None).unwrap_err();
    assert!(error.contains("the user postgres") && error.contains("it has root, nobody, nonroot"), "{error}");
    for (name, group) in [("4294967294", None), ("0", Some("2147483648"))] {
        let error = user(name, group).unwrap_err();
        assert!(error.contains("which container engines reject") && error.contains("2147483647"), "{error}");
    }
    let error = user("0", Some("wheel")).unwrap_err();
    assert!(error.contains("the group wheel") && error.contains("staff"), "{error}");
}

#[test]
fn the_base_has_a_word_in_it() {
    let text = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let base = Runtime {
        user: "nonroot".into(),
        env: text(&["PATH=/usr/bin", "LANG=C"]),
        entrypoint: text(&["/docker-entrypoint.sh"]),
        cmd: text(&["serve"]),
        exposed_ports: ["80/tcp".to_owned()].into(),
        working_dir: "/home".into(),
        labels: [("maintainer", "x"), ("org.opencontainers.image.version", "12")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        stop_signal: Some("SIGQUIT".into()),
        healthcheck: Some(Health { test: text(&["CMD", "curl"]), ..Health::default() }),
        ..Runtime::default()
    };
    let run = ImageRun {
        env: BTreeMap::from([("LANG".into(), "de".into()), ("A".into(), "=".into())]),
        ports: ["53/udp".to_owned()].into(),
        ..ImageRun::default()
    };
    let runtime = of(&run, &base).unwrap();
    assert_eq!(runtime.user, "65532:65532");
    assert_eq!(runtime.env, ["PATH=/usr/bin", "LANG=de", "A=="]);
    assert_eq!((runtime.entrypoint, runtime.cmd), (text(&["/app"]), Vec::new()));
    assert_eq!(runtime.exposed_ports, ["53/udp".to_owned(), "80/tcp".to_owned()].into());
    assert_eq!(runtime.working_dir, "/home");
    assert_eq!(runtime.labels, BTreeMap::from([("maintainer".to_owned(), "x".to_owned())]));
    assert_eq!((runtime.stop_signal.as_deref(), runtime.healthcheck), (Some("SIGQUIT"), None));
}

#[test]
fn programs_must_be_there() {
    let run = |program: &str| ImageRun {
        entrypoint: Some(vec![program.to_owned(), "x".to_owned()]),
        env: BTreeMap::from([("PATH".into(), "/bin:/usr/bin".into())]),
        workdir: Some("/usr".into()),
        ..ImageRun::default()
    };
    let with_path = Runtime { env: vec!["PATH=".into()], ..Runtime::default() };
    for program in ["/app", "/usr/../app", "tool", "bin/tool"] {
        assert!(of(&run(program), &with_path).is_ok(), "{program}");
    }
    for (program, words) in [
        ("/ap", "names /ap, which is not in it"),
        ("app", "its PATH is /bin:/usr/bin"),
        ("/etc", "not in it"),
        ("/etc/data", "may not be executed"),
    ] {
        let error = said(&of(&run(program), &with_path).unwrap_err());
        assert!(error.contains("`entrypoint`") && error.contains(words), "{error}");
    }
    let mut with_devices = tree();
    with_devices.insert("dev/tool", Node::bytes(0o755, &b"x"[..])).unwrap();
    with_devices.insert("bin/device", Node::symlink("/dev/tool")).unwrap();
    let error = on(&run("/bin/device"), &with_path, &with_devices).unwrap_err();
    assert_eq!(error.key, Some("entrypoint"));
    assert!(said(&error.error).contains("it lies in /dev/tool"), "{error:?}");
    let check = HealthCheck {
        cmd: vec!["curl".into()],
        interval: None,
        timeout: None,
        start_period: None,
        retries: None,
    };
    let error = of(&ImageRun { healthcheck: Some(check), ..ImageRun::default() }, &with_path).unwrap_err();
    assert!(said(&error).contains("`healthcheck`"), "{error}");
}

#[test]
fn folders_that_nothing_made_are_made() {
    let run = |volume: &str, workdir: &str| ImageRun {
        volumes: [volume.to_owned()].into(),
        workdir: Some(workdir.to_owned()),
        user: Some(User { user: Id::Number(7), group: None }),
        ..ImageRun::default()
    };
    let made = |volume: &str, workdir: &str| {
        folders(&of(&run(volume, workdir), &Runtime::default()).unwrap(), &tree()).map_err(|e| said(&e.error))
    };
    let data = Node::dir(0o755).owned(7, 7);
    assert_eq!(made("/tmp", "/etc"), Ok(vec![]));
    assert_eq!(
        made("/data", "/work/a"),
        Ok(vec![("data".into(), data.clone()), ("work/a".into(), Node::dir(0o755))])
    );
    assert_eq!(made("/srv/x", "/"), Ok(vec![("var/srv/x".into(), data)]));
    assert!(
        made("/etc/data", "/")
            .unwrap_err()
            .contains("`volumes` of an image names /etc/data, which is a file")
    );
    assert!(made("/tmp", "/app/x").unwrap_err().contains("below /app, a file"));
}

#[test]
fn folders_for_data_that_the_user_cannot_write_to_are_named() {
    let mut tree = RootFs::new();
    tree.insert("srv", Node::dir(0o755)).unwrap();
    tree.insert("group", Node::dir(0o770).owned(0, 8)).unwrap();
    tree.insert("mine", Node::dir(0o700).owned(7, 0)).unwrap();
    tree.insert("closed", Node::dir(0o700)).unwrap();
    tree.insert("closed/mine", Node::dir(0o700).owned(7, 0)).unwrap();
    tree.insert("link", Node::symlink("/srv")).unwrap();
    let of = |user: &str| {
        let volumes = ["/srv", "/group", "/mine", "/closed/mine", "/link", "/new"].map(str::to_owned).into();
        unwritable(&Runtime { user: user.into(), volumes, ..Runtime::default() }, &tree)
    };
    let closed = "in its base, /closed/mine belongs to 7:0 and has mode 0700";
    let (srv, link) = (
        "in its base, /srv belongs to 0:0 and has mode 0755",
        "in its base, /link belongs to 0:0 and has mode 0755",
    );
    assert_eq!(of("7:8"), [closed, link, srv]);
    assert_eq!(of("7:9"), [closed, "in its base, /group belongs to 0:8 and has mode 0770", link, srv]);
    assert!(of("0:0").is_empty());
}

#[test]
fn a_user_keeps_the_groups_that_the_image_gives_it() {
    let mut tree = tree();
    tree.remove("etc/passwd");
    tree.remove("etc/group");
    let passwd = "root:x:0:0::/:\nweb:x:1000:1001::/:\ntwin:x:1000:1001::/:\nplain:x:7:7::/:\n";
    tree.insert("etc/passwd", Node::bytes(0o644, passwd.as_bytes())).unwrap();
    let group = "web:x:1001:web\nmedia:x:2000:other,web\nmore:x:3000:twin,web\nwebs:x:9:webs\n";
    tree.insert("etc/group", Node::bytes(0o644, group.as_bytes())).unwrap();
    let user = |user: &str| {
        let base = Runtime { user: user.into(), volumes: ["/data".to_owned()].into(), ..Runtime::default() };
        on(&ImageRun::default(), &base, &tree).map_err(|misfit| said(&misfit.error))
    };
    // An engine finds the further groups by the number too.
    for name in ["web", "1000"] {
        let runtime = user(name).unwrap();
        assert_eq!(runtime.user, "1000", "{name}");
        assert_eq!(
            Account::of("1000", &tree),
            Account { uid: 1000, gid: 1001, further: vec![2000, 3000] },
            "{name}"
        );
        let data = Node::dir(0o755).owned(1000, 1001);
        assert_eq!(folders(&runtime, &tree).unwrap(), [("data".to_owned(), data)]);
    }
    // A group that is given is the only one. A number that belongs to another user does not select this one.
    for (name, numbers) in [("web:web", "1000:1001"), ("twin", "1000:1001"), ("plain", "7:7"), ("8", "8:8")] {
        assert_eq!(user(name).unwrap().user, numbers, "{name}");
    }
    let error = user("ghost").unwrap_err();
    let words = "the `User` of the base registry/base:1 names the user ghost, which is not in the image";
    assert!(error.contains(words) && !error.contains("`user` of an image"), "{error}");
    assert!(user(":5").unwrap_err().contains("the base registry/base:1 names \":5\" as its user"));
}

#[test]
fn what_a_base_says_is_checked_like_what_we_say() {
    let text = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let base = |change: &dyn Fn(&mut Runtime)| {
        let mut base = Runtime::default();
        change(&mut base);
        base
    };
    type Change<'a> = &'a dyn Fn(&mut Runtime);
    let refused: [(Change<'_>, &str); 9] = [
        (&|r| r.working_dir = "srv".into(), "`WorkingDir` \"srv\""),
        (&|r| r.env = text(&["A=b", "NOEQ"]), "`Env` \"NOEQ\", which has no ="),
        (&|r| r.env = text(&["=x"]), "`Env` \"=x\""),
        (&|r| r.env = text(&["A=\0"]), "`Env` \"A=\\0\""),
        (&|r| r.volumes = ["data".to_owned()].into(), "`Volumes` \"data\""),
        (&|r| r.volumes = ["/./".to_owned()].into(), "`Volumes` \"/./\""),
        (&|r| r.exposed_ports = ["http".to_owned()].into(), "`ExposedPorts` \"http\""),
        (&|r| r.exposed_ports = ["1-70000/tcp".to_owned()].into(), "`ExposedPorts`"),
        (&|r| r.stop_signal = Some("NONE".into()), "`StopSignal` \"NONE\""),
    ];
    for (change, words) in refused {
        let error = said(&of(&ImageRun::default(), &base(change)).unwrap_err());
        assert!(error.contains(&format!("the base registry/base:1 has {words}")), "{error}");
    }
    let taken = base(&|r| {
        r.working_dir = "/srv/".into();
        r.env = text(&["A=", "B=c=d"]);
        r.volumes = ["/data/".to_owned()].into();
        r.exposed_ports = text(&["8080", "53/udp", "8000-8010/tcp"]).into_iter().collect();
        r.stop_signal = Some("sigterm".into());
    });
    of(&ImageRun::default(), &taken).unwrap();
    // The values of targets.toml replace them.
    let run = ImageRun {
        workdir: Some("/srv".into()),
        env: BTreeMap::from([("NOEQ".into(), "x".into())]),
        ..ImageRun::default()
    };
    let mended = base(&|r| (r.working_dir, r.env) = ("srv".into(), text(&["NOEQ"])));
    assert_eq!(of(&run, &mended).unwrap().env, ["NOEQ=x"]);
}
