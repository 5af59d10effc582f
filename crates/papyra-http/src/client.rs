//! Asks a running service: what the command line does with `--url http://…`. Plain HTTP, as services have it on their own
//! machine or behind a proxy.

use std::{pin::pin, time::Duration};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{AUTHORIZATION, HOST},
};
use hyper_util::rt::TokioIo;
use papyra::{Error, ErrorKind, Result};
use tokio::{net::TcpStream, time::timeout};

/// How large an answer may be.
const MAX_ANSWER: usize = 4 << 20;
/// How long the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service, by its address.
#[derive(Clone)]
pub struct Client {
    host: String,
    port: u16,
    /// What stands before every path: where the service is mounted.
    base: String,
    token: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.address())
    }
}

impl Client {
    /// The service at `http://host:port`, perhaps with the path at which it is mounted. `/metrics` at its end does not count: it is
    /// the address that collectors of metrics know.
    ///
    /// # Errors
    /// `Config` for what is no such address.
    pub fn new(url: &str, token: Option<String>) -> Result<Client> {
        let wrong = |why: &str| {
            // The address is not repeated: it may hold a password.
            Error::new(ErrorKind::Config, format!("the address of the service {why}"))
                .with_cure("give it as http://127.0.0.1:7117, or http://HOST:PORT/metrics")
        };
        let uri: Uri = url.parse().map_err(|_| wrong("cannot be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(wrong("is https, which this version does not speak")
                    .with_cure("ask the service on its own machine, or by a tunnel: ssh -L 7117:127.0.0.1:7117 HOST"));
            }
            _ => return Err(wrong("does not begin with http://")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user or a password").with_cure("put the token into PAPYRA_TOKEN_FILE"));
        }
        if uri.query().is_some() {
            return Err(wrong("has a query"));
        }
        let path = uri.path().trim_end_matches('/');
        let base = path.strip_suffix("/metrics").unwrap_or(path).to_owned();
        Ok(Client { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80), base, token })
    }

    /// The address without the path.
    pub fn address(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.base)
    }

    /// The service's metrics as OpenMetrics text.
    ///
    /// # Errors
    /// `Unavailable` if nobody answers, `Permission` without the token, `NotFound` if this is no Papyra.
    pub async fn metrics(&self) -> Result<String> {
        self.ask(Method::GET, "/metrics").await
    }

    /// Begins the counters of the service anew.
    ///
    /// # Errors
    /// Those of [`metrics`](Client::metrics); `Permission` as well if the service has no token at all.
    pub async fn reset_metrics(&self) -> Result<()> {
        self.ask(Method::POST, "/api/v1/metrics/reset").await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str) -> Result<String> {
        timeout(PATIENCE, self.exchange(method, path)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, format!("{} did not answer within {PATIENCE:?}", self.address())))
        })
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<String> {
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Unavailable, format!("the service at {} cannot be asked", self.address()))
                .with_source(error)
                .with_cure("is it running? `papyra serve` says at which address it listens")
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await.map_err(|error| unavailable(error.into()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unavailable(error.into()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, format!("{}:{}", self.host, self.port));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| {
            Error::new(ErrorKind::Config, "the token cannot stand in a header")
                .with_cure("take one of letters and digits")
        })?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| unavailable(error.into()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(unavailable)?;
            Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
        };
        let mut exchange = pin!(exchange);
        // The connection does the work of both sides. A service may hang up right behind its answer, which is here then.
        let (status, body) = tokio::select! {
            answered = &mut exchange => answered?,
            ended = connection => match (exchange.await, ended) {
                (Ok(answered), _) => answered,
                (Err(_), Err(why)) => return Err(unavailable(why.into())),
                (Err(why), Ok(())) => return Err(why),
            },
        };
        self.judge(status, body)
    }

    fn judge(&self, status: StatusCode, body: String) -> Result<String> {
        let (kind, why) = match status {
            status if status.is_success() => return Ok(body),
            StatusCode::UNAUTHORIZED => (ErrorKind::Permission, "wants a token".to_owned()),
            StatusCode::FORBIDDEN => (ErrorKind::Permission, "has no token, so that nobody may reset it".to_owned()),
            StatusCode::NOT_FOUND => (ErrorKind::NotFound, "has no such page: is it a Papyra?".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE => (ErrorKind::Unavailable, "is busy".to_owned()),
            other => (ErrorKind::Unavailable, format!("answers {}", other.as_u16())),
        };
        let error = Error::new(kind, format!("the service at {} {why}", self.address()));
        Err(match status {
            StatusCode::UNAUTHORIZED => error.with_cure("put it into a file and set PAPYRA_TOKEN_FILE"),
            StatusCode::FORBIDDEN => error.with_cure("start it with --token-file FILE"),
            _ => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_collectors_know_it() {
        for (url, address) in [
            ("http://127.0.0.1:7117", "http://127.0.0.1:7117"),
            ("http://127.0.0.1:7117/metrics", "http://127.0.0.1:7117"),
            ("http://orders/papyra/metrics", "http://orders:80/papyra"),
            ("http://[::1]:7117/", "http://[::1]:7117"),
        ] {
            assert_eq!(Client::new(url, None).unwrap().address(), address);
        }
        for url in [
            "https://orders",
            "ftp://x",
            "orders:7117",
            "http://user:secret@orders",
            "http://orders/?a=secret",
            "http://",
            "",
        ] {
            let error = Client::new(url, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
