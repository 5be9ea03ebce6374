//! Entity tags and how long answers may be kept.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::access::Caller;
use crate::state::Stamp;

/// Seconds that an answer about the present may be kept by anyone.
pub(crate) const PRESENT: u32 = 5;
/// Seconds that an answer may be kept which changes when somebody changes it.
pub(crate) const SETTLED: u32 = 60;

/// Marks an answer for caches.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    tag: Option<String>,
    max_age_seconds: u32,
    is_private: bool,
}

impl Freshness {
    /// An answer without a tag.
    pub fn untagged(caller: Caller, max_age_seconds: u32) -> Self {
        Self { tag: None, max_age_seconds, is_private: caller.has_key }
    }

    /// An answer that depends on a view and on the address asked for.
    pub fn of_view(caller: Caller, stamp: &Stamp, uri: &Uri) -> Self {
        let seed = format!("{stamp:?} {} {}", uri.path(), uri.query().unwrap_or_default());
        Self { tag: Some(weak_tag(seed.as_bytes())), ..Self::untagged(caller, PRESENT) }
    }

    /// An answer whose content has a tag of its own.
    pub fn of_content(tag: &str, max_age_seconds: u32) -> Self {
        Self { tag: Some(format!("W/\"{tag}\"")), max_age_seconds, is_private: false }
    }

    /// The answer to a client that has this state already.
    pub fn not_modified(&self, request: &HeaderMap) -> Option<Response> {
        let tag = self.tag.as_deref()?;
        is_known(request, tag).then(|| self.mark(StatusCode::NOT_MODIFIED.into_response()))
    }

    /// A whole answer.
    pub fn respond(&self, media_type: &'static str, body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.mark(response)
    }

    fn mark(&self, mut response: Response) -> Response {
        let seconds = self.max_age_seconds;
        let control = if self.is_private { "private, no-store".to_owned() } else { format!("public, max-age={seconds}") };
        set(response.headers_mut(), CACHE_CONTROL, &control);
        if let Some(tag) = &self.tag {
            set(response.headers_mut(), ETAG, tag);
        }
        response
    }
}

/// A tag of anything. Weak, because compression makes other bytes of the same answer (RFC 9110, section 8.8.1).
fn weak_tag(seed: &[u8]) -> String {
    format!("W/\"{}\"", &blake3::hash(seed).to_hex()[..20])
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Weak comparison with every tag of `If-None-Match` (RFC 9110, section 13.1.2).
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = opaque(tag);
    let values = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| known.trim() == "*" || opaque(known) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        for (header, known) in [
            ("W/\"abc\"", true),
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("abc", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, header.parse().unwrap());
            assert_eq!(is_known(&headers, "W/\"abc\""), known, "{header}");
        }
    }
}
