//! Locks that end some time after their holders, unless these keep telling that they are there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use muster_addr::{AbsResource, AddrError, ConfigResource};
use muster_store::{LockInfo, LockLoss, Part, StoreError};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Row, Transaction};

use super::Database;
use super::beat::Beat;
use crate::fault::{self, Fault};

/// The first half of the lock of whoever takes a lock.
const TAKING: i32 = 0x6c6f_636b;
/// Why a lock could not be taken.
pub(super) struct Conflict {
    /// Who holds one that is in the way.
    pub(super) holder: LockInfo,
    /// A resource that both want, unless both want everything.
    pub(super) resource: Option<String>,
}

/// A lock that is held.
pub(super) struct Lease {
    pub(super) info: LockInfo,
    pub(super) loss: LockLoss,
    held: Held,
    /// Dropped, it ends the thread that prolongs the lock.
    _stop: Sender<()>,
}

/// Takes a lock on a part of a workspace, or on everything, unless somebody else holds
/// one that is in the way. `None` if it was taken.
pub(super) async fn take(
    client: &mut Client,
    database: &Database,
    workspace: &str,
    info: &LockInfo,
    part: Option<&Part>,
) -> Result<Option<Conflict>, Fault> {
    let table = database.table("locks");
    // Whoever had to wait for others must see what they did meanwhile.
    let transaction = client.build_transaction();
    let tx = transaction
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    let one_by_one = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
    let name = format!("{table} {workspace}");
    tx.execute(one_by_one, &[&TAKING, &name]).await?;
    // Whatever is left afterwards is in the way, also a lock that has ended but is being prolonged,
    // or that a write rests on which is not done yet: these have hold of its row.
    let clean = format!(
        "DELETE FROM {table} WHERE workspace = $1 AND id IN (
             SELECT id FROM {table}
             WHERE workspace = $1 AND (id = $2 OR expires < clock_timestamp())
             FOR UPDATE SKIP LOCKED)"
    );
    tx.execute(&clean, &[&workspace, &info.id]).await?;
    let look = format!(
        "SELECT id, info, writes, reads FROM {table}
         WHERE workspace = $1 AND id <> $2 ORDER BY id"
    );
    let rows = tx.query(&look, &[&workspace, &info.id]).await?;
    if let Some(conflict) = conflict(&rows, part)? {
        return Ok(Some(conflict));
    }
    let add = format!(
        "INSERT INTO {table} (workspace, id, info, expires, writes, reads)
         VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 second', $5, $6)"
    );
    let text = serde_json::to_string(info).map_err(Fault::other)?;
    let lease = database.lease.as_secs_f64();
    let texts = |set: &BTreeSet<ConfigResource>| -> Vec<String> {
        set.iter().map(ToString::to_string).collect()
    };
    let writes = part.map(|part| texts(&part.writes));
    let reads = part.map(|part| texts(&part.reads));
    let values: [&(dyn ToSql + Sync); 6] = [&workspace, &info.id, &text, &lease, &writes, &reads];
    tx.execute(&add, &values).await?;
    tx.commit().await?;
    Ok(None)
}

/// The first of some locks that excludes one on a part, or on everything.
fn conflict(rows: &[Row], part: Option<&Part>) -> Result<Option<Conflict>, Fault> {
    for row in rows {
        let held = locked(row.get(2), row.get(3)).map_err(Fault::other)?;
        if let Some(resource) = overlap(held.as_ref(), part) {
            let holder = told(row);
            return Ok(Some(Conflict { holder, resource }));
        }
    }
    Ok(None)
}

/// The part that a row says is locked; `None` for everything.
fn locked(
    writes: Option<Vec<String>>,
    reads: Option<Vec<String>>,
) -> Result<Option<Part>, AddrError> {
    let set = |texts: Option<Vec<String>>| -> Result<_, AddrError> {
        let texts = texts.into_iter().flatten();
        texts.map(|text| text.parse::<ConfigResource>()).collect()
    };
    if writes.is_none() {
        return Ok(None);
    }
    Ok(Some(Part {
        writes: set(writes)?,
        reads: set(reads)?,
    }))
}

/// Whether two locks exclude each other, and a resource that they do so for if one of them is
/// about a part.
fn overlap(held: Option<&Part>, wanted: Option<&Part>) -> Option<Option<String>> {
    let text = |resource: &ConfigResource| resource.to_string();
    match (held, wanted) {
        (None, None) => Some(None),
        (None, Some(part)) | (Some(part), None) => Some(part.first().map(text)),
        (Some(held), Some(wanted)) => held.conflict(wanted).map(|resource| Some(text(resource))),
    }
}

fn told(row: &Row) -> LockInfo {
    let id = row.get(0);
    let info: LockInfo = serde_json::from_str(row.get(1)).unwrap_or_default();
    LockInfo { id, ..info }
}

