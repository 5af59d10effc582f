//! Time: the only file that asks the system what time it is.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{Error, ErrorKind, Result};

/// When a fact happened: wall-clock time in seconds since 1970 (UTC), finite, with the exact text that stands in the log.
#[derive(Clone, Default)]
pub struct Timestamp {
    seconds: f64,
    /// The number as it stands in a log, where it is not the shortest text of `seconds`.
    text: Option<Box<str>>,
}

impl Timestamp {
    /// The system's wall clock, with microseconds.
    pub fn now() -> Self {
        SystemClock.now().into()
    }

    /// Seconds since 1970.
    ///
    /// # Errors
    /// `Invalid` if the number is not finite.
    pub fn from_seconds(seconds: f64) -> Result<Self> {
        if seconds.is_finite() {
            Ok(Timestamp { seconds, text: None })
        } else {
            Err(Error::new(ErrorKind::Invalid, format!("the timestamp {seconds} is not a finite number")))
        }
    }

    /// The number as it stands in a log.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let seconds: f64 = text.parse().ok()?;
        if !seconds.is_finite() {
            return None;
        }
        let plain = Timestamp { seconds, text: None };
        if is_shortest(text) {
            return Some(plain);
        }
        let mut shortest = String::with_capacity(24);
        plain.write(&mut shortest);
        Some(if shortest == text { plain } else { Timestamp { seconds, text: Some(text.into()) } })
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Appends the number as JSON.
    pub(crate) fn write(&self, out: &mut impl fmt::Write) {
        // Writing to memory cannot fail.
        let _ = match &self.text {
            Some(text) => out.write_str(text),
            None => write!(out, "{:?}", self.seconds),
        };
    }
}

/// Whether a number is surely written as shortly as it can be, as nearly all timestamps are. Decimals of so few digits are
/// further apart than the numbers of an `f64` are, so that none of them stands for another.
fn is_shortest(text: &str) -> bool {
    const FEW: u64 = 1 << 51;
    let Some((whole, decimals)) = text.split_once('.') else { return false };
    let mut digits = whole.bytes().chain(decimals.bytes());
    let value = digits.try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' if value < FEW => Some(value * 10 + u64::from(byte - b'0')),
        _ => None,
    });
    let begins = matches!(whole.as_bytes(), [b'1'..=b'9', ..]);
    let ends = decimals == "0" || matches!(decimals.as_bytes(), [.., b'1'..=b'9']);
    begins && ends && value.is_some_and(|value| value < FEW)
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f);
        Ok(())
    }
}

impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.seconds.partial_cmp(&other.seconds)
    }
}

impl From<SystemTime> for Timestamp {
    /// Microseconds are kept; the rest of a nanosecond is cut off.
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_micros() as f64,
            Err(before) => -(before.duration().as_micros() as f64),
        };
        Timestamp { seconds: micros / 1e6, text: None }
    }
}

impl From<&Timestamp> for SystemTime {
    /// A time that the system cannot name becomes the nearest that it can.
    fn from(timestamp: &Timestamp) -> Self {
        let span = Duration::try_from_secs_f64(timestamp.seconds.abs()).unwrap_or(Duration::from_secs(1 << 40));
        let time = if timestamp.seconds < 0.0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        time.unwrap_or(UNIX_EPOCH)
    }
}

/// Where a log takes the time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> SystemTime;
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one home of the system's clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows this time.
    pub fn new(time: SystemTime) -> Self {
        let clock = ManualClock(Arc::default());
        clock.set(time);
        clock
    }

    /// Moves the hands to a time, forward or backward; a time before 1970 counts as 1970.
    pub fn set(&self, time: SystemTime) {
        let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.0.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Moves the hands forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_text() {
        for text in ["1763620003", "1763619903.0", "1763620000.123456", "593.761598674", "1e3", "-5", "1.50"] {
            let mut out = String::new();
            Timestamp::from_text(text).unwrap().write(&mut out);
            assert_eq!(out, text);
        }
        assert!(Timestamp::from_text("1e999").is_none());
        assert!(Timestamp::from_text("NaN").is_none());
    }

    #[test]
    fn what_passes_for_the_shortest_text_is_what_would_be_written() {
        let mut seed = 88_172_645_463_325_252_u64;
        let mut passed = 0;
        for round in 0..200_000_u32 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let decimals = (round % 8) as usize;
            let text = format!("{}.{:0decimals$}", seed >> 20 >> (round % 40), seed % 10_u64.pow(decimals as u32));
            if is_shortest(&text) {
                assert_eq!(format!("{:?}", text.parse::<f64>().unwrap()), text);
                passed += 1;
            }
        }
        assert!(passed > 50_000);
    }
}
