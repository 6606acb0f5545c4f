//! States as rows: one for each resource instance, with the history of every state.
//!
//! A write touches only the rows of what has changed. Rows are never changed afterwards but for
//! the revision that ends them, so every earlier state can be read as it was.

mod beat;
mod lease;
mod load;
mod migrations;
mod parts;
mod reseal;
mod store;
mod write;

use std::sync::Arc;
use std::time::Duration;

use muster_store::{
    Backend, Codec, DEFAULT_WORKSPACE, Setting, SettingKind, Settings, Store, StoreError,
};

use crate::link::Link;
use crate::settings::{Given, Schema, environment};

pub use store::RowsStore;

/// What a `backend "postgres"` block may say.
pub const SETTINGS: &[Setting] = &[
    Setting::secret("conn_str", SettingKind::Text),
    Setting::new("schema_name", SettingKind::Text),
    Setting::new("lock_lease", SettingKind::Number),
];

/// The schema unless another one is given.
const SCHEMA: &str = "muster";
/// For how many seconds a lock outlives its holder unless that is given.
const LEASE: u64 = 60;

/// States in a database as rows.
pub struct RowsBackend {
    database: Arc<Database>,
}

/// The tables.
struct Database {
    link: Link,
    schema: Schema,
    codec: Codec,
    /// For how long a lock outlives its holder.
    lease: Duration,
}

impl RowsBackend {
    /// Connects, and brings the tables up to date.
    ///
    /// # Errors
    /// A setting makes no sense, or the database cannot be reached or used.
    pub fn open(settings: &Settings, codec: Codec) -> Result<Box<dyn Backend>, StoreError> {
        Ok(Box::new(Self::connect(settings, codec)?))
    }

    /// As [`RowsBackend::open`].
    ///
    /// # Errors
    /// As [`RowsBackend::open`].
    pub fn connect(settings: &Settings, codec: Codec) -> Result<Self, StoreError> {
        let env = &environment;
        let given = Given { settings, env };
        let lease = given.seconds("lock_lease", LEASE)?;
        let database = Database {
            schema: given.schema(None, SCHEMA)?,
            link: Link::new(given.address()?),
            codec,
            lease: Duration::from_secs(lease),
        };
        migrations::apply(&database.link, &database.schema, &database.describe())?;
        Ok(Self {
            database: Arc::new(database),
        })
    }

    /// The store of a workspace, which need not be there.
    pub fn store(&self, workspace: &str) -> RowsStore {
        RowsStore::new(self.database.clone(), workspace)
    }
}

impl Database {
    fn describe(&self) -> String {
        format!("{} (schema {})", self.link.place(), self.schema.0)
    }

    /// A table as it stands in a statement.
    fn table(&self, name: &str) -> String {
        format!("{}.{name}", self.schema.quoted())
    }

    /// Runs a statement about one workspace, which may be run twice.
    fn execute(
        &self,
        action: &'static str,
        workspace: &str,
        statement: String,
    ) -> Result<(), StoreError> {
        let name = workspace.to_owned();
        let place = self.place(workspace);
        self.link.call((action, &place), async move |client| {
            client.execute(&statement, &[&name]).await?;
            Ok(())
        })
    }

    /// A workspace for people.
    fn place(&self, workspace: &str) -> String {
        format!("workspace {workspace:?} in {}", self.describe())
    }
}

impl Backend for RowsBackend {
    fn describe(&self) -> String {
        self.database.describe()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let table = self.database.table("workspaces");
        let statement = format!("SELECT name FROM {table} WHERE name <> $1");
        let place = self.describe();
        let what = ("read the workspaces of", place.as_str());
        let mut others = self.database.link.call(what, async move |client| {
            let rows = client.query(&statement, &[&DEFAULT_WORKSPACE]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>())
        })?;
        others.sort();
        others.insert(0, DEFAULT_WORKSPACE.to_owned());
        Ok(others)
    }

    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        let table = self.database.table("workspaces");
        let add = format!("INSERT INTO {table} (name) VALUES ($1) ON CONFLICT DO NOTHING");
        self.database.execute("make", workspace, add)
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.store(workspace)))
    }

    /// Deletes a workspace with all its states.
    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        if workspace == DEFAULT_WORKSPACE {
            return Err(StoreError::Unsupported {
                place: self.describe(),
                what: "delete the default workspace",
            });
        }
        let table = self.database.table("workspaces");
        let delete = format!("DELETE FROM {table} WHERE name = $1");
        self.database.execute("delete", workspace, delete)
    }
}
