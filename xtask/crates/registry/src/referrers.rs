//! Manifests that are attached to a manifest (distribution-spec 1.1, "Listing Referrers"): they have a
//! `subject`. If a registry does not list them itself, the list is under a tag made of the digest, and
//! clients maintain it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::{Method, StatusCode, header};

use super::client::{Client, MANIFEST_MAX, accept, pull};
use super::complaint::complain;
use super::http::{Body, HttpRequest, jittered};
use super::push::{PutAnswer, scope};
use super::{Reference, url};
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;
use xtask_oci::Digest;
use xtask_oci::document::{Descriptor, Index, Manifest, media_type};

/// The maximum number of pages of a list.
const PAGES: usize = 50;
/// How often a document under a tag is changed until it contains the added entries when it is read back.
const TRIES: u32 = 8;
/// The pause before another try. Each later pause is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// A document in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The bytes of the document.
    pub bytes: Vec<u8>,
    /// The registry's name for this state of the document (ETag). With it, a change cannot undo a concurrent
    /// one. None if the registry sends none.
    pub etag: Option<String>,
}

impl Client<'_> {
    /// Returns a manifest or an index, or none if there is none at this reference.
    ///
    /// # Errors
    /// The registry does not answer the question, or the bytes do not have the digest of the reference.
    pub fn document(&self, reference: &Reference) -> Result<Option<StoredDocument>> {
        let path = format!("{}/manifests/{}", reference.repository(), reference.manifest());
        let request = HttpRequest::get(self.url(&path)).header(header::ACCEPT, accept());
        let shown = request.shown();
        let response = self.fetch(&request, &pull(reference))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(complain(&shown, response)),
        }
        let etag = response.header(&header::ETAG).map(str::to_owned);
        let bytes = response.bytes(MANIFEST_MAX).map_err(|e| Error::failed(format!("{shown}: {e}")))?;
        match reference.digest().filter(|digest| **digest != Digest::of(&bytes)) {
            Some(digest) => Err(Error::failed(format!("{shown}: the bytes do not have the digest {digest}"))),
            None => Ok(Some(StoredDocument { bytes, etag })),
        }
    }

    /// Returns the digests of the manifests that are attached to a subject, which is named by its digest.
    /// Nothing is filtered, because a list may have fewer facts than the manifests themselves.
    ///
    /// # Errors
    /// The registry does not answer the question. This is never the same as an empty list.
    pub fn referrers(&self, repository: &Reference, subject: &Digest) -> Result<Vec<Digest>> {
        let mut address = self.url(&format!("{}/referrers/{subject}", repository.repository()));
        let mut found: Vec<Digest> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut add = |bytes: &[u8], shown: &str| {
            let index: Index = serde_json::from_slice(bytes)
                .map_err(|e| Error::failed(format!("{shown}: the list of referrers cannot be read: {e}")))?;
            found.extend(index.manifests.into_iter().map(|m| m.digest).filter(|d| seen.insert(d.clone())));
            Ok::<_, Error>(())
        };
        for page in 0..PAGES {
            let request = HttpRequest::get(&address).header(header::ACCEPT, media_type::INDEX);
            let shown = request.shown();
            let response = self.fetch(&request, &pull(repository))?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND if page == 0 => {
                    let tag = fallback(repository, subject)?;
                    if let Some(list) = self.document(&tag)? {
                        add(&list.bytes, &tag.to_string())?;
                    }
                    return Ok(found);
                }
                _ => return Err(complain(&shown, response)),
            }
            let links = response.headers(&header::LINK);
            let next = links.into_iter().find_map(next_page).map(str::to_owned);
            let bytes = response.bytes(MANIFEST_MAX).map_err(|e| Error::failed(format!("{shown}: {e}")))?;
            add(&bytes, &shown)?;
            let Some(next) = next else { return Ok(found) };
            // A list without its other pages would pass for a whole one.
            address =
                url::join(&address, &next).filter(|to| url::same_origin(to, &address)).ok_or_else(|| {
                    Error::failed(format!(
                        "{shown}: the next page of the list of referrers cannot be fetched"
                    ))
                    .found(format!("Link: {:?}", url::shown(&plain(&next))))
                    .found("it is not an address of this registry")
                })?;
        }
        Err(Error::failed(format!("more than {PAGES} pages of manifests are attached to {subject}")))
    }

    /// Attaches manifests to their common subject. Each is pushed by its digest. Those that the registry does
    /// not list itself are added to the list under the tag of the subject. Other entries of that list are
    /// kept. `mend` is as in [`Client::push_manifest`].
    ///
    /// # Errors
    /// The registry does not accept a manifest, or the list cannot be changed.
    pub fn attach(
        &self,
        repository: &Reference,
        subject: &Digest,
        manifests: &[Manifest],
        mend: impl Fn() -> Result<()>,
    ) -> Result<()> {
        let mut unlisted = Vec::new();
        for manifest in manifests {
            let bytes = xtask_oci::document::to_bytes(manifest)?;
            let descriptor = Descriptor::of(media_type::MANIFEST, &bytes);
            let at = repository.at(descriptor.digest.clone());
            if !self.push_manifest(&at, media_type::MANIFEST, &bytes, &mend)? {
                unlisted.push(entry(manifest, &descriptor));
            }
        }
        if unlisted.is_empty() {
            return Ok(());
        }
        let tag = fallback(repository, subject)?;
        self.amend(&tag, media_type::INDEX, |there| with_entries(there, &unlisted, &tag))
    }

    /// Changes the document under a tag and reads it back, until `change` requests no further change. If the
    /// registry sends ETags, a change that would undo a concurrent one is rejected. `change` is called before each
    /// try, and pushes what the document names.
    ///
    /// # Errors
    /// The registry or `change` fails, or other clients change the document again and again.
    pub fn amend(
        &self,
        tag: &Reference,
        kind: &'static str,
        change: impl Fn(Option<&[u8]>) -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        let mut refused = None;
        for tried in 0..TRIES {
            let there = self.document(tag)?;
            let Some(bytes) = change(there.as_ref().map(|there| there.bytes.as_slice()))? else {
                return Ok(());
            };
            if tried > 0 {
                std::thread::sleep(jittered(PAUSE * 2u32.pow(tried.min(5))));
            }
            let path = format!("{}/manifests/{}", tag.repository(), tag.manifest());
            let mut request = HttpRequest::new(Method::PUT, self.url(&path));
            request.body = Body::Bytes(kind, bytes.clone());
            // A weak ETag never matches (RFC 9110, section 13.1.1); proxies that compress make them.
            request = match there.and_then(|there| there.etag).filter(|etag| !etag.starts_with("W/")) {
                Some(etag) => request.header(header::IF_MATCH, etag),
                None => request,
            };
            let shown = request.shown();
            let response = self.send(request, &scope(tag, None))?;
            // Another client was faster: read it again.
            if matches!(response.status(), StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT) {
                continue;
            }
            refused = match self.put_answer(tag, &shown, response, &bytes)? {
                PutAnswer::Taken { .. } => None,
                PutAnswer::Lacking(error) => Some(error.found(format!("{TRIES} tries"))),
            };
        }
        Err(refused.unwrap_or_else(|| others_change(tag)))
    }
}
/// Makes the error for a document that other clients change again and again.
fn others_change(tag: &Reference) -> Error {
    Error::failed(format!("{tag} cannot be changed: other runs change it too often"))
        .found(format!("{TRIES} tries"))
        .help("run the command again")
}

