//! One loop for every state machine: questions out, answers in.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::Fuse;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use muster_addr::InstanceAddr;
use muster_applier::Applier;
use muster_config::OnFailure;
use muster_lang::Diags;
use muster_plan::{Ask, Event, Provision, ProvisionFailure, Question, Shown};
use muster_planner::{Planner, Validator};
use muster_provider::{ProviderError, Request, Response};
use muster_snapshot::Snapshot;
use tokio::time::MissedTickBehavior;

use crate::record::{Answered, Recorder, Sent};
use crate::work::Works;
use crate::{Context, Str};

/// How long a machine may be left alone while calls take their time.
const TICK: Duration = Duration::from_millis(100);

/// Results that are there at once are recorded in one write; of so many answers at most.
const TOGETHER: usize = 64;

/// How long providers may take to hear that a run ends at once.
const GRACE: Duration = Duration::from_secs(1);

/// A state machine without I/O.
pub(crate) trait Machine {
    /// The next question that is ready.
    fn poll(&mut self) -> Option<Question>;
    /// Takes an answer of a provider.
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>);
    /// Takes what became of a provisioner; only for machines that ask for some.
    fn provisioned(&mut self, _id: u64, _answer: Result<(), ProvisionFailure>) {}
    /// What has to be asked at this time, in seconds since the epoch, however much is under way.
    fn renewals(&mut self, _now: i64) -> Vec<Ask> {
        Vec::new()
    }
    /// What happened that no question tells of.
    fn take_events(&mut self) -> Vec<Event> {
        Vec::new()
    }
    /// What was reported since the last call.
    fn take_diags(&mut self) -> Diags;
    /// Whether the last answer told of an object that the state could not take; only for machines
    /// that change one.
    fn take_untaken(&mut self) -> bool {
        false
    }
    /// Begins nothing new.
    fn stop(&mut self);
    /// Whether calls in flight go on to their end when the run is to stop: half a change may be
    /// worse than a whole one. Others are asked to return soon.
    fn drains(&self) -> bool {
        false
    }
    /// The state, and the instances of it that have changed since the last call; only for
    /// machines that change one.
    fn take_changed(&mut self) -> Option<(&Snapshot, BTreeSet<InstanceAddr>)> {
        None
    }
}

/// Drives a machine until nothing is left to ask.
pub(crate) async fn drive<M: Machine>(machine: &mut M, context: &Context) {
    drive_recorded(machine, context, &Recorder::new(None), |_, _| {}).await;
}

/// As [`drive`], recording what changes the world. `after` is called when answers
/// were recorded, and now and then while there are none; it is told whether the state has changed.
pub(crate) async fn drive_recorded<M: Machine>(
    machine: &mut M,
    context: &Context,
    recorder: &Recorder,
    mut after: impl FnMut(&M, bool),
) {
    let works = Works::new(&context.sink);
    let mut calls = FuturesUnordered::new();
    let mut gathered = Gathered::default();
    let mut stopped = false;
    // Asking the providers to hurry must not keep the answers in flight from arriving.
    let mut halting = pin!(Fuse::terminated());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        if context.stop.is_requested() && !stopped {
            stopped = true;
            machine.stop();
            if !machine.drains() {
                halting.set(context.pool.stop().fuse());
            }
        }
        while gathered.taken < TOGETHER
            && let Some(Some(answer)) = calls.next().now_or_never()
        {
            gathered.take(machine, answer, recorder, &works);
        }
        if gathered.is_full() {
            settle(recorder, &works, context);
            after(machine, std::mem::take(&mut gathered).changed);
            // Others have a turn, however much is answered at once.
            tokio::task::yield_now().await;
        }
        let mut asked = false;
        while calls.len() < context.parallelism {
            let Some(question) = machine.poll() else {
                break;
            };
            asked = true;
            calls.push(answer(context, &works, recorder, question));
        }
        for ask in machine.renewals(now()) {
            asked = true;
            calls.push(answer(context, &works, recorder, Question::Provider(ask)));
        }
        // Some things change without a question.
        gathered.changed |= note(machine, recorder, None);
        tell_news(machine, &works);
        if asked {
            // Some may be answered at once.
            continue;
        }
        if !gathered.is_empty() {
            settle(recorder, &works, context);
            after(machine, std::mem::take(&mut gathered).changed);
            continue;
        }
        if calls.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(answer) = calls.next() => gathered.take(machine, answer, recorder, &works),
            // What could not be done right after an answer must not wait for the next one.
            _ = ticks.tick() => after(machine, false),
            () = context.stop.requested(), if !stopped => {}
            () = &mut halting => {}
            () = context.stop.forced() => {
                // What providers make of this is not waited for, but what they say meanwhile
                // counts.
                let mut told = pin!(tokio::time::timeout(GRACE, context.pool.stop()));
                let mut is_told = false;
                loop {
                    let answer = tokio::select! {
                        biased;
                        answer = calls.next() => answer,
                        _ = &mut told, if !is_told => {
                            is_told = true;
                            continue;
                        }
                        () = std::future::ready(()), if is_told => None,
                    };
                    let Some(answer) = answer else { break };
                    gathered.take(machine, answer, recorder, &works);
                }
                settle(recorder, &works, context);
                after(machine, gathered.changed);
                break;
            }
        }
    }
    drop(calls);
    works.abandon();
}

