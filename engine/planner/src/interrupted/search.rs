//! The object of an interrupted creation is looked for by its identity, and by the ids that it may
//! be imported by.

use muster_lang::Diags;
use muster_provider::{Imported, Private, ProviderError, Read, Request, Response};
use muster_schema::{check_conforms, normalize_blocks};
use muster_value::Value;

use super::Clue;
use crate::Planner;
use crate::import::NOT_THERE;
use crate::task::{Goal, Stage, Task};

impl Planner {
    /// Follows the next clue.
    pub(crate) fn search(&mut self, mut task: Task) {
        let type_name = task.addr.resource.resource.type_name.clone();
        let Some(creation) = &mut task.creation else {
            return self.searched(task);
        };
        let Some(clue) = creation.clues.get(creation.tried) else {
            return self.conclude(task);
        };
        let by = clue.import();
        creation.tried += 1;
        self.ask(task, Stage::Find, Request::Import { type_name, by }, None);
    }

    /// Takes an answer of the provider to [`Stage::Find`] or [`Stage::ReadFound`].
    pub(crate) fn search_answer(&mut self, task: Task, answer: Result<Response, ProviderError>) {
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let diagnostic = error.diagnostic(&task.provider.provider);
                return self.missed(task, &diagnostic.summary);
            }
        };
        if let Some(error) = response.diags().iter().find(|d| d.is_error()) {
            let summary = error.summary.clone();
            return match says_absent(&task, response.diags()) {
                true => self.absent(task),
                false => self.missed(task, &summary),
            };
        }
        match (&task.stage, response) {
            (Stage::Find, Response::Imported { objects, .. }) => self.find(task, objects),
            (
                Stage::ReadFound,
                Response::Read {
                    value,
                    private,
                    identity,
                    deferred: None,
                    ..
                },
            ) => {
                let identity = valid_identity(&task, identity);
                self.found(task, &value, private, identity);
            }
            _ => self.missed(task, "the answer is of another kind than the question"),
        }
    }

    fn find(&mut self, task: Task, objects: Vec<Imported>) {
        let type_name = task.addr.resource.resource.type_name.clone();
        if objects.iter().all(|o| o.value.is_null()) {
            return match tells_absence(&task) {
                true => self.absent(task),
                false => self.missed(task, "the provider names no object"),
            };
        }
        let mut ours = objects.into_iter().filter(|o| o.type_name == type_name);
        let (Some(object), None) = (ours.next(), ours.next()) else {
            return self.missed(task, "there is not one object");
        };
        let Some(current) = whole(&task, &object.value) else {
            return self.missed(task, "the object is not valid");
        };
        let request = Request::Read(Read {
            type_name,
            current,
            private: object.private,
            identity: valid_identity(&task, object.identity),
            provider_meta: Value::NULL,
        });
        self.ask(task, Stage::ReadFound, request, None);
    }

    fn found(&mut self, mut task: Task, value: &Value, private: Private, identity: Option<Value>) {
        if value.is_null() {
            return self.absent(task);
        }
        let Some(value) = whole(&task, value) else {
            return self.missed(task, "the object is not valid");
        };
        let record = task.creation.as_ref().map(|c| c.record.clone());
        if !record.is_some_and(|record| record.has_made(&value)) {
            return self.missed(task, "the object is not as it was planned");
        }
        if tried(&task).is_some_and(|clue| !clue.admits(identity.as_ref())) {
            return self.missed(task, "the object has another identity");
        }
        if self.is_managed(&task, &value) {
            return self.missed(task, "the object is in the state already");
        }
        task.identity = identity;
        self.adopt(task, value, private);
    }

    /// A clue leads to nothing.
    fn absent(&mut self, mut task: Task) {
        let type_name = task.addr.resource.resource.type_name.clone();
        let proves = match tried(&task).cloned() {
            Some(Clue::Identity(_)) => true,
            Some(Clue::Id(attribute, _)) => self.known(&task).proves(&type_name, &attribute),
            None => false,
        };
        if let (Some(creation), true) = (&mut task.creation, proves) {
            creation.absent = true;
        }
        self.missed(task, "there is no such object");
    }

    /// A clue has not led to the object.
    fn missed(&mut self, mut task: Task, why: &str) {
        let tried = tried(&task).map(|clue| format!("by {clue}: {why}"));
        if let Some(creation) = &mut task.creation {
            creation.findings.extend(tried);
        }
        self.search(task);
    }

    /// All clues were followed.
    fn conclude(&mut self, mut task: Task) {
        if task.creation.as_ref().is_some_and(|c| c.absent) {
            self.interrupted.resolve(&task.addr);
            task.creation = None;
            return self.searched(task);
        }
        self.undecided(task);
    }

    /// The object is that of the instance from now on.
    fn adopt(&mut self, mut task: Task, value: Value, private: Private) {
        self.tell_adopted(&task);
        self.known(&task).learn(&value);
        self.interrupted.resolve(&task.addr);
        task.creation = None;
        task.private = private;
        task.recorded = value.clone();
        task.prior = value;
        self.store(&task);
        if let (Some(object), Some(node)) = (self.state.current(&task.addr), task.node) {
            let mut object = object.clone();
            object.dependencies = self.dependencies[node].to_vec();
            self.state.put(&task.addr, &task.provider, object);
        }
        task.stored = self.state.current(&task.addr).cloned();
        self.searched(task);
    }

    /// Nothing is known of the object. What would make another one is not planned.
    pub(crate) fn undecided(&mut self, mut task: Task) {
        if task.goal == Goal::Configure {
            self.refuse_creation(&task);
            self.interrupted.open.remove(&task.addr);
            return self.fail(task);
        }
        task.creation = None;
        self.searched(task);
    }

    /// Goes on where the search has begun.
    fn searched(&mut self, task: Task) {
        match task.config.is_null() {
            true => self.proceed(task),
            false => self.plan_change(task),
        }
    }
}

/// Whether the errors of an answer are a proof that there is no such object. Who is refused a look,
/// or cannot reach the service, may say the same, so that those of most providers prove nothing.
fn says_absent(task: &Task, diags: &Diags) -> bool {
    let mut errors = diags.iter().filter(|d| d.is_error());
    tells_absence(task)
        && matches!(task.stage, Stage::Find)
        && errors.all(|error| error.summary == NOT_THERE)
}

/// Whether it is certain that the provider says of nothing else than of an object that is not
/// there, when it is asked to import it, that it is not there.
fn tells_absence(task: &Task) -> bool {
    (task.creation.as_ref()).is_some_and(|c| c.record.tells_absence())
}

/// The clue that was followed last.
pub(super) fn tried(task: &Task) -> Option<&Clue> {
    let creation = task.creation.as_ref()?;
    creation.clues.get(creation.tried.checked_sub(1)?)
}

/// An identity as its schema has it, if it is one.
fn valid_identity(task: &Task, identity: Option<Value>) -> Option<Value> {
    let schema = task.identity_schema.as_ref()?;
    identity.filter(|identity| schema.conforms(identity) && identity.is_wholly_known())
}

/// An object as the schema has it, if it is one.
fn whole(task: &Task, value: &Value) -> Option<Value> {
    let value = normalize_blocks(&task.schema.block, value);
    let fits = check_conforms(&task.schema.block, &value).is_empty();
    (fits && !value.is_null() && value.is_wholly_known()).then_some(value)
}
