//! `papyra demo`: a small real actor system lives for some seconds, and what it lived through is shown.

mod kameo_shop;
mod quiet;
mod ractor_shop;
mod stage;

use std::{convert::Infallible, fmt, path::PathBuf, time::Duration};

use papyra::{Error, ErrorKind, Fact, Log, Recorder, Result};
use tokio::sync::oneshot;

pub use stage::{Demo, Show};

use kameo_shop::KameoShop;
use ractor_shop::RactorShop;

/// How many orders come in while the shop is open, and after how many of them there is an audit. The last order has one.
const ORDERS: u32 = 40;
const AUDIT_EVERY: u32 = 4;
/// The orders without a price. The second worker gets them, and panics.
const POISONED: [u32; 3] = [10, 19, 28];
/// After this order the third worker goes home, which the shop does not notice.
const RETIRES_AFTER: u32 = 31;

/// Where the panics of the demo come from.
const SOURCE: &str = file!();
/// What the shop is called, and the actor system.
const SHOP: &str = "shop";
const SYSTEM: &str = "orders";
/// Why the shop stops, and why a worker goes home.
const CLOSING: &str = "closing time";
const END_OF_SHIFT: &str = "end of shift";

/// How long the recorder may take to write what it still has.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a turn of the story may take to come on record. No machine is so slow.
const HANG: Duration = Duration::from_secs(60);

/// Run a small actor system that starts, crashes, restarts and loses messages; keep its facts; show them.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// The log's file, which must not exist yet [default: in a fresh directory among the temporary files]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// How long the actor system lives
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// The framework that its actors run on
    #[arg(long, value_enum, default_value_t)]
    pub runtime: Runtime,
}

/// What the demo's actors run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Runtime {
    /// The framework ractor
    #[default]
    Ractor,
    /// The framework kameo
    Kameo,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Runtime::Ractor => "ractor",
            Runtime::Kameo => "kameo",
        })
    }
}

/// A supervisor with three workers. It gives each order to the next worker, and a worker that crashes is started again.
trait Shop: Sized {
    async fn open(recorder: &Recorder) -> Result<Self>;
    async fn place(&self, order: Order) -> Result<()>;
    /// The worker's number counts from 1. The shop does not notice, and goes on sending it orders; the worker takes none any
    /// more once this returns.
    async fn send_home(&self, worker: usize) -> Result<()>;
    fn audit(&self);
    /// Ends the actors, and when all have ended the observation.
    async fn close(self) -> Result<()>;
}

/// What a customer wants; somebody forgot the price now and then.
struct Order {
    number: u32,
    price: Option<u32>,
    /// Goes with the order: whoever has the other end learns that it is no longer on its way.
    _receipt: oneshot::Sender<Infallible>,
}

impl Order {
    /// What a worker does with it.
    fn price(&self) -> u32 {
        let Some(price) = self.price else { panic!("order {} has no price", self.number) };
        price
    }
}

/// Lets the shop live that long and records it; each turn of the story is told when it comes, with the time since the beginning.
///
/// # Errors
/// If the actor system cannot start, or a fact did not come into the log.
pub async fn record_story(
    log: Log,
    runtime: Runtime,
    lifetime: Duration,
    tell: impl FnMut(Duration, &str),
) -> Result<u64> {
    match runtime {
        Runtime::Ractor => play::<RactorShop>(&log, lifetime, tell).await,
        Runtime::Kameo => play::<KameoShop>(&log, lifetime, tell).await,
    }
}

async fn play<S: Shop>(log: &Log, lifetime: Duration, mut tell: impl FnMut(Duration, &str)) -> Result<u64> {
    let _quiet = quiet::QuietPanics::of(SOURCE);
    let recorder = Recorder::start(log.clone())?;
    let recorded = async |event_type: &str, worker: &str, times: usize| {
        // If it cannot come, the recorder knows why.
        let waited = on_record(log, event_type, worker, times).await;
        if waited.is_err() { recorder.flush().await.and(waited) } else { waited }
    };

    tell(Duration::ZERO, "the shop opens: a supervisor with three workers");
    let shop = S::open(&recorder).await?;
    let pause = lifetime / ORDERS;
    // Actors and those who observe them have their own pace, and a busy machine makes any of them late. So each turn waits
    // for what was told in the one before, and nothing but the pauses between them hangs on the clock.
    for number in 1..=ORDERS {
        let now = pause * (number - 1);
        let price = (!POISONED.contains(&number)).then_some(10 * number);
        if price.is_none() {
            tell(now, &format!("order {number} has no price: worker-2 panics, and the shop starts it again"));
        }
        let (receipt, arrived) = oneshot::channel();
        shop.place(Order { number, price, _receipt: receipt }).await?;
        let Err(_) = arrived.await;
        if let Some(crashed) = POISONED.iter().position(|&poisoned| poisoned == number) {
            // For the first time it started when the shop opened.
            recorded("ActorStarted", "worker-2", crashed + 2).await?;
        }
        if number == RETIRES_AFTER {
            tell(now, "worker-3 goes home, but the shop keeps sending it orders");
            shop.send_home(3).await?;
            recorded("ActorStopped", "worker-3", 1).await?;
        }
        if number % AUDIT_EVERY == 0 {
            shop.audit();
        }
        tokio::time::sleep(pause).await;
    }
    tell(lifetime, "the shop closes");
    shop.close().await?;
    // The log's own words about why a fact is missing, if one is.
    recorder.flush().await?;
    let report = recorder.shutdown(PATIENCE).await;
    match report.dropped {
        0 => Ok(report.written),
        dropped => Err(Error::new(ErrorKind::Io, format!("{dropped} facts of the demo did not come into its log"))),
    }
}

/// Waits until such events of this worker have come into the log so many times.
async fn on_record(log: &Log, event_type: &str, worker: &str, times: usize) -> Result<()> {
    let (address, mut seen) = (format!("{SYSTEM}://{worker}").into(), 0);
    let is_it = |fact: &Fact| matches!(fact, Fact::Event(event) if event.event_type == event_type && event.actor_address == address);
    let enough = |entry: &papyra::Entry| {
        seen += usize::from(is_it(&entry.fact));
        seen == times
    };
    log.wait_for(HANG, enough).await.map(drop)
}

/// An actor of the demo did what it never should.
fn broken(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, "the demo's actor system broke down").with_source(error.to_string())
}
