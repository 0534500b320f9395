//! Pushes blobs and manifests to a repository of a registry (distribution-spec 1.1, "Push"). A blob that
//! exists is not sent. A blob of another repository of the registry is mounted. A broken transfer continues
//! at the offset that the registry reports.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Method, StatusCode, header};

use super::client::{Client, MANIFEST_MAX};
use super::complaint::RejectedAnswer;
use super::http::{Body, HttpRequest, HttpResponse, jittered};
use super::{Reference, url};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_oci::document::Descriptor;
use xtask_process::host::Host;

mod session;
mod upload;

/// The header with the digest of a manifest or a blob.
const CONTENT_DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");
/// The header with which a registry reports that it lists a manifest among the referrers of its subject.
const SUBJECT: header::HeaderName = header::HeaderName::from_static("oci-subject");

/// The variable with the maximum size of a request, in bytes.
const CHUNK: &str = "XTASK_UPLOAD_CHUNK";

/// How many times a manifest is sent that the registry rejects because a blob is missing.
const TRIES: u32 = 5;
/// The pause before the second try. Each later pause is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// The limits for sending blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushLimits {
    /// The maximum size of a request, in bytes. A larger blob is sent in chunks of this size.
    pub chunk: u64,
    /// The first pause after a failure. Each later pause is twice as long.
    pub pause: Duration,
    /// How many failures in a row a blob may have without progress.
    pub troubles: u32,
}

impl Default for PushLimits {
    fn default() -> Self {
        // Registries wait for their disk after each chunk: in chunks of 16 MiB, 1 GB took an eighth longer
        // than at once.
        Self { chunk: 1 << 30, pause: Duration::from_millis(500), troubles: 6 }
    }
}

impl PushLimits {
    /// Returns the limits in the variables of this machine, or the default ones.
    ///
    /// # Errors
    /// The value of a variable is not a valid limit.
    pub fn read(host: &Host) -> Result<Self> {
        let Some(text) = host.var(CHUNK) else { return Ok(Self::default()) };
        match text.parse() {
            Ok(chunk @ 1..) => Ok(Self { chunk, ..Self::default() }),
            _ => Err(Error::usage(format!("{CHUNK}={text:?} is not the size of a chunk"))
                .help(format!("write a number of bytes: {CHUNK}=4194304"))),
        }
    }
}

/// How a blob came into a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushedBlob {
    /// The repository had it before.
    Present,
    /// It was mounted from this other repository of the registry.
    Mounted(String),
    /// It was sent.
    Sent,
}

/// A blob to push: the file with its bytes, and other repositories of the registry that may have it.
#[derive(Clone)]
pub struct OutgoingBlob<'a> {
    /// The digest and the size of the blob.
    pub blob: &'a Descriptor,
    /// The file with its verified bytes.
    pub file: &'a Path,
    /// Other repositories of the registry that may have the blob.
    pub elsewhere: &'a [String],
    /// A function that is called with each number of bytes passed to the connection. Bytes that are sent
    /// again count again.
    pub sent: Arc<dyn Fn(u64) + Send + Sync>,
}

/// The manifest in a registry at a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteManifest {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The media type that the registry reports; none if it reports none.
    pub media_type: Option<String>,
}

/// A registry's answer to the question whether it has a blob.
enum BlobAnswer {
    /// The registry has it.
    Present,
    /// The registry does not have it.
    Absent,
    /// The registry failed to look it up, every time that it was asked, or has other bytes under its digest.
    Broken(Error),
}

/// A registry's answer to a manifest.
pub(super) enum PutAnswer {
    /// The registry accepted the manifest.
    Taken {
        /// Whether the registry lists the manifest among the referrers of its subject.
        listed: bool,
    },
    /// The registry does not have a blob or a manifest that the manifest names, perhaps only at this moment.
    Lacking(Error),
}

/// Returns the scope for writing to a repository, and for reading the one from which a blob is mounted.
pub(super) fn scope(target: &Reference, from: Option<&str>) -> String {
    let own = format!("repository:{}:pull,push", target.repository());
    from.map_or(own.clone(), |from| format!("{own} repository:{from}:pull"))
}

