//! What an apply keeps of what it does while it is on.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_plan::Ask;
use muster_provider::{ApplyRequest, ProviderError, Request, Response};
use muster_snapshot::Snapshot;
use muster_store::{Batch, Intent, IntentAction, Journal, StoreError};
use muster_value::value_to_json;

use crate::Context;

/// How an apply keeps what it does, so that little or nothing is lost when it is killed.
#[derive(Default)]
pub struct Keep<'a> {
    /// The journal of the run, and the stored state that it began with.
    pub journal: Option<(Journal, &'a Snapshot)>,
    /// Is given the state from time to time.
    pub save: Option<Save<'a>>,
}

/// Stores the state while an apply is on.
pub struct Save<'a> {
    /// The shortest time between two writes. They are further apart if they take long, so that
    /// they take a small part of the time however large the state is.
    pub every: Duration,
    /// Stores it.
    pub save: Box<dyn FnMut(&Snapshot) + Send + 'a>,
}

impl<'a> Save<'a> {
    /// As often as is no burden.
    pub fn often(save: impl FnMut(&Snapshot) + Send + 'a) -> Self {
        Self {
            every: Duration::from_millis(200),
            save: Box::new(save),
        }
    }
}

/// A number of an intent, until its answer is there.
pub(crate) type Sent = Option<u64>;

/// The journal of a run, as the driver uses it.
pub(crate) struct Recorder {
    journal: Option<Journal>,
    /// Results that are not written yet.
    results: Option<RefCell<Batch>>,
    /// Why something could not be recorded.
    failure: RefCell<Option<StoreError>>,
}

impl Recorder {
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self {
            results: journal.as_ref().map(|j| RefCell::new(j.batch())),
            journal,
            failure: RefCell::default(),
        }
    }

    /// Why something could not be recorded; the first time.
    pub(crate) fn take_failure(&self) -> Option<StoreError> {
        self.failure.take()
    }

    /// Whether something could not be recorded.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Records that a question is about to change the world, if it is. It must not be sent when
    /// that fails.
    pub(crate) async fn intend(&self, context: &Context, ask: &Ask) -> Result<Sent, ProviderError> {
        let Some(journal) = &self.journal else {
            return Ok(None);
        };
        let Some(intent) = intent(context, ask) else {
            return Ok(None);
        };
        let id = journal.intent(intent).map_err(|e| self.not_sent(e))?;
        let syncing = journal.clone();
        // Whoever comes here at the same time waits for the same write.
        match tokio::task::spawn_blocking(move || syncing.sync()).await {
            Ok(Ok(())) => Ok(Some(id)),
            Ok(Err(error)) => Err(self.not_sent(error)),
            Err(error) => Err(ProviderError::NotSent(error.to_string())),
        }
    }

    fn not_sent(&self, error: StoreError) -> ProviderError {
        let reason = error.to_string();
        self.fail(error);
        ProviderError::NotSent(reason)
    }

    fn fail(&self, error: StoreError) {
        self.failure.borrow_mut().get_or_insert(error);
    }

    /// Notes objects as they are in a state. They are recorded by [`Recorder::write`].
    pub(crate) fn objects(
        &self,
        state: &Snapshot,
        changed: impl IntoIterator<Item = InstanceAddr>,
        answered: Option<&Answered>,
    ) {
        let Some(results) = &self.results else {
            return;
        };
        let mut results = results.borrow_mut();
        let mut open = answered.and_then(|a| a.intent);
        for addr in changed {
            let own = answered.is_some_and(|a| a.addr.as_ref() == Some(&addr));
            let intent = open.take_if(|_| own);
            let made = intent.filter(|_| answered.is_some_and(|a| a.made));
            let noted = results
                .objects(state, &addr, intent)
                .and_then(|()| made.map_or(Ok(()), |id| results.made(id, &addr)));
            if let Err(error) = noted {
                self.fail(error);
            }
        }
        if let Some(id) = open
            && let Err(error) = results.close(id)
        {
            self.fail(error);
        }
    }

    /// Records what was noted, in one write.
    pub(crate) fn write(&self) {
        if let Some(results) = &self.results
            && let Err(error) = results.borrow_mut().write()
        {
            self.fail(error);
        }
    }

    /// Records in which instances a state differs from the stored one.
    pub(crate) fn difference(&self, stored: &Snapshot, state: &Snapshot) {
        if self.journal.is_some() {
            self.objects(state, muster_store::changed_instances(stored, state), None);
            self.write();
        }
    }
}

