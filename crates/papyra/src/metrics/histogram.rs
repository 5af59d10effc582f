//! A histogram of times: powers of two, so that a microsecond and a minute are told with the same care.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// The first bucket ends at one microsecond, each next one at twice the time, the last but one at about 67 seconds.
const BUCKETS: usize = 28;

/// Times, counted by how long they are.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        let bucket = (u64::BITS - micros.saturating_sub(1).leading_zeros()) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: std::array::from_fn(|at| self.buckets[at].load(Ordering::Relaxed)),
            nanos: self.nanos.load(Ordering::Relaxed),
        }
    }

    pub(super) fn reset(&self) {
        self.buckets.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
        self.nanos.store(0, Ordering::Relaxed);
    }
}

/// Times, counted by how long they are, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    nanos: u64,
}

impl HistogramSnapshot {
    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }

    /// The buckets: where each ends, in seconds, and how many times are not longer. The last one has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut below = 0;
        self.buckets.into_iter().enumerate().map(move |(at, count)| {
            below += count;
            let end = if at + 1 == BUCKETS { f64::INFINITY } else { (1_u64 << at) as f64 / 1e6 };
            (end, below)
        })
    }

    /// A time that this share of all times is not longer than, in seconds, rounded up to the end of its bucket; `None` if
    /// nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0);
        self.buckets().find(|(_, below)| *below as f64 >= wanted).map(|(end, _)| end)
    }
}

impl Serialize for HistogramSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Infinity has no place in JSON: what is beyond the last end is told as missing.
        let finite = |share| self.quantile(share).filter(|seconds| seconds.is_finite());
        let mut out = serializer.serialize_struct("HistogramSnapshot", 4)?;
        out.serialize_field("count", &self.count())?;
        out.serialize_field("sum_seconds", &self.sum_seconds())?;
        out.serialize_field("p50_seconds", &finite(0.5))?;
        out.serialize_field("p99_seconds", &finite(0.99))?;
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_bucket_that_ends_behind_it() {
        let histogram = Histogram::default();
        for nanos in [0, 1, 1_000, 1_001, 2_000, 2_001, u64::MAX] {
            histogram.add(Duration::from_nanos(nanos));
        }
        let below: Vec<u64> = histogram.snapshot().buckets().map(|(_, below)| below).collect();
        assert_eq!(below[..3], [3, 5, 6]);
        assert_eq!(below[BUCKETS - 1], 7);
    }

    #[test]
    fn a_quantile_is_the_end_of_its_bucket() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot().quantile(0.5), None);
        (0..99).for_each(|_| histogram.add(Duration::from_micros(3)));
        histogram.add(Duration::from_millis(1));
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.quantile(0.5), snapshot.quantile(0.99)), (Some(4e-6), Some(4e-6)));
        assert_eq!(snapshot.quantile(1.0), Some(1.024e-3));
        histogram.reset();
        assert_eq!(histogram.snapshot(), HistogramSnapshot::default());
    }
}
