//! What the log rests on: settings of the server that lose facts, and what is missing.

use redis::Value;

use super::{keys::Stream, reply, server::Server, state};
use crate::{
    Clock, ErrorKind, Result, SystemClock, Timestamp,
    checkup::{Check, CheckVerdict},
};

/// A clock that differs by more makes `--since` and ages surprising.
const MAX_CLOCK_SECONDS: f64 = 5.0;
/// A server with less room than this part of its memory is about to refuse facts.
const MIN_ROOM: f64 = 0.1;
/// A replica that was not heard of for so many seconds is of no use.
const MAX_LAG: u64 = 10;

/// Looks at everything.
pub(super) async fn all(server: &Server) -> Result<Vec<Check>> {
    let info = Info::read(server).await?;
    let mut checks = vec![
        info.worst("eviction", eviction),
        persistence(server, &info).await?,
        info.worst("replication", replication),
        keys(server).await?,
        info.worst("memory", memory),
        scripts(server).await?,
        features(server).await?,
        clock(server).await?,
    ];
    checks.extend(groups(server).await?);
    Ok(checks)
}

/// What each server that takes writes says of itself.
struct Info(Option<Vec<Value>>);

impl Info {
    async fn read(server: &Server) -> Result<Info> {
        let mut command = redis::cmd("INFO");
        command.arg("everything");
        ask(server, &command).await.map(Info)
    }

    /// The worst that is to be said of any server.
    fn worst(&self, name: &'static str, check: impl Fn(&Value) -> Check) -> Check {
        let Some(infos) = &self.0 else { return Check::unknown(name, "the server does not allow INFO") };
        let worst = infos.iter().map(check).reduce(|a, b| if b.verdict > a.verdict { b } else { a });
        worst.unwrap_or_else(|| Check::unknown(name, "no server answered"))
    }
}

