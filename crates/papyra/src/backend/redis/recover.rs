//! Recovery: damaged entries and doubles are taken out, each set aside first if that is wanted.

use std::path::PathBuf;

use super::{
    aside::Aside,
    id::Id,
    keys::{Lane, Stream},
    pass::{How, pass},
    server::Server,
};
use crate::{RecoveryConfig, RecoveryMode, RecoveryReport, Result, ScanReport};

/// Recovers a log. Other programs may write to it and read from it meanwhile.
pub(super) async fn recover(server: &Server, config: &RecoveryConfig, report: &ScanReport) -> Result<RecoveryReport> {
    let changes = config.mode != RecoveryMode::Ignore && !config.dry_run;
    let mut done = RecoveryReport::default();
    let quarantine = config.mode == RecoveryMode::Quarantine;
    let mut aside = Aside::new(server, quarantine, changes);
    let how = || How { deep: true, sample: None, progress: config.progress.clone() };
    let before = pass(server, how(), report.clone(), Some(&mut aside)).await?;
    // A damaged entry is missing by its number, too, if it had one: it is counted once.
    done.lost = aside.lost.max(before.missing);
    if !changes || before.report.is_clean() {
        done.before = before.report;
        return Ok(done);
    }
    aside.flush().await?;
    let mut lanes: Vec<Lane> = Vec::new();
    for stream in Stream::ALL {
        if aside.touched[stream.index()] {
            done.repaired.push(PathBuf::from(server.keys().stream(stream)));
            if quarantine {
                done.quarantined.push(PathBuf::from(server.keys().quarantine(stream)));
            }
        }
        let lane = server.keys().lane(stream);
        if before.tops[stream.index()].is_some() && !lanes.contains(&lane) {
            lanes.push(lane);
        }
    }
    for lane in lanes {
        let tops = lane.streams().iter().filter_map(|stream| before.tops[stream.index()]);
        certify(server, lane, tops.map(|top| top.last).max().unwrap_or_default()).await?;
    }
    done.before = before.report;
    let after = pass(server, how(), report.clone(), None).await?;
    done.after = Some(after.report);
    done.proven = true;
    Ok(done)
}

/// From now on, gaps in the numbers of writers up to this id are known, and no findings.
pub(super) async fn certify(server: &Server, lane: Lane, through: Id) -> Result<()> {
    let mut command = redis::cmd("HSET");
    command.arg(server.keys().state(lane)).arg("gaps_through").arg(through.to_string());
    server.call("recover", &command).await.map(drop)
}
