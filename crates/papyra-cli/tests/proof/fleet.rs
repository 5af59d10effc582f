//! A fleet of workers that are killed at any moment: each fact is handled, and nothing is left pending.

use std::{
    collections::HashMap,
    fs::File,
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use papyra::{Consumer, Fact, Group, Kind};

use crate::{
    chance::Chance,
    effort::{HANG, count, skip, tool},
    redis_lab::{Client, Server},
};

const WORKERS: usize = 10;
const STREAM: &str = "papyra:local:events";
/// What a worker process is told: the address of the log, its name, the file of what it handled.
const ORDERS: [&str; 3] = ["PAPYRA_FLEET_URL", "PAPYRA_FLEET_NAME", "PAPYRA_FLEET_HANDLED"];

/// Not a test but a worker, when the test below starts this program again.
#[test]
#[ignore = "a worker of the fleet"]
fn worker() {
    let [Ok(url), Ok(name), Ok(handled)] = ORDERS.map(std::env::var) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = papyra::open(&url).await.unwrap();
        let mut consumer = Consumer::builder(&log, Group::new(Kind::Event, "fleet"), name)
            .count(16)
            .block(Duration::from_millis(100))
            .min_idle(Duration::from_millis(500))
            .max_deliveries(1_000_000)
            .open()
            .unwrap();
        let mut handled = File::options().append(true).create(true).open(handled).unwrap();
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery.unwrap();
            let Fact::Event(event) = &delivery.entry.fact else { panic!("not an event: {delivery:?}") };
            // One write: a kill comes before it or behind it.
            handled.write_all(format!("{}\n", event.event_type).as_bytes()).unwrap();
            consumer.ack(&[delivery.entry.position]).await.unwrap();
        }
    });
}

struct Fleet {
    url: String,
    handled: PathBuf,
    running: Vec<Child>,
    /// Names that were given.
    names: usize,
}

impl Fleet {
    fn start(&mut self, name: String) -> Child {
        let mut worker = Command::new(std::env::current_exe().unwrap());
        worker.args(["--ignored", "--exact", "fleet::worker"]).stdin(Stdio::null()).stdout(Stdio::null());
        let orders = [&self.url, &name, self.handled.to_str().unwrap()].map(str::to_owned);
        worker.envs(ORDERS.into_iter().zip(orders));
        worker.spawn().unwrap()
    }

    /// Kills one of them, and starts another in its place: under the same name, as after a restart, or under a new one.
    fn kill_one(&mut self, chance: &mut Chance) {
        let at = chance.below(self.running.len());
        let _ = self.running[at].kill();
        let _ = self.running[at].wait();
        let name = if chance.below(2) == 0 {
            format!("worker-{at}")
        } else {
            self.names += 1;
            format!("stranger-{}", self.names)
        };
        self.running[at] = self.start(name);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for worker in &mut self.running {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// What is pending, and what is still to be delivered.
fn left(client: &mut Client) -> (i64, i64) {
    let groups = client.call(["XINFO", "GROUPS", STREAM]).list();
    let Some(group) = groups.into_iter().next() else { return (0, 1) };
    let members = group.list();
    let figure = |name: &str| {
        let value = members.chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| pair[1].number());
        value.unwrap_or(i64::MAX)
    };
    (figure("pending"), figure("lag"))
}

#[test]
fn workers_that_are_killed_at_any_moment_handle_each_fact_and_leave_nothing_pending() {
    if tool("redis-server").is_none() {
        return skip("redis-server is not installed");
    }
    let mut chance = Chance::begin("fleet");
    let facts: usize = count(2_000, 100_000);
    let kills = count(40, 1_000);
    let server = Server::start();
    let mut client = server.client();
    let fill = "for n = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'data', \
        '{\"kind\":\"event\",\"event_type\":\"' .. n .. '\",\"timestamp\":1700000000}') end";
    client.call(["EVAL", fill, "1", STREAM, &facts.to_string()]);
    let directory = tempfile::tempdir().unwrap();
    let handled = directory.path().join("handled");
    let mut fleet = Fleet { url: server.url("prefix=papyra"), handled, running: Vec::new(), names: 0 };
    for at in 0..WORKERS {
        let worker = fleet.start(format!("worker-{at}"));
        fleet.running.push(worker);
    }
    let began = Instant::now();
    let mut killed = 0;
    loop {
        let (pending, lag) = left(&mut client);
        if pending == 0 && lag == 0 {
            break;
        }
        // The kills are spread over the facts, so that there is always something to lose.
        let done = facts.saturating_sub(usize::try_from(lag).unwrap_or(facts));
        if killed < kills && done * kills >= killed * facts {
            fleet.kill_one(&mut chance);
            killed += 1;
        }
        assert!(began.elapsed() < HANG * 5, "{pending} pending, {lag} to come, after {killed} kills");
        std::thread::sleep(Duration::from_millis(chance.between(1, 10) as u64));
    }
    let handled = std::fs::read_to_string(&fleet.handled).unwrap();
    let mut times = HashMap::<usize, usize>::new();
    for line in handled.lines() {
        *times.entry(line.parse().unwrap()).or_default() += 1;
    }
    let missing: Vec<usize> = (1..=facts).filter(|n| !times.contains_key(n)).collect();
    assert!(missing.is_empty(), "{} never handled, such as {:?}", missing.len(), &missing[..missing.len().min(10)]);
    assert!(killed > 0);
    let again = times.values().filter(|times| **times > 1).count();
    println!("{facts} facts, {killed} kills: each handled, {again} more than once, nothing left pending");
}
