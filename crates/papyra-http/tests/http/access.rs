//! Who is answered.

use papyra::ErrorKind;
use papyra_http::{Service, client::Client};
use serde_json::json;

use crate::lab::{Lab, log_of};

const TOKEN: &str = "a-token-for-this-test";

async fn guarded() -> Lab {
    Lab::serve(Service::of(log_of(1..=2).await).with_token(TOKEN).allow_host("orders.example")).await
}

#[tokio::test]
async fn a_server_answers_to_its_own_names_only() {
    let lab = Lab::serve(Service::of(log_of(1..=2).await).allow_host("orders.example")).await;
    for (host, status) in [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("[::1]:80", 200),
        ("ORDERS.example:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ] {
        for path in ["/healthz", "/readyz", "/metrics", "/api/v1/events"] {
            let answer = lab.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n")).await;
            assert_eq!(answer.status, status, "{host} {path}");
        }
    }
    lab.end().await;
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let lab = Lab::of(&log_of(1..=2).await).await;
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
        let head = format!("GET /api/v1/stats HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: {site}\r\n", lab.address);
        assert_eq!(lab.ask(&head).await.status, status, "{site}");
    }
    lab.end().await;
}

#[tokio::test]
async fn facts_and_metrics_want_the_token_and_probes_tell_no_reasons_without_it() {
    let lab = guarded().await;
    let with =
        async |path: &str, header: &str| lab.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}")).await;
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for path in ["/metrics", "/api/v1/events", "/api/v1/summary", "/api/v1/stats", "/api/v1/status", "/api/v1/activity"]
    {
        let refused = with(path, "").await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{path}");
        assert_eq!(with(path, "Authorization: Bearer a-token-for-this-tesT\r\n").await.status, 401, "{path}");
        assert_eq!(with(path, &token).await.status, 200, "{path}");
    }
    assert_eq!(with("/api/v1/live", "").await.status, 401);
    assert_eq!(with("/healthz", "").await.status, 200);
    let (stranger, friend) = (with("/readyz", "").await.json(), with("/readyz", &token).await.json());
    assert_eq!(stranger["checks"][0], json!({ "name": "log", "ok": true }));
    assert_eq!(friend["checks"][0]["detail"], json!("read up to 2"));
    lab.end().await;
}

#[tokio::test]
async fn counters_are_reset_with_the_token_only_and_nothing_else_can_be_changed() {
    let log = log_of(1..=2).await;
    let lab = Lab::serve(Service::of(log.clone()).with_token(TOKEN)).await;
    let url = format!("http://{}", lab.address);
    let stranger = Client::new(&url, None).unwrap().reset_metrics().await.unwrap_err();
    assert_eq!((stranger.kind(), log.metrics().records_written), (ErrorKind::Permission, 2));
    Client::new(&url, Some(TOKEN.to_owned())).unwrap().reset_metrics().await.unwrap();
    assert_eq!(log.metrics().records_written, 0);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in ["/api/v1/events", "/api/v1/scan", "/metrics", "/healthz"] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 0\r\n"
            );
            assert_eq!(lab.ask(&head).await.status, 405, "{method} {path}");
        }
    }
    lab.end().await;

    let open = Lab::of(&log_of(1..=2).await).await;
    let refused = Client::new(&format!("http://{}", open.address), None).unwrap().reset_metrics().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Permission);
    open.end().await;
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token_or_a_word() {
    let service = Service::of(log_of(1..=1).await);
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = papyra_http::listen(everywhere, &service).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    for service in [service.clone().with_token(TOKEN), service.open_to_all()] {
        papyra_http::listen(everywhere, &service).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_so() {
    let service = Service::of(log_of(1..=1).await);
    let taken = papyra_http::listen("127.0.0.1:0".parse().unwrap(), &service).await.unwrap();
    let refused = papyra_http::listen(taken.local_addr().unwrap(), &service).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}
