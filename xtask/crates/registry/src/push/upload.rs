//! Uploads one blob.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Method, StatusCode, header};

use super::session::UploadSession;
use super::{BlobAnswer, CONTENT_DIGEST, OutgoingBlob, PushLimits, PushedBlob, scope};
use crate::Reference;
use crate::client::Client;
use crate::complaint::complain;
use crate::http::{Body, FilePart, HttpRequest, HttpResponse, jittered};
use crate::url;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

/// The smallest chunk in bytes that is tried with a registry that rejects larger ones. One widely used
/// registry accepts no more than this.
const CHUNK_LEAST: u64 = 4 << 20;
/// The maximum pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The result of a step of an upload.
enum UploadStep {
    /// The registry has the whole blob.
    Done,
    /// The registry has more bytes, or reports how many it has.
    Further,
    /// There is no answer, or another try may have another result.
    Trouble(Error),
    /// The registry no longer knows the session.
    Lost(Error),
}

use UploadStep::{Done, Further, Lost, Trouble};

impl Client<'_> {
    /// Pushes a blob to the repository of `target`: checks whether it exists, mounts it from another
    /// repository, or sends it. After a failure it waits, and continues at the offset that the registry
    /// reports.
    ///
    /// # Errors
    /// The registry rejects it, or fails too often.
    pub fn push_blob(
        &self,
        target: &Reference,
        out: &OutgoingBlob<'_>,
        limits: &PushLimits,
    ) -> Result<PushedBlob> {
        let may_mount = match self.look_up(target, out.blob)? {
            BlobAnswer::Present => return Ok(PushedBlob::Present),
            BlobAnswer::Absent => true,
            // docker-registry leaves an empty link if its disk is full at that moment, and answers 500 from then on. An
            // upload writes the link again. A damaged blob may be replaced, and is not mounted.
            BlobAnswer::Broken(_) => false,
        };
        let scope = scope(target, None);
        let mut upload = Upload { client: self, target, out, limits, scope, troubles: 0, after: None };
        let elsewhere = out.elsewhere.iter().find(|from| may_mount && *from != target.repository());
        let session = match elsewhere {
            Some(from) => match upload.mount(from)? {
                None => return Ok(PushedBlob::Mounted(from.clone())),
                Some(session) => session,
            },
            None => upload.begin()?,
        };
        upload.send(session).map(|()| PushedBlob::Sent)
    }
}

struct Upload<'u> {
    client: &'u Client<'u>,
    target: &'u Reference,
    out: &'u OutgoingBlob<'u>,
    limits: &'u PushLimits,
    scope: String,
    /// The number of failures in a row without progress.
    troubles: u32,
    /// The pause that the registry asked for in its last answer.
    after: Option<Duration>,
}

