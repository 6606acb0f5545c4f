//! What objects are known by for all of their life: identities are read from the state, brought up
//! to date, and taken from answers.

use muster_lang::Diagnostic;
use muster_provider::{Request, identity_text};
use muster_snapshot::Identity;
use muster_value::Value;

use crate::Planner;
use crate::task::{Stage, Task};

impl Planner {
    /// Reads the stored identity of an object, before anything is asked about the object.
    pub(crate) fn recall(&mut self, mut task: Task) {
        let stored = task
            .stored
            .as_ref()
            .and_then(|object| object.identity.clone());
        let (Some(stored), Some(schema)) = (stored, task.identity_schema.clone()) else {
            return self.recalled(task);
        };
        if stored.schema_version > schema.version {
            let detail = format!(
                "The identity of the object was written by a newer version of the provider {} (version {}, this one has {}). Use that version or a newer one.",
                task.provider.provider.for_display(),
                stored.schema_version,
                schema.version
            );
            let summary = "Resource instance managed by newer provider version";
            self.diags
                .push(Diagnostic::error(summary, detail).about(&task.addr));
            return self.fail(task);
        }
        if stored.schema_version == schema.version
            && let Ok(identity) = stored.decode(&schema.implied_type())
        {
            task.identity = Some(identity);
            return self.recalled(task);
        }
        let request = Request::UpgradeIdentity {
            type_name: task.addr.resource.resource.type_name.clone(),
            version: stored.schema_version,
            json: stored.json.to_shared(),
        };
        self.ask(task, Stage::UpgradeIdentity, request, None);
    }

    pub(crate) fn identity_upgraded(&mut self, mut task: Task, value: Value) {
        if self.take_identity(&mut task, Some(value)) {
            self.recalled(task);
        } else {
            self.fail(task);
        }
    }

    /// Takes the identity in an answer about an object that is there. `false` when it is not
    /// valid, which is reported.
    pub(crate) fn take_identity(&mut self, task: &mut Task, answered: Option<Value>) -> bool {
        let answered = answered.filter(|identity| !identity.is_null());
        let (Some(identity), Some(schema)) = (answered, &task.identity_schema) else {
            return true;
        };
        if !schema.conforms(&identity) || !identity.is_wholly_known() {
            let detail = format!(
                "The provider {} says that {} is known by {}, which is not a whole identity. This is a bug in the provider.",
                task.provider.provider.for_display(),
                task.addr,
                identity_text(&identity)
            );
            let summary = "Provider produced invalid identity";
            self.diags
                .push(Diagnostic::error(summary, detail).about(&task.addr));
            return false;
        }
        if let Some(before) = task
            .identity
            .as_ref()
            .filter(|before| !before.same(&identity))
        {
            let detail = format!(
                "The provider {} knew {} by {}, and now knows it by {}. Identities should stay the same for all of an object's life; look whether it is still the same object.",
                task.provider.provider.for_display(),
                task.addr,
                identity_text(before),
                identity_text(&identity)
            );
            let summary = "Provider produced different identity";
            self.diags
                .push(Diagnostic::warning(summary, detail).about(&task.addr));
        }
        task.identity = Some(identity);
        true
    }
}

impl Task {
    /// The identity of the object as it is to be stored. What the provider does not speak of
    /// stays.
    pub(crate) fn stored_identity(&self) -> Option<Identity> {
        if let (Some(schema), Some(identity)) = (&self.identity_schema, &self.identity) {
            return Identity::encode(identity, &schema.implied_type(), schema.version).ok();
        }
        self.stored
            .as_ref()
            .and_then(|object| object.identity.clone())
    }
}
