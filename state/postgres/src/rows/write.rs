//! From states to rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_snapshot::Snapshot;
use muster_store::{StoreError, differing, is_change, is_merged, without_resources};
use tokio_postgres::{Client, Transaction};

use super::lease::Lease;
use super::load::{Loaded, Stored};
use super::parts::{self, Changes};
use super::{Database, reseal};
use crate::fault::Fault;

/// How many rows, and bytes of them, one statement stores at most.
const BATCH: (usize, usize) = (2000, 16 << 20);

/// A state that is to be stored.
pub(super) struct Write {
    pub(super) database: Arc<Database>,
    pub(super) name: String,
    /// Who stores it.
    pub(super) who: String,
    /// The lock that is held.
    pub(super) lease: Option<Arc<Lease>>,
    /// What was stored when this store last looked.
    pub(super) known: Option<Arc<Loaded>>,
    /// The state as it is to be stored.
    pub(super) next: Arc<Snapshot>,
    pub(super) made: Made,
    /// It may have been stored before the connection was cut.
    pub(super) tried: AtomicBool,
}

/// What a state was made from.
pub(super) enum Made {
    /// The one with this serial number, which must still be stored.
    From(u64),
    /// This one. What others have changed since then stays as they left it.
    Beside(Box<Snapshot>),
    /// Whatever is stored.
    Regardless,
}

/// How it ended: whether something was written, and what is stored now as far as that is known.
pub(super) type Written = (bool, Option<Arc<Loaded>>);

/// What to do about a state that is stored.
enum Next {
    /// Nothing: it says the same.
    Same,
    /// Nothing: it is there already.
    Done,
    /// Store this one.
    Change(Arc<Snapshot>),
}

impl Write {
    /// Stores the state in one transaction.
    pub(super) async fn run(&self, client: &mut Client) -> Result<Written, Fault> {
        let tx = client.transaction().await?;
        let (workspace, revision) = self.workspace(&tx).await?;
        if let Some(lease) = &self.lease {
            lease.keep(&tx, &self.database).await?;
        }
        if matches!(self.made, Made::Regardless) {
            self.check_scope(None, &self.next)?;
            let loaded = self.store_all(&tx, (workspace, revision + 1)).await?;
            tx.commit().await?;
            return Ok((true, Some(loaded)));
        }
        let known = self.known.as_ref();
        if known.is_some_and(|known| known.workspace != workspace) {
            let place = self.database.place(&self.name);
            return Err(StoreError::Deleted { place }.into());
        }
        let old = self.old(&tx, (workspace, revision)).await?;
        let next = match self.compare(old.as_deref())? {
            Next::Same => return Ok((false, old)),
            Next::Done => return Ok((true, old)),
            Next::Change(next) => next,
        };
        self.check_scope(old.as_deref(), &next)?;
        let revision = (workspace, revision + 1);
        let loaded = self
            .store_changes(&tx, revision, old.as_deref(), next)
            .await?;
        self.tried.store(true, Ordering::Relaxed);
        tx.commit().await?;
        Ok((true, Some(loaded)))
    }

    /// Refuses changes of what is not locked, if a lock is held.
    fn check_scope(&self, old: Option<&Loaded>, next: &Snapshot) -> Result<(), Fault> {
        let Some(lease) = &self.lease else {
            return Ok(());
        };
        let nothing = Snapshot::default();
        let before = old.map_or(&nothing, |old| &*old.snapshot);
        lease.check(&self.database, differing(before, next))
    }

    /// The number and the revision of the workspace, which nobody else changes from now on. It is
    /// made if it is not there.
    async fn workspace(&self, tx: &Transaction<'_>) -> Result<(i64, i64), Fault> {
        let table = self.database.table("workspaces");
        let look = format!("SELECT id, revision FROM {table} WHERE name = $1 FOR UPDATE");
        let add = format!("INSERT INTO {table} (name) VALUES ($1) ON CONFLICT DO NOTHING");
        loop {
            if let Some(row) = tx.query_opt(&look, &[&self.name]).await? {
                return Ok((row.get(0), row.get(1)));
            }
            tx.execute(&add, &[&self.name]).await?;
        }
    }

