//! The API of a registry (distribution-spec 1.1) that pulling needs.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

use ureq::http::{StatusCode, header};

use super::complaint::{complain, of_a_registry};
use super::credentials::{self, FoundLogin, Login};
use super::http::{Http, HttpRequest, HttpResponse};
use super::{Reference, Registry, Secret, auth, url};
use xtask_files::error::{Error, ExitKind, Result};
use xtask_files::escape::plain;
use xtask_files::human_size;
use xtask_oci::document::Descriptor;
use xtask_oci::document::media_type::{self, docker};
use xtask_oci::{Digest, Hashed};
use xtask_process::host::Host;

/// The maximum size of a manifest or an index, in bytes. Registries must support at least this size
/// (distribution-spec, "Pushing Manifests"), and most support no more.
pub const MANIFEST_MAX: u64 = 4 << 20;
/// How often a manifest is requested if its transfer breaks, and a blob if no further byte arrives.
const BREAKS: u32 = 4;

/// The accepted kinds of manifests. A registry that has an image in another form reports that, or converts it
/// to the first kind here.
const ACCEPT: [&str; 4] = [media_type::INDEX, docker::LIST, media_type::MANIFEST, docker::MANIFEST];

/// The variable that names registries that are used without TLS, in addition to those on this machine.
pub(super) const PLAIN: &str = "XTASK_PLAIN_HTTP";

/// A registry, with the logins and tokens for it.
pub struct Client<'a> {
    http: &'a Http<'a>,
    host: &'a Host,
    registry: Registry,
    base: String,
    granted: Mutex<Granted>,
}

/// The logins and tokens that were found so far.
#[derive(Default)]
struct Granted {
    /// The login for each repository. It is only looked up after a challenge.
    logins: BTreeMap<String, FoundLogin>,
    /// The values of the header `Authorization`, by scope.
    values: BTreeMap<String, Secret>,
}

impl<'a> Client<'a> {
    /// Returns the `config.json` with which another program asks a repository of this registry. It holds a secret.
    ///
    /// # Errors
    /// As for [`credentials::find`].
    pub fn docker_config(&self, repository: &str) -> Result<Vec<u8>> {
        credentials::docker_config(&self.registry, repository, self.host)
    }

    /// Makes a client of this registry. Nothing is requested yet.
    pub fn new(http: &'a Http<'a>, registry: &Registry, host: &'a Host) -> Self {
        let base = registry.base(host.var(PLAIN));
        Self { http, host, registry: registry.clone(), base, granted: Mutex::default() }
    }

