//! Ephemeral resources: opened when a step says so, renewed while they are in use, and closed in
//! the end whatever happened in between. Nothing of them gets into the state.

use std::collections::HashMap;
use std::sync::Arc;

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_eval::{CheckKind, CheckResult, LeaseCall, Leases, ModuleInst, broken, located};
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Ask, Operation, Part, Question, Shown, StepKind};
use muster_provider::{Opened, ProviderError, Request, Response};
use muster_schema::{Schema, SchemaError, check_conforms, check_planned};
use muster_value::{Marks, Path, Value};

use crate::Applier;
use crate::checks::as_warnings;

/// The ephemeral resources of an apply.
#[derive(Default)]
pub(crate) struct Ephemerals {
    leases: Leases,
    /// What is asked, by question.
    asked: HashMap<u64, Asked>,
    /// The steps that wait for something to be closed.
    closing: HashMap<InstanceAddr, usize>,
}

enum Asked {
    Validate(Opening),
    Open(Opening),
    Renew(InstanceAddr, ProviderConfigAddr),
    Close(InstanceAddr, ProviderConfigAddr),
}

/// One that is being opened.
struct Opening {
    step: usize,
    addr: InstanceAddr,
    provider: ProviderConfigAddr,
    inst: ModuleInst,
    schema: Arc<Schema>,
    /// What the configuration says; unmarked.
    config: Value,
    config_marks: Vec<(Path, Marks)>,
}

impl Applier {
    /// Whether a step has to be taken even if something that it waits for has failed, or the run
    /// is about to end.
    pub(crate) fn is_close(&self, step: usize) -> bool {
        matches!(self.plan.steps[step].kind, StepKind::CloseEphemeral { .. })
    }

    /// Whether a question closes something: then it is asked at any time.
    pub(crate) fn closes(&self, id: u64) -> bool {
        matches!(self.ephemerals.asked.get(&id), Some(Asked::Close(..)))
    }

    pub(crate) fn begin_open(
        &mut self,
        step: usize,
        addr: &InstanceAddr,
        provider: &ProviderConfigAddr,
    ) {
        match self.opening(step, addr, provider) {
            Ok(opening) => {
                let request = Request::ValidateEphemeral {
                    type_name: addr.resource.resource.type_name.clone(),
                    config: opening.config.clone(),
                };
                self.ask_opening(opening, request, Asked::Validate, None);
            }
            Err(diags) => {
                self.report(diags);
                self.fail_open(step, addr);
            }
        }
    }

    fn opening(
        &mut self,
        step: usize,
        addr: &InstanceAddr,
        provider: &ProviderConfigAddr,
    ) -> Result<Opening, Diags> {
        let id = &addr.resource.resource;
        let schemas = self.eval.schemas();
        let schema = schemas.resource(&provider.provider, id.mode, &id.type_name);
        let inst = self.eval.find_module(&addr.resource.module)?;
        let (Some(schema), Some(inst)) = (schema, inst) else {
            let detail = format!("The plan opens {addr}, which is not there. Make a new plan.");
            return Err(Diagnostic::error("Plan does not fit", detail).into());
        };
        if !self.providers.is_evaluated(provider) {
            self.providers.evaluate(&self.eval, provider)?;
        }
        self.ephemeral_conditions(inst, addr, CheckKind::Precondition, None)?;
        let config = self.eval.resource_config(addr, inst)?;
        let (config, config_marks) = config.unmark_deep_with_paths();
        if !config.is_wholly_known() {
            let detail = format!(
                "The configuration of {addr} still has values that are not known, although everything it needs is there. This is a bug in muster."
            );
            let summary = "Configuration contains unknown value";
            return Err(Diagnostic::error(summary, detail).about(addr).into());
        }
        Ok(Opening {
            step,
            addr: addr.clone(),
            provider: provider.clone(),
            inst,
            schema,
            config,
            config_marks,
        })
    }

    fn ephemeral_conditions(
        &mut self,
        inst: ModuleInst,
        addr: &InstanceAddr,
        kind: CheckKind,
        own: Option<&Value>,
    ) -> Result<(), Diags> {
        let result = self.eval.conditions(inst, addr, kind, own);
        self.note_conditions(addr, kind, &result);
        match result {
            CheckResult::Fail(found) => Err(found),
            CheckResult::Pass | CheckResult::Unknown => Ok(()),
        }
    }