    /// What is stored now.
    async fn old(
        &self,
        tx: &Transaction<'_>,
        (workspace, revision): (i64, i64),
    ) -> Result<Option<Arc<Loaded>>, Fault> {
        if revision == 0 {
            return Ok(None);
        }
        let known = self.known.as_ref();
        if let Some(known) = known.filter(|known| known.is(workspace, revision)) {
            return Ok(Some(known.clone()));
        }
        let stored = Stored::fetch(tx, &self.database, (workspace, revision)).await?;
        let place = self.database.place(&self.name);
        let loaded = stored.decode(&self.database.codec, &place)?;
        Ok(Some(Arc::new(loaded)))
    }

    fn compare(&self, old: Option<&Loaded>) -> Result<Next, StoreError> {
        let old = old.map(|old| &*old.snapshot);
        let next = match &self.made {
            Made::From(serial) => return self.compare_whole(old, *serial),
            Made::Regardless => self.next.clone(),
            Made::Beside(base) => {
                let place = self.database.place(&self.name);
                match muster_store::merge(base, &self.next, old, &place) {
                    // What looks like somebody else's change may be this one.
                    Err(_) if self.was_tried() && is_merged(base, &self.next, old) => {
                        return Ok(Next::Done);
                    }
                    merged => Arc::new(merged?),
                }
            }
        };
        Ok(match old {
            Some(old) if old.same_content(&next) && self.was_tried() => Next::Done,
            Some(old) if old.same_content(&next) => Next::Same,
            _ => Next::Change(next),
        })
    }

    fn compare_whole(&self, old: Option<&Snapshot>, made_from: u64) -> Result<Next, StoreError> {
        let Some(old) = old else {
            return Ok(Next::Change(self.next.clone()));
        };
        let is_same = old.same_content(&self.next);
        if is_same && old.serial == self.next.serial && self.was_tried() {
            return Ok(Next::Done);
        }
        let made = Snapshot {
            serial: made_from,
            ..without_resources(&self.next)
        };
        is_change(Some(old), &made)?;
        Ok(match is_same {
            true => Next::Same,
            false => Next::Change(self.next.clone()),
        })
    }

    fn was_tried(&self) -> bool {
        self.tried.load(Ordering::Relaxed)
    }

    /// Stores what is not as it was.
    async fn store_changes(
        &self,
        tx: &Transaction<'_>,
        revision: (i64, i64),
        old: Option<&Loaded>,
        next: Arc<Snapshot>,
    ) -> Result<Arc<Loaded>, Fault> {
        let nothing = Snapshot::default();
        let before = old.map_or(&nothing, |old| &*old.snapshot);
        let mut changes = parts::changes(before, &next);
        let mut rows = old.map(|old| old.rows.clone()).unwrap_or_default();
        add_plain(&mut changes, old, &next);
        let gone: Vec<i64> = changes.gone.iter().filter_map(|a| rows.remove(a)).collect();
        if !gone.is_empty() {
            let table = self.database.table("instances");
            let end = format!("UPDATE {table} SET to_revision = $1 WHERE id = ANY ($2)");
            tx.execute(&end, &[&revision.1, &gone]).await?;
        }
        self.add(tx, revision, changes.come, &mut rows).await?;
        self.finish(tx, revision, rows, next).await
    }

    /// Stores all again, without a look at what was there: it may be unreadable.
    async fn store_all(
        &self,
        tx: &Transaction<'_>,
        revision: (i64, i64),
    ) -> Result<Arc<Loaded>, Fault> {
        let table = self.database.table("instances");
        let end = format!(
            "UPDATE {table} SET to_revision = $1 WHERE workspace = $2 AND to_revision IS NULL"
        );
        tx.execute(&end, &[&revision.1, &revision.0]).await?;
        // This may be about another key.
        if self.database.codec.is_sealed() {
            reseal::run(tx, &self.database, revision.0).await?;
        }
        let mut rows = HashMap::new();
        let all = parts::all(&self.next);
        self.add(tx, revision, all, &mut rows).await?;
        self.finish(tx, revision, rows, self.next.clone()).await
    }

