use std::future::Future;
use std::sync::Arc;

use muster_lang::{Diagnostic, Diags};
use muster_schema::requires_replace;
use muster_value::{Path, PathStep, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::rules::replace_at;
use crate::schema::Schema;
use crate::stop::Stop;
use crate::{Fields, Private, rules, ser};

/// A resource type.
///
/// The SDK keeps the protocol's rules: defaults, unknown computed values, replacements by schema
/// flag, conversions, private bytes. What is left to say is what the object is and how it comes,
/// changes and goes. Only [`schema`](Self::schema), [`create`](Self::create),
/// [`read`](Self::read) and [`delete`](Self::delete) have to be written.
pub trait Resource: Send + Sync + 'static {
    /// What the provider's `configure` makes, an API client as a rule.
    type Client: Send + Sync + 'static;

    /// The object as it is stored: a struct with the schema's attribute names. Give computed
    /// attributes the type `Option`: they are `None` in the planned object that
    /// [`create`](Self::create) and [`update`](Self::update) are given.
    type State: Serialize + DeserializeOwned + Send;

    /// What can be configured, and what the provider adds.
    fn schema(&self) -> Schema;

    /// Checks a configuration beyond the schema. Values may be unknown, and there is no client:
    /// this runs without credentials.
    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let _ = (config, diags);
    }

    /// Adjusts the plan of a create or an update, or refuses it. Runs again, with more values
    /// known, right before the change is made, and must then come to the same result.
    fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<(), Diagnostic>> + Send {
        let _ = (plan, cx);
        async { Ok(()) }
    }

    /// Refuses the plan of a destroy, or warns of it.
    fn plan_destroy(
        &self,
        state: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<(), Diagnostic>> + Send {
        let _ = (state, cx);
        async { Ok(()) }
    }

    /// Makes the object and returns it with everything computed filled in.
    fn create(
        &self,
        planned: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Self::State, Failure<Self::State>>> + Send;

    /// Looks at the real object. `None` when it is gone.
    fn read(
        &self,
        state: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Option<Self::State>, Diagnostic>> + Send;

    /// Changes the object in place. Never called when every attribute forces a replacement.
    fn update(
        &self,
        prior: Self::State,
        planned: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Self::State, Failure<Self::State>>> + Send {
        let _ = (prior, planned, cx);
        async {
            Err(Diagnostic::error(
                "Update not supported",
                "The provider cannot change this object in place, and its schema does not say \
                 that the change needs a new one. This is a bug in the provider.",
            )
            .into())
        }
    }

    /// Ends the object. One that is gone already is a success.
    fn delete(
        &self,
        state: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<(), Diagnostic>> + Send;

    /// Finds an existing object by what the user calls its id. `None` when there is none. The
    /// default says that the type cannot be imported.
    fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Option<Self::State>, Diagnostic>> + Send {
        let _ = (id, cx);
        async {
            Err(Diagnostic::error(
                "Resource Import Not Implemented",
                "This resource type does not support import.",
            ))
        }
    }

    /// Finds an existing object by its identity, if the schema has one. `None` when there is none.
    /// By default an identity of one text is taken for what the user calls the id.
    fn import_by(
        &self,
        identity: Fields<'_>,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Option<Self::State>, Diagnostic>> + Send {
        let only = identity.only_text();
        async move {
            match only {
                Some(id) => self.import(&id, cx).await,
                None => Err(Diagnostic::error(
                    "Resource Import Not Implemented",
                    "This resource type does not support import by identity.",
                )),
            }
        }
    }

    /// Brings the stored JSON of an identity of an older version to the current one.
    ///
    /// # Errors
    /// When the version cannot be upgraded; the text is shown to the user.
    fn upgrade_identity(
        &self,
        version: u64,
        identity: serde_json::Value,
    ) -> Result<serde_json::Value, String> {
        let _ = version;
        Ok(identity)
    }

    /// Brings the stored JSON of an older schema version to the current one. Attributes that
    /// the schema no longer has are dropped afterwards, missing ones become null.
    ///
    /// # Errors
    /// When the version cannot be upgraded; the text is shown to the user.
    fn upgrade(&self, version: u64, state: serde_json::Value) -> Result<serde_json::Value, String> {
        let _ = version;
        Ok(state)
    }
}

/// A data source: an object that is only read.
pub trait DataSource: Send + Sync + 'static {
    /// What the provider's `configure` makes.
    type Client: Send + Sync + 'static;

    /// The object: a struct with the schema's attribute names, `Option` for computed ones.
    type State: Serialize + DeserializeOwned + Send;

    /// What is asked, and what is answered.
    fn schema(&self) -> Schema;

    /// Checks a configuration beyond the schema; values may be unknown.
    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let _ = (config, diags);
    }

    /// Answers a question; computed attributes are absent in `config`.
    fn read(
        &self,
        config: Self::State,
        cx: &mut Context<'_, Self::Client>,
    ) -> impl Future<Output = Result<Self::State, Diagnostic>> + Send;
}

/// What every call has at hand.
pub struct Context<'a, C> {
    client: &'a Arc<C>,
    config: &'a Value,
    /// Kept beside the object; changes are stored together with it.
    pub private: Private,
    /// Warnings, and errors beyond the one that ends the call.
    pub diags: Diags,
    stop: Stop,
}

impl<'a, C> Context<'a, C> {
    pub(crate) fn new(client: &'a Arc<C>, config: &'a Value, private: Private, stop: Stop) -> Self {
        Self {
            client,
            config,
            private,
            diags: Diags::new(),
            stop,
        }
    }

    /// What `configure` made.
    pub fn client(&self) -> &'a C {
        self.client
    }

    /// What the user wrote, write-only attributes included. Empty where there is no
    /// configuration: in reads, imports and deletes.
    pub fn config(&self) -> Fields<'a> {
        Fields::new(self.config)
    }

    /// Tells a user about something that is no error.
    pub fn warn(&mut self, summary: &str, detail: &str) {
        self.diags.push(Diagnostic::warning(summary, detail));
    }

    /// Ends when the user interrupts the run: long waits should return then, with what they have.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }
}

