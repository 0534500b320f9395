//! What the service counts, in the text format of Prometheus (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use native::pool::Load;

use crate::info::Info;

/// Upper ends of the buckets, in seconds.
const BUCKETS: [f64; 7] = [0.0005, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0];

/// The counters and histograms of the service.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    times: Mutex<BTreeMap<&'static str, Times>>,
    refused_connections: AtomicU64,
    refused_calls: AtomicU64,
    late_calls: AtomicU64,
    panics: AtomicU64,
}

#[derive(Debug, Default)]
struct Times {
    /// One for each bucket, without those below it, and one for what is slower.
    counts: [u64; BUCKETS.len() + 1],
    sum: f64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can panic half way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    /// A request was answered. The route is one of a fixed set, so a client cannot make new series.
    pub(super) fn answered(&self, route: &'static str, status: u16, took: Duration) {
        *lock(&self.requests).entry((route, status)).or_default() += 1;
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        let mut times = lock(&self.times);
        let times = times.entry(route).or_default();
        times.counts[bucket] += 1;
        times.sum += seconds;
    }

    /// Counts a connection that was refused because there were too many.
    pub(super) fn refused_connection(&self) {
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that was refused because the pool was full.
    pub(super) fn refused_call(&self) {
        self.refused_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that took too long.
    pub(super) fn late_call(&self) {
        self.late_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that panicked.
    pub(super) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns all metrics in the text format of Prometheus.
    pub(super) fn text(&self, connections: usize, load: Load, draining: bool) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &mut dyn FnMut(&mut String)| {
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            samples(&mut text);
        };
        let info = Info::of_this_program();
        family("app_build_info", "gauge", "What the program was built from.", &mut |out| {
            let (version, mode, target) = (info.version, info.mode, info.target);
            let _ = writeln!(
                out,
                "app_build_info{{version=\"{version}\",mode=\"{mode}\",target=\"{target}\"}} 1"
            );
        });
        family("app_requests_total", "counter", "Requests that were answered.", &mut |out| {
            for ((route, status), count) in &*lock(&self.requests) {
                let _ = writeln!(out, "app_requests_total{{route=\"{route}\",code=\"{status}\"}} {count}");
            }
        });
        let name = "app_request_duration_seconds";
        family(name, "histogram", "From the end of a request's head to its answer.", &mut |out| {
            for (route, times) in &*lock(&self.times) {
                let mut sum = 0;
                for (end, count) in BUCKETS.iter().zip(times.counts) {
                    sum += count;
                    let _ = writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"{end}\"}} {sum}");
                }
                sum += times.counts[BUCKETS.len()];
                let _ = writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {sum}");
                let _ = writeln!(out, "{name}_sum{{route=\"{route}\"}} {}", times.sum);
                let _ = writeln!(out, "{name}_count{{route=\"{route}\"}} {sum}");
            }
        });
        let held = native::held();
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed) as usize;
        for (name, kind, help, value) in [
            ("app_connections", "gauge", "Open connections.", connections),
            (
                "app_connections_refused_total",
                "counter",
                "Connections over the limit.",
                count(&self.refused_connections),
            ),
            ("app_pool_threads", "gauge", "Threads for calls into C and the store.", load.threads),
            ("app_pool_running", "gauge", "Calls that are running.", load.running),
            ("app_pool_waiting", "gauge", "Calls that wait for a thread.", load.waiting),
            ("app_pool_refused_total", "counter", "Calls over the pool's bound.", count(&self.refused_calls)),
            (
                "app_pool_late_total",
                "counter",
                "Calls that did not end in time, waiting included.",
                count(&self.late_calls),
            ),
            ("app_pool_panics_total", "counter", "Calls that panicked.", count(&self.panics)),
            ("app_c_held_bytes", "gauge", "Bytes that the C component holds.", held.bytes),
            ("app_c_held_objects", "gauge", "Objects that the C component holds.", held.objects),
            ("app_draining", "gauge", "1 from the signal to the end.", usize::from(draining)),
        ] {
            family(name, kind, help, &mut |out| {
                let _ = writeln!(out, "{name} {value}");
            });
        }
        text
    }
}
