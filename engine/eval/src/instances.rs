//! Which instances of modules and resources there are, and what is known of them.

use std::sync::Arc;

use muster_addr::{InstanceKey, ModuleInstance, ResourceId};
use muster_config::{ModuleId, Repetition};
use muster_lang::{Diags, Reference};
use muster_value::{PathStep, Type, Value};

use crate::evaluator::{InstData, deep, reported};
use crate::expand::expand;
use crate::{Evaluator, Expansion, ModuleInst, Str};

impl Evaluator {
    /// All instances of a module.
    pub fn module_instances(&self, id: ModuleId) -> Result<Arc<[ModuleInst]>, Diags> {
        if let Some(memo) = self.memory.borrow().modules.get(&id) {
            return memo.clone().or_else(reported);
        }
        let result = self.find_module_instances(id);
        let memo = result.as_ref().map(Arc::clone).map_err(|_| ());
        self.memory.borrow_mut().modules.insert(id, memo);
        result
    }

    fn find_module_instances(&self, id: ModuleId) -> Result<Arc<[ModuleInst]>, Diags> {
        let module = self.config.module(id);
        let (Some(parent), Some(name)) = (module.parent, module.path.0.last()) else {
            return Ok(Arc::from([ModuleInst::ROOT]));
        };
        let mut found = Vec::new();
        let mut diags = Diags::new();
        for &outer in self.module_instances(parent)?.iter() {
            match self.expand_call(outer, name) {
                Ok(expansion) => {
                    for key in expansion.keys() {
                        let inst = self.intern(outer, id, name, &expansion, key);
                        if self.stand_in(&self.addr_of(inst)).is_none() {
                            found.push(inst);
                        }
                    }
                }
                Err(d) => diags.extend(d),
            }
        }
        if diags.is_empty() {
            Ok(found.into())
        } else {
            Err(diags)
        }
    }

    /// The outputs of a module instance that is not there.
    pub(crate) fn stand_in(&self, addr: &ModuleInstance) -> Option<&Value> {
        let fits = |target: &ModuleInstance| {
            let mut steps = target.0.iter().zip(addr.0.iter());
            target.0.len() == addr.0.len()
                && steps.all(|(t, a)| {
                    t.name == a.name && (t.key == InstanceKey::None || t.key == a.key)
                })
        };
        let mut all = self.settings.modules.iter();
        all.find(|(target, _)| fits(target)).map(|(_, value)| value)
    }

    pub(crate) fn intern(
        &self,
        parent: ModuleInst,
        module: ModuleId,
        name: &Str,
        expansion: &Expansion,
        key: InstanceKey,
    ) -> ModuleInst {
        let repeat = expansion.repeat(&key);
        let mut memory = self.memory.borrow_mut();
        let addr = memory.insts[parent.0 as usize]
            .addr
            .child(name.clone(), key);
        if let Some(&inst) = memory.by_addr.get(&addr) {
            return inst;
        }
        let inst = ModuleInst(u32::try_from(memory.insts.len()).unwrap_or(u32::MAX));
        memory.by_addr.insert(addr.clone(), inst);
        let repeat = Some(repeat).filter(|r| r.key != InstanceKey::None || r.unknown);
        memory.insts.push(InstData {
            module,
            addr,
            parent: Some(parent),
            repeat,
        });
        inst
    }

    /// The instances of a module call in one instance of the calling module.
    pub fn expand_call(&self, inst: ModuleInst, name: &Str) -> Result<Expansion, Diags> {
        let key = (inst, name.clone());
        if let Some(memo) = self.memory.borrow().calls.get(&key) {
            return memo.clone().or_else(reported);
        }
        let Some(call) = self.config_of(inst).calls.get(name) else {
            return Err(Diags::new());
        };
        // As where a resource counts itself.
        let mut memory = self.memory.borrow_mut();
        memory.calls.insert(key.clone(), Err(()));
        drop(memory);
        let scope = self.scope(inst, None);
        let result = deep(|| expand(&call.repetition, &scope, self.settings.validating));
        let memo = result.clone().map_err(|_| ());
        self.memory.borrow_mut().calls.insert(key, memo);
        result
    }