    /// Returns the address of a path under `/v2/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/v2/{path}", self.base)
    }

    /// Sends a request to the registry. After a challenge it uses a token or a password for `scope`:
    /// `repository:<name>:pull`, or `pull,push`.
    ///
    /// There is no answer, or authentication fails. The caller handles other statuses.
    pub fn send(&self, mut request: HttpRequest, scope: &str) -> Result<HttpResponse> {
        // Some registries take uploads on another server, whose address contains the authorization.
        let own = url::same_origin(&request.url, &self.base);
        let shown = request.shown();
        if !own {
            return of_a_registry(&shown, self.http.send(&request)?);
        }
        request.authorization = self.known(scope);
        let response = self.http.send(&request)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return of_a_registry(&shown, response);
        }
        // A host that the registry redirects to must not learn the login by a challenge of its own.
        if !url::same_origin(response.address(), &self.base) {
            let asks = format!("{} asks for a login", url::shown(response.address()));
            return Err(Error::failed(format!("{shown}: the redirect leads to a server without access"))
                .found(asks)
                .found(format!("the login for {} is not sent to another server", self.registry))
                .help("report it to the operator of the registry"));
        }
        let found = self.login(scope)?;
        let value = auth::authorize(self.http, &response, &self.base, scope, &found.login);
        let value = value.map_err(|error| self.turned_away(error, &found))?;
        request.authorization = Some(value.clone());
        let response = self.http.send(&request)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.turned_away(complain(&shown, response), &found));
        }
        let response = of_a_registry(&shown, response)?;
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).values.insert(scope.to_owned(), value);
        Ok(response)
    }

    /// Works as [`Client::send`], for a document. Its whole body is read, and it is requested again if the
    /// transfer breaks.
    pub(super) fn fetch(&self, request: &HttpRequest, scope: &str) -> Result<HttpResponse> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.send(request.clone(), scope)?.read(MANIFEST_MAX) {
                Ok(response) => return Ok(response),
                Err(e) if tried == BREAKS || e.kind() == io::ErrorKind::FileTooLarge => {
                    return Err(Error::failed(format!("{}: {e}", request.shown())));
                }
                Err(_) => {}
            }
        }
    }

    /// Returns what the token for a scope allows, if the token is a JSON Web Token.
    pub(super) fn granted(&self, scope: &str) -> Option<String> {
        auth::granted(&self.known(scope)?)
    }

    /// Returns the authorization for a scope. An authorization to push also allows to pull.
    fn known(&self, scope: &str) -> Option<Secret> {
        let granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        granted.values.get(scope).or_else(|| granted.values.get(&format!("{scope},push"))).cloned()
    }

    /// Returns the login for the first repository of a scope. It is looked up at the first challenge. The
    /// lock is held meanwhile, so that a credential helper is asked only once.
    fn login(&self, scope: &str) -> Result<FoundLogin> {
        let mut granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let repository =
            scope.strip_prefix("repository:").and_then(|rest| rest.split(':').next()).unwrap_or(scope);
        if let Some(found) = granted.logins.get(repository) {
            return Ok(found.clone());
        }
        let found = credentials::find(&self.registry, repository, self.host)?;
        if let (Some(why), Login::Anonymous) = (&found.unasked, &found.login) {
            self.http.ui().warn_once(format!("{why}; {} is asked without a password", self.registry));
        }
        granted.logins.insert(repository.to_owned(), found.clone());
        Ok(found)
    }

    /// Extends the error for a rejected request by the reason why the user's own login was not used.
    fn turned_away(&self, error: Error, found: &FoundLogin) -> Error {
        let registry = &self.registry;
        match &found.login {
            Login::Anonymous => match &found.unasked {
                // The cause is something that is missing on this machine.
                Some(why) => Error { kind: ExitKind::Missing, ..error }
                    .found(why)
                    .help("install it, or remove credsStore and credHelpers from Docker's config.json")
                    .help(format!("then log in: docker login {registry}")),
                None => error.help(format!("log in: docker login {registry}")),
            },
            Login::Password { user, .. } => error
                .found(format!("asked as {:?}", plain(user)))
                .help(format!("log in again: docker login {registry}")),
            Login::Identity(_) => error.help(format!("log in again: docker login {registry}")),
        }
    }

    /// Extends an error in the same way. A registry may report an image as missing to clients that have not
    /// logged in.
    fn hidden(&self, error: Error) -> Error {
        let granted = self.granted.lock().unwrap_or_else(PoisonError::into_inner);
        let unasked = granted.logins.values().find_map(|found| found.unasked.clone());
        drop(granted);
        unasked.into_iter().fold(error, Error::found)
    }

    /// Returns the bytes of a manifest or an index, checked against the digest of the reference if it has
    /// one.
    ///
    /// # Errors
    /// It does not exist, access is denied, it is too long, or it does not have the digest.
    pub fn manifest(&self, reference: &Reference) -> Result<Vec<u8>> {
        let path = format!("{}/manifests/{}", reference.repository(), reference.manifest());
        let request = HttpRequest::get(self.url(&path)).header(header::ACCEPT, accept());
        let shown = request.shown();
        let response = self.fetch(&request, &pull(reference))?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            let error = self.hidden(complain(&shown, response));
            return Err(if status == StatusCode::NOT_FOUND {
                error.help(format!("check that {reference} exists and that you may read it"))
            } else {
                error
            });
        }
        let bytes = response.bytes(MANIFEST_MAX).map_err(|e| Error::failed(format!("{shown}: {e}")))?;
        let found = Digest::of(&bytes);
        match reference.digest() {
            Some(digest) if *digest != found => Err(Error::failed(format!(
                "the manifest that the registry sent for {reference} does not have that digest"
            ))
            .found(format!("its digest is {found}"))
            .help("the content was changed in the registry or on the way: do not use this registry until you know why")),
            _ => Ok(bytes),
        }
    }

    /// Writes a blob to `out` and checks its digest and size. A broken transfer is continued where it broke.
    /// `progress` is called with the number of bytes so far.
    ///
    /// # Errors
    /// It does not exist, access is denied, the transfer breaks too often, or the content differs from the
    /// descriptor.
    pub fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        out: impl Write,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        let mut out = Hashed::new(out);
        let (mut got, mut breaks) = (0, 0);
        while got < blob.size {
            let before = got;
            let (mut reader, shown) = self.part(reference, blob, got)?;
            let trouble = match copy(&mut reader, &mut out, blob.size, &mut got, progress) {
                Ok(()) if got > blob.size => {
                    let found = format!("it has more bytes than the {} it should", blob.size);
                    return Err(lies(reference, blob, found));
                }
                Ok(()) if got == blob.size => break,
                Ok(()) => format!("{shown}: it ends after {got} of {} bytes", blob.size),
                Err(BrokenCopy::Reading(e)) => format!("{shown}: {e}"),
                Err(BrokenCopy::Writing(e)) => {
                    return Err(Error::failed(format!("cannot keep a layer of {reference}: {e}")));
                }
            };
            breaks = if got > before { 1 } else { breaks + 1 };
            if breaks >= BREAKS {
                return Err(Error::failed(trouble).found(format!("{breaks} more tries received nothing")));
            }
        }
        let (_, digest, _) = out.finish();
        if digest == blob.digest {
            Ok(())
        } else {
            Err(lies(reference, blob, format!("its digest is {digest}")))
        }
    }

    /// Returns a reader of a blob that begins at a byte.
    fn part(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        from: u64,
    ) -> Result<(impl Read + use<>, String)> {
        let mut request =
            HttpRequest::get(self.url(&format!("{}/blobs/{}", reference.repository(), blob.digest)));
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let shown = request.shown();
        let response = self.send(request, &pull(reference))?;
        let begins =
            response.header(&header::CONTENT_RANGE).map(|range| range.starts_with(&format!("bytes {from}-")));
        // A server that does not support ranges sends the whole blob.
        let skip = match (response.status(), begins) {
            (StatusCode::OK, _) => from,
            (StatusCode::PARTIAL_CONTENT, Some(true)) => 0,
            // The blob has no more bytes.
            (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
                return Err(lies(reference, blob, format!("it ends after {from} of {} bytes", blob.size)));
            }
            _ => return Err(complain(&shown, response)),
        };
        let mut reader = response.reader();
        let skipped = io::copy(&mut (&mut reader).take(skip), &mut io::sink());
        skipped.map_err(|e| Error::failed(format!("{shown}: {e}")))?;
        Ok((reader, shown))
    }
}

/// Returns the supported kinds of manifests for the header `Accept`.
pub(super) fn accept() -> String {
    ACCEPT.join(", ")
}

/// Returns the scope for reading an image.
pub(super) fn pull(reference: &Reference) -> String {
    format!("repository:{}:pull", reference.repository())
}

/// The side of a copy that broke.
enum BrokenCopy {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies to the end, or until there is one byte more than expected.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    size: u64,
    got: &mut u64,
    progress: &dyn Fn(u64),
) -> std::result::Result<(), BrokenCopy> {
    let mut piece = vec![0; 128 << 10];
    while *got <= size {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                *got += read as u64;
                if *got <= size {
                    to.write_all(&piece[..read]).map_err(BrokenCopy::Writing)?;
                    progress(*got);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(BrokenCopy::Reading(e)),
        }
    }
    Ok(())
}

fn lies(reference: &Reference, blob: &Descriptor, found: String) -> Error {
    Error::failed(format!(
        "the {} that the registry sent for {reference} does not have its digest",
        blob.digest
    ))
    .found(found)
    .found(format!("it should have {}", human_size(blob.size)))
    .help(
        "the content was changed in the registry or on the way: do not use this registry until you know why",
    )
}
