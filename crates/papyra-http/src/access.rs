//! Who may ask: the name that a request calls this server by, where it comes from, and the token.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State as Behind},
    http::{
        HeaderMap, HeaderName, HeaderValue, Uri,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::{answer::Refusal, service::State};

/// The longest path and query that are looked at. Browsers and tools stay far below.
const MAX_URI: usize = 8 << 10;

/// What a browser may do with our answers: show them, with what this very server has, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Says where a request of a browser comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Who may ask.
#[derive(Clone, Default)]
pub(crate) struct Access {
    /// The checksum of the token: comparing checksums takes as long for a near miss as for any other.
    token: Option<blake3::Hash>,
    /// Names by which this server may be called, in small letters.
    hosts: Vec<String>,
    pub(crate) is_open_to_all: bool,
}

impl Access {
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(blake3::hash(token.as_bytes()));
        self
    }

    pub(crate) fn allow_host(mut self, name: &str) -> Self {
        self.hosts.push(name.to_ascii_lowercase());
        self
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the request has the token, or none is wanted.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        self.token.is_none() || self.knows(headers)
    }

    /// Whether the request has the token.
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = self.token else { return false };
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let Some((scheme, given)) = given.split_at_checked(b"Bearer ".len()) else { return false };
        // Equality of these checksums takes the same time whatever they are.
        scheme.eq_ignore_ascii_case(b"bearer ") && blake3::hash(given.trim_ascii()) == token
    }

    /// Whether this server may be called by this name. A page whose name leads here by a trick of its name server
    /// calls us by that name, never by an address.
    fn is_known_as(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
        name == "localhost" || bare.parse::<IpAddr>().is_ok() || self.hosts.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// What every request passes: its size, and the name that it calls us by.
pub(crate) async fn pass(Behind(state): Behind<Arc<State>>, request: Request, next: Next) -> Response {
    let refused = refuse(&state.access, request.uri(), request.headers());
    let mut response = match refused {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (RESOURCE_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refuse(access: &Access, uri: &Uri, headers: &HeaderMap) -> Option<Refusal> {
    if uri.path_and_query().is_some_and(|asked| asked.as_str().len() > MAX_URI) {
        return Some(Refusal::uri_too_long(MAX_URI));
    }
    let host = headers.get(HOST).map(|host| host.to_str().unwrap_or_default()).or_else(|| uri.host());
    match host {
        Some(host) if access.is_known_as(host) => None,
        _ => Some(Refusal::unknown_host()),
    }
}

/// What those pass that want metrics or facts: where they come from, and the token.
pub(crate) async fn admit(Behind(state): Behind<Arc<State>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    // A page of another site cannot read our answers, but it could have its visitors' browsers ask for scans without end.
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return Refusal::other_site().into_response();
    }
    if !state.access.admits(headers) {
        return Refusal::no_token().into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_allowed_is_not_ours() {
        let access = Access::default().allow_host("Papyra.Example");
        for host in
            ["localhost", "LOCALHOST:80", "127.0.0.1:7117", "10.1.2.3", "[::1]:7117", "[fe80::1]", "papyra.example:1"]
        {
            assert!(access.is_known_as(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:7117",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[evil]",
            "localhost:x",
            "::",
        ] {
            assert_eq!(access.is_known_as(host), host == "::", "{host}");
        }
    }

    #[test]
    fn only_the_token_itself_is_the_token() {
        let access = Access::default().with_token("a-long-secret");
        let given = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            access.admits(&headers)
        };
        assert!(given("Bearer a-long-secret") && given("bearer a-long-secret "));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a-long-secre",
            "Bearer a-long-secret2",
            "Basic a-long-secret",
            "a-long-secret",
        ] {
            assert!(!given(wrong), "{wrong}");
        }
        assert!(!access.admits(&HeaderMap::new()));
        assert!(Access::default().admits(&HeaderMap::new()) && !Access::default().knows(&HeaderMap::new()));
    }
}