impl Upload<'_> {
    fn uploads(&self) -> String {
        self.client.url(&format!("{}/blobs/uploads/", self.target.repository()))
    }

    /// Asks the registry to mount the blob from another repository. Returns none if it did. A registry that
    /// cannot do this begins a session instead, which is returned.
    fn mount(&mut self, from: &str) -> Result<Option<UploadSession>> {
        let digest = url::encode(self.out.blob.digest.as_str());
        let request = begin_at(format!("{}?mount={digest}&from={}", self.uploads(), url::encode(from)));
        // If the other repository may not be read, the blob is sent.
        let Ok(response) = self.client.send(request, &scope(self.target, Some(from))) else {
            return self.begin().map(Some);
        };
        match response.status() {
            StatusCode::CREATED => Ok(None),
            StatusCode::ACCEPTED => {
                UploadSession::begun(&self.uploads(), &response, self.limits.chunk).map(Some)
            }
            _ => self.begin().map(Some),
        }
    }

    /// Begins a session. A registry forgets unused sessions, so another one may be begun after a failure.
    fn begin(&mut self) -> Result<UploadSession> {
        loop {
            let request = begin_at(self.uploads());
            let shown = request.shown();
            let trouble = match self.client.send(request, &self.scope) {
                Ok(response) if response.status() == StatusCode::ACCEPTED => {
                    return UploadSession::begun(&self.uploads(), &response, self.limits.chunk);
                }
                Ok(response) if passing(response.status()) => self.complain(&shown, response),
                Ok(response) => return Err(self.client.refused(self.target, &shown, response)),
                Err(error) => error,
            };
            self.pause(trouble)?;
        }
    }

    /// Sends the whole blob with this session, or with new ones if the registry loses it. Failures are
    /// counted until the registry has more bytes than ever before.
    fn send(&mut self, mut session: UploadSession) -> Result<()> {
        let mut most = 0;
        loop {
            let before = session.taken;
            let mut step = self.step(&mut session)?;
            let asked = matches!(step, Trouble(_));
            if let Trouble(error) = step {
                let sent = self.out.blob.size.saturating_sub(session.taken).min(session.chunk);
                session.chunk = smaller(session.chunk, sent);
                self.pause(error)?;
                step = self.ask(&mut session)?;
            }
            if session.taken > most && session.taken <= self.out.blob.size {
                (most, self.troubles) = (session.taken, 0);
            }
            match step {
                Done => return Ok(()),
                Further if session.taken > before || asked => {}
                Further => self.pause(
                    Error::failed(format!("{} cannot be sent", self.out.blob.digest)).found(format!(
                        "the registry accepts its bytes, and says that it has {} of them",
                        session.taken
                    )),
                )?,
                Trouble(error) => self.pause(error)?,
                Lost(error) => {
                    // The last request may have succeeded although its answer was lost.
                    if self.client.has_blob(self.target, self.out.blob)? {
                        return Ok(());
                    }
                    self.pause(error)?;
                    session = UploadSession { chunk: session.chunk, ..self.begin()? };
                }
            }
        }
    }

    /// Sends the next part: a whole small blob, a chunk of a large one, or the end.
    fn step(&mut self, session: &mut UploadSession) -> Result<UploadStep> {
        let blob = self.out.blob;
        let Some(rest) = blob.size.checked_sub(session.taken) else {
            let found = format!("the registry says that it has {} of {} bytes", session.taken, blob.size);
            return Ok(Lost(Error::failed(format!("{} cannot be sent", blob.digest)).found(found)));
        };
        let length = rest.min(session.chunk);
        // A small blob is sent with the request that ends the upload.
        let closing = length == rest && (session.taken == 0 || rest == 0);
        let mut request = match closing {
            true => HttpRequest::new(Method::PUT, session.closing(blob.digest.as_str())),
            false => {
                let range = format!("{}-{}", session.taken, session.taken + length - 1);
                HttpRequest::new(Method::PATCH, session.url.clone()).header(header::CONTENT_RANGE, range)
            }
        };
        request.once = true;
        request.body = match length {
            0 => Body::Bytes(BYTES, Vec::new()),
            length => Body::File(FilePart {
                path: self.out.file.to_owned(),
                from: session.taken,
                length,
                sent: Arc::clone(&self.out.sent),
            }),
        };
        let shown = request.shown();
        let response = match self.client.send(request, &self.scope) {
            Ok(response) => response,
            Err(error) => return Ok(Trouble(error)),
        };
        match (closing, response.status()) {
            (true, StatusCode::CREATED) => self.stored(&shown, &response),
            // Some registries verify a large blob after they have answered.
            (true, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) => {
                match self.client.has_blob(self.target, blob)? {
                    true => Ok(Done),
                    false => Ok(Trouble(complain(&shown, response))),
                }
            }
            (false, StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::CREATED) => {
                session.moved_on(&response, session.taken + length)?;
                Ok(Further)
            }
            // The offset differs from the registry's, or the chunk is too large.
            (_, StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PAYLOAD_TOO_LARGE) => {
                Ok(Trouble(complain(&shown, response)))
            }
            // The received bytes do not have the digest: they were damaged on the way or in the registry.
            (_, StatusCode::NOT_FOUND) | (true, StatusCode::BAD_REQUEST) => {
                Ok(Lost(complain(&shown, response)))
            }
            (_, status) if passing(status) => Ok(Trouble(self.complain(&shown, response))),
            _ => Err(self.client.refused(self.target, &shown, response)),
        }
    }

    /// Checks the digest that the registry reports against the blob's.
    fn stored(&self, shown: &str, response: &HttpResponse) -> Result<UploadStep> {
        let said = response.header(&CONTENT_DIGEST).and_then(Digest::parse);
        match said.filter(|said| *said != self.out.blob.digest) {
            Some(said) => Err(Error::failed(format!("{shown}: the registry stored another blob"))
                .found(format!("it reports {said}; {} was sent", self.out.blob.digest))),
            None => Ok(Done),
        }
    }

    /// Asks the registry how many bytes the session has.
    fn ask(&mut self, session: &mut UploadSession) -> Result<UploadStep> {
        let request = HttpRequest::get(session.url.clone());
        let shown = request.shown();
        let response = match self.client.send(request, &self.scope) {
            Ok(response) => response,
            Err(error) => return Ok(Trouble(error)),
        };
        match response.status() {
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::ACCEPTED => {
                session.moved_on(&response, 0)?;
                Ok(Further)
            }
            // The session is gone, or the registry does not support the question.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => {
                Ok(Lost(complain(&shown, response)))
            }
            status if passing(status) => Ok(Trouble(self.complain(&shown, response))),
            _ => Err(self.client.refused(self.target, &shown, response)),
        }
    }

    /// Makes the error for an answer that may be different in the next try, and keeps the pause that it asks for.
    fn complain(&mut self, shown: &str, response: HttpResponse) -> Error {
        self.after = response.retry_after();
        complain(shown, response)
    }

    /// Waits before the next try, at least as long as the registry asks.
    ///
    /// # Errors
    /// The failure itself, if there were too many in a row, or the registry asks to wait too long.
    fn pause(&mut self, trouble: Error) -> Result<()> {
        self.troubles += 1;
        if self.troubles >= self.limits.troubles {
            return Err(trouble.found(format!("{} tries in a row made no progress", self.troubles)));
        }
        let pause = self.limits.pause * 2u32.pow(self.troubles.min(6) - 1);
        let after = self.after.take().unwrap_or_default();
        if after > crate::http::PAUSE_MAX {
            return Err(trouble.found(format!("it asks to wait {} s", after.as_secs())));
        }
        std::thread::sleep(jittered(pause.min(PAUSE_MAX)).max(after));
        Ok(())
    }
}

