//! `papyra serve`, and what the command line asks of a running service.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use crate::lab::{Lab, Running, events};

const TOKEN: &str = "a-token-for-this-test";

/// A server of `facts.ndjson` on a free port, and its address.
fn serve(lab: &Lab, more: &[&str]) -> (Running, String) {
    let args = [&["serve", "--listen", "127.0.0.1:0", "--path", "facts.ndjson"], more].concat();
    let mut server = Running::start(lab.command(&args));
    let line = server.line();
    let url = line.strip_prefix("serving ").and_then(|rest| rest.split(' ').next());
    let url = url.unwrap_or_else(|| panic!("{line}")).trim_end_matches('/').to_owned();
    (server, url)
}

/// The status and the body of an answer.
fn get(url: &str, path: &str) -> (u16, String) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_server_answers_until_it_is_told_to_end() {
    let lab = Lab::with(&events(1..=3));
    let (mut server, url) = serve(&lab, &[]);
    assert_eq!(get(&url, "/healthz").0, 200);
    let (status, facts) = get(&url, "/api/v1/events");
    // The same bytes as the command line prints.
    assert_eq!((status, facts), (200, lab.on_log(&["inspect", "events", "-o", "json"]).stdout));
    assert_eq!(server.end_with("TERM"), Some(143));
}

#[test]
fn the_api_tells_what_the_command_line_tells() {
    let lab = Lab::damaged();
    let (_server, url) = serve(&lab, &["--no-scan"]);
    for (path, args) in [
        ("/api/v1/summary", &["inspect", "summary", "-o", "json"] as &[&str]),
        ("/api/v1/stats", &["metrics", "persistence", "--json"]),
        ("/api/v1/scan", &["persistence", "scan", "-o", "json"]),
        ("/api/v1/timeline?actor=local:3", &["timeline", "local:3", "-o", "json"]),
        ("/api/v1/events?limit=1", &["inspect", "events", "--limit", "1", "-o", "json"]),
    ] {
        let (status, body) = get(&url, path);
        let json = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        assert_eq!((status, json(&body)), (200, json(&lab.on_log(args).stdout)), "{path}");
    }
}

#[test]
fn a_damaged_log_is_served_and_not_ready() {
    let lab = Lab::damaged();
    let (_server, url) = serve(&lab, &[]);
    let ready = loop {
        let (status, ready) = get(&url, "/readyz");
        assert_eq!(status, 503);
        if !ready.contains("being checked") {
            break ready;
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert!(ready.contains("1 anomalies: see `papyra persistence scan`"), "{ready}");
    assert_eq!(get(&url, "/api/v1/events").0, 200);
}

#[test]
fn the_counters_of_a_running_service_are_shown_and_reset_with_the_token() {
    let lab = Lab::with(&events(1..=3));
    lab.write("token", TOKEN);
    let (_server, url) = serve(&lab, &["--token-file", "token", "--name", "orders"]);
    let ask = |args: &[&str], token: &str| {
        let mut command = lab.command(&[args, &["--url", &url]].concat());
        command.env("PAPYRA_TOKEN_FILE", token);
        crate::lab::finish(command, b"")
    };
    let json = ask(&["metrics", "persistence", "--json"], "token").json();
    assert_eq!((&json["schema"], &json["source"]), (&"papyra.metrics/1".into(), &"service".into()));
    assert_eq!((&json["log"], &json["backend"]), (&"orders".into(), &"json".into()));
    assert!(json["metrics"]["scans"].is_u64() && json["metrics"]["sync_seconds"]["count"].is_u64(), "{json}");
    let words = ask(&["metrics", "persistence"], "token");
    assert_eq!(words.lines()[0], format!("source: service (the counters of {url})"));
    assert_eq!(ask(&["metrics", "reset"], "token").lines(), [format!("The counters of {url} begin anew.")]);

    lab.write("wrong", "another-token-than-that");
    for args in [&["metrics", "persistence"] as &[&str], &["metrics", "reset"]] {
        assert_eq!(ask(args, "wrong").code, Some(77), "{args:?}");
    }
    assert_eq!(ask(&["metrics", "persistence"], "missing").code, Some(78));
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let lab = Lab::with(&events(1..=3));
    lab.write("short", "short");
    let run = |args: &[&str]| lab.on_log(&[&["serve"], args].concat());
    let everywhere = run(&["--listen", "0.0.0.0:0"]);
    assert!(everywhere.code == Some(78) && everywhere.stderr.contains("--token-file"), "{everywhere:?}");
    assert_eq!(run(&["--token-file", "short"]).code, Some(78));
    assert_eq!(run(&["--listen", "nowhere"]).code, Some(64));
    let (_server, url) = serve(&lab, &[]);
    assert_eq!(run(&["--listen", url.strip_prefix("http://").unwrap()]).code, Some(69));
    let trusting = run(&["--listen", "0.0.0.0:0", "--insecure", "--for", "1ms"]);
    assert!(trusting.code == Some(0) && trusting.stderr.contains("whoever reaches this address"), "{trusting:?}");
}

#[test]
fn nobody_at_the_address_is_unavailable_and_a_stranger_is_no_papyra() {
    let lab = Lab::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    let stranger = thread::spawn(move || {
        let (mut stream, _) = free.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    });
    let ask = || lab.run(&["metrics", "persistence", "--url", &url], "");
    assert_eq!(ask().code, Some(66));
    stranger.join().unwrap();
    assert_eq!(ask().code, Some(69));
    for url in ["https://127.0.0.1:1", "http://user:secret@127.0.0.1:1"] {
        let run = lab.run(&["metrics", "persistence", "--url", url], "");
        assert!(run.code == Some(78) && !run.stderr.contains("secret"), "{run:?}");
    }
}
