//! From rows to states.

use std::collections::HashMap;
use std::sync::Arc;

use muster_snapshot::Snapshot;
use muster_store::{Codec, CodecError, StoreError};
use tokio_postgres::Transaction;

use super::{Database, parts};
use crate::fault::Fault;

/// A state, and the rows that it came from.
pub(super) struct Loaded {
    pub(super) workspace: i64,
    pub(super) revision: i64,
    pub(super) snapshot: Arc<Snapshot>,
    /// The numbers of its rows by address.
    pub(super) rows: HashMap<String, i64>,
    /// Addresses of rows that are in plain text although they should be encrypted.
    pub(super) plain: Vec<String>,
}

impl Loaded {
    /// Whether it is this revision of this workspace.
    pub(super) fn is(&self, workspace: i64, revision: i64) -> bool {
        (self.workspace, self.revision) == (workspace, revision)
    }
}

/// A state as it is stored.
pub(super) struct Stored {
    workspace: i64,
    revision: i64,
    root: Vec<u8>,
    /// How many rows there have to be.
    count: i64,
    rows: Vec<(i64, String, Vec<u8>)>,
}

impl Stored {
    /// Reads a revision of a workspace.
    pub(super) async fn fetch(
        tx: &Transaction<'_>,
        database: &Database,
        (workspace, revision): (i64, i64),
    ) -> Result<Self, Fault> {
        let version = format!(
            "SELECT root, parts FROM {} WHERE workspace = $1 AND revision = $2",
            database.table("versions")
        );
        let version = tx.query_one(&version, &[&workspace, &revision]).await?;
        let rows = format!(
            "SELECT id, address, payload FROM {} WHERE workspace = $1
             AND from_revision <= $2 AND (to_revision IS NULL OR to_revision > $2)",
            database.table("instances")
        );
        let rows = tx.query(&rows, &[&workspace, &revision]).await?;
        Ok(Self {
            workspace,
            revision,
            root: version.get(0),
            count: version.get(1),
            rows: rows
                .iter()
                .map(|row| (row.get(0), row.get(1), row.get(2)))
                .collect(),
        })
    }

    /// Puts the state together.
    pub(super) fn decode(self, codec: &Codec, place: &str) -> Result<Loaded, StoreError> {
        let corrupt = |reason: CodecError| StoreError::Corrupt {
            place: place.to_owned(),
            reason,
            backup: None,
        };
        let inconsistent = |reason: String| StoreError::Remote {
            place: place.to_owned(),
            action: "read",
            reason,
        };
        let mut snapshot = codec.decode(&self.root).map_err(corrupt)?;
        let (mut rows, mut plain) = (HashMap::new(), Vec::new());
        for (id, address, payload) in self.rows {
            let is_json = codec.is_sealed().then(|| payload.clone());
            let opened = codec.open(payload).map_err(|e| corrupt(e.into()))?;
            let part = muster_snapshot::decode(&opened).map_err(|e| corrupt(e.into()))?;
            if parts::join(&mut snapshot, part).as_ref() != Some(&address) {
                let reason = format!("the row of {address} holds something else");
                return Err(inconsistent(reason));
            }
            if is_json.is_some_and(|payload| payload == opened) {
                plain.push(address.clone());
            }
            if rows.insert(address.clone(), id).is_some() {
                return Err(inconsistent(format!("there are two rows of {address}")));
            }
        }
        if i64::try_from(rows.len()) != Ok(self.count) {
            let (found, count) = (rows.len(), self.count);
            let reason = format!("there are {found} rows of instances instead of {count}");
            return Err(inconsistent(reason));
        }
        Ok(Loaded {
            workspace: self.workspace,
            revision: self.revision,
            snapshot: Arc::new(snapshot),
            rows,
            plain,
        })
    }
}
