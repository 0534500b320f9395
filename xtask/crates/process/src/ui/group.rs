//! Groups of lines, which the log of a CI service folds under a title.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::service::CiService;
use super::{Ui, eprintln};

/// Whether a group is open. Groups of GitHub cannot contain groups, and tasks may overlap.
static OPEN: AtomicBool = AtomicBool::new(false);

/// The number of groups so far.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A group of lines, which ends when this is dropped. Inside of another group, and outside of a CI service, it does nothing.
#[derive(Debug)]
pub struct LineGroup(Option<(CiService, u64)>);

impl LineGroup {
    /// Begins a group.
    pub(super) fn open(ui: &Ui, title: &str) -> Self {
        let Some(service) = ui.service.filter(|_| !ui.quiet) else { return Self(None) };
        if OPEN.swap(true, Ordering::AcqRel) {
            return Self(None);
        }
        let id = COUNT.fetch_add(1, Ordering::AcqRel) + 1;
        eprintln(&service.begin(title, id, now()));
        Self(Some((service, id)))
    }
}

impl Drop for LineGroup {
    fn drop(&mut self) {
        if let Some((service, id)) = self.0.take() {
            eprintln(&service.end(id, now()));
            OPEN.store(false, Ordering::Release);
        }
    }
}

/// The time that GitLab shows as the duration of a section.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}