    fn ask_opening(
        &mut self,
        opening: Opening,
        request: Request,
        asked: impl FnOnce(Opening) -> Asked,
        operation: Option<Operation>,
    ) {
        let ask = self.lease_ask(&opening.addr, &opening.provider, request, operation);
        self.ephemerals.asked.insert(ask.id, asked(opening));
        self.send(ask);
    }

    fn lease_ask(
        &mut self,
        addr: &InstanceAddr,
        provider: &ProviderConfigAddr,
        request: Request,
        operation: Option<Operation>,
    ) -> Ask {
        self.next_id += 1;
        Ask {
            id: self.next_id,
            provider: provider.clone(),
            object: Some(addr.clone()),
            request,
            shown: operation.map(|operation| Shown {
                addr: addr.clone(),
                deposed: None,
                operation,
                action: Action::NoOp,
                id: None,
                part: Part::Whole,
            }),
        }
    }

    /// Nobody can use what was to be opened.
    fn fail_open(&mut self, step: usize, addr: &InstanceAddr) {
        if let Ok(Some(inst)) = self.eval.find_module(&addr.resource.module) {
            let id = &addr.resource.resource;
            self.eval.set_instance(inst, id, addr.key.clone(), Err(()));
        }
        self.fail_step(step);
    }

    /// Takes an answer, if the question was one about an ephemeral resource.
    pub(crate) fn ephemeral_answer(
        &mut self,
        id: u64,
        answer: Result<Response, ProviderError>,
    ) -> Option<Result<Response, ProviderError>> {
        let Some(asked) = self.ephemerals.asked.remove(&id) else {
            return Some(answer);
        };
        let (addr, provider) = asked.about();
        let (response, found) = match answer {
            Ok(response) => {
                let found = self.place(&addr, response.diags().clone());
                (Some(response), found)
            }
            Err(error) => {
                let error = error.diagnostic(&provider.provider).about(&addr);
                (None, error.into())
            }
        };
        let failed = found.has_errors();
        match (asked, response) {
            (Asked::Renew(..), response) => self.renewed(&addr, response, found),
            (Asked::Close(..), _) => {
                self.any_failed |= failed;
                self.report(found);
                self.closed(&addr);
            }
            (Asked::Validate(opening), Some(Response::Done(_))) if !failed => {
                self.report(found);
                let request = Request::Open {
                    type_name: addr.resource.resource.type_name.clone(),
                    config: opening.config.clone(),
                };
                self.ask_opening(opening, request, Asked::Open, Some(Operation::Open));
            }
            (Asked::Open(opening), Some(Response::Opened(opened))) if !failed => {
                self.report(found);
                self.opened(opening, &opened);
            }
            (Asked::Validate(opening) | Asked::Open(opening), _) => {
                self.report(found);
                self.fail_open(opening.step, &opening.addr);
            }
        }
        None
    }

    /// A question about an ephemeral resource could not be asked.
    pub(crate) fn refuse_ephemeral(&mut self, id: u64) {
        match self.ephemerals.asked.remove(&id) {
            Some(Asked::Validate(opening) | Asked::Open(opening)) => {
                self.fail_open(opening.step, &opening.addr);
            }
            Some(Asked::Renew(addr, _)) => self.renewed(&addr, None, Diags::new()),
            Some(Asked::Close(addr, _)) => self.closed(&addr),
            None => {}
        }
    }

    fn place(&self, addr: &InstanceAddr, diags: Diags) -> Diags {
        let inst = self.eval.find_module(&addr.resource.module).ok().flatten();
        let id = &addr.resource.resource;
        let spec = inst.and_then(|i| self.eval.spec(self.eval.module_of(i), id).ok());
        located(diags, addr, spec.as_deref())
    }

    fn opened(&mut self, opening: Opening, opened: &Opened) {
        let leases = &mut self.ephemerals.leases;
        leases.add(opening.addr.clone(), opening.provider.clone(), opened);
        let value = match opening.value(opened) {
            Ok(value) => value,
            Err(errors) => {
                let summary = "Provider produced invalid object";
                let provider = &opening.provider.provider;
                self.report(broken(summary, provider, &opening.addr, &errors, None));
                return self.fail_open(opening.step, &opening.addr);
            }
        };
        let (addr, inst) = (&opening.addr, opening.inst);
        let (id, key) = (&addr.resource.resource, addr.key.clone());
        self.eval.set_instance(inst, id, key, Ok(value.clone()));
        match self.ephemeral_conditions(inst, addr, CheckKind::Postcondition, Some(&value)) {
            Ok(()) => self.complete(opening.step),
            Err(diags) => {
                self.report(diags);
                self.fail_open(opening.step, addr);
            }
        }
    }

