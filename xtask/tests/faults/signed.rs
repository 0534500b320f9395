//! Signing under faults of referrers: a list that cannot be read is never taken for an empty one, and a change of a list is
//! made again where somebody else was faster.

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

#[test]
fn faults_of_referrers_leave_signatures_that_are_whole() {
    let test = "faults_of_referrers_leave_signatures_that_are_whole";
    let Some(server) = RegistryServer::start(test) else { return };
    let Some(openssl) = have(test, "openssl") else { return };
    let release = MadeRelease::new(30, SIZE);
    let kept = KeptFiles::new(&server.storage);
    let key = server.dir().join("key.pem");
    let new = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    run(&Cmd::new(openssl).args(new).arg(&key));
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
