//! Durations, sizes and moments as people write them: in log addresses, in `papyra.toml` and on the command line.
//!
//! | | accepted | refused, with the cure |
//! |---|---|---|
//! | duration | `500ms` `30s` `10min` `15m` `2h` `30d` `1w` `1.5h` `1h 30m` `0` | `30` (no unit), `1mo` and `1y` (not always as long) |
//! | size | `4096` `64MiB` `1GiB` `2GB` `1.5kB` | `10m`, `10k` (1000 or 1024?) |
//!
//! ```
//! use papyra::units::{format_duration, format_size, parse_duration, parse_size};
//! assert_eq!(parse_duration("1h 30m")?.as_secs(), 5400);
//! assert_eq!(parse_size("64MiB")?, 64 * 1024 * 1024);
//! assert_eq!(format_duration(parse_duration("90m")?), "90m");
//! assert_eq!(format_size(parse_size("2GB")?), "2GB");
//! # Ok::<(), papyra::Error>(())
//! ```

mod duration;
mod number;
mod size;
mod when;

pub use duration::{format_duration, parse_duration};
pub use size::{format_size, parse_size};
pub use when::When;
