//! The page as a browser shows it: headless Chromium, driven through a pipe by its own DevTools protocol.

mod browser;
#[path = "../../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use browser::Browser;
use papyra::{
    Audit, DeadLetter, Event, Fact, Group, GroupStart, Kind, Log, Payload, RedisConfig, RedisLog, Timestamp, Why,
};
use papyra_http::Service;
use tokio::{runtime::Runtime, sync::oneshot};

/// A server beside the browser.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Server {
    fn of(service: Service) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(papyra_http::listen("127.0.0.1:0".parse().unwrap(), &service)).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(papyra_http::serve(listener, service, async { drop(stopped.await) }));
        Server { runtime, address, _stop: stop }
    }

    fn append(&self, log: &Log, facts: &[Fact]) {
        self.runtime.block_on(log.append(facts)).unwrap();
    }
}

/// A log, its server and a page that shows everything in it; `None` without a browser.
fn show(facts: &[Fact]) -> Option<(Log, Server, Browser)> {
    let mut browser = Browser::start()?;
    let log = Log::memory();
    let server = Server::of(Service::of(log.clone()).with_name("orders"));
    server.append(&log, facts);
    browser.open(&format!("http://{}/", server.address));
    browser.wait("document.getElementById('ready').textContent === 'ready'");
    everything(&mut browser, facts.len());
    Some((log, server, browser))
}

/// Chooses the span that has all facts, and waits for them.
fn everything(browser: &mut Browser, facts: usize) {
    browser
        .run("const span = document.getElementById('span'); span.value = ''; span.dispatchEvent(new Event('change'))");
    wait_for_facts(browser, facts.min(1000));
}

fn wait_for_facts(browser: &mut Browser, facts: usize) {
    let count = thousands(facts);
    browser.wait(&format!("document.getElementById('count').textContent === '{count} facts'"));
}

