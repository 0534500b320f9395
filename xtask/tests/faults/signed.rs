//! Signing under faults of referrers: a list that cannot be read is never taken for an empty one, and a change of a list is
//! made again where somebody else was faster.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use xtask_process::exec::Cmd;
use xtask_test_support::between::{Act, Seen};
use xtask_test_support::process::{Finished, run};
use xtask_test_support::registry::RegistryServer;
use xtask_test_support::skip::have;

use crate::kept::KeptFiles;
use crate::made::MadeRelease;
use crate::ours::{LIMIT, SIZE, is_published};
use crate::watch::WatchedRegistry;

fn is_list(seen: &Seen) -> bool {
    seen.path().contains("/referrers/")
}

/// The tag under which the list of what is attached to a digest stands, where the registry makes none.
fn is_list_tag(seen: &Seen) -> bool {
    seen.path().rsplit_once('/').is_some_and(|(_, tag)| tag.starts_with("sha256-") && tag.len() == 71)
}

fn made_key(openssl: &Path, dir: &Path, name: &str) -> PathBuf {
    let key = dir.join(name);
    let new = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    run(&Cmd::new(openssl).args(new).arg(&key));
    key
}

#[test]
fn faults_of_referrers_leave_signatures_that_are_whole() {
    let test = "faults_of_referrers_leave_signatures_that_are_whole";
    let Some(server) = RegistryServer::start(test) else { return };
    let Some(openssl) = have(test, "openssl") else { return };
    let release = MadeRelease::new(30, SIZE);
    let kept = KeptFiles::new(&server.storage);
    let key = made_key(&openssl, server.dir(), "key.pem");
    let sign = ["--key", key.to_str().unwrap()];
    let publish =
        |at: &str, name: &str| Finished::new(&release.publish(&format!("{at}/{name}"), &sign), LIMIT);
    /// Decides about the n-th request for a list.
    type Decide = fn(&Seen, usize) -> Act;
    let cases: [(&str, Decide, i32); 5] = [
        ("404 on referrers", |_, _| Act::Pass, 0),
        (
            "500 on referrers, once",
            |seen, n| if is_list(seen) && n == 0 { refuse_with(500) } else { Act::Pass },
            0,
        ),
        (
            "500 on referrers, each time",
            |seen, _| if is_list(seen) { refuse_with(500) } else { Act::Pass },
            1,
        ),
        (
            "412 on a change of the list, twice",
            |seen, n| {
                if is_list_tag(seen) && seen.method() == "PUT" && n < 2 {
                    refuse_with(412)
                } else {
                    Act::Pass
                }
            },
            0,
        ),
        (
            "a list that breaks off",
            |seen, n| {
                if is_list_tag(seen) && seen.method() == "GET" && n < 2 { Act::Short(20) } else { Act::Pass }
            },
            0,
        ),
    ];
    for (at, (name, decide, code)) in cases.into_iter().enumerate() {
        let repository = format!("signed{at}");
        let count = Arc::new(Mutex::new(0));
        let met = Arc::clone(&count);
        let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
            // Manifests are signed side by side: one fault is decided about at a time.
            let mut met = met.lock().unwrap();
            let act = decide(seen, *met);
            *met += usize::from(!matches!(act, Act::Pass));
            act
        });
        let first = publish(&front.front.at, &repository);
        assert!(code == 0 || *count.lock().unwrap() > 0, "{name}: the fault was not met\n{first}");
        first.ended(code);
        let calm = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
        publish(&calm.front.at, &repository).ended(0);
        for front in [&front, &calm] {
            assert_eq!(front.broken_tags(), [""; 0], "{name}");
            assert_eq!(front.lost(), [""; 0], "{name}");
        }
        is_published(&release, &kept, &repository, name);
        // One bundle for the index, which is there, and one signature for cosign 2.
        let hex = release.index.trim_start_matches("sha256:");
        let list =
            kept.tag(&repository, &format!("sha256-{hex}")).unwrap_or_else(|| panic!("{name}: no list"));
        let list: Value = serde_json::from_slice(&kept.bytes(&list).unwrap()).unwrap();
        let listed = list["manifests"].as_array().unwrap();
        assert_eq!(listed.len(), 1, "{name}: {list:#}");
        assert!(kept.has_manifest(&repository, listed[0]["digest"].as_str().unwrap()), "{name}");
        let signature = kept.tag(&repository, &format!("sha256-{hex}.sig"));
        let signature = kept.bytes(&signature.unwrap_or_else(|| panic!("{name}: no signature"))).unwrap();
        assert_eq!(kept.lacking(&repository, &signature), [""; 0], "{name}");
        let layers = serde_json::from_slice::<Value>(&signature).unwrap()["layers"].as_array().unwrap().len();
        assert_eq!(layers, 1, "{name}");
    }
}

