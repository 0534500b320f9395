//! The errors in a registry's answer, and answers that are not from a registry.

use serde::Deserialize;
use ureq::http::{StatusCode, header};

use super::http::HttpResponse;
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;

/// The codes with which a registry rejects a manifest because a blob or a manifest that it names is missing (distribution-spec 1.1, "Error Codes").
const LACKING: [&str; 3] = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];
/// The most characters of a message that are shown.
const SHOWN: usize = 300;
/// The most messages of an answer that are shown.
const MOST: usize = 5;

/// The errors in a registry's answer.
#[derive(Deserialize)]
struct Complaints {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// An answer that rejects a request.
pub(super) struct RejectedAnswer {
    /// The error for the status, with the registry's message.
    pub(super) error: Error,
    /// Whether the registry does not have a blob or a manifest that the sent manifest names.
    pub(super) lacking: bool,
}

impl RejectedAnswer {
    /// Reads an answer whose status rejects the request. Only messages in the registry's own format are shown.
    pub(super) fn read(shown: &str, response: HttpResponse) -> Self {
        let status = response.status();
        let error = Error::failed(format!("{shown}: {status}"));
        let page = is_web_page(&response);
        let login = response.authorization().cloned();
        let body = response.complaint();
        let Ok(said) = serde_json::from_slice::<Complaints>(&body) else {
            let error = if page {
                error.found("the answer is a web page, not a message of a registry")
            } else {
                error
            };
            return Self { error, lacking: false };
        };
        let refuses = matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND);
        let lacking = refuses && said.errors.iter().any(|one| LACKING.contains(&one.code.as_str()));
        let error = said.errors.into_iter().take(MOST).fold(error, |error, one| {
            let said = format!("{}: {}", one.code, one.message);
            let said = HttpResponse::hiding_login(login.as_ref(), &said);
            let words: String = plain(&said).chars().take(SHOWN).collect();
            error.found(words.replace('\n', " "))
        });
        Self { error, lacking }
    }
}

/// Makes the error for an unexpected status, with the registry's message.
pub(super) fn complain(shown: &str, response: HttpResponse) -> Error {
    RejectedAnswer::read(shown, response).error
}

/// Returns an answer, unless it is a successful answer with a web page.
///
/// # Errors
/// The answer is a web page. Registries never answer so under `/v2/`. Networks that need a login in a browser do, and other web
/// servers.
pub(super) fn of_a_registry(shown: &str, response: HttpResponse) -> Result<HttpResponse> {
    if !response.status().is_success() || !is_web_page(&response) {
        return Ok(response);
    }
    Err(Error::failed(format!("{shown}: the answer is a web page and not from a registry"))
        .found(format!("its status is {}, its type text/html", response.status()))
        .help(
            "check the name of the registry; and whether this network or a proxy needs a login in a browser",
        ))
}

/// Returns whether an answer's type is that of a web page.
fn is_web_page(response: &HttpResponse) -> bool {
    let kind = response.header(&header::CONTENT_TYPE).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    ["text/html", "application/xhtml+xml"].iter().any(|page| essence.eq_ignore_ascii_case(page))
}
