//! Locks that end some time after their holders, unless these keep telling that they are there.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use muster_store::{LockInfo, StoreError};
use tokio_postgres::{GenericClient, Transaction};

use super::Database;
use crate::fault::Fault;
use crate::link::Link;

/// How often a lock is prolonged within its lease.
const BEATS: u32 = 3;

/// A lock that is held.
pub(super) struct Lease {
    pub(super) info: LockInfo,
    workspace: String,
    /// Dropped, it ends the thread that prolongs the lock.
    _stop: Sender<()>,
}

/// Takes the lock of a workspace unless somebody else holds it. `None` if it was taken, otherwise
/// what is known of the holder.
pub(super) async fn take(
    client: &impl GenericClient,
    database: &Database,
    workspace: &str,
    info: &LockInfo,
) -> Result<Option<LockInfo>, Fault> {
    let table = database.table("locks");
    let take = format!(
        "INSERT INTO {table} AS held (workspace, id, info, expires)
         VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 second')
         ON CONFLICT (workspace) DO UPDATE
         SET id = excluded.id, info = excluded.info, expires = excluded.expires
         WHERE held.expires < clock_timestamp() OR held.id = excluded.id"
    );
    let text = serde_json::to_string(info).map_err(Fault::other)?;
    let lease = database.lease.as_secs_f64();
    loop {
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&workspace, &info.id, &text, &lease];
        if client.execute(&take, &values).await? == 1 {
            return Ok(None);
        }
        // It may have been given back just now.
        if let Some(holder) = holder(client, database, workspace).await? {
            return Ok(Some(holder));
        }
    }
}

/// Who holds the lock of a workspace.
pub(super) async fn holder(
    client: &impl GenericClient,
    database: &Database,
    workspace: &str,
) -> Result<Option<LockInfo>, Fault> {
    let table = database.table("locks");
    let look = format!("SELECT id, info FROM {table} WHERE workspace = $1");
    let row = client.query_opt(&look, &[&workspace]).await?;
    Ok(row.map(|row| {
        let id = row.get(0);
        let info: LockInfo = serde_json::from_str(row.get(1)).unwrap_or_default();
        LockInfo { id, ..info }
    }))
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

impl Lease {
    /// A lock that was taken just now. From now on it is prolonged.
    pub(super) fn new(database: &Database, workspace: &str, info: LockInfo) -> Self {
        let (stop, stopped) = channel();
        let beat = Beat {
            link: database.link.another(),
            place: database.place(workspace),
            statement: format!(
                "UPDATE {} SET expires = clock_timestamp() + $3 * interval '1 second'
                 WHERE workspace = $1 AND id = $2",
                database.table("locks")
            ),
            workspace: workspace.to_owned(),
            id: info.id.clone(),
            lease: database.lease,
        };
        // Without a thread the lock ends with its lease, which writes notice.
        let _ = thread::Builder::new()
            .name("lock".to_owned())
            .spawn(move || beat.run(&stopped));
        Self {
            info,
            workspace: workspace.to_owned(),
            _stop: stop,
        }
    }

    /// Makes sure within a transaction that the lock is held until this ends.
    pub(super) async fn keep(
        &self,
        tx: &Transaction<'_>,
        database: &Database,
    ) -> Result<(), Fault> {
        let table = database.table("locks");
        let look = format!("SELECT id FROM {table} WHERE workspace = $1 FOR SHARE");
        let row = tx.query_opt(&look, &[&self.workspace]).await?;
        let reason = match row.map(|row| row.get::<_, String>(0)) {
            Some(id) if id == self.info.id => return Ok(()),
            Some(_) => "the lock has ended, and somebody else holds it now",
            None => "the lock was taken away",
        };
        Err(Fault::Store(StoreError::Remote {
            place: database.place(&self.workspace),
            action: "write",
            reason: reason.to_owned(),
        }))
    }
}

/// What prolongs a lock.
struct Beat {
    link: Link,
    place: String,
    statement: String,
    workspace: String,
    id: String,
    lease: Duration,
}

impl Beat {
    fn run(&self, stopped: &Receiver<()>) {
        let pause = self.lease / BEATS;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let (statement, lease) = (self.statement.clone(), self.lease.as_secs_f64());
            let (workspace, id) = (self.workspace.clone(), self.id.clone());
            let prolonged = self.link.call(("lock", &self.place), async move |client| {
                Ok(client
                    .execute(&statement, &[&workspace, &id, &lease])
                    .await?)
            });
            // A database that cannot be reached now may be back before the lease ends.
            if prolonged.is_ok_and(|rows| rows == 0) {
                return;
            }
        }
    }
}