fn refuse_with(status: u16) -> Act {
    Act::Refuse(format!("{status} Refused"), String::new())
}

/// A list of what is attached, as the registry keeps it.
fn kept_list(kept: &KeptFiles, tag: &str) -> (String, Value) {
    let digest = kept.tag("app", tag).unwrap_or_else(|| panic!("no list {tag}"));
    let list = serde_json::from_slice(&kept.bytes(&digest).unwrap()).unwrap();
    (digest, list)
}

#[test]
fn a_list_is_changed_only_in_the_state_in_which_it_was_read() {
    let test = "a_list_is_changed_only_in_the_state_in_which_it_was_read";
    let Some(server) = RegistryServer::start(test) else { return };
    let Some(openssl) = have(test, "openssl") else { return };
    let release = MadeRelease::new(33, SIZE);
    let kept = KeptFiles::new(&server.storage);
    let [one, two] = ["one.pem", "two.pem"].map(|name| made_key(&openssl, server.dir(), name));
    let publish = |at: &str, key: &Path| {
        let cmd = release.publish(&format!("{at}/app"), &["--key", key.to_str().unwrap()]);
        Finished::new(&cmd, LIMIT).ended(0)
    };
    let tag = format!("sha256-{}", release.index.trim_start_matches("sha256:"));
    let path = format!("/v2/app/manifests/{tag}");
    let of_list = |front: &WatchedRegistry| -> Vec<Seen> {
        front.front.seen().into_iter().filter(|seen| seen.path() == path).collect()
    };
    let methods = |all: &[Seen]| all.iter().map(|seen| seen.method().to_owned()).collect::<Vec<_>>();

    // The registry has no list, so that there is no state to name.
    let calm = WatchedRegistry::start(&server.at, &kept, |_, _| Act::Pass);
    publish(&calm.front.at, &one);
    let all = of_list(&calm);
    let puts: Vec<_> = all.iter().filter(|seen| seen.method() == "PUT").collect();
    assert!(puts.len() == 1 && puts[0].header("if-match").is_none(), "{all:?}");
    let (first, list) = kept_list(&kept, &tag);

    // When the second key comes, somebody else changes the list between its look and its change.
    let index: Value = serde_json::from_slice(&kept.bytes(&release.index).unwrap()).unwrap();
    let theirs = index["manifests"][0].clone();
    let mut foreign = list.clone();
    foreign["manifests"].as_array_mut().unwrap().push(theirs.clone());
    let foreign = foreign.to_string();
    let changed = format!("\"sha256:{}\"", xtask_files::sha256_hex(foreign.as_bytes()));
    let (address, done) = (format!("http://{}{path}", server.at), Mutex::new(false));
    let wanted = path.clone();
    let front = WatchedRegistry::start(&server.at, &kept, move |seen, _| {
        let mut done = done.lock().unwrap();
        if seen.method() != "PUT" || seen.path() != wanted || *done {
            return Act::Pass;
        }
        *done = true;
        let put = ureq::put(&address).header("Content-Type", "application/vnd.oci.image.index.v1+json");
        put.send(foreign.as_bytes()).unwrap();
        refuse_with(412)
    });
    publish(&front.front.at, &two);
    let all = of_list(&front);
    let puts: Vec<_> = all.iter().filter(|seen| seen.method() == "PUT").collect();
    let states: Vec<_> = puts.iter().map(|seen| seen.header("if-match")).collect();
    assert_eq!(states, [Some(format!("\"{first}\"").as_str()), Some(changed.as_str())], "{all:?}");
    // Read, refused, read again, changed, read back.
    let around: Vec<String> = methods(&all).into_iter().skip_while(|method| method == "GET").collect();
    assert!(around.starts_with(&["PUT", "GET", "PUT", "GET"].map(str::to_owned)), "{around:?}");
    // Nothing of anybody is lost.
    let (_, now) = kept_list(&kept, &tag);
    let entries = now["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{now:#}");
    assert!(entries.contains(&theirs) && entries.contains(&list["manifests"][0]), "{now:#}");
    // Neither key has anything to say any more.
    for key in [&one, &two] {
        publish(&server.at, key).says(&["Unchanged"]);
    }
}
