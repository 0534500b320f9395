//! One request as hyper reads it, and its answer as hyper writes it.

use std::error::Error;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};

use super::progress::Progress;
use super::service::{Service, ServiceRequest, ServiceResponse};

/// The answer to one request, which is read here and given to the service.
pub(super) async fn exchange(
    service: Arc<Service>,
    progress: Arc<Progress>,
    request: hyper::Request<Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let begin = Instant::now();
    progress.head_done(begin);
    let (head, body) = request.into_parts();
    let read = match is_clear(&head) {
        Ok(()) => whole(body, service.config.max_body).await,
        Err(response) => Err(response),
    };
    let (unread, (route, response)) = match read {
        Ok(body) => {
            progress.body_done();
            (false, service.answer(asked(head, body)).await)
        }
        Err(response) => (true, ("none", response)),
    };
    service.metrics.answered(route, response.status, begin.elapsed());
    progress.answered(unread, Instant::now());
    let mut response = response.into_hyper();
    if unread || service.is_draining() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether there is one way to understand the head. What hyper lets through of RFC 9112 is looked at here.
fn is_clear(head: &Parts) -> Result<(), ServiceResponse> {
    // 3.2: exactly one Host; what it names does not matter here.
    let hosts = head.headers.get_all(HOST).iter().count();
    if hosts > 1 || (head.version == Version::HTTP_11 && hosts == 0) {
        return Err(ServiceResponse::error(400, "there must be one Host field"));
    }
    // 6.1: a coding that is not known must not be passed over.
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(ServiceResponse::error(501, "the only transfer coding here is chunked")),
    }
}

/// The whole body. Memory grows with what comes, not with what is stated.
async fn whole(body: Incoming, max: usize) -> Result<Bytes, ServiceResponse> {
    let too_long = || ServiceResponse::error(413, "the body is too long");
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > max) {
        return Err(too_long());
    }
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
        Err(error) => Err(ServiceResponse::error(400, &malformed(&*error))),
    }
}

fn malformed(error: &dyn Error) -> String {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("the body of the request is malformed, or ends too early{cause}")
}

fn asked(head: Parts, body: Bytes) -> ServiceRequest {
    let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
    ServiceRequest { method: head.method, path, query, body }
}

impl ServiceResponse {
    fn into_hyper(self) -> hyper::Response<Full<Bytes>> {
        let mut response = hyper::Response::new(Full::new(Bytes::from(self.body)));
        // There are no other statuses here; one would show as a failure of this program, which it is.
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.status != 204 {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        }
        for (name, value) in self.fields {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    /// The bytes of an answer that hyper has no part in, behind which the connection ends.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or_default());
        let date = httpdate::fmt_http_date(SystemTime::now());
        text.push_str(&format!(
            "date: {date}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n",
            self.kind,
            self.body.len()
        ));
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.as_bytes(), &self.body].concat()
    }
}
