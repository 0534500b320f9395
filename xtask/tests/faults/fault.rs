//! The faults: what a proxy does to requests, by their kinds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use xtask_test_support::between::{Act, Seen, Stage};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestKind {
    HeadBlob,
    BeginUpload,
    Chunk,
    EndUpload,
    AskUpload,
    GetManifest,
    HeadManifest,
    PutManifest,
    HeadTag,
    PutTag,
    Other,
}

use RequestKind::{BeginUpload, Chunk, EndUpload, GetManifest, HeadBlob, PutManifest, PutTag};

impl RequestKind {
    pub(crate) fn of(seen: &Seen) -> Self {
        let path = seen.path();
        let by_digest = path.contains("/manifests/sha256:");
        match (seen.method(), path.contains("/manifests/"), path.contains("/blobs/uploads/")) {
            ("HEAD", false, false) if path.contains("/blobs/") => HeadBlob,
            ("POST", _, true) => BeginUpload,
            ("PATCH", _, true) => Chunk,
            ("PUT", _, true) => EndUpload,
            ("GET", _, true) => Self::AskUpload,
            ("GET", true, _) => GetManifest,
            ("HEAD", true, _) if by_digest => Self::HeadManifest,
            ("HEAD", true, _) => Self::HeadTag,
            ("PUT", true, _) if by_digest => PutManifest,
            ("PUT", true, _) => PutTag,
            _ => Self::Other,
        }
    }

    fn has_body(self) -> bool {
        matches!(self, Chunk | EndUpload | PutManifest | PutTag)
    }
}

/// How the run that meets a fault has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultEnd {
    /// The fault is overcome.
    Done,
    /// The run ends with exit code 1; the next one is done.
    Fails,
}

/// A way in which a registry or the way to it misbehaves.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// How a run of ours ends.
    pub(crate) end: FaultEnd,
    /// What is done to a request, by its kind and by how often this kind was met before.
    act: fn(&Seen, RequestKind, usize, &FaultState) -> Act,
}

/// What a fault remembers of a run.
#[derive(Default)]
pub(crate) struct FaultState {
    met: Mutex<BTreeMap<RequestKind, usize>>,
    tokens: Mutex<GivenTokens>,
}

/// How often each token that was given out was used.
#[derive(Default)]
struct GivenTokens(Vec<usize>);

impl Fault {
    /// What is done to a request.
    pub(crate) fn act(&self, seen: &Seen, state: &FaultState) -> Act {
        let kind = RequestKind::of(seen);
        let mut met = state.met.lock().unwrap();
        let times = met.entry(kind).or_default();
        *times += 1;
        let before = *times - 1;
        drop(met);
        (self.act)(seen, kind, before, state)
    }
}

/// A fault that each kind of request meets once, where `act` says what it is.
macro_rules! once {
    ($name:literal, $act:expr) => {
        Fault {
            name: $name,
            end: FaultEnd::Done,
            act: |seen, kind, before, _| {
                let act: fn(&Seen, RequestKind) -> Option<Act> = $act;
                (before == 0).then(|| act(seen, kind)).flatten().unwrap_or(Act::Pass)
            },
        }
    };
}