/// Seconds since the epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

/// Tells what a machine has to say of itself.
fn tell_news<M: Machine>(machine: &mut M, works: &Works<'_>) {
    machine
        .take_events()
        .into_iter()
        .for_each(|event| works.tell(event));
    tell_diags(machine, works);
}

fn tell_diags<M: Machine>(machine: &mut M, works: &Works<'_>) {
    let diags = machine.take_diags().into_iter();
    diags.for_each(|diagnostic| works.tell(Event::Diagnostic(diagnostic)));
}

/// Records what has come of answers, and then tells of it: what people have seen must not be
/// forgotten when this process is killed. A run that cannot record anything begins nothing new.
fn settle(recorder: &Recorder, works: &Works<'_>, context: &Context) {
    recorder.write();
    works.release();
    if recorder.has_failed() {
        context.stop.request_first();
    }
}

/// Answers that were handed over, and that [`settle`] has not seen to yet.
#[derive(Default)]
struct Gathered {
    /// How many there are.
    taken: usize,
    /// Some of them are from outside of this process. They are recorded before anything else is
    /// asked.
    outside: bool,
    /// They have changed something.
    changed: bool,
}

impl Gathered {
    /// There is nothing to settle.
    fn is_empty(&self) -> bool {
        self.taken == 0 && !self.changed
    }

    /// Nothing may be added before they are settled.
    fn is_full(&self) -> bool {
        self.outside || self.taken >= TOGETHER
    }

    /// Hands an answer over, and notes what has changed by it.
    fn take<M: Machine>(
        &mut self,
        machine: &mut M,
        answer: Option<(u64, Answer)>,
        recorder: &Recorder,
        works: &Works<'_>,
    ) {
        let Some((id, answer)) = answer else {
            return;
        };
        works.hold();
        let ending;
        let mut answered = None;
        self.taken += 1;
        match answer {
            Answer::Provider(answer, told) => {
                self.outside |= told.outside;
                ending = told.shown.map(|shown| Ending::new(shown, &answer));
                let known = Answered::new(told.object, told.sent, &answer);
                machine.answer(id, *answer);
                answered = Some(known).filter(|_| !machine.take_untaken());
            }
            Answer::Provisioner(answer, shown, on_failure) => {
                self.outside = true;
                ending = Some(Ending {
                    shown,
                    succeeded: answer.is_ok() || on_failure != OnFailure::Fail,
                    id: None,
                });
                machine.provisioned(id, answer);
            }
        }
        self.changed |= note(machine, recorder, answered.as_ref());
        if let Some(ending) = ending {
            ending.tell(works);
        }
        tell_diags(machine, works);
    }
}

/// Notes what has changed; whether there was anything.
fn note<M: Machine>(machine: &mut M, recorder: &Recorder, answered: Option<&Answered>) -> bool {
    let Some((state, changed)) = machine.take_changed() else {
        return false;
    };
    let any = !changed.is_empty();
    recorder.objects(state, changed, answered);
    any
}

/// What came of a question.
enum Answer {
    Provider(Box<Result<Response, ProviderError>>, Told),
    Provisioner(Result<(), ProvisionFailure>, Shown, OnFailure),
}

/// What was known of a question to a provider when it went out.
struct Told {
    object: Option<InstanceAddr>,
    shown: Option<Shown>,
    sent: Sent,
    /// It has left this process.
    outside: bool,
}

/// How work that is shown has gone.
struct Ending {
    shown: Shown,
    succeeded: bool,
    /// What the object is known by now, if that is in the answer.
    id: Option<(Str, Str)>,
}

impl Ending {
    fn new(shown: Shown, answer: &Result<Response, ProviderError>) -> Self {
        let response = answer.as_ref().ok();
        let response = response.filter(|response| !response.diags().has_errors());
        let value = match response {
            Some(Response::State { value, .. } | Response::Read { value, .. }) => Some(value),
            Some(Response::Applied(applied)) => Some(&applied.value),
            _ => None,
        };
        Self {
            shown,
            succeeded: response.is_some(),
            id: value.and_then(muster_plan::id_hint),
        }
    }

