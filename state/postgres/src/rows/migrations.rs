//! The layout of the tables, and how older ones become the present one.

use muster_store::StoreError;
use tokio_postgres::{Client, GenericClient};

use crate::fault::Fault;
use crate::link::Link;
use crate::settings::Schema;

/// What makes each layout from the one before. What has been released never changes.
const STEPS: &[&str] = &[include_str!("1.sql")];
/// The first half of the lock that only one at a time changes the layout with.
const LOCK: i32 = 0x6d75_7374;

/// Brings the layout up to date. Looks first, so that a role that may not change it can work
/// with one that is.
pub(super) fn apply(link: &Link, schema: &Schema, place: &str) -> Result<(), StoreError> {
    let schema = schema.clone();
    link.call(("prepare", place), async move |client| {
        match layout(client, &schema).await? == STEPS.len() {
            true => Ok(()),
            false => migrate(client, &schema).await,
        }
    })
}

/// The number of the layout that is there; 0 if there is none.
async fn layout(client: &impl GenericClient, schema: &Schema) -> Result<usize, Fault> {
    let table = format!("{}.migrations", schema.quoted());
    let look = "SELECT to_regclass($1) IS NOT NULL";
    if !client.query_one(look, &[&table]).await?.get::<_, bool>(0) {
        return Ok(0);
    }
    let newest = format!("SELECT coalesce(max(version), 0) FROM {table}");
    let found: i32 = client.query_one(&newest, &[]).await?.get(0);
    let known = STEPS.len();
    match usize::try_from(found) {
        Ok(found) if found <= known => Ok(found),
        _ => Err(Fault::other(format!(
            "its tables have layout {found}, but this version knows layouts up to {known} only"
        ))),
    }
}

async fn migrate(client: &mut Client, schema: &Schema) -> Result<(), Fault> {
    let tx = client.transaction().await?;
    let lock = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
    tx.execute(lock, &[&LOCK, &schema.0]).await?;
    let name = schema.quoted();
    let look = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    if !tx.query_one(look, &[&schema.0]).await?.get::<_, bool>(0) {
        tx.batch_execute(&format!("CREATE SCHEMA {name}")).await?;
    }
    tx.batch_execute(&format!(
        "SET LOCAL search_path TO {name};
         CREATE TABLE IF NOT EXISTS migrations (
             version integer PRIMARY KEY,
             applied timestamptz NOT NULL DEFAULT now())"
    ))
    .await?;
    // Somebody else may have been first.
    let found = layout(&tx, schema).await?;
    for (version, step) in (1i32..).zip(STEPS).skip(found) {
        tx.batch_execute(step).await?;
        let record = "INSERT INTO migrations (version) VALUES ($1)";
        tx.execute(record, &[&version]).await?;
    }
    Ok(tx.commit().await?)
}
