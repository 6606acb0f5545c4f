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
use muster_provider::{ProviderError, Response};
use muster_snapshot::Snapshot;
use tokio::time::MissedTickBehavior;

use crate::record::{Answered, Recorder, Sent};
use crate::work::Works;
use crate::{Context, Str};

/// How long a machine may be left alone while calls take their time.
const TICK: Duration = Duration::from_millis(100);

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

/// As [`drive`], recording what changes the world. `after` is called after every answer, and now
/// and then while there is none; it is told whether the state has changed.
pub(crate) async fn drive_recorded<M: Machine>(
    machine: &mut M,
    context: &Context,
    recorder: &Recorder,
    mut after: impl FnMut(&M, bool),
) {
    let works = Works::new(&context.sink);
    let mut calls = FuturesUnordered::new();
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
        while calls.len() < context.parallelism {
            let Some(question) = machine.poll() else {
                break;
            };
            calls.push(answer(context, &works, recorder, question));
        }
        // What is set aside for a new object is so before that is asked for.
        note(machine, recorder, None);
        recorder.write();
        for ask in machine.renewals(now()) {
            calls.push(answer(context, &works, recorder, Question::Provider(ask)));
        }
        machine.take_events().into_iter().for_each(&*context.sink);
        report(machine.take_diags(), context);
        if calls.is_empty() {
            break;
        }
        tokio::select! {
            Some(answers) = ready(&mut calls) => {
                let changed = take_in(machine, answers, recorder, &works, context);
                if recorder.has_failed() && !context.stop.is_requested() {
                    context.stop.request();
                }
                after(machine, changed);
            }
            // What could not be done right after an answer must not wait for the next one.
            _ = ticks.tick() => after(machine, false),
            () = context.stop.requested(), if !stopped => {}
            () = &mut halting => {}
            () = context.stop.forced() => {
                // What providers make of this is not waited for.
                let _ = tokio::time::timeout(GRACE, context.pool.stop()).await;
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

fn report(diags: Diags, context: &Context) {
    for diagnostic in diags {
        (context.sink)(Event::Diagnostic(diagnostic));
    }
}

/// The next answer, and all others that are there as well; none if nothing was asked.
async fn ready<F: Future>(calls: &mut FuturesUnordered<F>) -> Option<Vec<F::Output>> {
    let mut answers = vec![calls.next().await?];
    // From here on nothing is awaited, so that none of them gets lost.
    while let Some(Some(answer)) = calls.next().now_or_never() {
        answers.push(answer);
    }
    Some(answers)
}

/// Hands answers over, records what has changed by them, in one write, and tells of them. Whether
/// anything has changed.
fn take_in<M: Machine>(
    machine: &mut M,
    answers: Vec<Option<(u64, Answer)>>,
    recorder: &Recorder,
    works: &Works<'_>,
    context: &Context,
) -> bool {
    let mut changed = false;
    let mut news = Vec::with_capacity(answers.len());
    for (id, answer) in answers.into_iter().flatten() {
        let mut ending = None;
        let mut answered = None;
        match answer {
            Answer::Provider(answer, told) => {
                ending = told.shown.map(|shown| Ending::new(shown, &answer));
                let known = Answered::new(told.object, told.sent, &answer);
                machine.answer(id, *answer);
                answered = Some(known).filter(|_| !machine.take_untaken());
            }
            Answer::Provisioner(answer) => machine.provisioned(id, answer),
        }
        changed |= note(machine, recorder, answered.as_ref());
        news.push((ending, machine.take_diags()));
    }
    // What people have seen must not be forgotten when this process is killed.
    recorder.write();
    for (ending, diags) in news {
        if let Some(ending) = ending {
            ending.tell(works);
        }
        report(diags, context);
    }
    changed
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
    Provisioner(Result<(), ProvisionFailure>),
}

/// What was known of a question to a provider when it went out.
struct Told {
    object: Option<InstanceAddr>,
    shown: Option<Shown>,
    sent: Sent,
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
            };
            Some((id, Answer::Provider(Box::new(answer), told)))
        }
        Question::Provisioner(question) => {
            let (id, answer) = provision(context, works, question).await;
            Some((id, Answer::Provisioner(answer)))
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
    let asked = match stand_in {
        Some(stand_in) => Ok(stand_in),
        None => context.pool.get(&provider).await,
    };
    match asked {
        Ok(plugin) => plugin.call(request).await,
        Err(error) => Err(error),
    }
}

async fn provision(
    context: &Context,
    works: &Works<'_>,
    question: Provision,
) -> (u64, Result<(), ProvisionFailure>) {
    let shown = &question.shown;
    works.begin(shown, &question.provider);
    let answer = crate::provision::run(context, &question).await;
    match (&answer, question.on_failure) {
        (Err(_), OnFailure::Fail) => works.fail(&shown.addr, shown.deposed.as_ref()),
        _ => works.succeed(shown, None),
    }
    (question.id, answer)
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
