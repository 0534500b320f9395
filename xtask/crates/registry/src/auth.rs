//! Authenticates with a registry: makes the value of `Authorization` from a challenge and a login (the
//! distribution project's "Token Authentication" and "OAuth2 Token Authentication").

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Deserialize;
use ureq::http::{HeaderName, Method, header};

use super::challenge::{self, Challenge};
use super::complaint::of_a_registry;
use super::credentials::Login;
use super::http::{Body, Http, HttpRequest, HttpResponse};
use super::secret::Secret;
use super::url;
use xtask_files::error::{Error, Result};
use xtask_files::escape::plain;

/// The name of this client for a token server.
const CLIENT_ID: &str = "cargo-xtask";
/// The maximum size of a token server's answer, in bytes.
const ANSWER_MAX: u64 = 1 << 20;

/// An answer of a token server. Which field it uses depends on the server's age.
#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header that carries challenges.
pub(super) const CHALLENGE: HeaderName = header::WWW_AUTHENTICATE;

/// Meets the challenge of an answer with status 401. `scope` is the scope of the request.
///
/// # Errors
/// There is no challenge that can be met, or the registry rejects the result.
pub(super) fn authorize(
    http: &Http<'_>,
    refused: &HttpResponse,
    base: &str,
    scope: &str,
    login: &Login,
) -> Result<Secret> {
    let challenges = challenge::parse(&refused.headers(&CHALLENGE));
    if challenges.is_empty() {
        return Err(Error::failed(format!("{base} requires a login"))
            .found("its answer with the status 401 names no way to log in that is understood"));
    }
    let nobody = || Error::failed(format!("{base} requires a login")).found("no password for it was found");
    for challenge in challenges {
        match (challenge, login) {
            (Challenge::Bearer { realm, service, scope: asked }, login) => {
                if !url::as_safe(base, &realm) {
                    return Err(Error::failed(format!("{base} asks to fetch a token without TLS"))
                        .found(format!("from {:?}", url::shown(&realm))));
                }
                let scope = if scope.is_empty() { asked.as_deref().unwrap_or_default() } else { scope };
                let request = token_request(&realm, service.as_deref(), scope, login);
                return token(http, &request);
            }
            (Challenge::Basic, Login::Password { user, password }) => return Ok(basic(user, password)),
            (Challenge::Basic, _) => {}
        }
    }
    Err(nobody())
}

fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()))))
}

/// Makes the request for a token. Pure.
fn token_request(realm: &str, service: Option<&str>, scope: &str, login: &Login) -> HttpRequest {
    let mut query: Vec<(&str, &str)> = service.map(|service| ("service", service)).into_iter().collect();
    // Several scopes are separated by spaces in a form, and are separate parameters in a query.
    match login {
        Login::Identity(_) => query.extend((!scope.is_empty()).then_some(("scope", scope))),
        _ => query.extend(scope.split(' ').filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope))),
    }
    let form = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| format!("{key}={}", url::encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    };
    match login {
        Login::Identity(token) => {
            query.extend([
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", token.reveal()),
            ]);
            let body = Body::Bytes("application/x-www-form-urlencoded", form(&query).into_bytes());
            HttpRequest { method: Method::POST, body, ..HttpRequest::get(realm) }
        }
        login => {
            let between = if realm.contains('?') { '&' } else { '?' };
            let url =
                if query.is_empty() { realm.to_owned() } else { format!("{realm}{between}{}", form(&query)) };
            let authorization = match login {
                Login::Password { user, password } => Some(basic(user, password)),
                _ => None,
            };
            HttpRequest { authorization, ..HttpRequest::get(url) }
        }
    }
}

fn token(http: &Http<'_>, request: &HttpRequest) -> Result<Secret> {
    let response = http.send(request)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Error::failed(format!("{}: the server gives no token: {status}", request.shown())));
    }
    let response = of_a_registry(&request.shown(), response)?;
    let damaged = || Error::failed(format!("{}: the answer has no token", request.shown()));
    let bytes = response.bytes(ANSWER_MAX).map_err(|_| damaged())?;
    let answer: TokenResponse = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    // Some servers write both fields, and leave one empty.
    let mut tokens = [answer.token, answer.access_token].into_iter().flatten();
    let token = tokens.find(|token| !token.is_empty()).filter(|token| is_token(token)).ok_or_else(damaged)?;
    Ok(Secret::new(format!("Bearer {token}")))
}

/// Returns what a bearer token allows, from the claim `access` of a JSON Web Token (the distribution
/// project's "Token Authentication Implementation"). Returns none if the token is of another kind.
pub(super) fn granted(value: &Secret) -> Option<String> {
    let token = value.reveal().strip_prefix("Bearer ")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: TokenClaims = serde_json::from_slice(&claims).ok()?;
    let all: Vec<String> =
        claims.access.iter().map(|a| format!("{}:{}:{}", a.kind, a.name, a.actions.join(","))).collect();
    Some(if all.is_empty() { "nothing".to_owned() } else { plain(&all.join(" ")) })
}

/// The part of a token that lists what it allows.
#[derive(Deserialize)]
struct TokenClaims {
    #[serde(default)]
    access: Vec<TokenAccess>,
}

#[derive(Deserialize)]
struct TokenAccess {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    actions: Vec<String>,
}

/// Returns whether a text can be the value of a header. Otherwise an error would show the token.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_for_tokens() {
        let who = Login::Password { user: "me".into(), password: Secret::new("p") };
        let scope = "repository:a/b:pull";
        let request = token_request("https://auth/token", Some("r.io"), scope, &who);
        assert_eq!(request.url, "https://auth/token?service=r.io&scope=repository%3Aa%2Fb%3Apull");
        assert_eq!(request.authorization.unwrap().reveal(), "Basic bWU6cA==");
        let request = token_request("https://auth/token?x=1", None, scope, &Login::Anonymous);
        assert_eq!(request.url, "https://auth/token?x=1&scope=repository%3Aa%2Fb%3Apull");
        assert_eq!(request.authorization, None);
        let request = token_request("https://auth/token", None, scope, &Login::Identity(Secret::new("t&t")));
        let Body::Bytes(_, form) = &request.body else { panic!("{request:?}") };
        let form = String::from_utf8_lossy(form);
        assert!(form.contains("grant_type=refresh_token") && form.ends_with("refresh_token=t%26t"), "{form}");
        assert!(!format!("{request:?}").contains("t%26t"));
        assert_eq!(request.shown(), "POST https://auth/token");
    }
}