/// Why a create or an update failed, and what it left behind.
#[derive(Debug)]
pub struct Failure<S> {
    pub(crate) diags: Diags,
    pub(crate) state: Option<Box<S>>,
}

impl<S> Failure<S> {
    /// It failed half way, and the object is now in this state. After a create it will be stored
    /// as tainted.
    pub fn partial(state: S, diagnostic: impl Into<Diagnostic>) -> Self {
        Self {
            diags: diagnostic.into().into(),
            state: Some(Box::new(state)),
        }
    }
}

impl<S> From<Diagnostic> for Failure<S> {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diags: diagnostic.into(),
            state: None,
        }
    }
}

impl<S> From<Fault> for Failure<S> {
    fn from(fault: Fault) -> Self {
        Diagnostic::from(fault).into()
    }
}

/// An error about one part of an object.
pub fn error_at(path: Path, summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(summary, detail);
    diagnostic.path = Some(path);
    diagnostic
}

/// A create or an update on its way to being planned.
pub struct PlanChange<'a> {
    schema: &'a Schema,
    prior: &'a Value,
    config: &'a Value,
    planned: Value,
    replace: Vec<Path>,
}

impl<'a> PlanChange<'a> {
    pub(crate) fn new(
        schema: &'a Schema,
        prior: &'a Value,
        config: &'a Value,
        planned: Value,
    ) -> Self {
        Self {
            schema,
            prior,
            config,
            planned,
            replace: Vec::new(),
        }
    }

    /// Whether there is no object yet, or it is to be replaced.
    pub fn is_create(&self) -> bool {
        self.prior.is_null()
    }

    /// Whether the object stays as it is.
    pub fn is_noop(&self) -> bool {
        !self.is_create() && self.planned.same(self.prior)
    }

    /// The object as it is; `None` to create.
    pub fn prior(&self) -> Option<Fields<'a>> {
        (!self.prior.is_null()).then(|| Fields::new(self.prior))
    }

    /// What the user wrote.
    pub fn config(&self) -> Fields<'a> {
        Fields::new(self.config)
    }

    /// The object as it is planned.
    pub fn planned(&self) -> Fields<'_> {
        Fields::new(&self.planned)
    }

    /// Whether a top-level attribute changes, or may change.
    pub fn changes(&self, name: &str) -> bool {
        match (self.prior.get(name), self.planned.get(name)) {
            (Some(before), Some(after)) => !before.same(after),
            _ => true,
        }
    }

    /// Plans a value for a computed attribute.
    ///
    /// # Errors
    /// When the value is not of the attribute's type.
    pub fn set<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), Fault> {
        let ty = self.attribute_type(name)?;
        let value = ser::to_value(value, &ty)?;
        self.planned = replace_at(&self.planned, &[PathStep::Attr(name.into())], &value);
        Ok(())
    }

    /// Plans that a computed attribute is known only after the change.
    ///
    /// # Errors
    /// When there is no such attribute.
    pub fn set_unknown(&mut self, name: &str) -> Result<(), Fault> {
        let value = Value::unknown(self.attribute_type(name)?);
        self.planned = replace_at(&self.planned, &[PathStep::Attr(name.into())], &value);
        Ok(())
    }

    /// Says that the change at this path needs a new object. Without a change there it has no
    /// effect.
    pub fn require_replace(&mut self, path: Path) {
        self.replace.push(path);
    }

    /// Whether the plan, as it is so far, needs a new object in place of the one that is there:
    /// the schema says so, or [`require_replace`](Self::require_replace) did.
    pub fn is_replace(&self) -> bool {
        let paths = self.replacements();
        let block = self.schema.block();
        !requires_replace(block, self.prior, &self.planned, &paths).is_empty()
    }

    pub(crate) fn finish(self) -> (Value, Vec<Path>) {
        let replace = self.replacements();
        (self.planned, replace)
    }

    /// Where a change needs a new object; nowhere when there is none yet.
    fn replacements(&self) -> Vec<Path> {
        if self.is_create() {
            return Vec::new();
        }
        let mut paths = self.replace.clone();
        for path in rules::replacements(self.schema, self.prior, &self.planned) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    fn attribute_type(&self, name: &str) -> Result<muster_value::Type, Fault> {
        self.schema
            .ty()
            .attribute(name)
            .cloned()
            .ok_or_else(|| Fault::new(format!("the schema has no attribute named {name:?}")))
    }
}