/// The faults, in the order of the tables.
pub(crate) const FAULTS: [Fault; 26] = [
    once!("reset before a request is read", |_, _| Some(stop(Stage::Asked))),
    once!("reset in the middle of a body", |seen, kind| {
        kind.has_body().then(|| stop(Stage::Body((seen.length() / 2).max(100))))
    }),
    once!("reset after a body, before the answer", |_, kind| kind.has_body().then(|| stop(Stage::Sent))),
    once!("reset after the work, before the answer", |_, _| Some(stop(Stage::Answered))),
    once!("reset in the headers of an answer", |_, _| Some(Act::Cut(30))),
    once!("short body of an answer", |_, kind| (kind == GetManifest).then_some(Act::Short(100))),
    once!("slow body", |_, kind| kind.has_body().then_some(Act::Slow(Duration::from_millis(20)))),
    Fault {
        name: "wrong digest answered to a blob",
        end: FaultEnd::Fails,
        act: |_, kind, before, _| match (kind, before) {
            (EndUpload, 0) => Act::Change("docker-content-digest", format!("sha256:{:064}", 1)),
            _ => Act::Pass,
        },
    },
    Fault {
        name: "wrong digest answered to a manifest",
        end: FaultEnd::Fails,
        act: |_, kind, before, _| match (kind, before) {
            (PutManifest, 0) => Act::Change("docker-content-digest", format!("sha256:{:064}", 1)),
            _ => Act::Pass,
        },
    },
    once!("429 with Retry-After", |_, _| Some(refuse("429 Too Many Requests\r\nRetry-After: 1"))),
    once!("429 without Retry-After", |_, _| Some(refuse("429 Too Many Requests"))),
    once!("429 while a body is sent", |_, kind| {
        kind.has_body().then(|| Act::Answer("429 Too Many Requests\r\nRetry-After: 0".to_owned()))
    }),
    once!("500 on PUT of a blob", |_, kind| {
        (kind == EndUpload).then(|| refuse("500 Internal Server Error"))
    }),
    once!("500 on PUT of a manifest or a tag", |_, kind| {
        matches!(kind, PutManifest | PutTag).then(|| refuse("500 Internal Server Error"))
    }),
    Fault {
        name: "500 on PUT of a blob, each time",
        end: FaultEnd::Fails,
        act: |_, kind, _, _| match kind {
            EndUpload => refuse("500 Internal Server Error"),
            _ => Act::Pass,
        },
    },
    Fault {
        name: "507 on each chunk and blob",
        end: FaultEnd::Fails,
        act: |_, kind, _, _| match kind {
            Chunk | EndUpload => refuse("507 Insufficient Storage"),
            _ => Act::Pass,
        },
    },
    once!("503 on everything", |_, _| Some(refuse("503 Service Unavailable"))),
    once!("404 for an upload that was begun", |_, kind| {
        matches!(kind, Chunk | EndUpload).then(|| refuse("404 Not Found"))
    }),
    once!("416 on a chunk", |_, kind| (kind == Chunk).then(|| refuse("416 Range Not Satisfiable"))),
    once!("413 on a body", |_, kind| {
        matches!(kind, Chunk | EndUpload).then(|| refuse("413 Payload Too Large"))
    }),
    Fault {
        name: "202 for every mount",
        end: FaultEnd::Done,
        act: |seen, kind, _, _| match (kind, seen.path().split_once("?mount=")) {
            (BeginUpload, Some((path, _))) => Act::Redirect(path.to_owned()),
            _ => Act::Pass,
        },
    },
    Fault {
        name: "401 in the middle of a body",
        end: FaultEnd::Done,
        act: |seen, kind, before, state| match (kind, before) {
            // The token is not good any more, which is said before the body was read.
            (Chunk | EndUpload, 0) => {
                state.tokens.lock().unwrap().0.fill(usize::MAX);
                Act::Answer(challenge(seen))
            }
            _ => guarded(seen, state, usize::MAX, 300, ""),
        },
    },
    Fault {
        name: "a token that expires every 4 requests",
        end: FaultEnd::Done,
        act: |seen, _, _, state| guarded(seen, state, 4, 300, ""),
    },
    Fault {
        name: "a clock ahead: tokens issued in 2099",
        end: FaultEnd::Done,
        act: |seen, _, _, state| guarded(seen, state, usize::MAX, 60, "2099-01-01T00:00:00Z"),
    },
    Fault {
        name: "a clock behind: tokens that expired in 1970",
        end: FaultEnd::Done,
        act: |seen, _, _, state| guarded(seen, state, usize::MAX, 1, "1970-01-01T00:00:00Z"),
    },
    Fault {
        name: "every third request without a body breaks off",
        end: FaultEnd::Done,
        act: |_, kind, before, _| match before % 3 == 2 && !kind.has_body() {
            true => stop(Stage::Answered),
            false => Act::Pass,
        },
    },
];

/// Breaks off at a point.
fn stop(stage: Stage) -> Act {
    Act::Stop(stage, Arc::new(|| {}))
}

/// Answers with a status, once the request was read.
fn refuse(status: &str) -> Act {
    Act::Refuse(status.to_owned(), String::new())
}

/// The answer that asks for a token of this very proxy.
fn challenge(seen: &Seen) -> String {
    let at = seen.header("host").unwrap_or_default();
    format!("401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://{at}/token\",service=\"test\"")
}

/// Lets in who has a token that was given out, each as often as it may be used. The token says since when it holds and for
/// how many seconds.
fn guarded(seen: &Seen, state: &FaultState, uses: usize, seconds: u32, issued: &str) -> Act {
    let tokens = &mut state.tokens.lock().unwrap().0;
    if seen.path().starts_with("/token") {
        tokens.push(0);
        let issued = if issued.is_empty() { String::new() } else { format!(",\"issued_at\":\"{issued}\"") };
        let token = format!("t{}", tokens.len());
        let body = format!(
            "{{\"token\":\"{token}\",\"access_token\":\"{token}\",\"expires_in\":{seconds}{issued}}}"
        );
        return Act::Refuse("200 OK\r\nContent-Type: application/json".to_owned(), body);
    }
    let number = seen.header("authorization").and_then(|value| value.strip_prefix("Bearer t"));
    let used = number.and_then(|text| tokens.get_mut(text.parse::<usize>().ok()?.checked_sub(1)?));
    match used.filter(|used| **used < uses) {
        Some(used) => {
            *used += 1;
            Act::Pass
        }
        None => Act::Refuse(challenge(seen), String::new()),
    }
}