    async fn add(
        &self,
        tx: &Transaction<'_>,
        (workspace, revision): (i64, i64),
        parts: Vec<(String, Snapshot)>,
        rows: &mut HashMap<String, i64>,
    ) -> Result<(), Fault> {
        let add = format!(
            "INSERT INTO {} (workspace, from_revision, address, payload)
             SELECT $1, $2, new.address, new.payload
             FROM unnest($3::text[], $4::bytea[]) AS new (address, payload)
             RETURNING address, id",
            self.database.table("instances")
        );
        let mut parts = parts.into_iter().peekable();
        while parts.peek().is_some() {
            let (mut addresses, mut payloads, mut size) = (Vec::new(), Vec::new(), 0);
            while addresses.len() < BATCH.0 && size < BATCH.1 {
                let Some((address, part)) = parts.next() else {
                    break;
                };
                let payload = self.sealed(muster_snapshot::encode(&part))?;
                size += payload.len();
                addresses.push(address);
                payloads.push(payload);
            }
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&workspace, &revision, &addresses, &payloads];
            let added = tx.query(&add, &values).await?;
            rows.extend(added.iter().map(|row| (row.get(0), row.get(1))));
        }
        Ok(())
    }

    fn sealed(&self, plain: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let sealed = self.database.codec.seal(plain);
        sealed.map_err(|reason| self.cannot_seal(reason))
    }

    fn cannot_seal(&self, reason: muster_store::SealError) -> StoreError {
        StoreError::Seal {
            place: self.database.place(&self.name),
            reason,
        }
    }

    /// Makes the new revision the current one.
    async fn finish(
        &self,
        tx: &Transaction<'_>,
        (workspace, revision): (i64, i64),
        rows: HashMap<String, i64>,
        next: Arc<Snapshot>,
    ) -> Result<Arc<Loaded>, Fault> {
        let root = without_resources(&next);
        let root = self.database.codec.encode(&root);
        let root = root.map_err(|reason| self.cannot_seal(reason))?;
        let number = |n: usize| i64::try_from(n).map_err(Fault::other);
        let serial = i64::try_from(next.serial)
            .map_err(|_| Fault::other("its serial number is too big for a database"))?;
        let record = format!(
            "INSERT INTO {} (workspace, revision, serial, lineage, who, instances, parts, root)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self.database.table("versions")
        );
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 8] = [
            &workspace,
            &revision,
            &serial,
            &next.lineage,
            &self.who,
            &number(parts::instances(&next))?,
            &number(parts::count(&next))?,
            &root,
        ];
        tx.execute(&record, &values).await?;
        let change = format!(
            "UPDATE {} SET revision = $2 WHERE id = $1",
            self.database.table("workspaces")
        );
        tx.execute(&change, &[&workspace, &revision]).await?;
        Ok(Arc::new(Loaded {
            workspace,
            revision,
            snapshot: next,
            rows,
            plain: Vec::new(),
        }))
    }
}

/// Has rows written again that are in plain text although they should be encrypted.
fn add_plain(changes: &mut Changes, old: Option<&Loaded>, next: &Snapshot) {
    let plain = old.map_or(&[][..], |old| &old.plain);
    if plain.is_empty() {
        return;
    }
    let mut all: HashMap<_, _> = parts::all(next).into_iter().collect();
    for address in &changes.gone {
        all.remove(address);
    }
    for address in plain {
        if let Some(part) = all.remove(address) {
            changes.gone.push(address.clone());
            changes.come.push((address.clone(), part));
        }
    }
}