/// Returns the tag for the list of referrers of a digest, if the registry makes no list:
/// `sha256-<64 hexadecimal digits>`.
fn fallback(repository: &Reference, subject: &Digest) -> Result<Reference> {
    repository.tagged(&format!("sha256-{}", subject.hex()))
}

/// Returns the entry of a list for a manifest.
fn entry(manifest: &Manifest, descriptor: &Descriptor) -> Value {
    let mut entry = json!({
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    });
    entry["artifactType"] = match &manifest.artifact_type {
        Some(kind) => json!(kind),
        None => json!(manifest.config.media_type),
    };
    if !manifest.annotations.is_empty() {
        entry["annotations"] = json!(manifest.annotations);
    }
    entry
}

/// Returns the list with these entries added, or none if it has all of them.
fn with_entries(there: Option<&[u8]>, entries: &[Value], tag: &Reference) -> Result<Option<Vec<u8>>> {
    let unusable = |why: String| {
        Error::failed(format!("{tag} is not a list of referrers: {why}"))
            .help("find out what wrote it; remove the tag if nothing needs it")
    };
    let mut list = match there {
        Some(bytes) => serde_json::from_slice(bytes).map_err(|e| unusable(e.to_string()))?,
        None => json!({"schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": []}),
    };
    let known = list.get_mut("manifests").and_then(Value::as_array_mut);
    let known = known.ok_or_else(|| unusable("it has no manifests".to_owned()))?;
    let missing = |entry: &&Value| !known.iter().any(|known| known["digest"] == entry["digest"]);
    let added: Vec<Value> = entries.iter().filter(missing).cloned().collect();
    if added.is_empty() {
        return Ok(None);
    }
    known.extend(added);
    serde_json::to_vec(&list).map(Some).map_err(|e| unusable(e.to_string()))
}

/// Returns the address of the next page in a header `Link` (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (address, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = parameters.split(';').map(str::trim);
        parameters.any(|p| p == "rel=\"next\"" || p == "rel=next").then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag() -> Reference {
        Reference::parse("r.example/x:sha256-0").unwrap()
    }

    #[test]
    fn entries_are_added_and_others_stay() {
        let ours = json!({"digest": "sha256:aa", "size": 1});
        let first = with_entries(None, std::slice::from_ref(&ours), &tag()).unwrap().unwrap();
        assert_eq!(with_entries(Some(&first), std::slice::from_ref(&ours), &tag()).unwrap(), None);
        let others = json!({
            "schemaVersion": 2, "x": {"kept": true},
            "manifests": [{"digest": "sha256:bb", "unknown": [1], "artifactType": "a/b"}],
        });
        let joined = with_entries(Some(others.to_string().as_bytes()), std::slice::from_ref(&ours), &tag())
            .unwrap()
            .unwrap();
        let joined: Value = serde_json::from_slice(&joined).unwrap();
        assert_eq!(joined["x"], others["x"]);
        assert_eq!(joined["manifests"], json!([others["manifests"][0], ours]));
        for strange in ["<html>", "{}", "{\"manifests\":1}", "[]"] {
            let error =
                with_entries(Some(strange.as_bytes()), std::slice::from_ref(&ours), &tag()).unwrap_err();
            assert!(error.what.contains("is not a list of referrers"), "{error}");
        }
    }

    #[test]
    fn the_next_page_of_a_list() {
        assert_eq!(next_page("</v2/x/referrers/d?n=2>; rel=\"next\""), Some("/v2/x/referrers/d?n=2"));
        assert_eq!(next_page("<a>; rel=\"prev\", <b>; x=y; rel=next"), Some("b"));
        for none in ["", "<a>", "<a>; rel=\"last\"", "a; rel=\"next\""] {
            assert_eq!(next_page(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,80}") {
            let _ = next_page(&text);
            let _ = with_entries(Some(text.as_bytes()), &[json!({"digest": "d"})], &tag());
        }
    }
}
