//! `papyra demo`: a small real actor system lives for some seconds, and what it lived through is shown.

mod quiet;
mod shop;
mod stage;

use std::{path::PathBuf, time::Duration};

use papyra::{Error, ErrorKind, Log, Recorder, Result};
use papyra_ractor::{Observer, SpawnObserved as _};

pub use stage::{Demo, Show};

use shop::{Order, Shop, Tell};

/// How many orders come in while the shop is open.
const ORDERS: u32 = 40;
/// The orders without a price. The second worker gets them, and panics.
const POISONED: [u32; 3] = [10, 19, 28];
/// After this order the third worker goes home, which the shop does not notice.
const RETIRES_AFTER: u32 = 31;

/// How long the recorder may take to write what it still has.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run a small actor system that starts, crashes, restarts and loses messages; keep its facts; show them.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// The log's file, which must not exist yet [default: in a fresh directory among the temporary files]
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
    /// How long the actor system lives
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
}

/// Lets the shop live that long and records it; each turn of the story is told when it comes, with the time since the beginning.
///
/// # Errors
/// If the actor system cannot start, or a fact did not come into the log.
pub async fn record_story(log: Log, lifetime: Duration, mut tell: impl FnMut(Duration, &str)) -> Result<u64> {
    let _quiet = quiet::QuietPanics::of(shop::SOURCE);
    let recorder = Recorder::start(log)?;
    let observer = Observer::start(&recorder).system("orders").audit_every(lifetime / 10).await?;

    tell(Duration::ZERO, "the shop opens: a supervisor with three workers");
    let shop = Shop::new(observer.clone());
    let (shop, closed) = Shop::spawn_observed(&observer, Some("shop".to_owned()), shop, ()).await.map_err(broken)?;
    let pause = lifetime / ORDERS;
    for number in 1..=ORDERS {
        let now = pause * (number - 1);
        let price = (!POISONED.contains(&number)).then_some(10 * number);
        if price.is_none() {
            tell(now, &format!("order {number} has no price: worker-2 panics, and the shop starts it again"));
        }
        shop.cast(Tell::Place(Order { number, price })).map_err(broken)?;
        if number == RETIRES_AFTER {
            tell(now, "worker-3 goes home, but the shop keeps sending it orders");
            shop.cast(Tell::SendHome { worker: 3 }).map_err(broken)?;
        }
        tokio::time::sleep(pause).await;
    }
    observer.audit();
    tell(lifetime, "the shop closes");
    shop.stop(Some("closing time".to_owned()));
    closed.await.map_err(broken)?;

    observer.stop().await;
    // The log's own words about why a fact is missing, if one is.
    recorder.flush().await?;
    let report = recorder.shutdown(PATIENCE).await;
    match report.dropped {
        0 => Ok(report.written),
        dropped => Err(Error::new(ErrorKind::Io, format!("{dropped} facts of the demo did not come into its log"))),
    }
}

/// An actor of the demo did what it never should.
fn broken(error: impl std::error::Error) -> Error {
    Error::new(ErrorKind::Internal, "the demo's actor system broke down").with_source(error.to_string())
}