/// Somebody who holds a lock of a workspace that has not ended: the one with the id if there is
/// one.
pub(super) async fn holder(
    client: &impl GenericClient,
    database: &Database,
    workspace: &str,
    id: &str,
) -> Result<Option<LockInfo>, Fault> {
    let table = database.table("locks");
    let look = format!(
        "SELECT id, info FROM {table} WHERE workspace = $1 AND expires >= clock_timestamp()
         ORDER BY id <> $2, id LIMIT 1"
    );
    let row = client.query_opt(&look, &[&workspace, &id]).await?;
    Ok(row.map(|row| told(&row)))
}

/// Gives a lock back, or takes it away. Whether it was held by that id.
pub(super) async fn end(
    client: &impl GenericClient,
    database: &Database,
    workspace: &str,
    id: &str,
) -> Result<bool, Fault> {
    let table = database.table("locks");
    let delete = format!("DELETE FROM {table} WHERE workspace = $1 AND id = $2");
    Ok(client.execute(&delete, &[&workspace, &id]).await? == 1)
}

/// A lock as its row says, which may be gone.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) workspace: String,
    pub(super) id: String,
    /// What is locked; `None` for everything.
    pub(super) part: Option<Part>,
}

impl Held {
    /// Makes sure that the row is there. `share` may keep others from removing it.
    pub(super) async fn must_be(
        &self,
        client: &impl GenericClient,
        database: &Database,
        share: &str,
    ) -> Result<(), Fault> {
        let table = database.table("locks");
        let look = format!("SELECT FROM {table} WHERE workspace = $1 AND id = $2{share}");
        let values: [&(dyn ToSql + Sync); 2] = [&self.workspace, &self.id];
        match client.query_opt(&look, &values).await? {
            Some(_) => Ok(()),
            None => Err(self.lost(client, database).await?),
        }
    }

    /// Prolongs the lock. One that has ended is held again as long as nobody else has come and
    /// removed it.
    pub(super) async fn prolong(
        &self,
        client: &impl GenericClient,
        database: &Database,
    ) -> Result<(), Fault> {
        let table = database.table("locks");
        let prolong = format!(
            "UPDATE {table} SET expires = clock_timestamp() + $3 * interval '1 second'
             WHERE workspace = $1 AND id = $2"
        );
        let lease = database.lease.as_secs_f64();
        let values: [&(dyn ToSql + Sync); 3] = [&self.workspace, &self.id, &lease];
        match client.execute(&prolong, &values).await? {
            0 => Err(self.lost(client, database).await?),
            _ => Ok(()),
        }
    }

    /// Why the row is gone: who has one now that excludes it, as far as somebody has.
    async fn lost(&self, client: &impl GenericClient, database: &Database) -> Result<Fault, Fault> {
        let look = format!(
            "SELECT id, info, writes, reads FROM {}
             WHERE workspace = $1 AND expires >= clock_timestamp() ORDER BY id",
            database.table("locks")
        );
        let rows = client.query(&look, &[&self.workspace]).await?;
        let reason = match conflict(&rows, self.part.as_ref())? {
            None => "the lock has ended, or was taken away".to_owned(),
            Some(Conflict { holder, resource }) => {
                let who = fault::holder(&holder);
                let resource = resource.map(|resource| format!(" on {resource}"));
                let resource = resource.unwrap_or_default();
                format!("the lock has ended, and {who} holds one now{resource}")
            }
        };
        Ok(Fault::Store(StoreError::LockLost {
            place: database.place(&self.workspace),
            reason,
        }))
    }
}

impl Lease {
    /// A lock that was taken just now. From now on it is prolonged.
    pub(super) fn new(
        database: &Arc<Database>,
        workspace: &str,
        info: LockInfo,
        part: Option<Part>,
    ) -> Self {
        let loss = LockLoss::default();
        let held = Held {
            workspace: workspace.to_owned(),
            id: info.id.clone(),
            part,
        };
        let beat = Beat {
            link: database.link.another(),
            database: Arc::clone(database),
            held: held.clone(),
            loss: loss.clone(),
        };
        Self {
            info,
            held,
            loss,
            _stop: beat.start(),
        }
    }

    /// Makes sure within a transaction that the lock is held until this ends. Nobody can take it
    /// away meanwhile, but it can be prolonged, however long the transaction takes.
    pub(super) async fn keep(
        &self,
        tx: &Transaction<'_>,
        database: &Database,
    ) -> Result<(), Fault> {
        self.held.must_be(tx, database, " FOR KEY SHARE").await
    }

    /// Refuses changes of a resource that is not locked.
    pub(super) fn check<'a>(
        &self,
        database: &Database,
        changed: impl Iterator<Item = &'a AbsResource>,
    ) -> Result<(), Fault> {
        let Some(part) = &self.held.part else {
            return Ok(());
        };
        match part.outside(changed) {
            None => Ok(()),
            Some(other) => Err(self.refusal(database, format!("{other} is not locked"))),
        }
    }

    fn refusal(&self, database: &Database, reason: String) -> Fault {
        Fault::Store(StoreError::Remote {
            place: database.place(&self.held.workspace),
            action: "write",
            reason,
        })
    }
}
