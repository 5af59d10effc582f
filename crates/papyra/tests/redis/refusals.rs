//! What a server refuses, and what it cannot promise: each has its kind, its cure, and its outcome.

use std::time::Duration;

use papyra::{Durability, Error, ErrorKind, Log, Outcome, RedisConfig, RedisLog, Schemes};

use crate::{
    facts::{assert_exactly, config, facts, log, numbers},
    lab::{Client, Pair, Server},
    large::appended_until_one_is_a_transaction,
};

async fn refused(log: &Log) -> Error {
    let error = log.append(&facts(0, 3)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotWritten, "{error:?}");
    assert!(error.cure().is_some(), "{error:?}");
    error
}

#[tokio::test]
async fn a_server_without_memory_refuses_a_batch_whole_and_takes_the_next() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    server.client().call(["CONFIG", "SET", "maxmemory", "1"]);
    let error = refused(&log).await;
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert!(error.cure().unwrap().contains("maxmemory"));
    server.client().call(["CONFIG", "SET", "maxmemory", "0"]);
    log.append(&facts(3, 3)).await.unwrap();
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn ids_are_exact_however_large_and_where_none_is_left_a_batch_is_refused_whole() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    // A script's numbers have fifteen digits that are exact, and fourteen that they are written with by themselves.
    for (first, id) in [(3, 99_999_999_999_990_u64), (43, 9_007_199_254_740_900)] {
        server.client().call(["XSETID", "papyra:local:events", &format!("9000000000000-{id}")]);
        let appended = log.append(&facts(first, 40)).await.unwrap();
        assert_eq!(appended.positions[39].to_string(), format!("9000000000000-{}", id + 40));
    }
    server.client().call(["XSETID", "papyra:local:events", "9000000000000-9007199254740992"]);
    let error = refused(&log).await;
    assert!(format!("{error:?}").contains("9000000000000-9007199254740992"), "{error:?}");
    assert_eq!(numbers(&log).await, Vec::from_iter(0..83));
}

#[tokio::test]
async fn a_key_of_another_type_refuses_the_whole_batch() {
    let server = Server::start();
    let log = log(&server);
    server.client().call(["RPUSH", "papyra:local:dead_letters", "x"]);
    let error = refused(&log).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    server.client().call(["DEL", "papyra:local:dead_letters"]);
    log.append(&facts(0, 3)).await.unwrap();
    assert_exactly(&log, 0..3).await;
}

#[tokio::test]
async fn who_may_not_enter_is_told_at_once_and_no_password_is_repeated() {
    let server = Server::with(&["--requirepass", "s3cret-of-the-server"]);
    let with = |user: Option<&str>, word: Option<&str>| {
        let config = config(server.port()).with_login(user.map(str::to_owned), word.map(str::to_owned));
        Log::new(RedisLog::new(config))
    };
    for log in [with(None, None), with(None, Some("s3cret-but-wrong")), with(Some("nobody"), Some("s3cret-but-wrong"))]
    {
        let error = refused(&log).await;
        assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
        assert!(!format!("{error:?} {error} {log:?} {}", log.address()).contains("s3cret"), "{error:?}");
    }
    with(None, Some("s3cret-of-the-server")).append(&facts(0, 3)).await.unwrap();
}

/// Makes a user with these rights, beside the default one.
fn user(client: &mut Client, rights: &[&str]) {
    let words = ["ACL", "SETUSER", "papyra", "reset", "on", ">word"];
    client.call(words.iter().chain(rights));
}

fn as_user(server: &Server) -> Log {
    let config = config(server.port()).with_login(Some("papyra".to_owned()), Some("word".to_owned()));
    Log::new(RedisLog::new(config))
}

#[tokio::test]
async fn who_may_not_write_is_told_at_once() {
    let server = Server::start();
    user(&mut server.client(), &["~papyra:*", "+@all", "-xadd"]);
    let log = as_user(&server);
    assert_eq!(refused(&log).await.kind(), ErrorKind::Permission);
    user(&mut server.client(), &["~other:*", "+@all"]);
    assert_eq!(refused(&log).await.kind(), ErrorKind::Permission);
    let streams = ["events", "audits", "dead_letters"].map(|kind| format!("papyra:local:{kind}"));
    assert_eq!(server.client().call(["EXISTS"].map(str::to_owned).into_iter().chain(streams)).number(), 0);
}