/// The answers of all servers that take writes; `None` if they do not allow the question.
async fn ask(server: &Server, command: &redis::Cmd) -> Result<Option<Vec<Value>>> {
    match server.ask_all("look at", command).await {
        Ok(values) => Ok(Some(values)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Managed servers forbid commands by rights, and sometimes by not knowing them.
fn is_refusal(error: &crate::Error) -> bool {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default().to_ascii_lowercase();
    let login = source.contains("noauth") || source.contains("wrongpass");
    error.kind() == ErrorKind::Permission && !login
        || source.contains("unknown command")
        || source.contains("unknown subcommand")
}

async fn setting(server: &Server, name: &str) -> Result<Option<Vec<String>>> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(name);
    let Some(answers) = ask(server, &command).await? else { return Ok(None) };
    Ok(Some(answers.iter().filter_map(|value| reply::text(reply::named(value, name)?)).map(str::to_owned).collect()))
}

fn eviction(info: &Value) -> Check {
    match reply::info(info, "maxmemory_policy") {
        None => Check::unknown("eviction", "the server does not tell its policy"),
        Some(policy) if policy.starts_with("allkeys") => Check::warning(
            "eviction",
            format!("maxmemory-policy is {policy}: a full server drops whole streams, and says nothing"),
            "set `maxmemory-policy noeviction`",
        ),
        Some(policy) => Check::ok("eviction", format!("maxmemory-policy is {policy}: streams are not dropped")),
    }
}

async fn persistence(server: &Server, info: &Info) -> Result<Check> {
    let name = "persistence";
    let Some(infos) = &info.0 else { return Ok(Check::unknown(name, "the server does not allow INFO")) };
    let has = |line: &str, value: &str| infos.iter().all(|info| reply::info(info, line) == Some(value));
    let failing = |line: &str| infos.iter().any(|info| reply::info(info, line).is_some_and(|status| status != "ok"));
    if failing("aof_last_write_status") || failing("rdb_last_bgsave_status") || failing("aof_last_bgrewrite_status") {
        return Ok(Check::warning(
            name,
            "the server failed to write to its disk",
            "free space on its disk, and look at its own log",
        ));
    }
    if !has("aof_enabled", "1") {
        let saves = setting(server, "save").await?;
        let detail = match saves {
            Some(saves) if saves.iter().all(|save| save.is_empty()) => {
                "the server keeps nothing on disk: a restart loses every fact"
            }
            _ => "the server has no append-only file: a restart loses every fact since its last snapshot",
        };
        return Ok(Check::warning(name, detail, "set `appendonly yes`, and `appendfsync always` or `everysec`"));
    }
    let Some(sync) = setting(server, "appendfsync").await? else {
        return Ok(Check::unknown(name, "the server has an append-only file, and does not tell when it is synced"));
    };
    let all = |value: &str| sync.iter().all(|sync| sync == value);
    Ok(if all("always") {
        Check::ok(name, "an acknowledged fact is on the server's disk (appendfsync always)")
    } else if all("everysec") {
        Check::ok(name, "a power cut costs about the last second (appendfsync everysec)")
    } else {
        Check::warning(
            name,
            "the system decides when facts reach the disk (appendfsync no): a power cut costs about half a minute",
            "set `appendfsync always` or `everysec`",
        )
    })
}

fn replication(info: &Value) -> Check {
    let name = "replication";
    let number = |line: &str| reply::info(info, line).and_then(|text| text.parse::<u64>().ok());
    match reply::info(info, "role") {
        Some("slave") => {
            return Check::warning(
                name,
                "this server is a replica: it takes no facts",
                "name the master, or use `redis+sentinel://`",
            );
        }
        Some(_) => {}
        None => return Check::unknown(name, "the server does not tell its role"),
    }
    let replicas = number("connected_slaves").unwrap_or(0);
    let late = (0..replicas).filter(|replica| {
        let line = reply::info(info, &format!("slave{replica}")).unwrap_or_default();
        let value = |name: &str| line.split(',').find_map(|pair| pair.strip_prefix(name));
        value("state=").is_some_and(|state| state != "online")
            || value("lag=").and_then(|lag| lag.parse::<u64>().ok()).is_some_and(|lag| lag > MAX_LAG)
    });
    match (replicas, late.count()) {
        (0, _) => Check::ok(name, "a master without replicas: its disk is the only copy"),
        (_, 0) => Check::ok(name, format!("a master with {replicas} replicas, none of them late")),
        (_, late) => Check::warning(
            name,
            format!("{late} of {replicas} replicas are behind: what they lack is lost if the master fails"),
            "look at the network and the load of the replicas",
        ),
    }
}

async fn keys(server: &Server) -> Result<Check> {
    let name = "keys";
    for stream in Stream::ALL {
        let key = server.keys().stream(stream);
        let of = state::type_of(server, key).await?;
        if !matches!(of.as_str(), "stream" | "none") {
            return Ok(Check::warning(
                name,
                format!("`{key}` holds a {of}, not a stream"),
                "rename that key, or give this log another prefix or system",
            ));
        }
        let mut command = redis::cmd("PTTL");
        command.arg(key);
        if let Some(left) = reply::number(&server.call("look at", &command).await?) {
            return Ok(Check::warning(
                name,
                format!("`{key}` expires in {} s, and with it every fact in it", left / 1000),
                format!("PERSIST {key}"),
            ));
        }
    }
    Ok(Check::ok(name, "the keys are streams, and none expires"))
}

fn memory(info: &Value) -> Check {
    let name = "memory";
    let number = |line: &str| reply::info(info, line).and_then(|text| text.parse::<u64>().ok());
    let (Some(used), Some(most)) = (number("used_memory"), number("maxmemory")) else {
        return Check::unknown(name, "the server does not tell its memory");
    };
    let (limit, whose) = match (most, number("total_system_memory")) {
        (0, Some(system)) => (system, "of the machine's"),
        (0, None) => return Check::ok(name, format!("{} are used, without a limit", rounded(used))),
        (most, _) => (most, "of maxmemory's"),
    };
    let detail = format!("{} {whose} {} are used", rounded(used), rounded(limit));
    if (used as f64) > (1.0 - MIN_ROOM) * limit as f64 {
        return Check::warning(
            name,
            format!("{detail}: facts will be refused"),
            "raise `maxmemory`, or compact the log",
        );
    }
    Check::ok(name, detail)
}

/// A size for people, who want no more than a few digits.
fn rounded(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >> unit >= 10) {
        Some((unit, name)) => format!("{}{name}", bytes >> unit),
        None => format!("{bytes}B"),
    }
}

async fn scripts(server: &Server) -> Result<Check> {
    let mut command = redis::cmd("EVAL");
    command.arg("return redis.call('EXISTS', KEYS[1])").arg(1).arg(server.keys().stream(Stream::Events));
    Ok(match server.call("look at", &command).await {
        Ok(_) => Check::ok("scripts", "scripts are allowed: every batch is added exactly once"),
        Err(error) if is_refusal(&error) => Check::warning(
            "scripts",
            "scripts are forbidden: after an outage facts may stand in the log twice",
            "allow this user `+eval +evalsha`",
        ),
        Err(error) => return Err(error),
    })
}

async fn features(server: &Server) -> Result<Check> {
    let mut there = Vec::new();
    for command in ["XAUTOCLAIM", "WAITAOF", "XACKDEL"] {
        let mut question = redis::cmd("COMMAND");
        question.arg("INFO").arg(command);
        let Some(answers) = ask(server, &question).await? else {
            return Ok(Check::unknown("features", "the server does not allow COMMAND INFO"));
        };
        let known =
            |value: &Value| reply::parts(value).is_some_and(|parts| parts.iter().any(|part| *part != Value::Nil));
        there.push((command, answers.iter().all(known)));
    }
    let named = |wanted: bool| {
        let names: Vec<&str> = there.iter().filter(|(_, has)| *has == wanted).map(|(name, _)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    if !there[0].1 {
        return Ok(Check::warning(
            "features",
            "the server has no XAUTOCLAIM: what a dead consumer holds is found more slowly",
            "use Redis 6.2 or newer, or Valkey",
        ));
    }
    Ok(Check::ok("features", format!("of the newer commands it has {}, and lacks {}", named(true), named(false))))
}

async fn clock(server: &Server) -> Result<Check> {
    let now = || Timestamp::from(SystemClock.now()).seconds();
    let before = now();
    let Some(answers) = ask(server, &redis::cmd("TIME")).await? else {
        return Ok(Check::unknown("clock", "the server does not tell the time"));
    };
    let ours = (before + now()) / 2.0;
    let time = |value: &Value| {
        let parts = reply::parts(value)?;
        Some(reply::number(parts.first()?)? as f64 + reply::number(parts.get(1)?)? as f64 / 1e6)
    };
    let differences = answers.iter().filter_map(time).map(|theirs| theirs - ours);
    let Some(worst) = differences.max_by(|a, b| a.abs().total_cmp(&b.abs())) else {
        return Ok(Check::unknown("clock", "the server's time is not understood"));
    };
    if worst.abs() > MAX_CLOCK_SECONDS {
        let (by, way) = (worst.abs(), if worst > 0.0 { "ahead of" } else { "behind" });
        return Ok(Check::warning(
            "clock",
            format!("the server's clock is {by:.0} s {way} ours: ages and times in the log are wrong by as much"),
            "set the clocks of both by NTP",
        ));
    }
    Ok(Check::ok("clock", "the server's clock agrees with ours"))
}

async fn groups(server: &Server) -> Result<Vec<Check>> {
    let name = "groups";
    let (mut checks, mut count) = (Vec::new(), 0);
    for stream in Stream::ALL {
        let key = server.keys().stream(stream);
        if state::type_of(server, key).await? != "stream" {
            continue;
        }
        let mut command = redis::cmd("XINFO");
        command.arg("GROUPS").arg(key);
        let groups = match server.call("look at", &command).await {
            Ok(groups) => groups,
            Err(error) if is_refusal(&error) => {
                return Ok(vec![Check::unknown(name, "the server does not allow XINFO GROUPS")]);
            }
            Err(error) => return Err(error),
        };
        for group in reply::parts(&groups).unwrap_or_default() {
            count += 1;
            let number = |name: &str| reply::named(group, name).and_then(reply::number);
            if number("consumers") == Some(0) {
                let group = reply::named(group, "name").and_then(reply::text).unwrap_or("?");
                checks.push(Check::warning(
                    name,
                    format!("the group `{group}` of `{key}` has no consumers: compaction keeps everything for it"),
                    format!("start its consumers, or give it up: XGROUP DESTROY {key} {group}"),
                ));
            }
        }
    }
    if checks.iter().all(|check| check.verdict == CheckVerdict::Ok) {
        let detail = match count {
            0 => "there are no consumer groups".to_owned(),
            1 => "the one consumer group has consumers".to_owned(),
            count => format!("all {count} consumer groups have consumers"),
        };
        checks.push(Check::ok(name, detail));
    }
    Ok(checks)
}