impl Client<'_> {
    /// Returns whether the repository of `target` has a blob.
    ///
    /// # Errors
    /// The registry does not answer the question.
    pub fn has_blob(&self, target: &Reference, blob: &Descriptor) -> Result<bool> {
        match self.look_up(target, blob)? {
            BlobAnswer::Present => Ok(true),
            BlobAnswer::Absent => Ok(false),
            BlobAnswer::Broken(error) => Err(error),
        }
    }

    /// Asks whether the repository of `target` has a blob.
    ///
    /// # Errors
    /// The registry does not answer, or rejects the question.
    fn look_up(&self, target: &Reference, blob: &Descriptor) -> Result<BlobAnswer> {
        let path = format!("{}/blobs/{}", target.repository(), blob.digest);
        let request = HttpRequest::new(Method::HEAD, self.url(&path));
        let shown = request.shown();
        let response = self.send(request, &scope(target, None))?;
        match response.status() {
            StatusCode::OK => {
                let said = response.header(&header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
                // docker-registry can have empty blobs after a power failure. The size of an answer to HEAD is wrong in
                // some other registries, so the bytes decide.
                if said.is_none_or(|size| size == blob.size) {
                    return Ok(BlobAnswer::Present);
                }
                let read = self.blob(target, blob, std::io::sink(), &|_| {});
                Ok(read.map_or_else(
                    |error| BlobAnswer::Broken(error.help("the operator has to remove the damaged blob, where sending it again does not replace it")),
                    |()| BlobAnswer::Present,
                ))
            }
            StatusCode::NOT_FOUND => Ok(BlobAnswer::Absent),
            status if status.is_server_error() => {
                Ok(BlobAnswer::Broken(self.refused(target, &shown, response)))
            }
            _ => Err(self.refused(target, &shown, response)),
        }
    }

    /// Returns the manifest in the registry under a tag or a digest, or none if there is none.
    ///
    /// # Errors
    /// The registry does not answer the question.
    pub fn remote(&self, reference: &Reference) -> Result<Option<RemoteManifest>> {
        let path = format!("{}/manifests/{}", reference.repository(), reference.manifest());
        let request =
            HttpRequest::new(Method::HEAD, self.url(&path)).header(header::ACCEPT, super::client::accept());
        let shown = request.shown();
        let response = self.send(request, &scope(reference, None))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.refused(reference, &shown, response)),
        }
        let media_type = response.header(&header::CONTENT_TYPE).map(str::to_owned);
        let digest = match response.header(&CONTENT_DIGEST).and_then(Digest::parse) {
            Some(digest) => digest,
            // The header is optional. Without it, the digest is computed from the bytes.
            None => {
                let bytes = self.manifest(reference)?;
                if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_err() {
                    return Err(Error::failed(format!(
                        "{shown}: the answer of the registry is not a manifest"
                    ))
                    .found(format!("it sent {} bytes that are not a JSON document", bytes.len()))
                    .help("check the name of the registry; a proxy on the way may change its answers"));
                }
                Digest::of(&bytes)
            }
        };
        Ok(Some(RemoteManifest { digest, media_type }))
    }

    /// Pushes a manifest or an index under a tag or a digest. Returns whether the registry lists it among the
    /// referrers of its subject, if it has one.
    ///
    /// docker-registry truncates the link of a blob while another client pushes the same blob, and rejects a manifest
    /// that arrives at that moment. Then `mend` pushes again what is missing, and the manifest is sent again, at most
    /// five times in all.
    ///
    /// # Errors
    /// The registry does not accept it, or `mend` fails.
    pub fn push_manifest(
        &self,
        reference: &Reference,
        media_type: &'static str,
        bytes: &[u8],
        mend: impl Fn() -> Result<()>,
    ) -> Result<bool> {
        if bytes.len() as u64 > MANIFEST_MAX {
            return Err(Error::failed(format!("the manifest for {reference} has {} bytes", bytes.len()))
                .found(format!("registries need not accept more than {MANIFEST_MAX}")));
        }
        let path = format!("{}/manifests/{}", reference.repository(), reference.manifest());
        let mut request = HttpRequest::new(Method::PUT, self.url(&path));
        request.body = Body::Bytes(media_type, bytes.to_vec());
        let mut tried = 0;
        loop {
            tried += 1;
            let response = self.send(request.clone(), &scope(reference, None))?;
            match self.put_answer(reference, &request.shown(), response, bytes)? {
                PutAnswer::Taken { listed } => return Ok(listed),
                PutAnswer::Lacking(error) if tried == TRIES => {
                    return Err(error
                        .found(format!("{TRIES} tries; the blobs were checked before each"))
                        .help("publish again: missing blobs are sent"));
                }
                PutAnswer::Lacking(_) => {}
            }
            std::thread::sleep(jittered(PAUSE * 2u32.pow(tried - 1)));
            mend()?;
        }
    }

    /// Reads the answer to a pushed manifest.
    ///
    /// # Errors
    /// The registry rejected the manifest for another reason than a missing blob.
    pub(super) fn put_answer(
        &self,
        reference: &Reference,
        shown: &str,
        response: HttpResponse,
        bytes: &[u8],
    ) -> Result<PutAnswer> {
        if !response.status().is_success() {
            let status = response.status();
            let refusal = RejectedAnswer::read(shown, response);
            return match refusal.lacking {
                true => Ok(PutAnswer::Lacking(refusal.error)),
                false => Err(self.denied(reference, status, refusal.error)),
            };
        }
        let (ours, said) = (Digest::of(bytes), response.header(&CONTENT_DIGEST).and_then(Digest::parse));
        match said.filter(|said| *said != ours) {
            Some(said) => Err(Error::failed(format!("{shown}: the registry stored another manifest"))
                .found(format!("it reports {said}; {ours} was sent"))),
            None => Ok(PutAnswer::Taken { listed: response.header(&SUBJECT).is_some() }),
        }
    }

    /// Returns the error for an answer that rejects something.
    pub(super) fn refused(&self, target: &Reference, shown: &str, response: HttpResponse) -> Error {
        let status = response.status();
        self.denied(target, status, RejectedAnswer::read(shown, response).error)
    }

    /// Adds the scope that was requested and the scope that was granted to the error of a denied request.
    fn denied(&self, target: &Reference, status: StatusCode, error: Error) -> Error {
        if !matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) {
            return error;
        }
        let wanted = scope(target, None);
        let error = error.found(format!("asked for: {wanted}"));
        match self.granted(&wanted) {
            Some(granted) => error.found(format!("granted: {granted}")),
            None => error,
        }
        .help(format!("log in as a user who may push: docker login {}", target.registry()))
    }
}

/// Returns the address in an answer's `Location`, at which an upload continues. It must be on the same server
/// or safe to send to. Its origin decides whether a password is sent.
fn location(asked: &str, response: &HttpResponse) -> Result<String> {
    let said = response.header(&header::LOCATION).unwrap_or_default();
    let target = url::join(asked, said).filter(|target| url::as_safe(asked, target));
    target.ok_or_else(|| {
        Error::failed("the registry gives no address to continue the upload")
            .found(format!("Location: {:?}", url::shown(&xtask_files::escape::plain(said))))
    })
}
