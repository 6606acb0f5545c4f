//! Earlier states with another key.

use muster_store::{Codec, SealError};
use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::Database;
use crate::fault::Fault;

/// How many rows are read and written at once.
const BATCH: i64 = 1000;

/// Encrypts all rows of a workspace as rows are encrypted now. Those that cannot be read stay as
/// they are.
pub(super) async fn run(
    tx: &Transaction<'_>,
    database: &Database,
    workspace: i64,
) -> Result<(), Fault> {
    let instances = Column {
        table: database.table("instances"),
        key: "id",
        value: "payload",
    };
    instances
        .run(tx, workspace, |old| open_and_seal(&database.codec, old))
        .await?;
    let versions = Column {
        table: database.table("versions"),
        key: "revision",
        value: "root",
    };
    versions
        .run(tx, workspace, |old| decode_and_encode(&database.codec, old))
        .await
}

fn open_and_seal(codec: &Codec, old: Vec<u8>) -> Result<Option<Vec<u8>>, SealError> {
    match codec.open(old) {
        Ok(plain) => codec.seal(plain).map(Some),
        Err(_) => Ok(None),
    }
}

fn decode_and_encode(codec: &Codec, old: Vec<u8>) -> Result<Option<Vec<u8>>, SealError> {
    match codec.decode(&old) {
        Ok(root) => codec.encode(&root).map(Some),
        Err(_) => Ok(None),
    }
}

/// Encrypted values, and what tells the rows of a workspace apart.
struct Column {
    table: String,
    key: &'static str,
    value: &'static str,
}

impl Column {
    async fn run(
        &self,
        tx: &Transaction<'_>,
        workspace: i64,
        reseal: impl Fn(Vec<u8>) -> Result<Option<Vec<u8>>, SealError>,
    ) -> Result<(), Fault> {
        let Self { table, key, value } = self;
        let look = format!(
            "SELECT {key}, {value} FROM {table} WHERE workspace = $1 AND {key} > $2
             ORDER BY {key} LIMIT $3"
        );
        let change = format!(
            "UPDATE {table} AS old SET {value} = new.value
             FROM unnest($2::bigint[], $3::bytea[]) AS new (key, value)
             WHERE old.workspace = $1 AND old.{key} = new.key"
        );
        let mut last = 0i64;
        loop {
            let rows = tx.query(&look, &[&workspace, &last, &BATCH]).await?;
            let Some(end) = rows.last() else {
                return Ok(());
            };
            last = end.get(0);
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for row in &rows {
                if let Some(sealed) = reseal(row.get(1)).map_err(Fault::other)? {
                    keys.push(row.get::<_, i64>(0));
                    values.push(sealed);
                }
            }
            let changed: [&(dyn ToSql + Sync); 3] = [&workspace, &keys, &values];
            tx.execute(&change, &changed).await?;
        }
    }
}
