//! A registry that goes down while something is published to it, and comes back.

use std::path::Path;
use std::sync::{Arc, Mutex};

use xtask_files::threads::side_by_side;
use xtask_test_support::between::{Act, Between, Stage};
use xtask_test_support::process::Finished;
use xtask_test_support::registry::{RegistryServer, Settings};

use crate::kept::KeptFiles;
use crate::made::{MadeRelease, TAG};
use crate::ours::{LIMIT, SIZE, is_published};

#[test]
fn a_registry_that_goes_down_gets_the_rest_when_it_is_back() {
    let start = |storage: &Path| {
        let settings = Settings { storage: Some(storage.to_owned()), ..Settings::default() };
        RegistryServer::start_with("a_registry_that_goes_down_gets_the_rest_when_it_is_back", settings)
    };
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = start(&dir.path().join("calm")) else { return };
    let release = MadeRelease::new(90, SIZE);
    let publish = |at: &str| Finished::new(&release.publish(&format!("{at}/app"), &[]), LIMIT);
    let calm = Between::passing(&server.at);
    publish(&calm.at).ended(0);
    let first = |words: &str| calm.lines().iter().position(|line| line.starts_with(words)).unwrap();
    let tag = format!("PUT /v2/app/manifests/{TAG} ");
    // Among blobs, among manifests, and at the tag. Mostly they wait.
    let points = ["PUT /v2/app/blobs/", "PUT /v2/app/manifests/", &tag].map(first);
    side_by_side(points.into(), 3, |last| {
        let storage = dir.path().join(last.to_string());
        let server = start(&storage).unwrap();
        let at = server.at.clone();
        let up = Mutex::new(Some(server));
        let down: Arc<dyn Fn() + Send + Sync> = Arc::new(move || drop(up.lock().unwrap().take()));
        let front = Between::start(&at, move |_, before| match before == last {
            true => Act::Stop(Stage::Asked, Arc::clone(&down)),
            false => Act::Pass,
        });
        publish(&front.at).ended(1).says(&["error: ", " tries", "help: check the address"]);
        assert_eq!(KeptFiles::new(&storage).tag("app", TAG), None, "down after {last}");
        let server = start(&storage).unwrap();
        publish(&server.at).ended(0);
        is_published(&release, &KeptFiles::new(&storage), "app", &format!("back after {last}"));
    });
}
