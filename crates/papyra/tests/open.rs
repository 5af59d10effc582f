//! Addresses and configuration as programs use them: what opens, what is refused, and what no message ever shows.

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use papyra::{
    Dsn, Durability, Error, ErrorKind, Event, Kind, ReadOptions, RecoveryMode, Result, Rule, Schemes, StartupMode,
    backend::memory::Memory,
    config::{Config, Origin, Sources},
};

fn dsn(text: &str) -> Dsn {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// Everything that an error shows anywhere.
fn all_of(error: &Error) -> String {
    let mut out = format!("{error} {error:?} {:?}", error.cure());
    let mut source = error.source();
    while let Some(inner) = source {
        out += &format!(" {inner} {inner:?}");
        source = inner.source();
    }
    out
}

/// Everything that a log shows of itself, or the error of one that cannot be opened.
fn seen_of(opened: papyra::Result<papyra::Log>) -> String {
    opened.map_or_else(|error| all_of(&error), |log| format!("{log:?} {}", log.address()))
}

/// The schemes that there are, with one that a test registers.
const EVERY_SCHEME: [&str; 8] =
    ["json", "memory", "pg", "redis", "redis+cluster", "redis+sentinel", "rediss", "rotating"];

#[test]
fn addresses_name_paths() {
    for (text, scheme, path) in [
        ("json:./facts.ndjson", "json", "./facts.ndjson"),
        ("json:facts.ndjson", "json", "facts.ndjson"),
        ("JSON:/var/log/a b.ndjson", "json", "/var/log/a b.ndjson"),
        ("json:///var/facts", "json", "/var/facts"),
        ("json:/a%23b%3Fc%20d%25", "json", "/a#b?c d%"),
        ("json:./a@b:c", "json", "./a@b:c"),
        ("json:./x?lock_timeout=1s", "json", "./x"),
        ("rotating:./log", "rotating", "./log"),
        ("facts.ndjson", "json", "facts.ndjson"),
        ("./a:b", "json", "./a:b"),
        ("./100%.ndjson", "json", "./100%.ndjson"),
        ("/srv/user@host/12:30.ndjson", "json", "/srv/user@host/12:30.ndjson"),
        ("./not-there-yet/", "rotating", "./not-there-yet/"),
    ] {
        let dsn = dsn(text);
        assert_eq!((dsn.scheme(), dsn.path().unwrap()), (scheme, PathBuf::from(path)), "{text}");
    }
}

#[test]
fn what_may_mean_two_things_is_refused_with_the_cure() {
    for (text, message, cure) in [
        ("json://./x", "names a host", "json:./…"),
        ("json://../x", "names a host", "json:../…"),
        ("json://host/x", "names a host", "json:./…"),
        ("rotating://host/x", "names a host", "rotating:./…"),
        ("json:./a#b", "fragment", "%23"),
        ("redis://host/0#x", "fragment", "%23"),
        ("./a?durability=buffered", "may mean two things", "json:"),
        ("./a#b", "may mean two things", "%23"),
        ("json:", "names no path", "json:./…"),
        ("json:?durability=synced", "names no path", "json:./…"),
        ("json:./100%", "no escape", "%25"),
        ("json:./a%00b", "no escape", "%25"),
        ("json:./x?durability", "not of the form name=value", "durability=buffered"),
        ("json:./x?max_line=1MiB&max_line=2MiB", "stands twice", "keep one"),
        ("", "is empty", "json:"),
        ("json:./x\n", "white space", "newline"),
        ("12:30.ndjson", "neither a path nor", "./"),
        ("memory:./x", "neither path nor host", "memory:"),
        ("redis:/0", "needs a host", "redis://host"),
    ] {
        let error = text.parse::<Dsn>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(error.cure().unwrap().contains(cure), "{text}: {error:?}");
    }
}

#[test]
fn wrong_values_name_their_option() {
    for (text, message) in [
        ("json:./x?lock_timeout=30", "the option `lock_timeout`: `30` has no unit: write `30s` for seconds"),
        ("json:./x?retention.max_bytes=10m", "the option `retention.max_bytes`: the size `10m` is ambiguous"),
        ("json:./x?retention.max_records=many", "the option `retention.max_records`: `many` is no number"),
        (
            "json:./x?durability=bufered",
            "the option `durability`: `bufered` is no durability: did you mean `buffered`?",
        ),
    ] {
        let error = text.parse::<Dsn>().unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn common_options_are_read_once() {
    let dsn = dsn("json:./x?durability=Buffered&lock_timeout=30s&retention.max_age=30d&retention.max_records=7\
                   &retention.dead_letter.max_bytes=2GiB&max_line=4MiB");
    let options = dsn.log_options();
    assert_eq!(options.durability, Some(Durability::Buffered));
    assert_eq!(options.lock_timeout, Some(Duration::from_secs(30)));
    let all = Rule::default().with_max_age(Duration::from_secs(30 * 86_400)).with_max_records(7);
    assert_eq!(options.retention.all, all);
    assert_eq!(options.retention.dead_letter, Rule::default().with_max_bytes(2 << 30));
    assert_eq!(dsn.option("max_line"), Some("4MiB"));
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    for name in ["a", "./a b", "/a#b?c%d&e=f", "/ü/\u{1b}[2J", "//two/slashes", "a:b@c", "/tab\tnew\nline", "log/"] {
        let dsn = Dsn::for_path(name);
        let shown = dsn.to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert_eq!(shown.parse::<Dsn>().unwrap_or_else(|error| panic!("{shown}: {error}")), dsn, "{shown}");
    }
    for text in [
        "memory:",
        "redis://h:1,[::1]:2/0?prefix=a%20b",
        "json:./x?durability=synced&max_line=4MiB",
        "rotating:./log?segment_bytes=1MiB&segment_records=9&segment_age=1d&max_segments=8",
    ] {
        assert_eq!(dsn(text).to_string(), text);
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf8_is_kept() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"./\xff\xfe?.ndjson"));
    let by_path = Dsn::for_path(path);
    assert_eq!(by_path.path().unwrap(), path);
    assert_eq!(by_path.to_string(), "json:./%FF%FE%3F.ndjson");
    assert_eq!(dsn(&by_path.to_string()).path().unwrap(), path);
}

#[tokio::test]
async fn no_planted_secret_is_ever_shown() {
    const SECRET: &str = "s3cret";
    let addresses = [
        "redis://:s3cret@host:6379/0",
        "redis://user:s3cret@host",
        "redis://s3cret@host",
        "rediss://user:s3cret@host/0?prefix=p",
        "redis+sentinel://:s3cret@a:1,b:2/main",
        "redis+cluster://:s3cret@a:1",
        "redis://:s3cret",
        "redis://:a/s3cret@host",
        "redis://:a?s3cret@host",
        "redis://:a?b=s3cret@host",
        "redis://:a#s3cret@host",
        "redis://:a@s3cret@host",
        "redis://host/0?password=s3cret",
        "redis://host/0?x=s3cret&y=s3cret%20",
        "redis://host:s3cret/0",
        "redis:/:s3cret@host",
        "redis:s3cret@host",
        "redis//:s3cret@host",
        "redis+sentinal://:s3cret@host",
        "//user:s3cret@host/0",
        "user:s3cret@host:6379/0",
        ":s3cret@host",
        "s3cret@host",
        " redis://:s3cret@host",
        "redis://:s3cret@host\n",
        "REDIS_URL=redis://:s3cret@host",
        "\"redis://:s3cret@host\"",
        "json://user:s3cret@host/x",
        "json:./x?password=s3cret",
        "json:./x?lock_timeout=30s;password=s3cret",
        "json:./x?durability=redis://:s3cret@host",
        "json:./x?:s3cret@=1",
        "json:./x?max_line=redis://:s3cret@host",
        "pg:host=h password=s3cret",
        "pg://user:s3cret@host/db?sslpassword=s3cret",
        "pg://host/s3cret?retention.max_age=1d",
        "memory:s3cret",
        "memory://s3cret",
    ];
    async fn refuse(_: Dsn) -> Result<Memory> {
        Err(Error::new(ErrorKind::Unavailable, "the server is down"))
    }
    let schemes = Schemes::new().with("pg", refuse);
    for address in addresses {
        let seen = match address.parse::<Dsn>() {
            Ok(dsn) => format!("{dsn} {dsn:?}"),
            Err(error) => all_of(&error),
        };
        assert!(!seen.contains(SECRET), "{address}: {seen}");
        let opened = seen_of(schemes.open(address).await);
        assert!(!opened.contains(SECRET), "{address}: {opened}");

        let sources = Sources::without_files().env([("PAPYRA_URL", address)]);
        assert!(!format!("{sources:?}").contains(SECRET), "{sources:?}");
        match Config::load(sources) {
            Ok(config) => {
                assert!(!format!("{config:?}").contains(SECRET), "{config:?}");
                let shown: Vec<_> = config.settings().collect();
                assert!(!format!("{shown:?}").contains(SECRET), "{shown:?}");
                let opened = seen_of(config.open(&schemes).await);
                assert!(!opened.contains(SECRET), "{address}: {opened}");
            }
            Err(error) => assert!(!all_of(&error).contains(SECRET), "{address}: {error:?}"),
        }

        // The same in a file, once as TOML and once with a quote forgotten.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("papyra.toml");
        for text in [format!("url = {address:?}"), format!("url = \"{address}\nx"), format!("'{}' = 1", address.trim())]
        {
            fs::write(&file, text).unwrap();
            match Config::load(Sources::without_files().file(&file)) {
                Ok(config) => assert!(!format!("{config:?}").contains(SECRET), "{config:?}"),
                Err(error) => assert!(!all_of(&error).contains(SECRET), "{address}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn unknown_options_and_schemes_are_answered_with_the_nearest() {
    for (address, message) in [
        ("json:./x?retension.max_age=30d", "unknown option `retension.max_age`, did you mean `retention.max_age`?"),
        ("json:./x?max-line=1MiB", "unknown option `max-line`, did you mean `max_line`?"),
        ("json:./x?max_age=30d", "unknown option `max_age`, did you mean `retention.max_age`?"),
        ("memory:?max_line=1MiB", "unknown option `max_line` of a `memory:` log"),
        ("jsn:./x", "unknown scheme `jsn:`, did you mean `json:`?"),
        ("postgres://h", "unknown scheme `postgres:`"),
        ("rotating:./log?segment_bytes=10", "the option `segment_bytes`: 10 is less than 1KiB"),
        ("rotating:./log?segment_byte=1MiB", "unknown option `segment_byte`, did you mean `segment_bytes`?"),
        ("rotating:./log?segment_age=0", "the option `segment_age`: it must be longer than 0"),
        ("rotating:./log?max_segments=0", "the option `max_segments`: it must be at least 1"),
        ("rotating:./log?segment_records=many", "the option `segment_records`: "),
        ("rotating:./log?max_line=1GiB", "the option `max_line`: 1GiB is not between 1KiB and 64MiB"),
        ("json:./x?segment_bytes=1MiB", "unknown option `segment_bytes` of a `json:` log"),
        ("redis://h?prefx=a", "unknown option `prefx`, did you mean `prefix`?"),
        ("memory:?durability=synced", "the option `durability`: a log in memory cannot be synced"),
        ("json:./x?max_line=1GiB", "the option `max_line`: 1GiB is not between 1KiB and 64MiB"),
        ("json:./x?max_line=10m", "the option `max_line`: the size `10m` is ambiguous"),
    ] {
        let error = papyra::open(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{address}");
        assert!(error.to_string().starts_with(message), "{address}: {error}");
    }
}

#[tokio::test]
async fn a_log_is_opened_under_its_retention() {
    let log = papyra::open("memory:?retention.max_records=1").await.unwrap();
    log.append(&[Event::new("a", "One").into(), Event::new("a", "Two").into()]).await.unwrap();
    assert_eq!(log.read(ReadOptions::oldest_first()).collect().await.unwrap().len(), 1);
}

#[tokio::test]
async fn opening_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = Schemes::new().open_dsn(&Dsn::for_path(dir.path().join("facts?.ndjson"))).await.unwrap();
    assert_eq!(log.backend().name(), "json");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_directory_is_no_single_file_and_a_file_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let bare = Dsn::for_path(dir.path());
    assert_eq!(Schemes::new().open_dsn(&bare).await.unwrap().backend().name(), "rotating");
    let file = dir.path().join("facts.ndjson");
    fs::write(&file, "").unwrap();
    for (scheme, path, is, cure) in
        [("json", dir.path(), "is a directory", "`rotating:`"), ("rotating", &*file, "is a file", "`json:`")]
    {
        let error = papyra::open(&format!("{scheme}:{}", path.display())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(is) && error.cure().unwrap().contains(cure), "{error}");
    }
}

#[tokio::test]
async fn a_program_registers_its_own_scheme_with_its_options() {
    async fn open_pg(dsn: Dsn) -> Result<Memory> {
        assert_eq!(dsn.authority(), Some("user:pw@host:5432"));
        assert_eq!(dsn.expose_body(), "//user:pw@host:5432/db");
        assert_eq!(dsn.option("table"), Some("a b"));
        assert_eq!(dsn.log_options().durability, Some(Durability::Synced));
        Ok(Memory::new())
    }
    let schemes = Schemes::new().with_options("PG:", ["table"], open_pg);
    assert_eq!(schemes.names().collect::<Vec<_>>(), EVERY_SCHEME);
    let address = "pg://user:pw@host:5432/db?table=a%20b&durability=synced&retention.max_records=3";
    let log = schemes.open(address).await.unwrap();
    assert_eq!(log.retention().all.max_records, Some(3));
    let error = schemes.open("pg://h/db?tabel=x").await.unwrap_err();
    assert_eq!(error.to_string(), "unknown option `tabel`, did you mean `table`?");
}

#[test]
fn flag_beats_env_beats_file_beats_default() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("papyra.toml");
    fs::write(&file, "url = 'json:./from-file'\n\nlock_timeout = '1s'\n[startup]\nmode = 'RECOVER'\n").unwrap();
    let sources = || Sources::without_files().directory(dir.path()).default_value("lock_timeout", "0");
    let lock = |config: &Config| config.settings().find(|(name, _)| *name == "lock_timeout").unwrap().1;

    let bare = Config::load(Sources::without_files().default_value("lock_timeout", "0")).unwrap();
    assert_eq!((lock(&bare).value.as_deref(), lock(&bare).origin), (Some("0s"), Origin::Default));
    assert!(bare.url().is_none() && bare.file().is_none());
    assert_eq!(bare.startup_mode().value, StartupMode::FailOnAnomaly);

    let from_file = Config::load(sources()).unwrap();
    assert_eq!(lock(&from_file).value.as_deref(), Some("1s"));
    assert_eq!(lock(&from_file).origin, Origin::File { path: file.clone(), line: 3 });
    assert_eq!(from_file.startup_mode().value, StartupMode::Recover);
    assert_eq!(from_file.file(), Some(file.as_path()));
    assert_eq!(from_file.url().unwrap().origin.to_string(), format!("{}:1", file.display()));

    let from_env = Config::load(sources().env([("PAPYRA_LOCK_TIMEOUT", "2s"), ("PAPYRA_URL", "")])).unwrap();
    assert_eq!(lock(&from_env).value.as_deref(), Some("2s"));
    assert_eq!(lock(&from_env).origin.to_string(), "PAPYRA_LOCK_TIMEOUT");
    assert_eq!(from_env.url().unwrap().value.to_string(), "json:./from-file");

    let flags = sources().env([("PAPYRA_LOCK_TIMEOUT", "2s")]).flag("lock_timeout", "3s").path("./a?b");
    let from_flag = Config::load(flags).unwrap();
    assert_eq!((lock(&from_flag).value.as_deref(), lock(&from_flag).origin), (Some("3s"), Origin::Flag));
    assert_eq!(from_flag.url().unwrap().value.path().unwrap(), Path::new("./a?b"));
}

#[tokio::test]
async fn options_of_the_address_count_where_the_address_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let text = "url = 'memory:?retention.max_records=5&retention.max_age=1d'\n[retention]\nmax_records = 1_000\n\
                max_bytes = '1GiB'\n[retention.dead_letter]\nmax_age = '365d'";
    fs::write(&file, text).unwrap();
    let sources = || Sources::without_files().file(&file);

    let config = Config::load(sources().env([("PAPYRA_RETENTION_MAX_AGE", "2d")])).unwrap();
    let log = config.open(&Schemes::new()).await.unwrap();
    let day = Duration::from_secs(86_400);
    assert_eq!(log.retention().all, Rule::default().with_max_records(5).with_max_age(2 * day).with_max_bytes(1 << 30));
    assert_eq!(log.retention().dead_letter, Rule::default().with_max_age(365 * day));

    let flags = sources().env([("PAPYRA_RETENTION_MAX_AGE", "2d")]).flag("url", "memory:?retention.max_age=3d");
    let config = Config::load(flags).unwrap();
    assert_eq!(config.log_options().retention.all.max_age, Some(3 * day));
    assert_eq!(config.log_options().retention.all.max_records, Some(1_000));
    let age = config.settings().find(|(name, _)| *name == "retention.max_age").unwrap().1;
    assert_eq!((age.value.as_deref(), age.origin), (Some("3d"), Origin::Flag));
}

#[test]
fn wrong_files_are_refused_by_key_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("papyra.toml");
    let place = format!("in `{}`, line", file.display());
    for (text, message) in [
        ("ulr = 'memory:'", format!("unknown key `ulr` {place} 1, did you mean `url`?")),
        (
            "# hello\n[retension]\nmax_age = '1d'",
            format!("unknown key `retension.max_age` {place} 3, did you mean `retention.max_age`?"),
        ),
        ("[retention]\n[retention.dead_letters]", format!("unknown key `retention.dead_letters` {place} 2")),
        ("[kind.other]\nurl = 'memory:'", format!("unknown key `kind.other.url` {place} 2")),
        ("[retention]\nmax_age = 30", format!("`retention.max_age` {place} 2: `30` has no unit")),
        ("[retention]\nmax_records = -1", format!("`retention.max_records` {place} 2: `-1` is no number")),
        ("durability = true", format!("`durability` {place} 1: the value is of type boolean")),
        ("url = ['memory:']", format!("`url` {place} 1: the value is of type array")),
        ("url = 'json://host/x'", format!("`url` {place} 1: the address of a `json:` log names a host")),
        ("[startup]\nmode = 'recovr'", format!("`startup.mode` {place} 2: `recovr` is no startup mode: did you mean")),
        ("[spool]\nmax_bytes = 5", format!("`spool.max_bytes` {place} 2: 5 is less than 1MiB")),
        ("[spool]\nmax_bytes = '5MiB'", format!("`spool.max_bytes` {place} 2: there is no spool")),
        ("a = \n", format!("`{}`, line 1: ", file.display())),
    ] {
        fs::write(&file, text).unwrap();
        let error = Config::load(Sources::without_files().directory(dir.path())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(error.to_string().starts_with(&message), "{text}: {error}");
        // Errors of values say the cure themselves.
        assert!(
            error.cure().is_some() || error.to_string().contains(": write") || text.contains("startup"),
            "{error:?}"
        );
    }
    let missing = Config::load(Sources::without_files().file(dir.path().join("none.toml"))).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Config);
    let named = Sources::without_files().env([("PAPYRA_CONFIG", dir.path().join("none.toml"))]);
    assert_eq!(Config::load(named).unwrap_err().kind(), ErrorKind::Config);
    fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    assert!(Config::load(Sources::without_files().file(&file)).unwrap_err().to_string().contains("too long"));
}

#[test]
fn the_first_file_that_exists_counts() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (xdg, home) = (at("xdg"), at("home"));
    let write = |path: PathBuf| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "durability = 'buffered'").unwrap();
        path
    };
    let sources = || {
        let env = [("HOME", home.clone()), ("XDG_CONFIG_HOME", xdg.clone())];
        Sources::new().directory(at("here")).system_file(at("etc.toml")).env(env)
    };
    let file = |sources: Sources| Config::load(sources).unwrap().file().map(Path::to_owned);
    assert_eq!(file(sources()), None);
    // From the last place to the first: each new one wins over those before.
    for name in ["etc.toml", "xdg/papyra/papyra.toml", "here/papyra.toml"] {
        let path = write(at(name));
        assert_eq!(file(sources()), Some(path));
    }
    let by_env = write(at("by-env.toml"));
    assert_eq!(file(sources().env([("PAPYRA_CONFIG", &by_env)])), Some(by_env.clone()));
    let by_flag = write(at("by-flag.toml"));
    assert_eq!(file(sources().env([("PAPYRA_CONFIG", &by_env)]).file(&by_flag)), Some(by_flag));
    // A relative XDG_CONFIG_HOME does not count.
    let in_home = write(at("home/.config/papyra/papyra.toml"));
    let relative = Sources::new().directory(at("none")).env([("HOME", home.clone()), ("XDG_CONFIG_HOME", "x".into())]);
    assert_eq!(file(relative), Some(in_home));
}

