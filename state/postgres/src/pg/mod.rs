//! States in the layout of Terraform's `pg` backend: a row per workspace that holds the whole
//! state, and advisory locks of the session that works on it.

mod holder;
mod lock;
mod seen;
mod store;
mod watch;

use std::sync::Arc;

use muster_snapshot::Snapshot;
use muster_store::{
    Backend, Codec, DEFAULT_WORKSPACE, Setting, SettingKind, Settings, Store, StoreError,
};
use tokio_postgres::Client;

use crate::fault::Fault;
use crate::link::Link;
use crate::settings::{Given, Schema, environment};

use store::PgStore;

/// What a `backend "pg"` block may say.
pub const SETTINGS: &[Setting] = &[
    Setting::secret("conn_str", SettingKind::Text),
    Setting::new("schema_name", SettingKind::Text),
    Setting::new("skip_schema_creation", SettingKind::Bool),
    Setting::new("skip_table_creation", SettingKind::Bool),
    Setting::new("skip_index_creation", SettingKind::Bool),
];

/// The schema unless another one is given.
const SCHEMA: &str = "terraform_remote_state";
/// The engine whose format empty states of new workspaces have.
const WRITTEN_BY: &str = "1.11.4";

/// States in a database that Terraform can use in turn.
pub struct PgBackend {
    database: Arc<Database>,
}

/// The table of states.
struct Database {
    link: Link,
    schema: Schema,
    codec: Codec,
}

/// What of the layout others take care of.
struct Skip {
    schema: bool,
    table: bool,
    index: bool,
}

impl PgBackend {
    /// Connects and makes the schema, the table and the index that are not there yet, unless the
    /// settings say that others do.
    ///
    /// # Errors
    /// A setting makes no sense, or the database cannot be reached or used.
    pub fn open(settings: &Settings, codec: Codec) -> Result<Box<dyn Backend>, StoreError> {
        Self::open_in(settings, codec, &environment)
    }

    fn open_in(
        settings: &Settings,
        codec: Codec,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Box<dyn Backend>, StoreError> {
        let given = Given { settings, env };
        let skip = Skip {
            schema: given.flag("skip_schema_creation", "PG_SKIP_SCHEMA_CREATION")?,
            table: given.flag("skip_table_creation", "PG_SKIP_TABLE_CREATION")?,
            index: given.flag("skip_index_creation", "PG_SKIP_INDEX_CREATION")?,
        };
        let database = Database {
            schema: given.schema(Some("PG_SCHEMA_NAME"), SCHEMA)?,
            link: Link::new(given.address()?),
            codec,
        };
        database.prepare(&skip)?;
        Ok(Box::new(Self {
            database: Arc::new(database),
        }))
    }
}

impl Database {
    fn describe(&self) -> String {
        format!("{} (schema {})", self.link.place(), self.schema.0)
    }

    /// The table of states as it stands in a statement.
    fn table(&self) -> String {
        format!("{}.states", self.schema.quoted())
    }

    /// Makes what is not there. Each thing is looked for first, so that a role that may not make
    /// anything can work with what somebody else made.
    fn prepare(&self, skip: &Skip) -> Result<(), StoreError> {
        let (schema, table) = (self.schema.quoted(), self.table());
        let mut steps = Vec::new();
        if !skip.schema {
            steps.push((
                "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)",
                format!("CREATE SCHEMA IF NOT EXISTS {schema}"),
            ));
        }
        if !skip.table {
            steps.push((
                "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'states')",
                format!(
                    "CREATE SEQUENCE IF NOT EXISTS public.global_states_id_seq AS bigint;
                     CREATE TABLE IF NOT EXISTS {table} (
                         id bigint NOT NULL DEFAULT nextval('public.global_states_id_seq') PRIMARY KEY,
                         name text UNIQUE,
                         data text)"
                ),
            ));
        }
        if !skip.index {
            steps.push((
                "SELECT EXISTS (SELECT FROM pg_indexes
                 WHERE schemaname = $1 AND indexname = 'states_by_name')",
                format!("CREATE UNIQUE INDEX IF NOT EXISTS states_by_name ON {table} (name)"),
            ));
        }
        let schema = self.schema.0.clone();
        self.link
            .call(("prepare", &self.describe()), async move |client| {
                for (look, make) in &steps {
                    prepare_one(client, look, make, &schema).await?;
                }
                Ok(())
            })
    }
}

async fn prepare_one(
    client: &mut Client,
    look: &str,
    make: &str,
    schema: &str,
) -> Result<(), Fault> {
    let is_there: bool = client.query_one(look, &[&schema]).await?.get(0);
    if is_there {
        return Ok(());
    }
    let made = client.batch_execute(make).await;
    // Somebody else may have made the same at the same time, in spite of IF NOT EXISTS.
    let is_there: bool = client.query_one(look, &[&schema]).await?.get(0);
    match is_there {
        true => Ok(()),
        false => Ok(made?),
    }
}

impl Backend for PgBackend {
    fn describe(&self) -> String {
        self.database.describe()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let statement = format!(
            "SELECT name FROM {} WHERE name <> $1",
            self.database.table()
        );
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

    /// Makes a workspace. Terraform knows workspaces by their states, so it gets an empty one.
    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        let store = self.store(workspace);
        let empty = Snapshot {
            serial: 1,
            ..Snapshot::new(WRITTEN_BY)
        };
        let data = store.encode(&empty)?;
        let name = workspace.to_owned();
        let statement = format!(
            "INSERT INTO {} (name, data) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            self.database.table()
        );
        let place = store.describe();
        let what = ("make", place.as_str());
        self.database.link.call(what, async move |client| {
            client.execute(&statement, &[&name, &data]).await?;
            Ok(())
        })
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.store(workspace)))
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        let store = self.store(workspace);
        if workspace == DEFAULT_WORKSPACE {
            return Err(StoreError::Unsupported {
                place: self.describe(),
                what: "delete the default workspace",
            });
        }
        let name = workspace.to_owned();
        let statement = format!("DELETE FROM {} WHERE name = $1", self.database.table());
        let place = store.describe();
        let what = ("delete", place.as_str());
        self.database.link.call(what, async move |client| {
            client.execute(&statement, &[&name]).await?;
            Ok(())
        })
    }
}

impl PgBackend {
    fn store(&self, workspace: &str) -> PgStore {
        PgStore::new(self.database.clone(), workspace)
    }
}