    fn tell(self, works: &Works<'_>) {
        match self.succeeded {
            true => works.succeed(&self.shown, self.id),
            false => works.fail(&self.shown.addr, self.shown.deposed.as_ref()),
        }
    }
}

async fn answer(
    context: &Context,
    works: &Works<'_>,
    recorder: &Recorder,
    question: Question,
) -> Option<(u64, Answer)> {
    match question {
        Question::Provider(ask) => {
            let reads = matches!(ask.request, Request::ReadData(_));
            let outside = reads || !ask.provider.provider.is_builtin();
            if outside {
                // What was before it, as an object that was set aside for it, is recorded.
                settle(recorder, works, context);
            }
            let id = ask.id;
            let (object, shown) = (ask.object.clone(), ask.shown.clone());
            let (sent, answer) = match recorder.intend(context, &ask).await {
                Ok(sent) => (sent, call(context, works, ask).await),
                Err(error) => (None, Err(error)),
            };
            let told = Told {
                object,
                shown,
                sent,
                outside,
            };
            Some((id, Answer::Provider(Box::new(answer), told)))
        }
        Question::Provisioner(question) => {
            settle(recorder, works, context);
            let answer = match recorder.has_failed() {
                false => provision(context, works, &question).await,
                true => Err(not_begun(&question)),
            };
            let Provision {
                id,
                shown,
                on_failure,
                ..
            } = question;
            Some((id, Answer::Provisioner(answer, shown, on_failure)))
        }
        Question::GivenUp(addr) => {
            works.fail(&addr, None);
            None
        }
    }
}

async fn call(context: &Context, works: &Works<'_>, ask: Ask) -> Result<Response, ProviderError> {
    let Ask {
        id: _,
        provider,
        request,
        object,
        shown,
    } = ask;
    if let Some(shown) = &shown {
        works.begin(shown, &provider);
    }
    let stand_in = context.stand_in.as_ref();
    let stand_in = stand_in.and_then(|s| s.answers(&provider, object.as_ref()));
    match (stand_in, request) {
        (Some(stand_in), request) => stand_in.call(request).await,
        (None, Request::Configure { config }) => context.pool.configure(&provider, config).await,
        (None, request) => context.pool.get(&provider).await?.call(request).await,
    }
}

async fn provision(
    context: &Context,
    works: &Works<'_>,
    question: &Provision,
) -> Result<(), ProvisionFailure> {
    works.begin(&question.shown, &question.provider);
    crate::provision::run(context, question).await
}

/// Nothing more is done where nothing can be recorded.
fn not_begun(question: &Provision) -> ProvisionFailure {
    ProvisionFailure {
        summary: format!("{} provisioner error", question.kind.as_str()),
        detail: "It was not begun, because what was done before it cannot be recorded.".to_owned(),
    }
}

impl Machine for Planner {
    fn poll(&mut self) -> Option<Question> {
        Self::poll(self).map(Question::Provider)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn renewals(&mut self, now: i64) -> Vec<Ask> {
        Self::renewals(self, now)
    }
    fn take_events(&mut self) -> Vec<Event> {
        Self::take_events(self)
    }
    fn take_diags(&mut self) -> Diags {
        Self::take_diags(self)
    }
    fn stop(&mut self) {
        Self::stop(self);
    }
}

impl Machine for Applier {
    fn poll(&mut self) -> Option<Question> {
        Self::poll(self)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn provisioned(&mut self, id: u64, answer: Result<(), ProvisionFailure>) {
        Self::provisioned(self, id, answer);
    }
    fn renewals(&mut self, now: i64) -> Vec<Ask> {
        Self::renewals(self, now)
    }
    fn take_diags(&mut self) -> Diags {
        Self::take_diags(self)
    }
    fn stop(&mut self) {
        Self::stop(self);
    }
    fn drains(&self) -> bool {
        true
    }
    fn take_untaken(&mut self) -> bool {
        Self::take_untaken(self)
    }
    fn take_changed(&mut self) -> Option<(&Snapshot, BTreeSet<InstanceAddr>)> {
        let changed = Self::take_changed(self);
        Some((self.state(), changed))
    }
}

impl Machine for Validator {
    fn poll(&mut self) -> Option<Question> {
        Self::poll(self).map(Question::Provider)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn take_diags(&mut self) -> Diags {
        Diags::new()
    }
    fn stop(&mut self) {}
}
