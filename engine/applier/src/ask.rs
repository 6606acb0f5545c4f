//! Questions to providers, each after its provider has its configuration.

use muster_addr::ProviderConfigAddr;
use muster_eval::{Sent, Settled, provider_meta};
use muster_plan::{Ask, Operation, Question, Shown, id_hint};
use muster_provider::{ProviderError, Request, Response};
use muster_value::Value;

use crate::Applier;
use crate::task::{Stage, Task};

impl Applier {
    /// Asks a provider about a task.
    pub(crate) fn ask(
        &mut self,
        mut task: Task,
        stage: Stage,
        mut request: Request,
        operation: Option<Operation>,
    ) {
        self.next_id += 1;
        let id = self.next_id;
        let change = &self.plan.changes[task.change as usize];
        if let Some(meta) = request.provider_meta_mut() {
            let (resource, provider) = (&change.addr.resource, &change.provider.provider);
            // The plan has found nothing wrong with it.
            *meta = provider_meta(&self.eval, resource, provider).unwrap_or(Value::NULL);
        }
        let shown = operation.map(|operation| Shown {
            addr: change.addr.clone(),
            // What is set aside for a new object is not what the new one is called by.
            deposed: match operation {
                Operation::Delete => task.deposed.clone().or_else(|| change.deposed.clone()),
                _ => change.deposed.clone(),
            },
            operation,
            action: change.action,
            id: if operation == Operation::Create {
                None
            } else {
                id_hint(&change.before)
            },
            part: task.part,
        });
        let ask = Ask {
            id,
            provider: change.provider.clone(),
            request,
            object: Some(change.addr.clone()),
            shown,
        };
        task.stage = stage;
        self.tasks.insert(id, task);
        self.send(ask);
    }

    pub(crate) fn send(&mut self, ask: Ask) {
        let addr = ask.provider.clone();
        match self.providers.send(&addr, ask) {
            Sent::Go(ask) => self.asks.push_back(Question::Provider(ask)),
            Sent::First(request) => self.ask_provider(&addr, request),
            Sent::Waits => {}
            Sent::Refused(ask) => self.refuse(&ask),
        }
    }

    pub(crate) fn refuse(&mut self, ask: &Ask) {
        self.refuse_ephemeral(ask.id);
        if let Some(task) = self.tasks.remove(&ask.id) {
            self.undo(&task);
            self.fail(&task);
        }
    }

    fn ask_provider(&mut self, addr: &ProviderConfigAddr, request: Request) {
        self.next_id += 1;
        self.provider_asks.insert(self.next_id, addr.clone());
        let ask = Ask {
            id: self.next_id,
            provider: addr.clone(),
            request,
            object: None,
            shown: None,
        };
        self.asks.push_back(Question::Provider(ask));
    }

    pub(crate) fn provider_answer(
        &mut self,
        addr: &ProviderConfigAddr,
        answer: Result<Response, ProviderError>,
    ) {
        let (settled, diags) = self.providers.answer(&self.eval, addr, answer);
        self.diags.extend(diags);
        match settled {
            Settled::Next(request) => self.ask_provider(addr, request),
            Settled::Ready(asks) => self.asks.extend(asks.into_iter().map(Question::Provider)),
            Settled::Failed(asks) => {
                for ask in asks {
                    self.refuse(&ask);
                }
            }
        }
    }
}
