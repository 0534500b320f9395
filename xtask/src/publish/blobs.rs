//! Sends the blobs of an image and shows the progress: the bytes and the rate of each blob, and the totals at the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Publication;
use super::push::{AT_A_TIME, Publisher};
use xtask_files::error::Result;
use xtask_files::threads::{lock, side_by_side};
use xtask_files::{counted, human_seconds, human_size};
use xtask_oci::document::Descriptor;
use xtask_process::ui::{Moment, far};
use xtask_registry::push::{OutgoingBlob, PushedBlob};

/// The least size in bytes of a blob that gets a line of its own when it was sent. Smaller blobs are shown with `-v`.
const LARGE: u64 = 1_000_000;

/// The progress of all blobs of an image.
#[derive(Debug)]
struct PushProgress {
    begun: Instant,
    of: u64,
    state: Mutex<PushCounts>,
}

/// The blobs that are being sent, and the counts of the finished ones.
#[derive(Debug, Default)]
struct PushCounts {
    now: Vec<BlobProgress>,
    present: u64,
    mounted: u64,
    sent: u64,
    /// The bytes that were sent of finished blobs.
    bytes: u64,
}

/// A blob that is being sent.
#[derive(Debug, Clone)]
struct BlobProgress {
    name: String,
    size: u64,
    sent: Arc<AtomicU64>,
    begun: Instant,
}

impl BlobProgress {
    fn new(blob: &Descriptor) -> Self {
        let name = format!("sha256:{:.12}", blob.digest.hex());
        Self { name, size: blob.size, sent: Arc::default(), begun: Instant::now() }
    }

    fn bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl PushProgress {
    fn new(of: usize) -> Self {
        Self { begun: Instant::now(), of: of as u64, state: Mutex::default() }
    }

    /// Returns what the progress line shows at this moment.
    fn moment(&self) -> Moment {
        let state = lock(&self.state);
        let bytes = state.bytes + state.now.iter().map(BlobProgress::bytes).sum::<u64>();
        let done = state.present + state.mounted + state.sent;
        let blobs = far(done, Some(self.of), "blob");
        let elapsed = self.begun.elapsed();
        let far = format!("{blobs}, {} sent, {}", human_size(bytes), rate(bytes, elapsed));
        let now = state.now.iter().map(|blob| {
            let elapsed = blob.begun.elapsed();
            (part(&blob.name, blob.bytes(), blob.size, elapsed), elapsed)
        });
        Moment { far, now: now.collect() }
    }

    /// Counts a finished blob.
    fn done(&self, blob: &BlobProgress, how: &PushedBlob) {
        let mut state = lock(&self.state);
        state.now.retain(|one| !Arc::ptr_eq(&one.sent, &blob.sent));
        state.bytes += blob.bytes();
        match how {
            PushedBlob::Present => state.present += 1,
            PushedBlob::Mounted(_) => state.mounted += 1,
            PushedBlob::Sent => state.sent += 1,
        }
    }

    /// Returns the totals, when every blob is finished.
    fn total(&self, image: &str) -> String {
        total(image, &lock(&self.state), self.begun.elapsed())
    }
}

/// Formats the progress of one blob: sent bytes, size and rate, or only the size before the first byte.
fn part(name: &str, sent: u64, size: u64, elapsed: Duration) -> String {
    match sent {
        0 => format!("{name} {}", human_size(size)),
        sent => format!("{name} {} of {}, {}", human_size(sent), human_size(size), rate(sent, elapsed)),
    }
}

/// Formats a rate in bytes per second. A time of less than a millisecond counts as one millisecond.
fn rate(bytes: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-3);
    format!("{}/s", human_size((bytes as f64 / seconds) as u64))
}

/// Formats a number of bytes, the time that they took, and the rate.
fn sent(bytes: u64, elapsed: Duration) -> String {
    format!("{} in {}, {}", human_size(bytes), human_seconds(elapsed.as_secs_f64()), rate(bytes, elapsed))
}

