//! Adding batches without the script, where scripts are forbidden: each whole, but at least once. A double is recognised by
//! its writer and number.

use std::future::Future;

use redis::{RedisError, Value};

use super::{
    batch::Batch,
    config::RedisConfig,
    connection::Connection,
    flight::Landed,
    id::Id,
    keys::{Keys, Lane},
    reply,
    server::Server,
    trouble::Trouble,
};

/// A key of another type would refuse its part of a batch, and the rest would be added; where `MULTI` is forbidden, all would be
/// added and called refused. So that is looked at before; only who changes it while we are connected still tears a batch.
pub(super) async fn must_be_possible(connection: &mut Connection, server: &Server, lane: Lane) -> Result<(), Trouble> {
    let failed = |error| Trouble::of(&error, "append to", server.address());
    if !connection.leads_to_a_cluster() {
        connection.send_all(redis::pipe().atomic()).await.map_err(failed)?;
    }
    for stream in lane.streams() {
        let mut command = redis::cmd("XLEN");
        command.arg(server.keys().stream(*stream));
        connection.send(&command).await.map_err(failed)?;
    }
    Ok(())
}

/// The batch on its way, between `MULTI` and `EXEC`.
pub(super) fn flight(
    mut connection: Connection,
    keys: &Keys,
    config: &RedisConfig,
    batch: &Batch,
) -> impl Future<Output = Landed> + Send + 'static + use<> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    for line in &batch.lines {
        pipeline.cmd("XADD").arg(keys.stream(line.stream));
        if let Some(entries) = config.max_len {
            pipeline.arg("MAXLEN").arg("~").arg(entries);
        }
        pipeline.arg("*").arg("data").arg(&line.data[..]);
    }
    let asks = batch.lines.is_empty();
    async move {
        // There is no harmless write to ask with.
        if asks { Ok::<Vec<Value>, RedisError>(Vec::new()) } else { connection.send_all(&pipeline).await }
    }
}

/// The ids that the server gave.
pub(super) fn ids(answers: &[Value]) -> Vec<Id> {
    answers.iter().filter_map(|answer| Id::parse(reply::text(answer)?)).collect()
}
