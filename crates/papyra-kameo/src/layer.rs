//! What kameo tells through `tracing`.

use std::fmt::Debug;

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::{FilterFn, Filtered},
    layer::Context,
    registry::LookupSpan,
};

use crate::roster;

/// Where kameo logs the ends of actors.
const TARGET: &str = "kameo::actor::";

/// A layer for your `tracing` subscriber that learns from kameo's own events how restarted actors ended, without a change
/// to them: the crash texts of those that have no [`hooks!`](crate::hooks). It works for all observers, those that start
/// later included, and writes nothing.
///
/// kameo logs crashes as errors and all other ends at level `TRACE`; what a build or a filter leaves out is not seen. No
/// other events or spans are looked at, Papyra's own least of all.
///
/// ```
/// use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
/// # let _default = tracing::subscriber::set_default(tracing_subscriber::registry());
/// let _ = tracing_subscriber::registry().with(papyra_kameo::layer()).try_init();
/// ```
pub fn layer<S>() -> Filtered<KameoLayer, FilterFn, S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // A filter of its own keeps the layer from turning events on or off for its neighbours.
    KameoLayer(()).with_filter(FilterFn::new(is_an_end))
}

/// See [`layer`].
#[derive(Debug)]
pub struct KameoLayer(());

fn is_an_end(metadata: &Metadata<'_>) -> bool {
    let has = |name| metadata.fields().field(name).is_some();
    metadata.is_event() && metadata.target().starts_with(TARGET) && has("id") && has("reason")
}

impl<S: Subscriber> Layer<S> for KameoLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        if told.message == "actor stopped"
            && let (Some(number), Some(reason)) = (told.number, told.reason)
        {
            roster::known(number, |entry| entry.tell_end(reason.clone()));
        }
    }
}

#[derive(Default)]
struct Told {
    message: String,
    number: Option<u64>,
    reason: Option<String>,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = || format!("{value:?}");
        match field.name() {
            "message" => self.message = text(),
            "reason" => self.reason = Some(text()),
            // `#12`, or `#12@peer` in a program of several processes.
            "id" => {
                let text = text();
                let number = text.trim_start_matches('#').split('@').next().unwrap_or_default();
                self.number = number.parse().ok();
            }
            _ => {}
        }
    }
}
