//! What happens to a log before actors start.

/// What the startup check does about damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartupMode {
    /// Look and report; damage never stops a start.
    Ignore,
    /// Look and report.
    ScanOnly,
    /// Refuse to start over a damaged log.
    #[default]
    FailOnAnomaly,
    /// Recover a damaged log, and start if it is sound then.
    Recover,
}
