//! Questions to providers, each after its provider has its configuration.

use muster_addr::{ConfigResource, ProviderConfigAddr};
use muster_eval::{Sent, Settled};
use muster_plan::Ask;
use muster_provider::{ProviderError, Request, Response};

use crate::Planner;
use crate::graph::Node;

impl Planner {
    /// Evaluates a provider configuration. `false` when it fails.
    pub(crate) fn visit_provider(&mut self, addr: &ProviderConfigAddr) -> bool {
        let result = self.providers.evaluate(&self.eval, addr);
        self.note(result)
    }

    /// Sends a question on its way, after the provider has its configuration.
    pub(crate) fn send(&mut self, ask: Ask) {
        let addr = ask.provider.clone();
        match self.providers.send(&addr, ask) {
            Sent::Go(ask) => self.asks.push_back(ask),
            Sent::First(request) => self.ask_provider(&addr, request),
            Sent::Waits => {}
            Sent::Refused(ask) => self.refuse(&ask),
        }
    }

    fn ask_provider(&mut self, addr: &ProviderConfigAddr, request: Request) {
        let id = self.fresh_id();
        self.provider_asks.insert(id, addr.clone());
        self.asks.push_back(Ask {
            id,
            provider: addr.clone(),
            request,
            object: None,
            shown: None,
        });
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
            Settled::Ready(asks) => self.asks.extend(asks),
            Settled::Failed(asks) => {
                for ask in asks {
                    self.refuse(&ask);
                }
            }
        }
    }

    /// The provider is not there: what was asked fails without another word.
    fn refuse(&mut self, ask: &Ask) {
        if let Some(task) = self.tasks.remove(&ask.id) {
            self.fail(task);
        }
    }

    /// Resources that a provider's configuration needs: they must outlive what it manages.
    pub(crate) fn provider_needs(&self, addr: &ProviderConfigAddr) -> Vec<ConfigResource> {
        let Some(node) = self.graph.find(&Node::Provider(addr.clone())) else {
            return Vec::new();
        };
        let config = self.eval.config();
        self.graph
            .closure(self.graph.needs[node].iter().copied())
            .into_iter()
            .filter_map(|n| match &self.graph.nodes[n] {
                Node::Resource(module, resource) => {
                    let module = config.module(*module).path.clone();
                    Some(ConfigResource {
                        module,
                        resource: resource.clone(),
                    })
                }
                _ => None,
            })
            .collect()
    }
}
