//! `groups read` and `groups claim`: what is printed is pending from then on.

use std::time::{Duration, Instant};

use papyra::{
    ConsumerGroups, Delivered, Delivery, Group, Kind, Log, MAX_BLOCK, PendingOptions, Position, SetAside, units::When,
};

use super::{
    args::{ClaimArgs, ReadArgs},
    entries,
};
use crate::{args::Output, failure::Failure, inspect::Form, session::Session};

pub(super) async fn read(args: ReadArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let (groups, group, count) = (log.consumer_groups()?, args.of.group(), args.count as usize);
    // As `XREADGROUP` wants it, a group must be there before it is read.
    if groups.create(&group, args.from).await? {
        session.notes.note(&format!("created the {group}"));
    }
    let mut printer = Printer::new(&group, &args.consumer, groups, session)?;
    if args.pending {
        // Page by page: of many that are gone from the log none would be left to print.
        let (mut after, mut printed) = (None, 0);
        while printed < count {
            let wanted = PendingOptions::of(&args.consumer).after(after).count(count - printed);
            let page = groups.pending(&group, &wanted).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            let positions: Vec<Position> = page.iter().map(|entry| entry.position).collect();
            let delivered = groups.claim(&group, &args.consumer, Duration::ZERO, &positions).await?;
            printed += printer.print(delivered, session).await?;
        }
    } else {
        let until = Instant::now() + args.block;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let delivered = groups.read(&group, &args.consumer, count, left.min(MAX_BLOCK)).await?;
            let is_some = delivered != Delivered::default();
            printer.print(delivered, session).await?;
            if is_some || Instant::now() >= until {
                break;
            }
        }
    }
    printer.end(session)
}

pub(super) async fn claim(args: ClaimArgs, log: &Log, session: &mut Session) -> Result<(), Failure> {
    let (groups, group, count) = (log.consumer_groups()?, args.of.group(), args.count as usize);
    let mut printer = Printer::new(&group, &args.consumer, groups, session)?;
    printer.max_deliveries = args.max_deliveries;
    let mut wanted = args.positions;
    let mut min_idle = args.min_idle;
    if wanted.is_empty() {
        let mut cursor = None;
        loop {
            let left = count - wanted.len();
            let claimed = groups.autoclaim(&group, &args.consumer, args.min_idle, cursor, left).await?;
            wanted.extend(claimed.positions);
            printer.trimmed += claimed.trimmed.len() as u64;
            cursor = claimed.cursor;
            if cursor.is_none() || wanted.len() >= count {
                break;
            }
        }
        // They are this consumer's now, and not idle any more.
        min_idle = Duration::ZERO;
    }
    for positions in wanted.chunks(papyra::MAX_BATCH) {
        let delivered = groups.claim(&group, &args.consumer, min_idle, positions).await?;
        printer.print(delivered, session).await?;
    }
    printer.end(session)
}

/// Prints what was delivered, and says what became of the rest.
struct Printer<'a> {
    group: &'a Group,
    consumer: &'a str,
    groups: &'a dyn ConsumerGroups,
    form: Form,
    max_deliveries: u64,
    trimmed: u64,
    damaged: u64,
    set_aside: u64,
}

impl<'a> Printer<'a> {
    fn new(
        group: &'a Group,
        consumer: &'a str,
        groups: &'a dyn ConsumerGroups,
        session: &Session,
    ) -> Result<Self, Failure> {
        let when = When::in_zone("UTC").map_err(Failure::usage)?;
        // Whoever reads these facts is usually a program, at a terminal too.
        let output = Some(session.output().unwrap_or(Output::Ndjson));
        let form = Form::new(group.kind(), when, output, &session.out);
        Ok(Printer { group, consumer, groups, form, max_deliveries: u64::MAX, trimmed: 0, damaged: 0, set_aside: 0 })
    }

    /// Gives how many were printed.
    async fn print(&mut self, delivered: Delivered, session: &mut Session) -> Result<usize, Failure> {
        let (good, poison): (Vec<Delivery>, Vec<Delivery>) =
            delivered.deliveries.into_iter().partition(|delivery| delivery.deliveries <= self.max_deliveries);
        self.trimmed += delivered.trimmed.len() as u64;
        // Set aside first: if stdout breaks off, what was not printed stays pending, and comes again.
        let poison: Vec<Position> = poison.iter().map(|delivery| delivery.entry.position).collect();
        self.set_aside += self.put_aside(SetAside::Deliveries, &poison).await?;
        self.damaged += self.put_aside(SetAside::Damaged, &delivered.damaged).await?;
        for delivery in &good {
            self.form.print(&delivery.entry, &mut session.out)?;
        }
        session.out.flush()?;
        Ok(good.len())
    }

    async fn put_aside(&self, why: SetAside, positions: &[Position]) -> Result<u64, Failure> {
        match positions {
            [] => Ok(0),
            positions => Ok(self.groups.set_aside(self.group, self.consumer, why, positions).await?),
        }
    }

    fn end(self, session: &mut Session) -> Result<(), Failure> {
        let see = match self.group.kind() {
            Kind::Event => "papyra groups dead".to_owned(),
            kind => format!("papyra groups dead --kind {kind}"),
        };
        if self.set_aside > 0 {
            let n = entries(self.set_aside);
            session.notes.warning(&format!(
                "set aside {n}, delivered more than {} times and never acknowledged: {see}",
                self.max_deliveries
            ));
        }
        if self.damaged > 0 {
            session.notes.warning(&format!("set aside {}, no facts: {see}", entries(self.damaged)));
        }
        if self.trimmed > 0 {
            let n = entries(self.trimmed);
            session.notes.warning(&format!("passed over {n}, pending and not in the log any more"));
        }
        self.form.end(&mut session.out)
    }
}
