//! Locks: an object beside the state, an item of a table, or both.

use bytes::Bytes;
use muster_store::LockInfo;

use crate::bucket::{Bucket, Condition, Put};
use crate::fault::Fault;
use crate::table::Table;

/// The lock of one state.
#[derive(Clone)]
pub(crate) struct Lock {
    pub bucket: Bucket,
    /// The object that is the lock, if it is one.
    pub file: Option<String>,
    /// The table with the item that is the lock, if it is one.
    pub table: Option<Table>,
    /// What names the lock in the table.
    pub id: String,
}

/// What became of an attempt to lock.
#[derive(Debug, PartialEq)]
pub(crate) enum Locking {
    Done,
    /// Somebody else holds it, if that can be told.
    Held(Option<Box<LockInfo>>),
}

/// What became of an attempt to give a lock back.
#[derive(Debug, PartialEq)]
pub(crate) enum Unlocking {
    Done,
    /// There was none.
    Absent,
    /// It has another id.
    Foreign(Option<Box<LockInfo>>),
}

impl Lock {
    /// Whether there are locks at all.
    pub(crate) fn is_none(&self) -> bool {
        self.file.is_none() && self.table.is_none()
    }

    /// Tries to take the lock once.
    pub(crate) async fn take(&self, info: &LockInfo) -> Result<Locking, Fault> {
        let result = self.take_both(info).await;
        if result.is_err() {
            // Part of it may be taken, or the answer was lost: nobody must wait for that.
            let _ = self.give_back(&info.id).await;
        }
        result
    }

    async fn take_both(&self, info: &LockInfo) -> Result<Locking, Fault> {
        let text = serde_json::to_string(info).map_err(|e| Fault::Other(e.to_string()))?;
        if let Some(key) = &self.file {
            let taken = self.take_file(key, &info.id, &text).await?;
            if taken != Locking::Done {
                return Ok(taken);
            }
        }
        if let Some(table) = &self.table {
            let taken = self.take_item(table, &info.id, &text).await?;
            if taken != Locking::Done {
                self.remove_file(&info.id).await?;
                return Ok(taken);
            }
        }
        Ok(Locking::Done)
    }

    async fn take_file(&self, key: &str, id: &str, text: &str) -> Result<Locking, Fault> {
        let body = Bytes::from(text.to_owned());
        let put = self.bucket.put(key, body, &Condition::Absent).await;
        let put = put.map_err(|fault| match fault.is(501) {
            true => Fault::Other(
                "the service cannot store an object only where there is none, which locks need"
                    .to_owned(),
            ),
            false => fault,
        })?;
        if put == Put::Done {
            return Ok(Locking::Done);
        }
        let found = self.bucket.get(key, None).await?;
        Ok(locking(found.map(|object| holder(&object.bytes)), id))
    }

    async fn take_item(&self, table: &Table, id: &str, text: &str) -> Result<Locking, Fault> {
        if table.add_lock(&self.id, text).await? == Put::Done {
            return Ok(Locking::Done);
        }
        let found = table.lock(&self.id).await?;
        Ok(locking(found.map(|text| holder(text.as_bytes())), id))
    }

    /// Gives a lock back, or takes it away from its holder.
    pub(crate) async fn give_back(&self, id: &str) -> Result<Unlocking, Fault> {
        let file = self.remove_file(id).await;
        let item = self.remove_item(id).await;
        let (file, item) = (file?, item?);
        Ok(match (file, item) {
            (foreign @ Unlocking::Foreign(_), _) | (_, foreign @ Unlocking::Foreign(_)) => foreign,
            (Unlocking::Absent, Unlocking::Absent) => Unlocking::Absent,
            _ => Unlocking::Done,
        })
    }

    async fn remove_file(&self, id: &str) -> Result<Unlocking, Fault> {
        let Some(key) = &self.file else {
            return Ok(Unlocking::Absent);
        };
        let mut patience = self.bucket.service.wire.patience();
        let mut was_ours = false;
        loop {
            let Some(object) = self.bucket.get(key, None).await? else {
                return Ok(match was_ours {
                    true => Unlocking::Done,
                    false => Unlocking::Absent,
                });
            };
            match holder(&object.bytes) {
                Some(holder) if holder.id == id => was_ours = true,
                // It is gone already, and somebody else was quick.
                _ if was_ours => return Ok(Unlocking::Done),
                found => return Ok(Unlocking::Foreign(found)),
            }
            // After a lost answer the lock may be somebody else's: it has to be looked at again
            // before it is deleted.
            match self.bucket.delete_once(key).await {
                Ok(()) => return Ok(Unlocking::Done),
                Err(fault) if patience.wait(&fault).await => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn remove_item(&self, id: &str) -> Result<Unlocking, Fault> {
        let Some(table) = &self.table else {
            return Ok(Unlocking::Absent);
        };
        let Some(text) = table.lock(&self.id).await? else {
            return Ok(Unlocking::Absent);
        };
        match holder(text.as_bytes()) {
            Some(holder) if holder.id == id => {
                table.remove_lock(&self.id, &text).await?;
                Ok(Unlocking::Done)
            }
            found => Ok(Unlocking::Foreign(found)),
        }
    }
}

/// Who holds a lock, if that can be told.
fn holder(text: &[u8]) -> Option<Box<LockInfo>> {
    serde_json::from_slice(text).ok().map(Box::new)
}

/// What it means that there is a lock already, or that there was.
fn locking(found: Option<Option<Box<LockInfo>>>, id: &str) -> Locking {
    match found.flatten() {
        // An attempt before took it, and its answer was lost.
        Some(holder) if holder.id == id => Locking::Done,
        holder => Locking::Held(holder),
    }
}