/// Formats the totals of an image.
fn total(image: &str, counts: &PushCounts, elapsed: Duration) -> String {
    let all = counts.present + counts.mounted + counts.sent;
    let parts = [(counts.sent, "sent"), (counts.mounted, "mounted"), (counts.present, "there already")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let bytes = match counts.bytes {
        0 => String::new(),
        bytes => format!("; {}", sent(bytes, elapsed)),
    };
    format!("{} of {image}: {parts}{bytes}", counted(all, "blob"))
}

impl Publisher<'_> {
    /// Pushes every blob of an image, several at a time.
    pub(super) fn push_blobs(&self, publication: &Publication) -> Result<()> {
        let mut blobs = publication.blobs();
        let all: u64 = blobs.iter().map(|blob| blob.size).sum();
        let what = format!("{} to {} ({})", publication.name, publication.to.repository(), human_size(all));
        let progress = Arc::new(PushProgress::new(blobs.len()));
        let watched = Arc::clone(&progress);
        let task = self.ui.watched_task("Pushing", what, Box::new(move || watched.moment()));
        let push = |blob: &Descriptor| {
            let one = BlobProgress::new(blob);
            lock(&progress.state).now.push(one.clone());
            let pushed = self.push_blob(publication, blob, &one.sent);
            let pushed = pushed.inspect(|how| progress.done(&one, how))?;
            let name = &blob.digest;
            match pushed {
                PushedBlob::Present => self.ui.detail("Blob", format!("{name} is there")),
                PushedBlob::Mounted(from) => self.ui.detail("Blob", format!("{name} mounted from {from}")),
                PushedBlob::Sent => {
                    let sent = sent(one.bytes(), one.begun.elapsed());
                    match blob.size >= LARGE {
                        true => self.ui.step("Sent", format!("{}: {sent}", one.name)),
                        false => self.ui.detail("Blob", format!("{name} sent: {sent}")),
                    }
                }
            }
            Ok(())
        };
        // The largest first: it decides when the last one ends.
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        side_by_side(blobs, AT_A_TIME, push).into_iter().collect::<Result<()>>()?;
        drop(task);
        self.ui.step("Pushed", progress.total(&publication.name));
        Ok(())
    }

    /// Pushes one blob of an image. `sent` counts its bytes.
    pub(super) fn push_blob(
        &self,
        publication: &Publication,
        blob: &Descriptor,
        sent: &Arc<AtomicU64>,
    ) -> Result<PushedBlob> {
        let elsewhere = lock(&self.journal).repositories(&blob.digest);
        let file = self.blobs.path(&blob.digest);
        let (all, one) = (self.counting(), Arc::clone(sent));
        let counting = move |bytes| {
            all(bytes);
            one.fetch_add(bytes, Ordering::Relaxed);
        };
        let out = OutgoingBlob { blob, file: &file, elsewhere: &elsewhere, sent: Arc::new(counting) };
        let pushed = self.client.push_blob(&publication.to, &out, &self.limits)?;
        lock(&self.journal).add(publication.to.repository(), [&blob.digest]);
        Ok(pushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask_oci::Digest;

    #[test]
    fn how_far_a_blob_is() {
        let second = Duration::from_secs(1);
        assert_eq!(part("sha256:a", 0, 3_000_000, second), "sha256:a 3.0 MB");
        assert_eq!(part("sha256:a", 1_000_000, 3_000_000, 2 * second), "sha256:a 1.0 MB of 3.0 MB, 500 kB/s");
        assert_eq!(sent(3_000_000, second / 2), "3.0 MB in 500 ms, 6.0 MB/s");
        assert_eq!(rate(5, Duration::ZERO), "5.0 kB/s");
    }

    #[test]
    fn all_blobs_are_counted_by_what_became_of_them() {
        let blob = |text: &[u8]| BlobProgress::new(&Descriptor::of("x/y", text));
        let progress = PushProgress::new(4);
        let all = [b"a", b"b", b"c", b"d"].map(|text| blob(text));
        lock(&progress.state).now.extend(all.iter().cloned());
        assert!(progress.moment().far.starts_with("0 of 4 blobs, 0 B sent, 0 B/s"));
        all[3].sent.fetch_add(700, Ordering::Relaxed);
        let hows = [PushedBlob::Present, PushedBlob::Mounted("x".into()), PushedBlob::Sent];
        for (blob, how) in all.iter().zip(&hows) {
            progress.done(blob, how);
        }
        let moment = progress.moment();
        assert!(moment.far.starts_with("3 of 4 blobs, 700 B sent, "), "{moment:?}");
        let name = format!("sha256:{:.12} 700 B of 1 B, ", Digest::of(b"d").hex());
        assert!(moment.now.len() == 1 && moment.now[0].0.starts_with(&name), "{moment:?}");
        progress.done(&all[3], &PushedBlob::Sent);
        let counts = lock(&progress.state);
        let said = total("app", &counts, Duration::from_secs(7));
        assert_eq!(said, "4 blobs of app: 2 sent, 1 mounted, 1 there already; 700 B in 7.00 s, 100 B/s");
        let none = PushCounts { present: 1, ..PushCounts::default() };
        assert_eq!(total("app", &none, Duration::ZERO), "1 blob of app: 1 there already");
    }
}
