//! Consumer groups of a log of parts: those of a kind are where the kind lives.

use std::time::Duration;

use async_trait::async_trait;

use super::Hybrid;
use crate::{
    Claimed, ConsumerGroups, DeadEntry, Delivered, Error, Group, GroupStart, GroupState, IfPending, Kind, PendingEntry,
    PendingOptions, Position, Result, SetAside,
};

impl Hybrid {
    /// The groups of the part in which a kind lives.
    fn groups_of(&self, kind: Kind) -> Result<&dyn ConsumerGroups> {
        let part = self.parts.iter().find(|part| part.holds(kind));
        part.and_then(|part| part.backend.consumer_groups()).ok_or_else(|| {
            let name = part.map_or("hybrid", |part| part.backend.name());
            Error::unsupported(name, "consumer groups")
                .with_cure(format!("facts of the kind {kind} live there; consumer groups need a log in Redis"))
        })
    }
}

#[async_trait]
impl ConsumerGroups for Hybrid {
    async fn create(&self, group: &Group, from: GroupStart) -> Result<bool> {
        self.groups_of(group.kind())?.create(group, from).await
    }

    async fn delete(&self, group: &Group, pending: IfPending) -> Result<bool> {
        self.groups_of(group.kind())?.delete(group, pending).await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<GroupState>> {
        // A kind whose place has no groups has none.
        match self.groups_of(kind) {
            Ok(groups) => groups.list(kind).await,
            Err(_) => Ok(Vec::new()),
        }
    }

    async fn read(&self, group: &Group, consumer: &str, count: usize, block: Duration) -> Result<Delivered> {
        self.groups_of(group.kind())?.read(group, consumer, count, block).await
    }

    async fn claim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        positions: &[Position],
    ) -> Result<Delivered> {
        self.groups_of(group.kind())?.claim(group, consumer, min_idle, positions).await
    }

    async fn autoclaim(
        &self,
        group: &Group,
        consumer: &str,
        min_idle: Duration,
        cursor: Option<Position>,
        count: usize,
    ) -> Result<Claimed> {
        self.groups_of(group.kind())?.autoclaim(group, consumer, min_idle, cursor, count).await
    }

    async fn hold(&self, group: &Group, consumer: &str, positions: &[Position]) -> Result<Vec<Position>> {
        self.groups_of(group.kind())?.hold(group, consumer, positions).await
    }

    async fn ack(&self, group: &Group, positions: &[Position]) -> Result<u64> {
        self.groups_of(group.kind())?.ack(group, positions).await
    }

    async fn pending(&self, group: &Group, wanted: &PendingOptions) -> Result<Vec<PendingEntry>> {
        self.groups_of(group.kind())?.pending(group, wanted).await
    }

    async fn set_aside(&self, group: &Group, consumer: &str, why: SetAside, positions: &[Position]) -> Result<u64> {
        self.groups_of(group.kind())?.set_aside(group, consumer, why, positions).await
    }

    async fn dead(&self, kind: Kind, after: Option<Position>, count: usize) -> Result<Vec<DeadEntry>> {
        self.groups_of(kind)?.dead(kind, after, count).await
    }

    async fn remove_consumer(&self, group: &Group, consumer: &str) -> Result<bool> {
        self.groups_of(group.kind())?.remove_consumer(group, consumer).await
    }
}