#[tokio::test]
async fn the_rights_that_the_documentation_names_are_enough() {
    let page = include_str!("../../../../docs/operations/redis.md");
    let line = page.lines().find(|line| line.starts_with("ACL SETUSER papyra ")).expect("the page names the rights");
    let server = Server::start();
    let mut client = server.client();
    client.call(line.split_whitespace().map(|word| if word == ">PASSWORD" { ">word" } else { word }));
    let log = as_user(&server);
    // For the quickest way, too.
    let there = appended_until_one_is_a_transaction(&log, &server).await;
    assert_exactly(&log, 0..there).await;
    let retention = papyra::Retention::all(papyra::Rule::default().with_max_records(3));
    log.clone().with_retention(retention).compact().await.unwrap();
    log.recover(&papyra::RecoveryConfig::repair()).await.unwrap();
    for check in log.backend().checkup().unwrap().checks().await.unwrap() {
        assert_ne!(check.verdict, papyra::checkup::CheckVerdict::Unknown, "{check:?}");
    }
    let group = papyra::Group::new(papyra::Kind::Event, "g");
    log.consumer_groups().unwrap().create(&group, papyra::GroupStart::Beginning).await.unwrap();
    log.consumer_groups().unwrap().read(&group, "c", 1, Duration::ZERO).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (backups, options) = (Schemes::new().backups(dir.path()), papyra::backup::BackupOptions::default());
    let made = backups.create(&log, &options).await.unwrap();
    // A restoration needs some more, which the page names, too.
    let line = page.lines().find(|line| line.starts_with("- The user of a restore also needs `")).unwrap();
    let more = line.split('`').nth(1).unwrap();
    client.call(["ACL", "SETUSER", "papyra"].into_iter().chain(more.split(' ')));
    let config = config(server.port()).with_system("again").unwrap();
    let copy = Log::new(RedisLog::new(config.with_login(Some("papyra".to_owned()), Some("word".to_owned()))));
    backups.restore(&made.name, &copy, &options).await.unwrap();
    assert_eq!(numbers(&copy).await, numbers(&log).await);
}

#[tokio::test]
async fn where_scripts_are_forbidden_facts_are_added_by_plain_commands() {
    let server = Server::start();
    user(&mut server.client(), &["~papyra:*", "+@all", "-eval", "-evalsha"]);
    let log = as_user(&server);
    log.append(&[]).await.unwrap();
    let appended = log.append(&facts(0, 30)).await.unwrap();
    assert_eq!(appended.positions.len(), 30);
    log.append(&facts(30, 3)).await.unwrap();
    let mut there = numbers(&log).await;
    there.sort();
    assert_eq!(there, (0..33).collect::<Vec<_>>());
    assert!(log.scan(papyra::ScanOptions::deep()).await.unwrap().is_clean());
    let other = Log::new(RedisLog::new(
        config(server.port())
            .with_system("other")
            .unwrap()
            .with_login(Some("papyra".to_owned()), Some("word".to_owned())),
    ));
    server.client().call(["RPUSH", "papyra:other:dead_letters", "x"]);
    assert_eq!(refused(&other).await.kind(), ErrorKind::Corrupt);
    assert_eq!(server.client().call(["EXISTS", "papyra:other:events"]).number(), 0);
    let checks = log.backend().checkup().unwrap().checks().await.unwrap();
    let scripts = checks.iter().find(|check| check.name == "scripts").unwrap();
    assert_eq!(scripts.verdict, papyra::checkup::CheckVerdict::Warning);
}

#[tokio::test]
async fn where_neither_scripts_nor_transactions_are_allowed_nothing_is_written_and_that_is_said() {
    let server = Server::start();
    user(&mut server.client(), &["~papyra:*", "+@all", "-eval", "-evalsha", "-multi"]);
    let log = as_user(&server);
    assert_eq!(refused(&log).await.kind(), ErrorKind::Permission);
    assert_eq!(server.client().call(["DBSIZE"]).number(), 0);
    let error = log.read(papyra::ReadOptions::oldest_first()).collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
}

#[tokio::test]
async fn a_replica_is_given_up_when_the_time_is_over() {
    let master = Server::start();
    let replica = Server::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    while !replica.client().call(["INFO", "replication"]).text().contains("master_link_status:up") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = Log::new(RedisLog::new(config(replica.port()).with_timeout(Duration::from_millis(300))));
    let error = refused(&log).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.cure().unwrap().contains("master"), "{error:?}");
}

#[tokio::test]
async fn a_durability_that_the_server_does_not_give_is_refused_when_it_is_opened() {
    let open = async |server: &Server, options: &str| Schemes::new().open(&server.url(options)).await;
    let lazy = Server::with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    for server in [&Server::start(), &lazy] {
        let error = open(server, "durability=synced").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert!(error.cure().unwrap().contains("appendfsync always"), "{error:?}");
        assert_eq!(open(server, "replicas=1").await.unwrap_err().kind(), ErrorKind::Config);
        open(server, "").await.unwrap();
    }
    let synced = Server::synced();
    open(&synced, "durability=synced").await.unwrap().append(&facts(0, 3)).await.unwrap();
    // A server that forgets it later is asked again at the next connection.
    let log = open(&synced, "durability=synced&timeout=5s").await.unwrap();
    synced.client().call(["CONFIG", "SET", "appendfsync", "no"]);
    let error = log.append(&facts(3, 3)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Config, Outcome::NotWritten));
}

#[tokio::test]
async fn a_batch_that_too_few_replicas_have_is_not_acknowledged() {
    let mut pair = Pair::start();
    let log = Log::new(
        RedisLog::open(config(pair.master.port()).with_replicas(1).with_timeout(Duration::from_secs(2))).await.unwrap(),
    );
    log.append(&facts(0, 3)).await.unwrap();
    pair.replica.kill();
    let error = log.append(&facts(3, 3)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error:?}");
}

#[tokio::test]
async fn synced_is_not_the_default_of_a_server() {
    let config = RedisConfig::new("h", 1);
    assert_eq!(format!("{config:?}"), format!("{:?}", config.clone().with_durability(Durability::Buffered)));
}
