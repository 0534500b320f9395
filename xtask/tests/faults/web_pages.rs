//! Web pages in place of a registry's answers: of a network that needs a login in a browser, of a server of other things, of a
//! proxy. The run says what came, shows nothing of it, and changes nothing.

use xtask_test_support::between::{Act, Seen};
use xtask_test_support::folder;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::RegistryServer;

use crate::fault::RequestKind;
use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::ours::{LIMIT, SIZE, is_published};
use crate::watch::WatchedRegistry;

/// What steers a terminal, and what nobody is to see there.
const PAGE: &str =
    "<!DOCTYPE html><html><title>Welcome</title>\x1b[31m\x1b]0;owned\x07<script>portal()</script></html>";
/// The same as the message of a registry.
const MESSAGE: &str = r#"{"errors":[{"code":"DENIED","message":"\u001b[2J\u001b]0;owned\u0007no\rmore\n<script>portal()</script>"}]}"#;

const INDEX: &str = "Content-Type: application/vnd.oci.image.index.v1+json";

/// A page with a status.
fn page(status: &str) -> Act {
    Act::Refuse(format!("{status}\r\nContent-Type: text/html; charset=utf-8"), PAGE.to_owned())
}

fn is_manifest(seen: &Seen) -> bool {
    RequestKind::of(seen) == RequestKind::GetManifest
}

/// What is done to a request.
type Decide = fn(&Seen) -> Act;

/// A way to answer with pages, and what the run says of it.
struct PageCase {
    name: &'static str,
    decide: Decide,
    says: &'static [&'static str],
    /// Whether the tag points at another image before the run.
    tagged: bool,
}

const CASES: [PageCase; 10] = [
    PageCase {
        name: "200 for everything",
        decide: |_| page("200 OK"),
        says: &["the answer is a web page and not from a registry", "needs a login in a browser"],
        tagged: false,
    },
    PageCase {
        name: "200 for everything, over a tag",
        decide: |_| page("200 OK"),
        says: &["the answer is a web page and not from a registry", "needs a login in a browser"],
        tagged: true,
    },
    PageCase {
        name: "as a manifest that is read back",
        decide: |seen| if is_manifest(seen) { page("200 OK") } else { Act::Pass },
        says: &["GET http", "the answer is a web page and not from a registry"],
        tagged: false,
    },
    PageCase {
        name: "as a manifest that is read back, under the type of one",
        decide: |seen| match is_manifest(seen) {
            true => Act::Refuse(format!("200 OK\r\n{INDEX}"), PAGE.to_owned()),
            false => Act::Pass,
        },
        says: &["the manifest that the registry sent for", "does not have that digest"],
        tagged: false,
    },
    PageCase {
        name: "as the manifest of a tag, under the type of one",
        decide: |seen| match (seen.method(), RequestKind::of(seen)) {
            ("HEAD", RequestKind::HeadTag) => Act::Refuse(format!("200 OK\r\n{INDEX}"), String::new()),
            ("GET", _) => Act::Refuse(format!("200 OK\r\n{INDEX}"), PAGE.to_owned()),
            _ => Act::Pass,
        },
        says: &["the answer of the registry is not a manifest", "are not a JSON document"],
        tagged: true,
    },
    PageCase {
        name: "for a manifest that is put",
        decide: |seen| {
            if RequestKind::of(seen) == RequestKind::PutManifest { page("200 OK") } else { Act::Pass }
        },
        says: &["PUT http", "the answer is a web page and not from a registry"],
        tagged: false,
    },
    PageCase {
        name: "with 404 for a blob that is looked for and sent",
        decide: |seen| match RequestKind::of(seen) {
            RequestKind::HeadBlob | RequestKind::BeginUpload => page("404 Not Found"),
            _ => Act::Pass,
        },
        says: &["404 Not Found", "the answer is a web page, not a message of a registry"],
        tagged: false,
    },
    PageCase {
        name: "with 403 for everything",
        decide: |_| page("403 Forbidden"),
        says: &["403 Forbidden", "asked for: repository:"],
        tagged: false,
    },
    PageCase {
        name: "with 401 for everything",
        decide: |_| page("401 Unauthorized"),
        says: &["requires a login", "names no way to log in that is understood"],
        tagged: false,
    },
    PageCase {
        name: "as the message of a registry",
        decide: |seen| match RequestKind::of(seen) {
            RequestKind::BeginUpload => Act::Refuse("403 Forbidden".to_owned(), MESSAGE.to_owned()),
            _ => Act::Pass,
        },
        // The message is shown as it is, without what steers a terminal.
        says: &["403 Forbidden", "DENIED: no more <script>portal()</script>"],
        tagged: false,
    },
];

