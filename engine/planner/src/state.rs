//! The stored state, brought up to date while the plan is made.

use std::collections::BTreeSet;

use muster_addr::{
    AbsResource, ConfigResource, InstanceAddr, ModulePath, ProviderConfigAddr, ResourceId,
};
use muster_eval::Expansion;
use muster_lang::Diagnostic;
use muster_plan::{Change, Deposed, Mode};
use muster_snapshot::{Object, Status};

use crate::Planner;
use crate::task::Task;

impl Planner {
    pub(crate) fn stored(&self, addr: &InstanceAddr, deposed: &Deposed) -> Option<&Object> {
        match deposed {
            Some(key) => self.state.deposed(addr, key),
            None => self.state.current(addr),
        }
    }

    /// Writes what a task found out about its object into the state. A plan that only looks decides
    /// nothing else about it, so what the object depends on by now is added here.
    pub(crate) fn store(&mut self, task: &Task) {
        self.store_object(task);
        if let (Mode::RefreshOnly, Some(node), None) = (self.options.mode, task.node, &task.deposed)
        {
            let now = self.dependencies[node].clone();
            self.merge_dependencies(&task.addr, &task.provider, &now);
        }
    }

    fn store_object(&mut self, task: &Task) {
        if task.prior.is_null() {
            match &task.deposed {
                Some(key) => self.state.remove_deposed(&task.addr, key),
                None => self.state.remove(&task.addr),
            };
            return;
        }
        let old = task.stored.as_ref();
        let first = match task.node {
            Some(node) => self.create_before_destroy.contains(&node),
            None => old.is_some_and(|o| o.create_before_destroy),
        };
        let unchanged = old.is_some_and(|o| {
            o.create_before_destroy == first
                && o.schema_version == task.schema.version
                && o.private == task.private
                && o.identity == task.stored_identity()
                && task.prior.same(&task.recorded)
                && matches!(o.decode(&task.ty), Ok(v) if v.same(&task.prior))
        });
        if unchanged {
            return;
        }
        match Object::encode(&task.prior, &task.ty) {
            Ok(mut object) => {
                object.schema_version = task.schema.version;
                object.private = task.private.clone();
                object.identity = task.stored_identity();
                if let Some(old) = old {
                    object.sensitive = old.sensitive.clone();
                    object.dependencies = old.dependencies.clone();
                    object.create_before_destroy = first;
                    object.status = if task.tainted {
                        Status::Tainted
                    } else {
                        Status::Ready
                    };
                    object.extra = old.extra.clone();
                }
                match &task.deposed {
                    Some(key) => {
                        self.state
                            .put_deposed(&task.addr, &task.provider, key.clone(), object);
                    }
                    None => self.state.put(&task.addr, &task.provider, object),
                }
            }
            Err(error) => {
                let detail = format!("The object cannot be stored: {error}.");
                self.diags.push(
                    Diagnostic::error("Provider produced invalid object", detail).about(&task.addr),
                );
            }
        }
    }

    /// An object that stays as it is may still depend on other resources than before.
    pub(crate) fn store_dependencies(&mut self, change: &Change) {
        let Some(object) = self.state.current(&change.addr) else {
            return;
        };
        if object.dependencies[..] != change.dependencies[..] {
            let mut object = object.clone();
            object.dependencies = change.dependencies.to_vec();
            self.state.put(&change.addr, &change.provider, object);
        }
    }

    /// An object that is about to change depends on what it did before, and on what it will.
    pub(crate) fn add_dependencies(&mut self, change: &Change) {
        self.merge_dependencies(&change.addr, &change.provider, &change.dependencies);
    }

    fn merge_dependencies(
        &mut self,
        addr: &InstanceAddr,
        provider: &ProviderConfigAddr,
        more: &[ConfigResource],
    ) {
        let Some(object) = self.state.current(addr) else {
            return;
        };
        let all: BTreeSet<_> = object.dependencies.iter().chain(more).collect();
        if all.len() != object.dependencies.len() {
            let mut dependencies: Vec<_> = all.into_iter().cloned().collect();
            dependencies.sort_by_cached_key(ToString::to_string);
            let mut object = object.clone();
            object.dependencies = dependencies;
            self.state.put(addr, provider, object);
        }
    }

    /// Forgets what was read from a data source before, save the instances that it still has.
    pub(crate) fn drop_data(&mut self, resource: &AbsResource, keep: Option<&Expansion>) {
        let Some(stored) = self.state.resources.get(resource) else {
            return;
        };
        let lost: Vec<InstanceAddr> = stored
            .instances
            .keys()
            .filter(|key| !keep.is_some_and(|e| e.contains(key)))
            .map(|key| resource.instance(key.clone()))
            .collect();
        for addr in lost {
            self.state.remove_instance(&addr);
        }
    }

    /// All module instances' resources of one resource of the configuration.
    pub(crate) fn stored_resources(
        &self,
        module: &ModulePath,
        id: &ResourceId,
    ) -> Vec<AbsResource> {
        let key = ConfigResource {
            module: module.clone(),
            resource: id.clone(),
        };
        self.in_modules.get(&key).cloned().unwrap_or_default()
    }

    /// Lays out what [`Planner::stored_resources`] looks up.
    pub(crate) fn index_modules(&mut self) {
        for addr in self.state.resources.keys().filter(|a| !a.module.is_root()) {
            self.in_modules
                .entry(addr.config())
                .or_default()
                .push(addr.clone());
        }
    }
}
