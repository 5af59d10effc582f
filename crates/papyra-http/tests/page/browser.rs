//! A headless Chromium, spoken to through a pipe: one JSON message after another, each ended by a zero byte.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing in these tests takes so long, on any machine.
const FOR_EVER: Duration = Duration::from_secs(120);

pub(crate) struct Browser {
    child: Child,
    stdin: ChildStdin,
    heard: Receiver<Value>,
    number: u64,
    session: Option<String>,
    /// What the page complained of.
    complaints: Vec<String>,
    /// What it asked for.
    requests: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// `None` where there is no Chromium and tests may be skipped.
    pub(crate) fn start() -> Option<Browser> {
        let names = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
        let Some(program) = names.into_iter().find(|name| Path::new(name).exists()) else {
            assert!(
                std::env::var_os("PAPYRA_REQUIRE_ALL").is_none_or(|value| value != "1"),
                "no Chromium: install the Debian package chromium"
            );
            eprintln!("skipped: no Chromium");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The browser reads from its third file and writes to its fourth.
        let line = format!(
            "exec {program} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
             --disable-background-networking --disable-component-update --disable-sync --disable-extensions \
             --window-size=1280,900 --user-data-dir=\"$PROFILE\" --remote-debugging-pipe about:blank \
             3<&0 4>&1 </dev/null >/dev/null 2>&1"
        );
        let mut child = Command::new("/bin/sh")
            .args(["-c", &line])
            .env("PROFILE", profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, heard) = channel();
        thread::spawn(move || {
            for message in BufReader::new(stdout).split(0) {
                let Ok(message) = message else { return };
                if tell.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let (complaints, requests) = (Vec::new(), Vec::new());
        Some(Browser { child, stdin, heard, number: 0, session: None, complaints, requests, _profile: profile })
    }

    /// Opens a page and listens to its complaints.
    pub(crate) fn open(&mut self, url: &str) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = self.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Runtime", "Log", "Page", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("document.readyState === 'complete' && document.getElementById('ready') !== null");
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.stdin.write_all(message.to_string().as_bytes()).unwrap();
        self.stdin.write_all(&[0]).unwrap();
        let give_up = Instant::now() + FOR_EVER;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let heard = match self.heard.recv_timeout(left) {
                Ok(heard) => heard,
                Err(RecvTimeoutError::Timeout) => panic!("the browser does not answer {method}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the browser has gone at {method}"),
            };
            if heard["id"] == json!(self.number) {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
            self.hear(&heard);
        }
    }

    fn hear(&mut self, heard: &Value) {
        let params = &heard["params"];
        match heard["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "warning" | "assert")) => {
                self.complaints.push(params["args"].to_string());
            }
            "Log.entryAdded" if matches!(params["entry"]["level"].as_str(), Some("error" | "warning")) => {
                self.complaints.push(params["entry"].to_string());
            }
            "Network.requestWillBeSent" => self.requests.extend(params["request"]["url"].as_str().map(str::to_owned)),
            _ => {}
        }
    }

    fn evaluate(&mut self, body: &str) -> Value {
        let expression = format!("(async () => {{ {body} }})()");
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{body}: {answer}");
        answer["result"]["value"].clone()
    }

    pub(crate) fn run(&mut self, body: &str) {
        self.evaluate(body);
    }

    pub(crate) fn number(&mut self, body: &str) -> i64 {
        let value = self.evaluate(body);
        value.as_i64().unwrap_or_else(|| panic!("{body}: {value}"))
    }

    pub(crate) fn text(&mut self, body: &str) -> String {
        let value = self.evaluate(body);
        value.as_str().unwrap_or_else(|| panic!("{body}: {value}")).to_owned()
    }

    pub(crate) fn list(&mut self, expression: &str) -> Vec<String> {
        let value = self.evaluate(&format!("return {expression}"));
        let list = value.as_array().unwrap_or_else(|| panic!("{expression}: {value}"));
        list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until this is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        let give_up = Instant::now() + FOR_EVER;
        while self.evaluate(&format!("return Boolean({expression})")) != json!(true) {
            if Instant::now() >= give_up {
                let page = self.text("return document.body.innerText");
                panic!("never came true: {expression}\ncomplaints: {:?}\n{page}", self.complaints);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key that has a name.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            other => panic!("{other}"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// The user's choice between light and dark.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The page complained of nothing but what was expected, and asked nobody but its own server.
    #[track_caller]
    pub(crate) fn must_be_content(&mut self, host: &str, expected: &[&str]) {
        // Whatever was said until now has been heard then.
        self.run("");
        let complaints = self.complaints.iter().filter(|told| !expected.iter().any(|part| told.contains(part)));
        assert_eq!(complaints.collect::<Vec<_>>(), [""; 0]);
        let own = format!("http://{host}/");
        let outside = self.requests.iter().filter(|url| !url.starts_with(&own) && *url != "about:blank");
        assert_eq!(outside.collect::<Vec<_>>(), [""; 0]);
        assert!(self.requests.len() > 5, "{:?}", self.requests);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