    // ---- while it is open --------------------------------------------------------------

    /// What has to be renewed, `now` being in seconds since the epoch. Must be asked right away,
    /// however much is under way: answers come in as others do.
    pub fn renewals(&mut self, now: i64) -> Vec<Ask> {
        let due = self.ephemerals.leases.due(now);
        let asks = due.into_iter().map(|call| {
            let LeaseCall {
                addr,
                provider,
                request,
            } = call;
            let ask = self.lease_ask(&addr, &provider, request, Some(Operation::Renew));
            let asked = Asked::Renew(addr, provider);
            self.ephemerals.asked.insert(ask.id, asked);
            self.out += 1;
            ask
        });
        asks.collect()
    }

    /// Without another renewal, what uses it may fail; that it does is not said, so this is worth
    /// a warning only.
    fn renewed(&mut self, addr: &InstanceAddr, response: Option<Response>, found: Diags) {
        let failed = found.has_errors();
        self.report(as_warnings(found));
        let answer = match &response {
            Some(Response::Opened(opened)) if !failed => Some(opened),
            _ => None,
        };
        if let Some(call) = self.ephemerals.leases.renewed(addr, answer) {
            self.ask_close(call);
        }
    }

    // ---- its end -----------------------------------------------------------------------

    pub(crate) fn begin_close(&mut self, step: usize, addr: &InstanceAddr) {
        if !self.ephemerals.leases.is_open(addr) {
            return self.complete(step);
        }
        self.ephemerals.closing.insert(addr.clone(), step);
        if let Some(call) = self.ephemerals.leases.close(addr) {
            self.ask_close(call);
        }
    }

    fn ask_close(&mut self, call: LeaseCall) {
        let LeaseCall {
            addr,
            provider,
            request,
        } = call;
        let ask = self.lease_ask(&addr, &provider, request, Some(Operation::Close));
        let asked = Asked::Close(addr, provider);
        self.ephemerals.asked.insert(ask.id, asked);
        self.asks.push_back(Question::Provider(ask));
    }

    fn closed(&mut self, addr: &InstanceAddr) {
        self.ephemerals.leases.closed(addr);
        if let Some(step) = self.ephemerals.closing.remove(addr) {
            self.complete(step);
        }
    }

    /// Nothing is under way any more: closes what is open still, the last one first.
    pub(crate) fn close_rest(&mut self) -> Option<Question> {
        let addr = self.ephemerals.leases.last()?.clone();
        let call = self.ephemerals.leases.close(&addr)?;
        self.ask_close(call);
        self.asks.pop_back()
    }
}

impl Asked {
    fn about(&self) -> (InstanceAddr, ProviderConfigAddr) {
        match self {
            Self::Validate(opening) | Self::Open(opening) => {
                (opening.addr.clone(), opening.provider.clone())
            }
            Self::Renew(addr, provider) | Self::Close(addr, provider) => {
                (addr.clone(), provider.clone())
            }
        }
    }
}

impl Opening {
    /// The result, with its marks.
    fn value(&self, opened: &Opened) -> Result<Value, Vec<SchemaError>> {
        let block = &self.schema.block;
        let value = &opened.value;
        let mut errors = check_conforms(block, value);
        if errors.is_empty() {
            let nothing = Value::Null(block.implied_type());
            // Marked, so that nothing sensitive gets into the message.
            let sensitive = block.sensitive_paths(value);
            let marked = |v: &Value| v.mark_paths(&self.config_marks).mark_paths(&sensitive);
            errors = check_planned(block, &nothing, &marked(&self.config), &marked(value));
        }
        if errors.is_empty() && (value.is_null() || !value.is_wholly_known()) {
            errors.push(SchemaError {
                path: Path::root(),
                reason: "the result is null, or parts of it are not known".into(),
            });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // That it is ephemeral keeps it from being shown, so what the schema calls sensitive need
        // not be marked: null in its place may be seen.
        Ok(value.mark_paths(&self.config_marks).mark(Marks::EPHEMERAL))
    }
}
