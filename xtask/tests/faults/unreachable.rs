//! Registries that nobody reaches: the run has failed, and nothing is missing on this machine.

use xtask_process::exec::Cmd;
use xtask_test_support::process::Finished;
use xtask_test_support::registry::free;
use xtask_test_support::skip::skipped;

use crate::made::MadeRelease;
use crate::ours::LIMIT;

fn ends(release: &MadeRelease, cmd: &Cmd, words: &[&str]) {
    let run = Finished::new(cmd, LIMIT).ended(1).says(&[
        "error: HEAD http",
        "(4 tries)",
        "help: check the address",
    ]);
    assert!(words.iter().any(|word| run.stderr().contains(word)), "none of {words:?} in\n{run}");
    assert_eq!(run.stdout(), "");
    assert!(!release.layout().join("../publish.json").exists());
}

#[test]
fn a_registry_that_nobody_reaches_is_a_failure() {
    let release = MadeRelease::new(80, 1_000);
    ends(&release, &release.publish(&format!("{}/app", free()), &[]), &["Connection refused"]);
    // Of a name that never is one (RFC 6761), a resolver says so, or there is no resolver.
    let unknown =
        ["Name or service not known", "No address associated", "name resolution", "there is no host"];
    ends(&release, &release.publish("registry.invalid/app", &[]), &unknown);
    // A machine without a network has no way to this address, which is for documentation (RFC 5737).
    let alone = || Cmd::new("unshare").args(["--net", "--map-root-user"]);
    if !alone().arg("true").capture(LIMIT).is_ok_and(|output| output.ok()) {
        return skipped("a_registry_that_nobody_reaches_is_a_failure", "namespaces for this user");
    }
    let publish = release.publish("192.0.2.1/app", &[]).behind(alone());
    ends(&release, &publish, &["Network is unreachable"]);
}