/// The media type of plain bytes.
const BYTES: &str = "application/octet-stream";

/// Makes the request that begins a session. It has an empty body.
fn begin_at(address: String) -> HttpRequest {
    HttpRequest { body: Body::Bytes(BYTES, Vec::new()), ..HttpRequest::new(Method::POST, address) }
}

/// Returns the size of the next chunk after a failed request of `sent` bytes. A server that does not accept
/// so many bytes answers with a status, or closes the connection meanwhile.
fn smaller(chunk: u64, sent: u64) -> u64 {
    if sent > CHUNK_LEAST { (sent / 4).max(CHUNK_LEAST) } else { chunk }
}

/// Returns whether a status may be different in the next try.
fn passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_shrink_with_what_was_too_much() {
        assert_eq!(smaller(1 << 30, 100 << 20), 25 << 20);
        assert_eq!(smaller(25 << 20, 25 << 20), 25 << 18);
        assert_eq!(smaller(25 << 18, 25 << 18), CHUNK_LEAST);
        // A small request was not too large, whatever the failure was.
        assert_eq!(smaller(1 << 30, CHUNK_LEAST), 1 << 30);
        assert_eq!(smaller(10_000, 10_000), 10_000);
        assert_eq!(smaller(1 << 30, 0), 1 << 30);
    }
}