    /// The module instance at an address, if the configuration has it now.
    pub fn find_module(&self, addr: &ModuleInstance) -> Result<Option<ModuleInst>, Diags> {
        if let Some(&inst) = self.memory.borrow().by_addr.get(addr) {
            return Ok(Some(inst));
        }
        let mut id = ModuleId::ROOT;
        for step in addr.0.iter() {
            match self.config.module(id).calls.get(&step.name) {
                Some(call) => id = call.module,
                None => return Ok(None),
            }
        }
        self.module_instances(id)?;
        Ok(self.memory.borrow().by_addr.get(addr).copied())
    }

    /// The instances of a resource in one instance of its module.
    pub fn expand_resource(
        &self,
        inst: ModuleInst,
        resource: &ResourceId,
    ) -> Result<Expansion, Diags> {
        let key = (inst, resource.clone());
        if let Some(memo) = self.memory.borrow().expansions.get(&key) {
            return memo.clone().or_else(reported);
        }
        let Some(config) = self.config_of(inst).resources.get(resource) else {
            return Err(Diags::new());
        };
        if matches!(config.repetition, Repetition::Single) {
            return Ok(Expansion::Single);
        }
        // Whoever asks again meanwhile refers to itself, which is reported elsewhere.
        let mut memory = self.memory.borrow_mut();
        memory.expansions.insert(key.clone(), Err(()));
        drop(memory);
        let scope = self.scope(inst, None);
        let result = deep(|| expand(&config.repetition, &scope, self.settings.validating));
        let memo = result.clone().map_err(|_| ());
        self.memory.borrow_mut().expansions.insert(key, memo);
        result
    }

    /// Says what the value of an instance is now; `Err` when it failed.
    pub fn set_instance(
        &self,
        inst: ModuleInst,
        resource: &ResourceId,
        key: InstanceKey,
        value: Result<Value, ()>,
    ) {
        let mut memory = self.memory.borrow_mut();
        let entry = memory
            .resources
            .entry((inst, resource.clone()))
            .or_default();
        entry.values.insert(key, value);
        entry.whole = None;
    }

    /// Says that a resource failed as a whole.
    pub fn fail_resource(&self, inst: ModuleInst, resource: &ResourceId) {
        let mut memory = self.memory.borrow_mut();
        memory.expansions.insert((inst, resource.clone()), Err(()));
    }

    /// The value of one instance, as last set.
    pub fn instance(
        &self,
        inst: ModuleInst,
        resource: &ResourceId,
        key: &InstanceKey,
    ) -> Option<Value> {
        let memory = self.memory.borrow();
        memory
            .resources
            .get(&(inst, resource.clone()))?
            .values
            .get(key)?
            .clone()
            .ok()
    }

    /// What stands for a resource of which other instances have failed: one instance where it
    /// belongs, and nothing known of the others. `None` when it has failed too, or the
    /// reference does not say which one is meant.
    pub(crate) fn only_instance(
        &self,
        inst: ModuleInst,
        resource: &ResourceId,
        reference: &Reference,
    ) -> Option<Value> {
        let key = match reference.steps.first()? {
            PathStep::Index(i) => InstanceKey::Int(*i),
            PathStep::Key(key) => InstanceKey::Str(key.clone()),
            PathStep::Attr(_) => return None,
        };
        let value = self.instance(inst, resource, &key)?;
        match (self.expand_resource(inst, resource).ok()?, key) {
            (Expansion::Count(n), InstanceKey::Int(i)) if i < n => {
                let unknown = || Value::unknown(Type::Dynamic);
                let items = (0..n).map(|at| if at == i { value.clone() } else { unknown() });
                Some(Value::tuple(items.collect::<Vec<_>>()))
            }
            (Expansion::ForEach(_), InstanceKey::Str(key)) => {
                Some(Value::Object(Arc::new([(key, value)].into())))
            }
            _ => None,
        }
    }
}