#[test]
fn a_web_page_is_no_registry() {
    let Some(server) = RegistryServer::start("a_web_page_is_no_registry") else { return };
    let kept = KeptFiles::new(&server.storage);
    let (release, other) = (MadeRelease::new(50, SIZE), MadeRelease::new(53, 1_000));
    for (at, case) in CASES.into_iter().enumerate() {
        let (name, repository) = (case.name, format!("page{at}"));
        let publish = |release: &MadeRelease, at: &str| {
            let cmd =
                release.publish(&format!("{at}/{repository}"), &["--tag", "latest", "--tag", TAG, "-v"]);
            Finished::new(&cmd, LIMIT)
        };
        if case.tagged {
            let cmd = other.publish(&server.name(&repository), &["--tag", "latest"]);
            Finished::new(&cmd, LIMIT).ended(0);
        }
        let (tag, before) = (kept.tag(&repository, "latest"), manifests(&server));
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| (case.decide)(seen));
        let run = publish(&release, &front.front.at);
        println!("{name}\n{run}");
        let run = run.ended(1).says(case.says).never_says(&["\x1b", "\x07", "owned", "Welcome", "<html"]);
        assert_eq!(run.stdout(), "", "{name}");
        assert!(run.stderr().chars().all(|c| c == '\n' || !c.is_control()), "{name}: {run}");
        assert_eq!(kept.tag(&repository, "latest"), tag, "{name}");
        assert_eq!(kept.tag(&repository, TAG), None, "{name}");
        // Only what was read back may have come so far.
        if !name.contains("read back") {
            assert_eq!(manifests(&server), before, "{name}");
        }
        let calm = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
        publish(&release, &calm.front.at).ended(0);
        assert_eq!(kept.tag(&repository, "latest").as_deref(), Some(release.index.as_str()), "{name}");
        is_published(&release, &kept, &repository, name);
        for front in [&front, &calm] {
            assert_eq!((front.broken_tags(), front.lost()), (Vec::new(), Vec::new()), "{name}");
        }
    }
}

/// The links of manifests and tags that the registry has.
fn manifests(server: &RegistryServer) -> Vec<String> {
    // Before the first request there is no folder.
    if !server.storage.is_dir() {
        return Vec::new();
    }
    let files = folder::files(&server.storage).into_keys();
    files.filter(|name| name.contains("/_manifests/")).collect()
}

/// A registry whose `/v2/` is a page for people is one all the same: nothing is asked there.
#[test]
fn a_web_page_at_the_root_of_a_registry_does_not_matter() {
    let test = "a_web_page_at_the_root_of_a_registry_does_not_matter";
    let Some(server) = RegistryServer::start(test) else { return };
    let kept = KeptFiles::new(&server.storage);
    let release = MadeRelease::new(56, 1_000);
    let front = WatchedRegistry::start(&server.at, &kept, |seen, _| match seen.path() {
        "/v2/" | "/v2" | "/" => page("200 OK"),
        _ => Act::Pass,
    });
    Finished::new(&release.publish(&format!("{}/app", front.front.at), &[]), LIMIT).ended(0);
    is_published(&release, &kept, "app", test);
}

/// The server of tokens that a challenge leads to is a page.
#[test]
fn a_web_page_is_no_token() {
    let Some(server) = RegistryServer::start("a_web_page_is_no_token") else { return };
    let kept = KeptFiles::new(&server.storage);
    let front =
        WatchedRegistry::start(&server.at, &kept, |seen, _| match seen.path().starts_with("/token") {
            true => page("200 OK"),
            false => {
                let at = seen.header("host").unwrap_or_default();
                let challenge =
                    format!("WWW-Authenticate: Bearer realm=\"http://{at}/token\",service=\"test\"");
                Act::Refuse(format!("401 Unauthorized\r\n{challenge}"), String::new())
            }
        });
    let release = MadeRelease::new(57, 1_000);
    let run = Finished::new(&release.publish(&format!("{}/app", front.front.at), &[]), LIMIT).ended(1);
    run.says(&["/token: the answer is a web page and not from a registry"]).never_says(&["\x1b", "Welcome"]);
}
