//! TLS: with an authority of the test's own.

use std::{path::Path, process::Command, time::Duration};

use papyra::{ErrorKind, Log, RedisConfig, RedisLog};

use crate::{
    facts::{assert_exactly, facts},
    lab::{Server, free_port, is_installed},
};

/// An authority, and certificates that it signed for the server and for a client.
fn certificates(dir: &Path) {
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    for name in ["server", "client"] {
        openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile names"
        ));
    }
}

#[tokio::test]
async fn a_log_is_written_and_read_over_tls_and_only_with_a_certificate_that_is_believed() {
    if !is_installed("openssl") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let file = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let port = free_port();
    let _server = Server::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.pem"),
    ]);
    let url = |options: &str| format!("rediss://127.0.0.1:{port}/0?{options}");
    let log = papyra::open(&url(&format!(
        "tls_ca={}&tls_cert={}&tls_key={}",
        file("ca.pem"),
        file("client.pem"),
        file("client.key")
    )))
    .await
    .unwrap();
    log.append(&facts(0, 9)).await.unwrap();
    assert_exactly(&log, 0..9).await;

    // An authority that nobody knows; a client that proves nothing.
    let stranger = Log::new(RedisLog::new(RedisConfig::new("127.0.0.1", port).with_tls()));
    let error = stranger.append(&facts(9, 3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
    assert!(error.cure().unwrap().contains("tls_ca"), "{error:?}");
    let unproven = RedisConfig::new("127.0.0.1", port).with_tls_ca(file("ca.pem"));
    let unproven = Log::new(RedisLog::new(unproven.with_timeout(Duration::from_millis(300))));
    unproven.append(&facts(9, 3)).await.unwrap_err();
    let missing = papyra::open(&url("tls_ca=/none")).await.unwrap();
    assert_eq!(missing.append(&facts(9, 3)).await.unwrap_err().kind(), ErrorKind::Config);
    assert_exactly(&log, 0..9).await;
}
