//! Forms that change something are sent from our own pages only (cross-site request forgery, OWASP).
//!
//! - A browser's word on where a request comes from: `Sec-Fetch-Site`, and where it is missing, `Origin`. Pages can't forge either.
//! - A token in the form that another site can't read. It is bound to a secret of the browser: of the session for who is signed in
//!   ([`CsrfForm`]), of the visit for who is not ([`VisitForm`]). Each page has another spelling of it, so that compression of
//!   answers tells nothing about it (BREACH).
//!
//! To take a form: put `<input type="hidden" name="csrf" value="{{ csrf }}">` into it, filled from [`super::session::SignedIn::csrf`],
//! and let the handler take `CsrfForm<T>` as its last argument. `T` is deserialized from the form's other fields.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::body::Bytes;
use axum::extract::{Form, FromRequest, FromRequestParts as _, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::problem::Problem;
use super::session::{SignedIn, Visit};
use crate::Error;
use crate::accounts::admin::SecretToken;
use crate::app::App;
use crate::config::WebOrigin;
use crate::keyring::KeyringError;

const SALT_BYTES: usize = 16;
const CONTEXT: &[u8] = b"driftwise.csrf/1";

/// The value of a form's hidden field `csrf`.
#[derive(Debug, Clone)]
pub(in crate::http) struct CsrfToken(String);

impl fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CsrfToken {
    /// A token that this secret of the browser can be asked for.
    pub(super) fn of(secret: &SecretToken) -> Result<Self, Error> {
        let mut salt = [0u8; SALT_BYTES];
        SystemRandom::new().fill(&mut salt).map_err(|_| KeyringError::Randomness)?;
        let tag = hmac::sign(&secret.derived_key(CONTEXT), &salt);
        Ok(Self(URL_SAFE_NO_PAD.encode([&salt, tag.as_ref()].concat())))
    }
}

/// Whether a form's token is one of that secret's.
fn is_of(secret: &SecretToken, token: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Some((salt, tag)) = bytes.split_at_checked(SALT_BYTES) else { return false };
    hmac::verify(&secret.derived_key(CONTEXT), salt, tag).is_ok()
}

/// A form that somebody signed in sent from one of our pages: its fields but `csrf`.
#[derive(Debug)]
pub(in crate::http) struct CsrfForm<T>(pub(in crate::http) T);

/// A form that somebody not signed in sent from one of our pages.
#[derive(Debug)]
pub(in crate::http) struct VisitForm<T>(pub(in crate::http) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for CsrfForm<T> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        require_own_page(&parts.headers, app.web().origin()).map_err(axum::response::IntoResponse::into_response)?;
        let signed_in = SignedIn::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let form = read(request, app, signed_in.secret()).await.map_err(axum::response::IntoResponse::into_response)?;
        Ok(Self(form))
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for VisitForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        require_own_page(request.headers(), app.web().origin())?;
        let visit = Visit::read(app, request.headers()).ok_or_else(Problem::form_stale)?;
        read(request, app, visit.secret()).await.map(Self)
    }
}

/// The form, once its token is found to be the secret's.
async fn read<T: DeserializeOwned>(request: Request, app: &Arc<App>, secret: &SecretToken) -> Result<T, Problem> {
    #[derive(Deserialize)]
    struct Token {
        #[serde(default)]
        csrf: String,
    }

    let is_form = request.headers().get(CONTENT_TYPE).is_some_and(|value| {
        let text = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        text.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !is_form {
        return Err(Problem::request_invalid("Send the form as application/x-www-form-urlencoded, as browsers do."));
    }
    let bytes = Bytes::from_request(request, app).await?;
    // Two tokens are one too many: serde refuses a field that stands twice.
    let token = parse::<Token>(bytes.clone()).await.ok_or_else(Problem::form_stale)?;
    if !is_of(secret, &token.csrf) {
        tracing::info!("refused a form without a token of this browser");
        return Err(Problem::form_stale());
    }
    parse(bytes).await.ok_or_else(|| Problem::request_invalid("The form lacks a field, or has one that it can't have."))
}

async fn parse<T: DeserializeOwned>(bytes: Bytes) -> Option<T> {
    let request =
        Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(bytes.into()).ok()?;
    Form::<T>::from_request(request, &()).await.ok().map(|Form(form)| form)
}

/// Refuses a request that a browser sends on behalf of another site.
pub(super) fn require_own_page(headers: &HeaderMap, origin: &WebOrigin) -> Result<(), Problem> {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or("?").to_owned();
    // Fetch Metadata: `none` is the person's own doing. Browsers send it to trustworthy origins only.
    let site: Vec<String> = headers.get_all("sec-fetch-site").iter().map(text).collect();
    let origins: Vec<String> = headers.get_all(ORIGIN).iter().map(text).collect();
    let is_ours = match (site.as_slice(), origins.as_slice()) {
        ([site], _) => site == "same-origin" || site == "none",
        // `null` stands for an origin that a browser hides: a sandboxed frame, a page of another site after a redirect.
        ([], [from]) => from == origin.as_str(),
        // No browser of today: the token decides.
        ([], []) => true,
        _ => false,
    };
    if is_ours {
        return Ok(());
    }
    tracing::warn!(site = ?site, origin = ?origins, "refused a form that was sent from another site");
    Err(Problem::form_foreign())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_spelt_anew_each_time_and_belongs_to_one_secret() {
        let (ours, theirs) = (SecretToken::generate().unwrap(), SecretToken::generate().unwrap());
        let (one, two) = (CsrfToken::of(&ours).unwrap().to_string(), CsrfToken::of(&ours).unwrap().to_string());
        assert_ne!(one, two);
        assert!(is_of(&ours, &one) && is_of(&ours, &two));
        assert!(!is_of(&theirs, &one));
        assert!(!one.contains(&ours.reveal()));
        let reversed: String = one.chars().rev().collect();
        for wrong in ["", "AAAA", &one[..30], &one[1..], &reversed, &format!("{one}A")] {
            assert!(!is_of(&ours, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_refused_by_what_the_browser_says() {
        let origin = "https://id.example.com".parse().unwrap();
        let check = |headers: &[(&'static str, &str)]| {
            let headers: HeaderMap = headers
                .iter()
                .map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap()))
                .collect();
            require_own_page(&headers, &origin).is_ok()
        };
        assert!(check(&[]));
        assert!(check(&[("origin", "https://id.example.com")]));
        assert!(check(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(check(&[("sec-fetch-site", "same-origin"), ("origin", "https://behind.proxy.example")]));
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "https://id.example.com.evil.example")],
            &[("origin", "http://id.example.com")],
            &[("origin", "https://id.example.com:8443")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://id.example.com")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "https://id.example.com"), ("origin", "https://evil.example")],
        ] {
            assert!(!check(foreign), "{foreign:?}");
        }
    }
}