#[test]
fn unknown_variables_only_warn() {
    let env = [
        ("PAPYRA_DURABILTY", "s3cret"),
        ("PAPYRA_PORT", "tcp://10.0.0.1:80"),
        ("PAPYRA_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("PAPYRA_SERVICE_HOST", "10.0.0.1"),
        ("PAPYRA_REDIS_PASSWORD_FILE", "/run/secrets/redis"),
        ("PAPYRA_COLOR", "never"),
        ("PAPYRA_SOMETHING_ELSE_ALTOGETHER", "1"),
        ("PATH", "/bin"),
    ];
    let config = Config::load(Sources::without_files().env(env).knows_variable("PAPYRA_COLOR")).unwrap();
    assert_eq!(
        config.warnings(),
        [
            "the variable PAPYRA_DURABILTY is unknown and does nothing, did you mean PAPYRA_DURABILITY?",
            "the variable PAPYRA_SOMETHING_ELSE_ALTOGETHER is unknown and does nothing",
        ]
    );
    let wrong = Config::load(Sources::without_files().env([("PAPYRA_DURABILITY", "soon")])).unwrap_err();
    assert!(wrong.to_string().starts_with("the variable PAPYRA_DURABILITY: `soon` is no durability"), "{wrong}");
}

#[tokio::test]
async fn a_place_for_one_kind_is_no_place_for_the_others() {
    let schemes = Schemes::new();
    let config = Config::load(Sources::without_files().flag("kind.audit.url", "json:./audits")).unwrap();
    assert_eq!(config.kind_url(Kind::Audit).unwrap().value.to_string(), "json:./audits");
    assert_eq!(config.open(&schemes).await.unwrap_err().to_string(), "no log is named");
}

#[tokio::test]
async fn a_spool_stands_in_front_of_a_log_that_can_be_away_and_of_no_other() {
    let schemes = Schemes::new();
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().join("spool");
    for url in ["memory:", "json:./none.ndjson"] {
        let sources = Sources::without_files().flag("url", url).flag("spool.path", &spool);
        let error = Config::load(sources).unwrap().open(&schemes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with("there can be no spool in front of"), "{error}");
    }
    assert!(!spool.exists());
    // Of a log whose kinds live in different places it is the spool of `url`; another part has its own in its address.
    let parts = |sources: Sources| Config::load(sources.flag("kind.audit.url", "memory:")).unwrap();
    let config = parts(Sources::without_files().flag("url", "json:./none.ndjson").flag("spool.path", &spool));
    assert_eq!(config.open(&schemes).await.unwrap_err().kind(), ErrorKind::Config);
    for (url, message) in [
        ("redis://h?spool=s&spool_max_bytes=9", "the option `spool_max_bytes`: 9 is less than 1MiB"),
        ("redis://h?spool_max_bytes=1GiB", "the option `spool` names no directory"),
        ("redis://h?spool=", "the option `spool` names no directory"),
    ] {
        let error = schemes.open(url).await.unwrap_err();
        assert!(error.to_string().starts_with(message), "{url}: {error}");
    }
}

#[test]
fn the_spool_of_an_address_counts_where_the_address_was_said() {
    let shown = |sources: Sources| {
        let config = Config::load(sources).unwrap();
        let spool =
            config.spool().map(|spool| (spool.value.0.display().to_string(), spool.value.1, spool.origin.to_string()));
        (spool, config.settings().find(|(name, _)| *name == "spool.max_bytes").unwrap().1.value)
    };
    let set = || Sources::without_files().env([("PAPYRA_SPOOL_PATH", "env"), ("PAPYRA_SPOOL_MAX_BYTES", "2MiB")]);
    let of = |path: &str, bytes, origin: &str| Some((path.to_owned(), bytes, origin.to_owned()));
    let size = |text: &str| Some(text.to_owned());
    let env = of("env", Some(2 << 20), "PAPYRA_SPOOL_PATH");
    assert_eq!(shown(set()), (env.clone(), size("2MiB")));
    let with_url = |url: &str| set().env([("PAPYRA_URL", url)]);
    assert_eq!(shown(with_url("redis://h")), (env, size("2MiB")));
    let own = of("own", None, "PAPYRA_URL");
    assert_eq!(shown(with_url("redis://h?spool=own")), (own, None));
    let flag = of("own", Some(3 << 20), "flag");
    assert_eq!(shown(set().flag("url", "redis://h?spool=own&spool_max_bytes=3MiB")), (flag, size("3MiB")));
    // Who names a log on the command line means that log, not what stands in front of another.
    assert_eq!(shown(set().flag("url", "redis://h")), (None, None));
    assert_eq!(shown(set().path("facts.ndjson")), (None, None));
    let both = set().flag("url", "redis://h?spool=own").flag("spool.path", "flag");
    assert_eq!(shown(both).0.unwrap().0, "own");
}

#[test]
fn quarantine_needs_a_directory() {
    let sources = || Sources::without_files().env([("PAPYRA_STARTUP_RECOVERY", "quarantine")]);
    assert_eq!(Config::load(sources()).unwrap().recovery().unwrap_err().kind(), ErrorKind::Config);
    let config = Config::load(sources().flag("startup.quarantine_dir", "q")).unwrap();
    let recovery = config.recovery().unwrap();
    assert_eq!((recovery.mode, recovery.quarantine_dir), (RecoveryMode::Quarantine, Some("q".into())));
}

#[test]
fn both_a_path_and_an_address_are_too_many() {
    let sources = Sources::without_files().flag("url", "memory:").path("x");
    assert_eq!(Config::load(sources).unwrap_err().kind(), ErrorKind::Config);
}
