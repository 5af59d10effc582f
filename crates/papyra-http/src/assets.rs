//! The page at `/`: a few small files inside the program. They hold nothing of a log, so they want no token.

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Path},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
        request::Parts,
    },
    response::{IntoResponse as _, Response},
    routing::get,
};

use crate::{answer::Refusal, service::State};

const PAGE: &str = include_str!("assets/index.html");

/// Where the page says in which directory it stands.
const BASE: &str = "{base}";

/// Name, type and content.
const FILES: [(&str, &str, &[u8]); 8] = [
    ("app.js", JAVASCRIPT, include_bytes!("assets/app.js")),
    ("chart.js", JAVASCRIPT, include_bytes!("assets/chart.js")),
    ("dom.js", JAVASCRIPT, include_bytes!("assets/dom.js")),
    ("model.js", JAVASCRIPT, include_bytes!("assets/model.js")),
    ("service.js", JAVASCRIPT, include_bytes!("assets/service.js")),
    ("tail.js", JAVASCRIPT, include_bytes!("assets/tail.js")),
    ("style.css", "text/css; charset=utf-8", include_bytes!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new().route("/", get(page)).route("/assets/{name}", get(file))
}

/// The page. Mounted at `/ops/papyra` it may be asked for without a slash at the end, and its files lie below it all the
/// same.
async fn page(OriginalUri(uri): OriginalUri) -> Response {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let base = match last {
        "" => String::new(),
        last if last.bytes().all(plain) => format!("{last}/"),
        // A name that would have to be written otherwise in HTML: the mount's own page with a slash works.
        _ => "./".to_owned(),
    };
    ([(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], PAGE.replace(BASE, &base)).into_response()
}

async fn file(Path(name): Path<String>, request: Parts) -> Result<Response, Refusal> {
    let Some((_, kind, content)) = FILES.into_iter().find(|(file, ..)| *file == name) else {
        return Err(Refusal::no_such_page());
    };
    let mark = format!("\"{}\"", &blake3::hash(content).to_hex()[..16]);
    // A browser keeps the files and asks whether they are still the same: a newer program has others under the same names.
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ETAG, HeaderValue::from_str(&mark).unwrap_or(HeaderValue::from_static("\"\""))),
    ];
    let known = request.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == mark.as_bytes());
    Ok(if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, content).into_response() })
}
