//! Where states are: a kind of backend and its settings.

use muster_config::Backend as Block;
use muster_lang::{Diagnostic, Diags, Span};
use muster_provider::BackendFault;
use muster_snapshot::Snapshot;
use muster_store::{Backend, Codec, DEFAULT_WORKSPACE, LocalBackend, Settings, Store, StoreError};
use muster_value::Value;

use super::kinds::{self, Kind, LOCAL};
use super::opened::PatientBackend;
use super::record::Record;
use super::{Opened, settings};
use crate::encryption;
use crate::error::{Failure, Outcome};

/// The variable that stands for the argument `conn_str`.
const CONN_STR: &str = "PG_CONN_STR";
const UNNAMED: &str = "Nothing names a database: there is no conn_str in the backend block, and no PG_CONN_STR in the environment. Then it is the one that PGHOST, PGDATABASE and the other variables of PostgreSQL name, on localhost unless they say otherwise.";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub kind: &'static Kind,
    /// Every setting of the kind; null where nothing is said.
    pub settings: Settings,
    /// The block that says so.
    span: Option<Span>,
    /// Set where the state is that of another configuration: what the data source that reads it
    /// may be called, the most exact name first.
    foreign: Option<Vec<String>>,
}

/// Two places are the same if their files are, or everything that is said of them.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        match (self.local(), other.local()) {
            (Some(own), Some(other)) => own == other,
            _ => self.kind == other.kind && self.settings == other.settings,
        }
    }
}

impl Place {
    /// A place of which only some settings are given.
    pub(crate) fn new(kind: &'static Kind, given: Settings) -> Self {
        let mut settings = settings::none(kind.settings);
        settings.extend(given);
        Self {
            kind,
            settings,
            span: None,
            foreign: None,
        }
    }

    /// What a configuration without a block says.
    pub(crate) fn usual() -> Self {
        Self::new(&LOCAL, Settings::new())
    }

    /// What a block says, or its absence.
    ///
    /// # Errors
    /// There is no such kind, or the settings are wrong.
    pub(crate) fn of(block: Option<&Block>) -> Outcome<Self> {
        let Some(block) = block else {
            return Ok(Self::usual());
        };
        let kind = kind_of(block)?;
        let given = settings::of_body(kind, &block.body, |attribute| block.value(attribute))?;
        Ok(Self {
            span: Some(block.span),
            ..Self::new(kind, given)
        })
    }

    /// What a data source says of the place of another state.
    ///
    /// # Errors
    /// There is no such kind, or the settings are wrong.
    pub(crate) fn of_object(kind: &str, settings: Option<&Value>) -> Result<Self, BackendFault> {
        let Some(found) = Kind::find(kind) else {
            return Err(BackendFault::Type(Kind::missing(kind)));
        };
        let given = match settings {
            Some(settings) => settings::of_object(found, settings),
            None => Ok(Settings::new()),
        };
        Ok(Self {
            foreign: Some(Vec::new()),
            ..Self::new(found, given.map_err(BackendFault::Settings)?)
        })
    }

    /// The place of a state that is read by a data source of these names.
    pub(crate) fn read_by(self, names: Vec<String>) -> Self {
        Self {
            foreign: Some(names),
            ..self
        }
    }

    /// With other values for some settings.
    pub(crate) fn with(mut self, overrides: Settings) -> Self {
        self.settings.extend(overrides);
        self
    }

    /// What is kept of this place in the working directory.
    pub(crate) fn record(&self) -> Record {
        Record::new(self.kind, &self.settings)
    }

    /// The files of a local backend; `None` for another one.
    pub(crate) fn local(&self) -> Option<LocalBackend> {
        let is_local = *self.kind == LOCAL;
        is_local.then(|| kinds::local(&self.settings, self.codec()))
    }

    /// The backend that is there.
    ///
    /// # Errors
    /// The settings make no sense.
    pub(crate) fn open(&self) -> Outcome<Box<dyn Backend>> {
        if let Some(local) = self.local() {
            return Ok(Box::new(local));
        }
        let opened = tokio::task::block_in_place(|| self.kind.open(&self.settings, self.codec()));
        match opened {
            Ok(backend) => Ok(Box::new(PatientBackend::new(backend, self.kind))),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// The state of a workspace.
    ///
    /// # Errors
    /// The settings make no sense, or there cannot be such a workspace.
    pub(crate) fn state(&self, workspace: &str) -> Outcome<Opened> {
        if self.foreign.is_none() {
            encryption::ready()?;
        }
        match self.local() {
            Some(local) => Ok(Opened::Local(local.store(workspace))),
            None => {
                let store = self.open()?.open(workspace)?;
                Ok(Opened::Elsewhere(store, self.codec()))
            }
        }
    }

    /// Whether a workspace has what was made of a state, also if that is nothing any more, or the
    /// state itself.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn has_since(&self, workspace: &str, state: &Snapshot) -> Outcome<bool> {
        if workspace != DEFAULT_WORKSPACE && !self.kind.has_workspaces() {
            return Ok(false);
        }
        let there = self.state(workspace)?.any().read()?;
        Ok(there.is_some_and(|there| is_since(&there, state)))
    }

    /// How states become bytes.
    fn codec(&self) -> Codec {
        match &self.foreign {
            Some(names) => encryption::remote_codec(names),
            None => encryption::state_codec(),
        }
    }

    /// Whether it is a database that neither the settings nor their variable name.
    fn is_unnamed(&self) -> bool {
        let is_set = std::env::var_os(CONN_STR).is_some_and(|text| !text.is_empty());
        let setting = self.settings.get("conn_str");
        setting.is_some_and(serde_json::Value::is_null) && !is_set
    }

    fn refused(&self, error: StoreError) -> Failure {
        let StoreError::Setting { name, reason } = &error else {
            let failure = Failure::from(error);
            return match self.is_unnamed() {
                true => failure.explained(UNNAMED),
                false => failure,
            };
        };
        let kind = self.kind.name;
        let summary = match reason.as_str() {
            "is required" => "Missing Required Value",
            _ => "Invalid Value",
        };
        let detail = format!(
            "The argument \"{name}\" of the backend \"{kind}\" {reason}. It is given in the backend block, with init -backend-config, or in the environment where the kind of backend has a variable for it."
        );
        Diagnostic::error(summary, detail).at_opt(self.span).into()
    }
}

/// Whether a state was made of another one, or is that one: the serial numbers of a lineage grow.
pub(super) fn is_since(there: &Snapshot, state: &Snapshot) -> bool {
    there.lineage == state.lineage
        && (there.serial > state.serial
            || there.serial == state.serial && there.same_content(state))
}

/// The kind that a block is of.
///
/// # Errors
/// There is none.
pub(crate) fn kind_of(block: &Block) -> Result<&'static Kind, Diags> {
    Kind::find(&block.type_name).ok_or_else(|| {
        let detail = format!("{}.", Kind::missing(&block.type_name));
        Diagnostic::error("Unsupported backend type", detail)
            .at(block.span)
            .into()
    })
}
