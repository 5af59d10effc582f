//! What is answered: documents, and refusals with words.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use papyra::{Error, ErrorKind, StartupVerdict, document};
use serde::Serialize;

/// How many causes of causes are told.
const MAX_CAUSES: usize = 10;
/// The schema of what is answered instead of what was asked for.
const SCHEMA: &str = "papyra.error/1";

/// A JSON document.
pub(crate) struct Json(pub(crate) String);

impl Json {
    /// A report under its schema.
    pub(crate) fn report<T: Serialize>(schema: &str, exit: u8, report: &T) -> Result<Json, Refusal> {
        Ok(Json(document::report(schema, exit, report)?))
    }
}

impl IntoResponse for Json {
    fn into_response(mut self) -> Response {
        self.0.push('\n');
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response()
    }
}

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// How a command ends that meets the same.
    exit: u8,
    message: String,
    causes: Vec<String>,
    cure: Option<String>,
}

/// A refusal as it is written in JSON, as the command line writes its failures.
#[derive(Serialize)]
struct Told<'a> {
    error: Words<'a>,
}

#[derive(Serialize)]
struct Words<'a> {
    message: &'a str,
    causes: &'a [String],
    cure: Option<&'a str>,
}

impl Refusal {
    fn new(status: StatusCode, exit: u8, message: impl Into<String>) -> Self {
        Refusal { status, exit, message: message.into(), causes: Vec::new(), cure: None }
    }

    fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    pub(crate) fn uri_too_long(limit: usize) -> Self {
        Refusal::new(StatusCode::URI_TOO_LONG, 64, format!("the path and query are longer than {limit} bytes"))
    }

    pub(crate) fn unknown_host() -> Self {
        Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            64,
            "this server does not go by the name that the request gives it",
        )
        .with_cure("ask for it by its IP address or as localhost, or have it started with --allow-host NAME")
    }

    pub(crate) fn other_site() -> Self {
        Refusal::new(StatusCode::FORBIDDEN, 77, "a page of another site asks for this")
            .with_cure("open the page of this server itself")
    }

    pub(crate) fn no_token() -> Self {
        Refusal::new(StatusCode::UNAUTHORIZED, 77, "this needs the token of this server")
            .with_cure("send it as `Authorization: Bearer TOKEN`; the command line takes it from PAPYRA_TOKEN_FILE")
    }

    pub(crate) fn needs_a_token() -> Self {
        Refusal::new(StatusCode::FORBIDDEN, 77, "a server without a token resets nothing")
            .with_cure("start it with --token-file FILE")
    }

    pub(crate) fn bad_query(message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, 64, message)
    }

    pub(crate) fn no_such_page() -> Self {
        Refusal::new(StatusCode::NOT_FOUND, 66, "there is no such page")
    }

    pub(crate) fn busy(what: &str) -> Self {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, 69, format!("{what} at the moment"))
            .with_cure("ask again a little later")
    }

    /// There is no log yet, or its backend cannot scan.
    pub(crate) fn not_scanned(verdict: StartupVerdict) -> Self {
        match verdict {
            StartupVerdict::NoLog => Error::new(ErrorKind::NotFound, "there is no log yet").into(),
            _ => Error::new(ErrorKind::Unsupported, "the log's backend does not support scan").into(),
        }
    }

    pub(crate) fn too_slow(what: &str) -> Self {
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, 69, what).with_cure("ask for less, with `since` say")
    }

    /// The same as a JSON document, which is harmless on any terminal.
    pub(crate) fn to_json(&self) -> String {
        let words = Words { message: &self.message, causes: &self.causes, cure: self.cure.as_deref() };
        let told = Told { error: words };
        // Strings can always be written.
        document::report(SCHEMA, self.exit, &told).unwrap_or_default()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Config | ErrorKind::Invalid => StatusCode::BAD_REQUEST,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Locked | ErrorKind::Refused => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next
            && causes.len() < MAX_CAUSES
        {
            causes.push(cause.to_string());
            next = cause.source();
        }
        let cure = error.cure().map(str::to_owned);
        Refusal { status, exit: error.kind().exit_code(), message: error.to_string(), causes, cure }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Json(self.to_json()).into_response();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_a_command_would_and_harmlessly() {
        let error = Error::new(ErrorKind::NotFound, "no log `a\u{1b}[2J`").with_cure("look elsewhere");
        let refusal = Refusal::from(error);
        assert_eq!(refusal.status, StatusCode::NOT_FOUND);
        let expected = r#"{"schema":"papyra.error/1","ok":false,"exit":66,"error":{"message":"no log `a\u001b[2J`","causes":[],"cure":"look elsewhere"}}"#;
        assert_eq!(refusal.to_json(), expected);
    }
}
