//! The upload of one blob.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Method, StatusCode, header};

use super::session::UploadSession;
use super::{CONTENT_DIGEST, OutgoingBlob, PushLimits, PushedBlob, scope};
use crate::Reference;
use crate::client::{Client, complain};
use crate::http::{Body, FilePart, HttpRequest, HttpResponse, jittered};
use crate::url;
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;

/// The smallest chunk that is tried with a registry that refuses larger ones, in bytes: one widely used registry takes no
/// more than this.
const CHUNK_LEAST: u64 = 4 << 20;
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What became of a step of an upload.
enum UploadStep {
    /// The registry has the whole blob.
    Done,
    /// The registry has more of it, or says how much it has.
    Further,
    /// No answer, or one that another try may change.
    Trouble(Error),
    /// The registry does not know the session any more.
    Lost(Error),
}

use UploadStep::{Done, Further, Lost, Trouble};

impl Client<'_> {
    /// Brings a blob into the repository of `target`: looks whether it is there, mounts it from another repository, or
    /// sends it. Trouble is waited out, and the transfer goes on where the registry says that it stands.
    ///
    /// # Errors
    /// The registry refuses it, or stays in trouble.
    pub fn push_blob(
        &self,
        target: &Reference,
        out: &OutgoingBlob<'_>,
        limits: &PushLimits,
    ) -> Result<PushedBlob> {
        if self.has_blob(target, out.blob)? {
            return Ok(PushedBlob::Present);
        }
        let scope = scope(target, None);
        let mut upload = Upload { client: self, target, out, limits, scope, troubles: 0 };
        let elsewhere = out.elsewhere.iter().find(|from| *from != target.repository());
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
    /// How often in a row there was trouble without a byte more being taken.
    troubles: u32,
}

impl Upload<'_> {
    fn uploads(&self) -> String {
        self.client.url(&format!("{}/blobs/uploads/", self.target.repository()))
    }

    /// Asks the registry to take the blob from another repository. None where it has; else the session that it began in
    /// place of that, as a registry does that cannot.
    fn mount(&mut self, from: &str) -> Result<Option<UploadSession>> {
        let digest = url::encode(self.out.blob.digest.as_str());
        let request = begin_at(format!("{}?mount={digest}&from={}", self.uploads(), url::encode(from)));
        // Whoever may not read the other repository still sends the blob.
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

    /// Begins a session. One that nobody uses is forgotten by the registry, so another one may be begun after trouble.
    fn begin(&mut self) -> Result<UploadSession> {
        loop {
            let request = begin_at(self.uploads());
            let shown = request.shown();
            let trouble = match self.client.send(request, &self.scope) {
                Ok(response) if response.status() == StatusCode::ACCEPTED => {
                    return UploadSession::begun(&self.uploads(), &response, self.limits.chunk);
                }
                Ok(response) if passing(response.status()) => complain(&shown, response),
                Ok(response) => return Err(self.client.refused(self.target, &shown, response)),
                Err(error) => error,
            };
            self.pause(trouble)?;
        }
    }

    /// Sends all of the blob by this session, and by others where the registry loses it. Trouble counts until the registry
    /// has more bytes than it ever had.
    fn send(&mut self, mut session: UploadSession) -> Result<()> {
        let mut most = 0;
        loop {
            let mut step = self.step(&mut session)?;
            if let Trouble(error) = step {
                let sent = self.out.blob.size.saturating_sub(session.taken).min(session.chunk);
                session.chunk = smaller(session.chunk, sent);
                self.pause(error)?;
                step = self.ask(&mut session)?;
            }
            if session.taken > most {
                (most, self.troubles) = (session.taken, 0);
            }
            match step {
                Done => return Ok(()),
                Further => {}
                Trouble(error) => self.pause(error)?,
                Lost(error) => {
                    // The last request may have done its work although nobody heard the answer.
                    if self.client.has_blob(self.target, self.out.blob)? {
                        return Ok(());
                    }
                    self.pause(error)?;
                    session = UploadSession { chunk: session.chunk, ..self.begin()? };
                }
            }
        }
    }

    /// Sends the next part: a small blob whole, a chunk of a large one, or the end.
    fn step(&mut self, session: &mut UploadSession) -> Result<UploadStep> {
        let blob = self.out.blob;
        let Some(rest) = blob.size.checked_sub(session.taken) else {
            let found = format!("the registry says that it has {} of {} bytes", session.taken, blob.size);
            return Ok(Lost(Error::failed(format!("{} cannot be sent", blob.digest)).found(found)));
        };
        let length = rest.min(session.chunk);
        // What is small goes with the request that ends the upload.
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
            // Out of step with what the registry has, or more than it takes at once.
            (_, StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PAYLOAD_TOO_LARGE) => {
                Ok(Trouble(complain(&shown, response)))
            }
            // The bytes that arrived are not those of the digest: broken on the way, or in the registry.
            (_, StatusCode::NOT_FOUND) | (true, StatusCode::BAD_REQUEST) => {
                Ok(Lost(complain(&shown, response)))
            }
            (_, status) if passing(status) => Ok(Trouble(complain(&shown, response))),
            _ => Err(self.client.refused(self.target, &shown, response)),
        }
    }

    /// Holds what the registry says that it stored against the digest.
    fn stored(&self, shown: &str, response: &HttpResponse) -> Result<UploadStep> {
        let said = response.header(&CONTENT_DIGEST).and_then(Digest::parse);
        match said.filter(|said| *said != self.out.blob.digest) {
            Some(said) => Err(Error::failed(format!("{shown}: the registry has stored another blob"))
                .found(format!("it says {said}, and {} was sent", self.out.blob.digest))),
            None => Ok(Done),
        }
    }

    /// Asks the registry how far the session is.
    fn ask(&self, session: &mut UploadSession) -> Result<UploadStep> {
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
            // Gone, or asking is not possible.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => {
                Ok(Lost(complain(&shown, response)))
            }
            status if passing(status) => Ok(Trouble(complain(&shown, response))),
            _ => Err(self.client.refused(self.target, &shown, response)),
        }
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The trouble itself, where there was too much of it in a row.
    fn pause(&mut self, trouble: Error) -> Result<()> {
        self.troubles += 1;
        if self.troubles >= self.limits.troubles {
            return Err(trouble.found(format!("{} tries in a row got no further", self.troubles)));
        }
        let pause = self.limits.pause * 2u32.pow(self.troubles.min(6) - 1);
        std::thread::sleep(jittered(pause.min(PAUSE_MAX)));
        Ok(())
    }
}

/// The media type of what is only bytes.
const BYTES: &str = "application/octet-stream";

/// The request that begins a session: it has a body, although an empty one.
fn begin_at(address: String) -> HttpRequest {
    HttpRequest { body: Body::Bytes(BYTES, Vec::new()), ..HttpRequest::new(Method::POST, address) }
}

/// The size of the next chunk after trouble with a request of `sent` bytes: a server that takes no more at once says so with
/// a status, or closes the connection while it is sent.
fn smaller(chunk: u64, sent: u64) -> u64 {
    if sent > CHUNK_LEAST { (sent / 4).max(CHUNK_LEAST) } else { chunk }
}

/// Whether a status may well be another one the next time.
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
        // What is small was not too much, whatever the trouble was.
        assert_eq!(smaller(1 << 30, CHUNK_LEAST), 1 << 30);
        assert_eq!(smaller(10_000, 10_000), 10_000);
        assert_eq!(smaller(1 << 30, 0), 1 << 30);
    }
}
