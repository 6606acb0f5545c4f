//! Questions to providers, each after its provider has its configuration.

use muster_addr::{ConfigResource, InstanceAddr, ProviderConfigAddr};
use muster_eval::{Sent, Settled, provider_instances};
use muster_lang::Diagnostic;
use muster_plan::Ask;
use muster_provider::{ProviderError, Request, Response};

use crate::Planner;
use crate::graph::{Node, NodeId};

impl Planner {
    /// Evaluates a provider configuration, each of its instances. `false` when it fails.
    pub(crate) fn visit_provider(&mut self, addr: &ProviderConfigAddr) -> bool {
        let instances = match provider_instances(&self.eval, addr) {
            Ok(instances) => instances,
            Err(diags) => {
                self.providers.fail(addr);
                self.diags.extend(diags);
                return false;
            }
        };
        let mut ok = true;
        for instance in instances {
            let result = self.providers.evaluate(&self.eval, &instance);
            ok &= self.note(result);
        }
        ok
    }

    /// The provider configuration that has managed an instance of the state so far.
    pub(crate) fn stored_provider(
        &self,
        stored: &ProviderConfigAddr,
        addr: &InstanceAddr,
    ) -> ProviderConfigAddr {
        let resource = self.state.resources.get(&addr.resource);
        resource.map_or_else(|| stored.clone(), |r| r.provider_of(&addr.key))
    }

    /// Whether a resource is in the hands of a provider by now, too, so that it is visited later.
    pub(crate) fn comes_after(&self, node: NodeId, provider: &ProviderConfigAddr) -> bool {
        let Node::Resource(module, id) = &self.graph.nodes[node] else {
            return false;
        };
        let resource = self.eval.config().module(*module).resources.get(id);
        resource.is_some_and(|resource| *resource.provider == *provider)
    }

    /// Whether a provider will be visited, and was not yet.
    pub(crate) fn is_still_to_come(&self, addr: &ProviderConfigAddr) -> bool {
        let provider = self.provider_node(addr);
        provider.is_some_and(|node| self.is_included(node) && !self.visited[node])
    }

    fn provider_node(&self, addr: &ProviderConfigAddr) -> Option<NodeId> {
        self.graph.find(&Node::Provider(addr.config().into()))
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

    /// The provider is not there, so what was asked fails. Where the provider has failed, that was
    /// said.
    fn refuse(&mut self, ask: &Ask) {
        let Some(task) = self.tasks.remove(&ask.id) else {
            return;
        };
        let provider = &ask.provider;
        let has_failed = self.providers.has_failed(&provider.config());
        if !has_failed && !self.providers.is_evaluated(provider) {
            self.diags.push(self.why_absent(&task.addr, provider));
        }
        self.fail(task);
    }

    /// Why nobody knows anything of the provider that manages an object.
    fn why_absent(&self, addr: &InstanceAddr, provider: &ProviderConfigAddr) -> Diagnostic {
        let node = self.provider_node(provider);
        let (summary, why) = match node.is_some_and(|node| self.visited[node]) {
            true => (
                "Provider instance not present",
                "is not in the configuration any more. A key has to stay in the for_each of a \
                 provider block until all objects of that provider are gone: put it back, remove \
                 the objects in one run, and the key in another.",
            ),
            false => (
                "Provider configuration not present",
                "is not part of this plan, because nothing else in it needs that provider. Plan \
                 without -target and -exclude.",
            ),
        };
        let detail = format!("{addr} is managed by {provider}, which {why}");
        Diagnostic::error(summary, detail).about(addr)
    }

    /// Resources that a provider's configuration needs: they must outlive what it manages.
    pub(crate) fn provider_needs(&self, addr: &ProviderConfigAddr) -> Vec<ConfigResource> {
        let Some(node) = self.graph.find(&Node::Provider(addr.config().into())) else {
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
