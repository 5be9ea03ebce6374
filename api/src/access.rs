//! Who is calling. What a caller may see is decided by the query engine, by this role.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::request::Parts;
use stadtwarte_model::Role;

use crate::error::Problem;
use crate::state::ApiState;

/// The header for those who cannot set `Authorization`.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A caller: anyone, or the holder of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// What the caller may do.
    pub role: Role,
    /// Whether a key was presented; answers to it are not for shared caches.
    pub has_key: bool,
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let Some(key) = presented_key(&parts.headers)? else { return Ok(Self { role: Role::Public, has_key: false }) };
        let role = state.engine.store().registry().state().role_of_key(key);
        role.map(|role| Self { role, has_key: true }).ok_or(Problem::unauthorized("the key presented opens nothing here"))
    }
}

/// What a caller presented, kept for as long as its connection: a key may be taken back meanwhile.
pub(crate) struct Presented {
    caller: Caller,
    key: Option<String>,
}

impl Presented {
    /// For a caller whose headers were accepted.
    ///
    /// # Errors
    /// As for [`Caller`].
    pub fn of(caller: Caller, headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { caller, key: presented_key(headers)?.map(str::to_owned) })
    }

    /// The caller as it was.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Whether it is still what it was.
    pub fn is_still_good(&self, state: &ApiState) -> bool {
        self.key.as_deref().is_none_or(|key| state.engine.store().registry().state().role_of_key(key) == Some(self.caller.role))
    }
}

/// The key in the headers. Never looked for in the address, which ends up in logs and histories.
///
/// # Errors
/// A caller who tries to present a key but does it wrongly is refused: it must not take open data for all there is.
fn presented_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let key = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        keys.push(key.ok_or(Problem::unauthorized("`Authorization` must be `Bearer` followed by a key"))?);
    }
    for value in headers.get_all(&API_KEY) {
        keys.push(value.to_str().map_err(|_| Problem::unauthorized("`X-Api-Key` holds no key"))?.trim());
    }
    match keys.as_slice() {
        [] => Ok(None),
        [first, others @ ..] if others.iter().all(|key| key == first) => Ok(Some(first)),
        _ => Err(Problem::unauthorized("several different keys were presented")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outer `None` is a refused request, the inner one a request without a key.
    #[allow(clippy::option_option, reason = "three outcomes, told apart in one comparison each")]
    fn key_of(headers: &[(&'static str, &'static str)]) -> Option<Option<String>> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        presented_key(&map).ok().map(|key| key.map(str::to_owned))
    }

    #[test]
    fn a_key_is_found_in_either_header_and_nothing_else_passes_for_none() {
        let some = |key: &str| Some(Some(key.to_owned()));
        assert_eq!(key_of(&[]), Some(None));
        assert_eq!(key_of(&[("authorization", "Bearer swk_a_b")]), some("swk_a_b"));
        assert_eq!(key_of(&[("authorization", "bearer  swk_a_b ")]), some("swk_a_b"));
        assert_eq!(key_of(&[("x-api-key", "swk_a_b")]), some("swk_a_b"));
        assert_eq!(key_of(&[("x-api-key", "swk_a_b"), ("authorization", "Bearer swk_a_b")]), some("swk_a_b"));
        assert_eq!(key_of(&[("x-api-key", "")]), some(""), "an empty key is a wrong key, not none");
        for headers in [
            [("authorization", "Basic dXNlcg=="), ("accept", "*/*")],
            [("authorization", "swk_a_b"), ("accept", "*/*")],
            [("authorization", ""), ("accept", "*/*")],
            [("x-api-key", "swk_a_b"), ("x-api-key", "swk_c_d")],
            [("authorization", "Bearer swk_a_b"), ("x-api-key", "swk_c_d")],
        ] {
            assert_eq!(key_of(&headers), None, "{headers:?}");
        }
    }
}
