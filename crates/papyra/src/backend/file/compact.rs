//! Compaction: retention made physical, beside a living writer.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    FileConfig,
    fates::Fates,
    lines,
    lock::{self, HeldLock, LockPaths, SwapLock},
    members::{self, Members, is_set},
    opened::refuse_links,
    plan::Plan,
    replace::{self, Replacement},
    segments::Segments,
    storage::{self, Identity},
};
use crate::{CompactionConfig, CompactionReport, Error, ErrorKind, Result};

/// What was appended meanwhile is copied until so little is left that the writer can wait for it.
const LITTLE: u64 = 1 << 20;
/// How often compaction begins anew if the file is replaced under it.
const TRIES: u32 = 5;

pub(super) fn compact(config: &FileConfig, wanted: &CompactionConfig, name: &str) -> Result<CompactionReport> {
    let log = Segments::of(config);
    if is_set(&log) {
        return compact_set(&log, config, wanted, name);
    }
    let path = &config.path;
    drop(storage::open_for_reading(path)?);
    let mut report = CompactionReport { backend: name.to_owned(), ..CompactionReport::default() };
    if wanted.dry_run {
        let file = Arc::new(storage::open_for_reading(path)?);
        let size = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
        let in_flight = lock::is_held(&LockPaths::beside(path).writer);
        let end = lines::behind_last_newline(&file, size).map_err(|error| Error::io("read", path, error))?;
        Plan::make(path, &file, if in_flight { end } else { size }, wanted)?.report(&mut report);
        return Ok(report);
    }
    refuse_links(path)?;
    let locks = LockPaths::beside(path);
    let _maintenance = HeldLock::take(&locks.maintenance, "compact", config.lock_timeout, path)?;
    let left = replace::leftovers(path).map_err(|error| Error::io("look into the directory of", path, error))?;
    replace::remove("remove a temporary file", &left)?;
    let mut swap = SwapLock::open(&locks.swap)?;
    for _ in 0..TRIES {
        if attempt(path, wanted, &mut swap, &mut report)? {
            return Ok(report);
        }
    }
    Err(replaced_again_and_again(path))
}

fn replaced_again_and_again(path: &Path) -> Error {
    Error::new(ErrorKind::Locked, format!("`{}` was replaced by another program again and again", path.display()))
        .with_cure("stop what moves the log's files (logrotate, say), then compact again")
}

/// Compacts a log of several files.
fn compact_set(log: &Segments, config: &FileConfig, wanted: &CompactionConfig, name: &str) -> Result<CompactionReport> {
    let mut report = CompactionReport { backend: name.to_owned(), ..CompactionReport::default() };
    drop(log.list_existing()?);
    let mut locks = None;
    if !wanted.dry_run {
        refuse_links(log.home())?;
        let paths = log.locks();
        let maintenance = HeldLock::take(&paths.maintenance, "compact", config.lock_timeout, log.home())?;
        locks = Some((maintenance, SwapLock::open(&paths.swap)?));
    }
    for _ in 0..TRIES {
        let mut attempt = || {
            let members = Members::of(log)?;
            let Some((_, swap)) = &mut locks else {
                Fates::decide(log, members, None, wanted)?.report(&mut report);
                return Ok(true);
            };
            replace::remove("remove a temporary file", &members.temporaries)?;
            let mut fates = Fates::decide(log, members, Some(swap), wanted)?;
            fates.report(&mut report);
            report.changed = fates.change_anything();
            if !report.changed {
                return Ok(true);
            }
            if fates.leave_nothing() && !wanted.allow_empty {
                return Err(Error::nothing_would_remain(&log.home().display().to_string()));
            }
            fates.happen(swap, wanted)
        };
        match attempt() {
            Ok(true) => return Ok(report),
            Ok(false) => {}
            // The writer drops whole files too, if it was told to.
            Err(error) if members::went(&error) => drop(log.list_existing()?),
            Err(error) => return Err(error),
        }
    }
    Err(replaced_again_and_again(log.home()))
}

/// One try; `false` if the file was replaced meanwhile.
fn attempt(path: &Path, wanted: &CompactionConfig, swap: &mut SwapLock, report: &mut CompactionReport) -> Result<bool> {
    let failed = |error| Error::io("look at", path, error);
    let (file, identity, size) = {
        // Under the swap lock the size is that of whole batches: nothing torn of a living writer.
        let _held = swap.hold()?;
        let file = Arc::new(storage::open_for_reading(path)?);
        let identity = Identity::of(&file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        (file, identity, size)
    };
    let plan = Plan::make(path, &file, size, wanted)?;
    plan.report(report);
    if plan.keeps_all() {
        return Ok(true);
    }
    if plan.keeps_nothing() && !wanted.allow_empty {
        return Err(Error::nothing_would_remain(&path.display().to_string()));
    }
    let done = swap_in(path, &file, identity, size, &plan, swap, wanted)?;
    report.changed = done;
    Ok(done)
}

/// Puts what a plan keeps of a file in its place, with what was appended to it meanwhile; `false` if the file was replaced.
pub(super) fn swap_in(
    path: &Path,
    file: &Arc<File>,
    identity: Identity,
    size: u64,
    plan: &Plan,
    swap: &mut SwapLock,
    wanted: &CompactionConfig,
) -> Result<bool> {
    let failed = |error| Error::io("look at", path, error);
    let mut replacement = Replacement::begin(path, file)?;
    plan.read_back(&mut replacement, wanted.progress.as_ref())?;
    plan.write(path, file, &mut replacement)?;
    replacement.must_be_clean("the rewritten log")?;
    let mut copied = size;
    loop {
        let now = {
            let _held = swap.hold()?;
            file.metadata().map_err(failed)?.len()
        };
        if now < copied + LITTLE {
            break;
        }
        replacement.copy(file, copied, now)?;
        copied = now;
    }
    replacement.sync()?;
    // From here on the writer waits.
    let held = swap.hold()?;
    let now = file.metadata().map_err(failed)?.len();
    if Identity::at(path).map_err(failed)? != Some(identity) || now < copied {
        return Ok(false);
    }
    replacement.copy(file, copied, now)?;
    replacement.take_place(swap, &held)?;
    Ok(true)
}
