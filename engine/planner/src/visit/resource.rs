//! A resource: its instances, and those that the state has and the configuration has not.

use muster_addr::{AbsResource, InstanceKey, Mode as ResourceMode, ProviderConfigAddr, ResourceId};
use muster_config::ModuleId;
use muster_eval::{Expansion, ModuleInst, provider_meta};
use muster_plan::{Mode, Reason};

use crate::Planner;
use crate::graph::NodeId;
use crate::task::{Goal, Start};
use crate::visit::Orphan;

impl Planner {
    pub(super) fn visit_resource(
        &mut self,
        node: NodeId,
        inst: ModuleInst,
        module: ModuleId,
        id: &ResourceId,
    ) -> bool {
        let config = self.eval.config().clone();
        let Some(resource) = config.module(module).resources.get(id) else {
            return true;
        };
        let expansion = match self.eval.expand_resource(inst, id) {
            Ok(expansion) => expansion,
            Err(diags) => {
                self.diags.extend(diags);
                return false;
            }
        };
        if let Err(diags) = self.eval.schema_of(resource) {
            self.diags.extend(diags);
            self.eval.fail_resource(inst, id);
            return false;
        }
        let resource_addr = AbsResource {
            module: self.eval.addr_of(inst),
            resource: id.clone(),
        };
        self.check_requested(&resource_addr, &expansion);
        let provider = &resource.provider.provider;
        if let Err(diags) = provider_meta(&self.eval, &resource_addr, provider) {
            self.diags.extend(diags);
            self.eval.fail_resource(inst, id);
            return false;
        }
        let goal = match self.options.mode {
            Mode::Normal => Goal::Configure,
            Mode::RefreshOnly | Mode::Destroy => Goal::Refresh,
        };
        let mut ok = true;
        for key in expansion.keys() {
            let addr = resource_addr.instance(key);
            if self.is_targeted(node, &addr) {
                if self.is_destroyed(node, inst, &addr) {
                    continue;
                }
                let provider = match self.eval.provider_of(inst, resource, &addr.key) {
                    Ok(provider) => provider,
                    Err(diags) => {
                        self.diags
                            .0
                            .extend(diags.0.into_iter().map(|d| d.about(&addr)));
                        self.eval.set_instance(inst, id, addr.key, Err(()));
                        ok = false;
                        continue;
                    }
                };
                self.begin(Start {
                    addr,
                    deposed: None,
                    inst: Some(inst),
                    node: Some(node),
                    provider,
                    goal,
                });
            } else {
                self.keep(inst, &addr);
            }
        }
        // What else there is of a managed resource is destroyed without a visit.
        if self.options.mode != Mode::Destroy || id.mode != ResourceMode::Managed {
            self.visit_extra_instances(node, &resource_addr, Some((inst, &expansion)));
        }
        ok
    }

    /// Instances in the state that the expansion does not have, and deposed objects of all.
    fn visit_extra_instances(
        &mut self,
        node: NodeId,
        resource: &AbsResource,
        configured: Option<(ModuleInst, &Expansion)>,
    ) {
        let Some(stored) = self.state.resources.get(resource) else {
            return;
        };
        if resource.resource.mode != ResourceMode::Managed {
            self.drop_data(resource, configured.map(|(_, e)| e));
            return;
        }
        let provider = stored.provider.clone();
        let mut found = Vec::new();
        for (key, instance) in &stored.instances {
            let reason = match configured {
                None => Some(Reason::DeleteBecauseNoModule),
                Some((_, expansion)) => reason_for(expansion, key),
            };
            if let (Some(reason), true) = (reason, instance.current.is_some()) {
                found.push((key.clone(), None, reason));
            }
            for deposed in instance.deposed.keys() {
                found.push((key.clone(), Some(deposed.clone()), Reason::None));
            }
        }
        for (key, deposed, reason) in found {
            let addr = resource.instance(key);
            let wanted = match deposed {
                None => self.is_targeted(node, &addr),
                Some(_) => self.is_deposed_targeted(node, &addr),
            };
            if wanted {
                let goal = match self.options.mode {
                    Mode::RefreshOnly => Goal::Refresh,
                    Mode::Normal | Mode::Destroy => Goal::Delete(reason),
                };
                let orphan = Orphan {
                    resource: resource.clone(),
                    key: addr.key,
                    deposed,
                    goal,
                };
                self.begin_left_over(node, &provider, orphan);
            }
        }
    }

    /// Works on an object that the configuration has no more, by the provider that has managed it.
    fn begin_left_over(&mut self, node: NodeId, provider: &ProviderConfigAddr, orphan: Orphan) {
        if self.comes_after(node, provider) {
            return self.begin_orphan(Some(node), provider, orphan);
        }
        // The resource is in other hands by now, and nothing says which provider comes first.
        if let Goal::Delete(_) = orphan.goal {
            self.note_pending(orphan.resource.config());
        }
        match self.is_still_to_come(provider) {
            true => (self.orphans.entry(provider.clone()).or_default()).push(orphan),
            false => self.begin_orphan(None, provider, orphan),
        }
    }

    /// Objects of a resource in module instances that are no more.
    pub(super) fn visit_lost_modules(&mut self, node: NodeId, module: ModuleId, id: &ResourceId) {
        if self.options.mode == Mode::Destroy {
            return;
        }
        let config = self.eval.config().clone();
        let path = &config.module(module).path;
        if path.is_root() {
            return;
        }
        let lost: Vec<AbsResource> = self
            .stored_resources(path, id)
            .into_iter()
            .filter(|addr| matches!(self.eval.find_module(&addr.module), Ok(None)))
            .collect();
        for addr in lost {
            self.visit_extra_instances(node, &addr, None);
        }
    }
}

/// Why an instance is not wanted any more; `None` when it is.
pub(crate) fn reason_for(expansion: &Expansion, key: &InstanceKey) -> Option<Reason> {
    if expansion.contains(key) {
        return None;
    }
    Some(match (expansion, key) {
        (Expansion::Count(_), InstanceKey::Int(_)) => Reason::DeleteBecauseCountIndex,
        (Expansion::ForEach(_), InstanceKey::Str(_)) => Reason::DeleteBecauseEachKey,
        (Expansion::Disabled, InstanceKey::None) => Reason::DeleteBecauseEnabledFalse,
        _ => Reason::DeleteBecauseWrongRepetition,
    })
}
