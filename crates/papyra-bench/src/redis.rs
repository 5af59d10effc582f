//! P13: facts into a Redis stream, against `redis-benchmark` with as many commands on their way over one connection.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use papyra::{Backend as _, Event, Fact, Payload, RedisConfig, RedisLog};

use crate::table::{self, Must, Row};

/// Entries on their way at once: what one batch of the writer holds, and the depth of the peer's pipeline.
const DEPTH: usize = 256;
const ENTRIES: usize = 200_000;
const ROUNDS: usize = 5;

pub(crate) fn run(dir: &Path) -> Result<(), String> {
    let mut rows = Vec::new();
    for (name, settings) in [
        ("nothing on disk", &[] as &[&str]),
        ("appendfsync everysec", &["--appendonly", "yes", "--appendfsync", "everysec"]),
        ("appendfsync always", &["--appendonly", "yes", "--appendfsync", "always"]),
    ] {
        let server = Server::start(dir, settings)?;
        // In turn, so that a disturbance meets both.
        let mut ratios = Vec::new();
        for round in 0..ROUNDS {
            let (theirs, ours) = (peer(server.port)?, papyra(server.port, round)?);
            println!("{name}: redis-benchmark {theirs:.0} entries/s, papyra {ours:.0} entries/s");
            ratios.push(ours / theirs);
        }
        ratios.sort_by(f64::total_cmp);
        rows.push(Row {
            number: "P13",
            what: format!("append to Redis, {name}, against redis-benchmark, {DEPTH} on their way"),
            reached: ratios[ROUNDS / 2],
            must: Must::AtLeast(0.75),
            unit: "x",
        });
    }
    table::print(&rows)
}

/// A server of our own, gone with this value.
struct Server {
    child: Child,
    port: u16,
    home: PathBuf,
}

impl Server {
    fn start(dir: &Path, settings: &[&str]) -> Result<Server, String> {
        let failed = |error: std::io::Error| format!("cannot start redis-server: {error}");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(failed)?.port();
        let home = dir.join(format!("redis-{port}"));
        std::fs::create_dir_all(&home).map_err(failed)?;
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(settings)
            .current_dir(&home)
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let server = Server { child, port, home };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("redis-server does not answer".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

fn fact(n: usize) -> Fact {
    let payload = Payload::of(&[n]);
    Event::new("orders://worker/3", "OrderPlaced").with_payload(payload).into()
}

/// Entries a second of the peer, each as large as one of ours.
fn peer(port: u16) -> Result<f64, String> {
    let data = "x".repeat(fact(0).to_json().len() + 90);
    let output = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-c", "1", "-P", &DEPTH.to_string(), "-n", &ENTRIES.to_string(), "--csv"])
        .args(["XADD", "peer", "*", "data", &data])
        .output()
        .map_err(|error| format!("cannot run redis-benchmark: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().last().and_then(|line| line.rsplit("\",\"").nth(6)?.trim_matches('"').parse().ok());
    forget(port, "peer");
    rate.ok_or_else(|| format!("redis-benchmark says: {text}"))
}

/// Entries a second of ours, encoding and checksums included.
fn papyra(port: u16, round: usize) -> Result<f64, String> {
    let told = |error: papyra::Error| error.to_string();
    let config = RedisConfig::new("127.0.0.1", port).with_system(format!("bench{round}")).map_err(told)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let batches: Vec<Vec<Fact>> =
        (0..ENTRIES / DEPTH).map(|batch| (0..DEPTH / 2).map(|n| fact(batch * DEPTH + n)).collect()).collect();
    let rate = runtime.block_on(async {
        let log = RedisLog::new(config);
        log.append(&[]).await.map_err(told)?;
        let began = Instant::now();
        // Two at once, each of half the depth: while the server adds one, the next is encoded.
        let half = async |offset: usize| {
            for batch in batches.iter().skip(offset).step_by(2) {
                log.append(batch).await?;
                log.append(batch).await?;
            }
            Ok::<_, papyra::Error>(())
        };
        tokio::try_join!(half(0), half(1)).map_err(told)?;
        let rate = (batches.len() * DEPTH) as f64 / began.elapsed().as_secs_f64();
        log.close().await.map_err(told)?;
        Ok::<_, String>(rate)
    })?;
    forget(port, &format!("papyra:bench{round}:events"));
    Ok(rate)
}

/// Deletes a key, so that every round finds the same server.
fn forget(port: u16, key: &str) {
    let _ = Command::new("redis-cli").args(["-p", &port.to_string(), "DEL", key]).stdout(Stdio::null()).status();
}