/// `12,345`
fn thousands(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

/// Half past ten of a day in 2023, in minutes from there.
fn minute(n: u32) -> Timestamp {
    at(1_700_044_200.0 + f64::from(n) * 60.0)
}

fn crash(actor: &str, why: &str, when: Timestamp) -> Fact {
    Event::new(actor, "ActorCrashed").with_payload(Payload::of(&BTreeMap::from([("error", why)]))).at(when).into()
}

fn audit(alive: u64, restarting: u64, when: Timestamp) -> Fact {
    let mut audit = Audit::new("orders").at(when);
    (audit.total_actors, audit.alive_actors, audit.restarting_actors) =
        (Some(alive + restarting), Some(alive), Some(restarting));
    audit.into()
}

/// A small incident.
fn incident() -> Vec<Fact> {
    let restart = |actor: &str, when| Event::new(actor, "ActorRestarted").at(when).into();
    let letter = |target: &str, kind: &str, count, when| {
        DeadLetter::new(target, kind).with_why(Why::Stopped).with_count(count).at(when).into()
    };
    vec![
        audit(5, 0, minute(0)),
        crash("orders://worker/1", "no price", minute(1)),
        restart("orders://worker/1", minute(1)),
        crash("orders://worker/1", "no stock", minute(1)),
        audit(3, 2, minute(2)),
        crash("orders://worker/2", "no price", minute(3)),
        letter("orders://worker/3", "Order", 7, minute(3)),
        letter("orders://worker/4", "Order", 2, minute(4)),
        letter("orders://worker/3", "Refund", 1, minute(4)),
    ]
}

/// The rows of a chart's table: the newest first.
fn table(browser: &mut Browser, chart: &str) -> Vec<String> {
    browser.run(&format!("document.querySelector('#{chart} details').open = true"));
    browser.wait(&format!("document.querySelectorAll('#{chart} tbody tr').length > 0"));
    browser.list(&format!(
        "[...document.querySelectorAll('#{chart} tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join(' '))"
    ))
}

#[test]
fn charts_and_lists_show_what_is_in_the_log() {
    let Some((_log, server, mut browser)) = show(&incident()) else { return };
    let minutes = table(&mut browser, "trouble");
    assert_eq!(minutes, ["2023-11-15 10:34:00 0 0", "2023-11-15 10:33:00 1 0", "2023-11-15 10:31:00 2 1"]);
    assert_eq!(table(&mut browser, "letters")[..2], ["2023-11-15 10:34:00 3", "2023-11-15 10:33:00 7"]);
    assert_eq!(table(&mut browser, "actors"), ["2023-11-15 10:32:00 3 2 ?", "2023-11-15 10:30:00 5 0 ?"]);
    for chart in ["actors", "trouble", "letters"] {
        let inked = browser.number(&format!(
            "const canvas = document.querySelector('#{chart} canvas');
             const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
             const colours = new Set();
             for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] > 200) colours.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
             return colours.size"
        ));
        assert!(inked >= 2, "{chart}: {inked} colours");
    }
    let rows = |of: &str| {
        format!(
            "[...document.querySelectorAll('{of}')].map((row) => [...row.children].map((cell) => cell.textContent).join(' | '))"
        )
    };
    assert_eq!(
        browser.list(&rows("#troubled tbody tr")),
        [
            "orders://worker/1 | 2 | 1 | 3 | 2023-11-15 10:31:00 | no stock",
            "orders://worker/2 | 1 | 0 | 1 | 2023-11-15 10:33:00 | no price",
        ]
    );
    assert_eq!(browser.list(&rows("#targets li"))[..2], ["orders://worker/3 | 8 | ", "orders://worker/4 | 2 | "]);
    assert_eq!(browser.list(&rows("#types li"))[..2], ["Order | 9 | ", "Refund | 1 | "]);
    assert_eq!(browser.list(&rows("#reasons li"))[..1], ["stopped | 10 | "]);

    browser.run("document.querySelector('#troubled button').click()");
    browser.wait("document.getElementById('life-sums').textContent === 'orders://worker/1: 2 crashes, 1 restarts'");
    assert_eq!(browser.number("return document.querySelectorAll('#moments tbody tr').length"), 3);
    browser.run("document.getElementById('scan').click()");
    browser.wait("document.getElementById('scanned').textContent.includes('no anomalies')");
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn a_storm_is_named_once_it_rages() {
    let Some((log, server, mut browser)) = show(&incident()) else { return };
    let rows = |browser: &mut Browser| {
        browser.list(
            "[...document.querySelectorAll('#storms tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join(' | '))",
        )
    };
    browser.wait("document.querySelector('#storms tbody').textContent === 'none in this span'");
    let loops: Vec<Fact> = (0..6).map(|_| crash("orders://worker/7", "no route", minute(5))).collect();
    server.append(&log, &loops);
    browser.wait("document.querySelector('#storms tbody').textContent.includes('crash loop')");
    let told = "crash loop | orders://worker/7 | 6 | 2023-11-15 10:35:00 | 2023-11-15 10:35:00 | no route";
    assert_eq!(rows(&mut browser), [told]);
    browser.run("document.querySelector('#storms button').click()");
    browser.wait("document.getElementById('life-sums').textContent === 'orders://worker/7: 6 crashes'");
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn consumer_groups_are_shown_with_how_far_they_are() {
    if !redis_lab::is_installed("redis-server") {
        return;
    }
    let Some(mut browser) = Browser::start() else { return };
    let redis = redis_lab::Server::start();
    let log = Log::new(RedisLog::new(RedisConfig::new("127.0.0.1", redis.port())));
    let server = Server::of(Service::of(log.clone()));
    server.append(&log, &incident());
    let workers = Group::new(Kind::Event, "workers");
    server.runtime.block_on(async {
        let groups = log.consumer_groups().unwrap();
        groups.create(&workers, GroupStart::Beginning).await.unwrap();
        assert_eq!(groups.read(&workers, "one", 3, Duration::ZERO).await.unwrap().deliveries.len(), 3);
    });
    browser.open(&format!("http://{}/", server.address));
    browser.wait("!document.getElementById('consumers').hidden");
    let cells = "[...document.querySelectorAll('#consumers tbody td')].map((cell) => cell.textContent)";
    let told = browser.list(cells);
    assert_eq!((&told[..4], told[5].as_str()), (&["workers", "event", "1", "3"].map(String::from)[..], "one: 3"));
    // What workers do shows without anybody asking for it.
    let read = async { log.consumer_groups().unwrap().read(&workers, "two", 9, Duration::ZERO).await };
    assert_eq!(server.runtime.block_on(read).unwrap().deliveries.len(), 1);
    browser.wait("document.querySelector('#consumers tbody').textContent.includes('two: 1')");
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn live_facts_appear_in_list_and_charts_and_can_be_paused_and_sought() {
    let Some((log, server, mut browser)) = show(&incident()) else { return };
    let first = incident().len();
    server.append(&log, &[crash("orders://worker/9", "live", minute(5)), audit(9, 1, minute(5))]);
    wait_for_facts(&mut browser, first + 2);
    browser.wait("[...document.querySelectorAll('#tail .row')].some((row) => row.textContent.includes('worker/9') && row.textContent.includes('live'))");
    browser.wait("document.querySelector('#troubled tbody').textContent.includes('orders://worker/9')");
    assert_eq!(table(&mut browser, "trouble")[0], "2023-11-15 10:35:00 1 0");
    assert_eq!(table(&mut browser, "actors")[0], "2023-11-15 10:35:00 9 1 ?");

    browser.run("document.getElementById('pause').click()");
    server.append(&log, &[crash("orders://worker/8", "held back", minute(6))]);
    browser.wait(&format!("document.getElementById('count').textContent === '{} facts, 1 wait'", first + 2));
    browser.run("document.getElementById('pause').click()");
    wait_for_facts(&mut browser, first + 3);
    browser.run("const filter = document.getElementById('filter'); filter.value = 'HELD'; filter.dispatchEvent(new Event('input'))");
    browser.wait(&format!("document.getElementById('count').textContent === '1 of {} facts'", first + 3));
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>\u{202e}\u{9b}\u{0}\"'&{{7*7}}";
    let facts = [
        crash(hostile, hostile, minute(0)),
        DeadLetter::new(hostile, hostile).with_why(Why::Other(hostile.to_owned())).at(minute(1)).into(),
        Audit::new(hostile).at(minute(2)).into(),
        Event::new("a://b", hostile)
            .with_payload(Payload::of(&BTreeMap::from([(hostile, hostile)])))
            .at(minute(2))
            .into(),
        Event::new("__proto__", "constructor").at(minute(2)).into(),
    ];
    let Some((log, server, mut browser)) = show(&facts) else { return };
    server.append(&log, &facts);
    wait_for_facts(&mut browser, 2 * facts.len());
    browser.run("document.querySelector('#troubled button').click()");
    browser.wait("!document.getElementById('moments').hidden");
    browser.run("const tail = document.getElementById('tail'); tail.focus()");
    for key in ["Home", "Enter"] {
        browser.press(key);
    }
    browser.wait("!document.getElementById('fact').hidden");
    assert_eq!(
        browser.number("return document.querySelectorAll('img, script:not([src$=\"assets/app.js\"])').length"),
        0
    );
    assert_eq!(browser.number("return window.hacked ?? 0"), 0);
    let text = browser.text("return document.body.innerText");
    assert!(text.contains("<img src=x onerror=") && text.contains("\\u{202e}"), "{text}");
    assert!(!text.chars().any(|c| c != '\n' && c != '\t' && papyra::document::safe::is_unsafe(c)), "{text:?}");
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn everything_can_be_done_with_keys() {
    let Some((_log, server, mut browser)) = show(&incident()) else { return };
    // Whatever reacts to a click can have the focus.
    let deaf = "[...document.querySelectorAll('button, select, input, summary, canvas, #tail')].filter((it) => it.tabIndex < 0 || (it.focus(), document.activeElement !== it && it.checkVisibility())).map((it) => it.outerHTML)";
    assert_eq!(browser.list(deaf), [""; 0]);
    browser.run("document.querySelector('#trouble canvas').focus()");
    browser.press("ArrowLeft");
    browser.wait("document.querySelector('#trouble .readout').textContent === '2023-11-15 10:34:00, 1 min: crashes 0, restarts 0'");
    browser.press("ArrowLeft");
    browser.wait("document.querySelector('#trouble .readout').textContent.endsWith('crashes 1, restarts 0')");
    browser.run("document.getElementById('tail').focus()");
    browser.press("End");
    browser.press("ArrowUp");
    browser.press("Enter");
    browser.wait(
        "!document.getElementById('fact').hidden && document.getElementById('fact').textContent.includes('worker/4')",
    );
    assert_eq!(browser.text("return document.getElementById(document.getElementById('tail').getAttribute('aria-activedescendant')).ariaSelected"), "true");
    browser.press("Escape");
    browser.wait("document.getElementById('fact').hidden");
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn it_is_readable_in_light_and_in_dark() {
    let Some((_log, server, mut browser)) = show(&incident()) else { return };
    // The contrast of each kind of text with what is behind it, as accessibility guidelines measure it.
    let contrast = "const rgb = (colour) => { const canvas = document.createElement('canvas').getContext('2d'); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
        const light = (colour) => { const [r, g, b] = rgb(colour).map((c) => { const s = c / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const behind = getComputedStyle(document.querySelector('section')).backgroundColor;
        const ratio = (colour) => { const [a, b] = [light(colour), light(behind)]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
        const worst = Math.min(...['body', 'th', '.readout', '.good', '#trouble .second', '#trouble .first', '#letters .third'].map((it) => ratio(getComputedStyle(document.querySelector(it)).color)));
        return Math.floor(worst * 100)";
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        let worst = browser.number(contrast);
        assert!(worst >= 450, "{scheme}: {worst}");
        grounds.push(browser.text("return getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1]);
    // The button has the last word.
    browser.run("document.getElementById('theme').click()");
    assert_eq!(browser.text("return getComputedStyle(document.body).backgroundColor"), grounds[0]);
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn a_hundred_thousand_facts_are_counted_and_few_of_them_are_elements() {
    let Some((log, server, mut browser)) = show(&incident()) else { return };
    browser.run(
        "window.longest = 0; let last = performance.now();
         const beat = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(beat); };
         requestAnimationFrame(beat)",
    );
    let many: Vec<Fact> = (0..100_000)
        .map(|n| {
            Event::new(format!("orders://worker/{n}"), "ActorStarted")
                .at(at(1_700_044_200.0 + f64::from(n % 300)))
                .into()
        })
        .collect();
    for some in many.chunks(5_000) {
        server.append(&log, some);
    }
    wait_for_facts(&mut browser, 100_000 + incident().len());
    let rows = browser.number("return document.querySelectorAll('#tail .row').length");
    assert!(rows < 100, "{rows} rows");
    let starts = browser.number("return document.querySelectorAll('*').length");
    assert!(starts < 2_000, "{starts} elements");
    browser.run("document.getElementById('tail').focus()");
    browser.press("Home");
    browser.wait(
        "[...document.querySelectorAll('#tail .row:not([hidden])')].some((row) => row.textContent.includes('Audit'))",
    );
    browser.press("End");
    browser.wait("[...document.querySelectorAll('#tail .row:not([hidden])')].some((row) => row.textContent.includes('orders://worker/99999'))");
    println!("the longest frame took {} ms", browser.number("return Math.round(window.longest)"));
    browser.must_be_content(&server.address.to_string(), &[]);
}

#[test]
fn a_server_with_a_token_asks_for_it_and_its_end_is_said() {
    let Some(mut browser) = Browser::start() else { return };
    let log = Log::memory();
    let server = Server::of(Service::of(log.clone()).with_token("a-token-for-this-test"));
    server.append(&log, &incident());
    browser.open(&format!("http://{}/", server.address));
    browser.wait("!document.getElementById('door').hidden");
    let enter = |token: &str| {
        format!("document.getElementById('token').value = '{token}'; document.querySelector('#door button').click()")
    };
    browser.run(&enter("a-wrong-token"));
    browser.wait("!document.getElementById('door').hidden");
    browser.run(&enter("a-token-for-this-test"));
    browser.wait("document.getElementById('ready').textContent === 'ready'");
    everything(&mut browser, incident().len());
    browser.must_be_content(&server.address.to_string(), &["401"]);
    drop(server._stop);
    server.runtime.shutdown_timeout(Duration::from_secs(5));
    browser.wait("document.getElementById('ready').className === 'bad'");
}
