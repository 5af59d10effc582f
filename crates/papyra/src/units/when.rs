//! Times as people write and read them.

use jiff::{
    Span, Timestamp, ToSpan, Zoned,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// The moment that a command began and the time zone that it speaks.
#[derive(Clone, Debug)]
pub struct When {
    now: Zoned,
}

impl When {
    /// How wide a time is at most; in UTC it is five characters less.
    pub const WIDTH: usize = 29;

    /// Now, in this time zone (`UTC`, `local`, or a name such as `Europe/Berlin`).
    pub fn in_zone(name: &str) -> Result<When, String> {
        Ok(When {
            now: timestamp(crate::Timestamp::now().seconds()).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone(name)?),
        })
    }

    /// Seconds since 1970 of a time such as `2h`, `15 minutes ago`, `yesterday`, `2026-11-20T09:00:00Z` or `1763620000.5`.
    pub fn parse(&self, text: &str) -> Result<f64, String> {
        let trimmed = text.trim();
        if let Ok(seconds) = trimmed.parse::<f64>() {
            return if seconds.is_finite() { Ok(seconds) } else { Err(format!("`{text}` is not a time")) };
        }
        let found = self.moment(trimmed).ok_or_else(|| {
            format!(
                "`{text}` is not a time: give `2h`, `15 minutes ago`, `yesterday`, RFC 3339 (2026-11-20T09:00:00Z), a \
                 date, or Unix seconds"
            )
        })?;
        Ok(found.as_microsecond() as f64 / 1e6)
    }

    fn moment(&self, text: &str) -> Option<Timestamp> {
        let midnight = |days: i64| {
            let day = self.now.date().checked_add(days.days()).ok()?;
            Some(day.to_zoned(self.now.time_zone().clone()).ok()?.timestamp())
        };
        match text.to_ascii_lowercase().as_str() {
            "now" => return Some(self.now.timestamp()),
            "today" => return midnight(0),
            "yesterday" => return midnight(-1),
            _ => {}
        }
        if let Ok(span) = text.parse::<Span>() {
            // `2h` and `2h ago` are the same moment: a log knows no future.
            return Some(self.now.checked_sub(span.abs()).ok()?.timestamp());
        }
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Some(moment);
        }
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Some(zoned.timestamp());
        }
        let zone = self.now.time_zone().clone();
        match text.parse::<Date>() {
            // A text with a time of day reads as a date, too: try the longer one first.
            Ok(date) => match text.parse::<DateTime>() {
                Ok(datetime) => Some(datetime.to_zoned(zone).ok()?.timestamp()),
                Err(_) => Some(date.to_zoned(zone).ok()?.timestamp()),
            },
            Err(_) => None,
        }
    }

    /// RFC 3339 with milliseconds, in the time zone; a time that no calendar has is its number.
    pub fn rfc3339(&self, seconds: f64) -> String {
        let Some(moment) = timestamp(seconds) else { return format!("{seconds:.3}") };
        let zone = self.now.time_zone();
        if *zone == TimeZone::UTC {
            return moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        }
        moment.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    match name {
        _ if name.eq_ignore_ascii_case("utc") => Ok(TimeZone::UTC),
        _ if name.eq_ignore_ascii_case("local") => Ok(TimeZone::system()),
        _ => TimeZone::get(name).map_err(|_| {
            format!("`{name}` is not a time zone that this system knows: give an IANA name such as Europe/Berlin, `UTC` or `local`")
        }),
    }
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    let micros = (seconds * 1e6).round();
    // Beyond this a float no longer counts microseconds, and no calendar reaches that far either.
    (micros.abs() < 1e18).then(|| Timestamp::from_microsecond(micros as i64).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: &str, zone: TimeZone) -> When {
        When { now: now.parse::<Timestamp>().unwrap().to_zoned(zone) }
    }

    fn utc() -> When {
        at("2026-11-20T10:30:00Z", TimeZone::UTC)
    }

    fn berlin() -> When {
        at("2026-11-20T10:30:00Z", TimeZone::fixed(jiff::tz::offset(1)))
    }

    #[test]
    fn times_read_as_people_write_them() {
        let base = 1_795_170_600.0;
        for (text, expected) in [
            ("now", base),
            ("2h", base - 7200.0),
            ("2h ago", base - 7200.0),
            ("15 minutes ago", base - 900.0),
            ("1h30m", base - 5400.0),
            ("1 day", base - 86_400.0),
            ("1mo", base - 31.0 * 86_400.0),
            ("today", base - 37_800.0),
            ("Yesterday", base - 37_800.0 - 86_400.0),
            ("2026-11-20T09:00:00Z", base - 5400.0),
            ("2026-11-20T10:00:00+01:00", base - 5400.0),
            ("2026-11-20T09:00:00", base - 5400.0),
            ("2026-11-20 09:00", base - 5400.0),
            ("2026-11-20", base - 37_800.0),
            ("1700000000.123", 1_700_000_000.123),
            ("1700000000", 1_700_000_000.0),
            ("-5", -5.0),
        ] {
            assert_eq!(utc().parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "soon", "2 fortnights", "NaN", "inf", "2026-13-01", "25:00", "2h later", "1e999"] {
            assert!(utc().parse(text).is_err(), "{text}");
        }
        assert!(When::in_zone("Atlantis/Capital").is_err());
    }

    #[test]
    fn days_begin_in_the_given_zone() {
        assert_eq!(berlin().parse("today"), Ok(1_795_129_200.0));
        assert_eq!(berlin().parse("2026-11-20"), Ok(1_795_129_200.0));
    }

    #[test]
    fn times_are_printed_in_the_given_zone() {
        assert_eq!(utc().rfc3339(1_700_000_000.123), "2023-11-14T22:13:20.123Z");
        assert_eq!(berlin().rfc3339(1_700_000_000.123), "2023-11-14T23:13:20.123+01:00");
        assert_eq!(utc().rfc3339(1e300).len(), format!("{:.3}", 1e300).len());
    }
}