/// A question that has got its answer.
pub(crate) struct Answered {
    addr: Option<InstanceAddr>,
    intent: Sent,
    /// It tells of an object. That one is in the state afterwards is no sign of it: what was set
    /// aside for it may be back.
    made: bool,
}

impl Answered {
    /// An intent is over when the provider has said something that the state can take, or was
    /// certainly not asked.
    pub(crate) fn new(
        addr: Option<InstanceAddr>,
        sent: Sent,
        answer: &Result<Response, ProviderError>,
    ) -> Self {
        let known = match answer {
            Ok(_) => true,
            Err(error) => !error.may_have_been_done(),
        };
        let made = |answer: &Response| matches!(answer, Response::Applied(a) if !a.value.is_null());
        Self {
            addr,
            intent: sent.filter(|_| known),
            made: answer.as_ref().is_ok_and(made),
        }
    }
}

/// What is to be recorded before a question goes out; nothing if it changes nothing outside of
/// this process.
fn intent(context: &Context, ask: &Ask) -> Option<Intent> {
    let (Request::Apply(request), Some(addr)) = (&ask.request, &ask.object) else {
        return None;
    };
    if ask.provider.provider.is_builtin() {
        return None;
    }
    let action = match (request.prior.is_null(), request.planned.is_null()) {
        (true, _) => IntentAction::Create,
        (false, true) => IntentAction::Delete,
        (false, false) => IntentAction::Update,
    };
    let mut intent = Intent {
        id: 0,
        addr: addr.clone(),
        deposed: ask.shown.as_ref().and_then(|shown| shown.deposed.clone()),
        action,
        provider: ask.provider.clone(),
        created: muster_store::timestamp(),
        digest: muster_plan::attribute_digest("", &request.planned).to_string(),
        resume: None,
        identity: None,
        ids: Vec::new(),
        salt: String::new(),
        digests: Default::default(),
    };
    if action == IntentAction::Create {
        describe(context, addr, request, &mut intent);
    }
    Some(intent)
}

/// How the object that is made can be told later.
fn describe(context: &Context, addr: &InstanceAddr, request: &ApplyRequest, intent: &mut Intent) {
    let id = &addr.resource.resource;
    let provider = &intent.provider.provider;
    let Some(schema) = context.schemas.resource(provider, id.mode, &id.type_name) else {
        return;
    };
    let sensitive = schema.block.sensitive_paths(&request.planned);
    let planned = request.planned.mark_paths(&sensitive);
    let text =
        |(name, value): (muster_plan::Str, muster_plan::Str)| (name.to_string(), value.to_string());
    intent.identity = identity(context, &intent.provider, request);
    intent.salt = muster_store::random_id();
    intent.ids = muster_plan::import_ids(&request.type_name, &planned)
        .into_iter()
        .map(text)
        .collect();
    intent.digests = muster_plan::digests(&intent.salt, &planned)
        .into_iter()
        .map(text)
        .collect();
    if muster_plan::idempotency_token(&request.planned_private).is_some() {
        intent.resume = Some(request.planned_private.to_vec());
    }
}

/// What the provider will know the object by, if the plan knows all of that already.
fn identity(
    context: &Context,
    provider: &ProviderConfigAddr,
    request: &ApplyRequest,
) -> Option<(u64, String)> {
    let schema = context
        .schemas
        .identity(&provider.provider, &request.type_name)?;
    let planned = request.planned_identity.as_ref()?;
    let tells = planned.as_entries()?.values().any(|part| !part.is_null());
    if !tells || !planned.is_wholly_known() {
        return None;
    }
    let json = value_to_json(planned, &schema.implied_type()).ok()?;
    Some((schema.version, json.to_string()))
}

/// Spaces out writes of the whole state.
pub(crate) struct Pace {
    every: Duration,
    last: Instant,
    cost: Duration,
}

impl Pace {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every,
            last: Instant::now(),
            cost: Duration::ZERO,
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() > self.every.max(self.cost * 20)
    }

    pub(crate) fn time(&mut self, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        self.cost = start.elapsed();
        self.last = Instant::now();
    }
}
