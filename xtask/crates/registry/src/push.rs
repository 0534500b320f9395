//! Pushing: blobs and manifests to a repository of a registry (distribution-spec 1.1, "Push"). A blob that is there is not
//! sent, one that another repository of the registry has is mounted, and a transfer that breaks goes on where the registry
//! says that it stands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{Method, StatusCode, header};

use super::client::{Client, MANIFEST_MAX, complain};
use super::http::{Body, HttpRequest, HttpResponse};
use super::{Reference, url};
use xtask_files::error::{Error, Result};
use xtask_oci::Digest;
use xtask_oci::document::Descriptor;
use xtask_process::host::Host;

mod session;
mod upload;

/// The header in which registries say the digest of a manifest or a blob.
const CONTENT_DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");
/// The header with which a registry says that it lists a manifest among the referrers of its subject.
const SUBJECT: header::HeaderName = header::HeaderName::from_static("oci-subject");

/// The variable with the most bytes that a request may have.
const CHUNK: &str = "XTASK_UPLOAD_CHUNK";

/// How blobs are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushLimits {
    /// The most bytes of a request: a larger blob is sent in chunks of this size.
    pub chunk: u64,
    /// The first pause after trouble; each later one is twice as long.
    pub pause: Duration,
    /// How often in a row a blob may come into trouble without a byte more being taken.
    pub troubles: u32,
}

impl Default for PushLimits {
    fn default() -> Self {
        // Registries wait for their disk after each chunk: in chunks of 16 MiB, 1 GB took an eighth longer than at once.
        Self { chunk: 1 << 30, pause: Duration::from_millis(500), troubles: 6 }
    }
}

impl PushLimits {
    /// The limits that the variables of this machine set, and the default ones beside them.
    ///
    /// # Errors
    /// A variable holds no number that is a limit.
    pub fn read(host: &Host) -> Result<Self> {
        let Some(text) = host.var(CHUNK) else { return Ok(Self::default()) };
        match text.parse() {
            Ok(chunk @ 1..) => Ok(Self { chunk, ..Self::default() }),
            _ => Err(Error::usage(format!("{CHUNK}={text:?} is no size of a chunk"))
                .help(format!("write a number of bytes: {CHUNK}=4194304"))),
        }
    }
}

/// How a blob came to be in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushedBlob {
    /// It was there.
    Present,
    /// It was mounted from this other repository of the registry.
    Mounted(String),
    /// It was sent.
    Sent,
}

/// A blob to be pushed: the file that holds it, and where the registry may have it already.
#[derive(Clone)]
pub struct OutgoingBlob<'a> {
    /// Digest and size of the blob.
    pub blob: &'a Descriptor,
    /// The file that holds its bytes, which were verified.
    pub file: &'a Path,
    /// Other repositories of the registry that may have the blob.
    pub elsewhere: &'a [String],
    /// Is told of each number of bytes that was handed to the connection; bytes that are sent again count again.
    pub sent: Arc<dyn Fn(u64) + Send + Sync>,
}

/// What a registry has under a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteManifest {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The media type that the registry says; none where it says none.
    pub media_type: Option<String>,
}

/// The scope for writing to a repository, and for reading the one that a blob is mounted from.
pub(super) fn scope(target: &Reference, from: Option<&str>) -> String {
    let own = format!("repository:{}:pull,push", target.repository());
    from.map_or(own.clone(), |from| format!("{own} repository:{from}:pull"))
}

impl Client<'_> {
    /// Whether the repository of `target` has a blob.
    ///
    /// # Errors
    /// The registry does not say.
    pub fn has_blob(&self, target: &Reference, blob: &Descriptor) -> Result<bool> {
        let path = format!("{}/blobs/{}", target.repository(), blob.digest);
        let request = HttpRequest::new(Method::HEAD, self.url(&path));
        let shown = request.shown();
        let response = self.send(request, &scope(target, None))?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(target, &shown, response)),
        }
    }

    /// What the registry has under a tag or a digest; none where it has nothing.
    ///
    /// # Errors
    /// The registry does not say.
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
            // The header is optional; the bytes are not.
            None => Digest::of(&self.manifest(reference)?),
        };
        Ok(Some(RemoteManifest { digest, media_type }))
    }

    /// Puts a manifest or an index under a tag or a digest. Returns whether the registry lists it among the referrers of
    /// its subject, where it has one.
    ///
    /// # Errors
    /// The registry does not take it.
    pub fn push_manifest(
        &self,
        reference: &Reference,
        media_type: &'static str,
        bytes: &[u8],
    ) -> Result<bool> {
        if bytes.len() as u64 > MANIFEST_MAX {
            return Err(Error::failed(format!("the manifest for {reference} has {} bytes", bytes.len()))
                .found(format!("registries need not take more than {MANIFEST_MAX}")));
        }
        let path = format!("{}/manifests/{}", reference.repository(), reference.manifest());
        let mut request = HttpRequest::new(Method::PUT, self.url(&path));
        request.body = Body::Bytes(media_type, bytes.to_vec());
        let shown = request.shown();
        let response = self.send(request, &scope(reference, None))?;
        self.taken(reference, &shown, response, bytes)
    }

    /// Whether the registry lists a manifest that it was sent among the referrers of its subject.
    ///
    /// # Errors
    /// It did not take the manifest.
    pub(super) fn taken(
        &self,
        reference: &Reference,
        shown: &str,
        response: HttpResponse,
        bytes: &[u8],
    ) -> Result<bool> {
        if !response.status().is_success() {
            return Err(self.refused(reference, shown, response));
        }
        let (ours, said) = (Digest::of(bytes), response.header(&CONTENT_DIGEST).and_then(Digest::parse));
        match said.filter(|said| *said != ours) {
            Some(said) => Err(Error::failed(format!("{shown}: the registry has stored another manifest"))
                .found(format!("it says {said}, and {ours} was sent"))),
            None => Ok(response.header(&SUBJECT).is_some()),
        }
    }

    /// The error of an answer that refuses to take something.
    pub(super) fn refused(&self, target: &Reference, shown: &str, response: HttpResponse) -> Error {
        let denied = matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED);
        let error = complain(shown, response);
        if !denied {
            return error;
        }
        let wanted = scope(target, None);
        let error = error.found(format!("asked for: {wanted}"));
        match self.granted(&wanted) {
            Some(granted) => error.found(format!("granted: {granted}")),
            None => error,
        }
        .help(format!("log in as somebody who may push: docker login {}", target.registry()))
    }
}

/// The address that an answer's `Location` names, for an upload that goes on there. It is on the same server or safe to
/// send to, and whether a password goes along is decided by its origin.
fn location(asked: &str, response: &HttpResponse) -> Result<String> {
    let said = response.header(&header::LOCATION).unwrap_or_default();
    let target = url::join(asked, said).filter(|target| url::as_safe(asked, target));
    target.ok_or_else(|| {
        Error::failed("the registry does not say where the upload goes on")
            .found(format!("Location: {:?}", url::shown(&xtask_files::escape::plain(said))))
    })
}
