//! The kinds of backends that there are.

use muster_store::{Backend, Codec, LocalBackend, Setting, SettingKind, Settings, StoreError};
use muster_value::{ObjectType, Type};

/// Opens a backend with these settings.
type Open = fn(&Settings, Codec) -> Result<Box<dyn Backend>, StoreError>;

/// A kind of backend.
#[derive(Debug)]
pub(crate) struct Kind {
    /// The label of its block.
    pub name: &'static str,
    /// The arguments of its block.
    pub settings: &'static [Setting],
    /// Those of the arguments that Terraform does not know. Where they are not given, nothing is
    /// recorded of them, so that it can read the record.
    pub own: &'static [&'static str],
    open: Open,
}

/// States in local files.
pub(crate) static LOCAL: Kind = Kind {
    name: "local",
    settings: &[
        Setting::new("path", SettingKind::Text),
        Setting::new("workspace_dir", SettingKind::Text),
    ],
    own: &[],
    open: |settings, codec| Ok(Box::new(local(settings, codec))),
};

/// A state behind an HTTP server.
static HTTP: Kind = Kind {
    name: "http",
    settings: muster_http::SETTINGS,
    own: &["headers", "token"],
    open: muster_http::HttpBackend::open,
};

/// States in a database, in the layout that Terraform has there.
static PG: Kind = Kind {
    name: "pg",
    settings: muster_postgres::pg::SETTINGS,
    own: &[],
    open: muster_postgres::PgBackend::open,
};

/// States in a database, with their history.
static POSTGRES: Kind = Kind {
    name: "postgres",
    settings: muster_postgres::rows::SETTINGS,
    own: &[],
    open: muster_postgres::RowsBackend::open,
};

/// States in a bucket.
static S3: Kind = Kind {
    name: "s3",
    settings: muster_s3::SETTINGS,
    own: &[],
    open: muster_s3::S3Backend::open,
};

/// All kinds.
static KINDS: &[&Kind] = &[&HTTP, &LOCAL, &PG, &POSTGRES, &S3];

/// Kinds that Terraform has, and those that it had.
const NOT_BUILT: &[&str] = &[
    "artifactory",
    "azurerm",
    "consul",
    "cos",
    "etcd",
    "etcdv3",
    "gcs",
    "kubernetes",
    "manta",
    "oss",
    "remote",
    "swift",
];

/// Kinds are there once, and known by their names.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Kind {
    /// The kind of a name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name).copied()
    }

    /// A kind that tests make up.
    #[cfg(test)]
    pub(crate) fn of_test(
        name: &'static str,
        settings: &'static [Setting],
        own: &'static [&'static str],
        open: Open,
    ) -> Self {
        Self {
            name,
            settings,
            own,
            open,
        }
    }

    /// Why there is none of this name, without a full stop.
    pub(crate) fn missing(name: &str) -> String {
        let names: Vec<String> = KINDS
            .iter()
            .map(|kind| format!("\"{}\"", kind.name))
            .collect();
        let there = names.join(", ");
        match NOT_BUILT.contains(&name) {
            true => format!(
                "States in a backend of type \"{name}\" are not supported; there is {there}"
            ),
            false => format!("There is no backend type named \"{name}\"; there is {there}"),
        }
    }

    /// Whether there can be other workspaces than the default one.
    pub(crate) fn has_workspaces(&self) -> bool {
        *self != HTTP
    }

    /// Whether earlier states may be kept.
    pub(crate) fn has_history(&self) -> bool {
        *self != HTTP && *self != PG
    }

    /// Whether locks end some time after their holders without anybody's doing.
    pub(crate) fn has_leases(&self) -> bool {
        *self == POSTGRES
    }

    /// The backend with these settings.
    pub(crate) fn open(
        &self,
        settings: &Settings,
        codec: Codec,
    ) -> Result<Box<dyn Backend>, StoreError> {
        (self.open)(settings, codec)
    }

    /// The setting of a name.
    pub(crate) fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

/// The files that the settings of a local backend speak of.
pub(crate) fn local(settings: &Settings, codec: Codec) -> LocalBackend {
    let usual = LocalBackend::default();
    let path = |name: &str| Some(settings.get(name)?.as_str()?.into());
    LocalBackend {
        path: path("path").unwrap_or(usual.path),
        workspace_dir: path("workspace_dir").unwrap_or(usual.workspace_dir),
        codec,
    }
}

/// The type of the values of a setting.
pub(crate) fn type_of(kind: &SettingKind) -> Type {
    match kind {
        SettingKind::Text => Type::String,
        SettingKind::Number => Type::Number,
        SettingKind::Bool => Type::Bool,
        SettingKind::List => Type::list(Type::String),
        SettingKind::Set => Type::set(Type::String),
        SettingKind::Map => Type::map(Type::String),
        SettingKind::Object(settings) => Type::Object(
            ObjectType {
                attributes: settings
                    .iter()
                    .map(|s| (s.name.into(), type_of(&s.kind)))
                    .collect(),
                optional: settings.iter().map(|s| s.name.into()).collect(),
            }
            .into(),
        ),
    }
}
