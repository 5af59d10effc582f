//! Limits as they are given: `100/1h`, `0`, `10m`.

use std::{str::FromStr, time::Duration};

use papyra::units::format_duration;

use crate::inspect::window;

/// At most so many within a time that ends now: `100/1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) most: u64,
    pub(super) within: Duration,
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let how = "write how many in which time, such as `100/1h`";
        let (most, within) = text.split_once('/').ok_or_else(|| format!("there is no time in it: {how}"))?;
        let most = most.trim().parse().map_err(|_| format!("`{}` is no number of facts: {how}", most.trim()))?;
        Ok(Limit { most, within: window(within)? })
    }
}

impl Limit {
    /// `in 1h`.
    pub(super) fn in_words(&self) -> String {
        format!("in {}", format_duration(self.within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_and_a_time() {
        let limit = |most, seconds| Ok(Limit { most, within: Duration::from_secs(seconds) });
        assert_eq!("100/1h".parse(), limit(100, 3_600));
        assert_eq!(" 0 / 90s ".parse(), limit(0, 90));
        assert_eq!("18446744073709551615/1h 30m".parse(), limit(u64::MAX, 5_400));
        for text in ["100", "100/", "/1h", "100/0", "100/1", "-1/1h", "1.5/1h", "100/1h/2h", "18446744073709551616/1h"]
        {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
