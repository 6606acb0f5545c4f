use std::collections::BTreeMap;

use muster_addr::{AbsResource, InstanceAddr, InstanceKey, ProviderConfigAddr};
use muster_value::Value;

use crate::{DeposedKey, JsonText, Object, Str};

/// Everything that is remembered between runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The version of the engine that wrote it.
    pub terraform_version: String,
    /// Grows by one with every change.
    pub serial: u64,
    /// Names the history that this belongs to: snapshots of different lineages have nothing to
    /// do with each other.
    pub lineage: String,
    /// Root module outputs that are not null.
    pub outputs: BTreeMap<Str, OutputValue>,
    /// Resources with at least one object.
    pub resources: BTreeMap<AbsResource, Resource>,
    /// Results of checks, as text; `None` when there were none.
    pub checks: Option<JsonText>,
    /// Fields of other versions of the format, in their order.
    pub extra: Vec<(Str, JsonText)>,
}

/// A root module output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputValue {
    /// Its value, without marks.
    pub value: Value,
    /// Must not be shown.
    pub sensitive: bool,
}

/// A resource in one module instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The provider configuration that last managed it: all of it, where it is repeated.
    pub provider: ProviderConfigAddr,
    /// Its instances.
    pub instances: BTreeMap<InstanceKey, Instance>,
    /// Fields of other versions of the format, in their order.
    pub extra: Vec<(Str, JsonText)>,
}

impl Resource {
    /// The provider configuration that last managed an instance.
    pub fn provider_of(&self, key: &InstanceKey) -> ProviderConfigAddr {
        let instance = self.instances.get(key);
        let key = instance.and_then(|instance| instance.provider_key.clone());
        self.provider.instance(key)
    }
}

/// An instance of a resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// The object that the instance is.
    pub current: Option<Object>,
    /// Objects that were replaced but are not destroyed yet.
    pub deposed: BTreeMap<DeposedKey, Object>,
    /// Which instance of the provider configuration last managed it, where that is repeated.
    pub provider_key: Option<Str>,
}

impl Instance {
    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.deposed.is_empty()
    }
}

impl Snapshot {
    /// An empty snapshot that starts a new lineage.
    pub fn new(terraform_version: impl Into<String>) -> Self {
        Self {
            terraform_version: terraform_version.into(),
            lineage: uuid::Uuid::new_v4().to_string(),
            ..Self::default()
        }
    }

    /// Whether there are neither resources nor outputs.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// Whether both say the same, whatever their serial numbers and the engines that wrote them.
    pub fn same_content(&self, other: &Self) -> bool {
        self.lineage == other.lineage
            && self.resources == other.resources
            && self.outputs == other.outputs
            && self.checks == other.checks
            && self.extra == other.extra
    }

    /// One instance.
    pub fn instance(&self, addr: &InstanceAddr) -> Option<&Instance> {
        self.resources.get(&addr.resource)?.instances.get(&addr.key)
    }

    /// The object that an instance is.
    pub fn current(&self, addr: &InstanceAddr) -> Option<&Object> {
        self.instance(addr)?.current.as_ref()
    }

    /// A deposed object of an instance.
    pub fn deposed(&self, addr: &InstanceAddr, key: &DeposedKey) -> Option<&Object> {
        self.instance(addr)?.deposed.get(key)
    }

    /// All instances in the order of their addresses, with the provider configuration of their
    /// resource.
    pub fn instances(
        &self,
    ) -> impl Iterator<Item = (InstanceAddr, &ProviderConfigAddr, &Instance)> {
        self.resources.iter().flat_map(|(addr, resource)| {
            resource
                .instances
                .iter()
                .map(|(key, i)| (addr.instance(key.clone()), &resource.provider, i))
        })
    }

    /// Remembers an object as the current one of an instance, and the provider that manages it.
    pub fn put(&mut self, addr: &InstanceAddr, provider: &ProviderConfigAddr, object: Object) {
        self.entry(addr, provider).current = Some(object);
    }

    /// Remembers a deposed object of an instance.
    pub fn put_deposed(
        &mut self,
        addr: &InstanceAddr,
        provider: &ProviderConfigAddr,
        key: DeposedKey,
        object: Object,
    ) {
        self.entry(addr, provider).deposed.insert(key, object);
    }

    /// Forgets the current object of an instance.
    pub fn remove(&mut self, addr: &InstanceAddr) -> Option<Object> {
        self.take(addr, |instance| instance.current.take())
    }

    /// Forgets a deposed object of an instance.
    pub fn remove_deposed(&mut self, addr: &InstanceAddr, key: &DeposedKey) -> Option<Object> {
        self.take(addr, |instance| instance.deposed.remove(key))
    }

    /// Forgets an instance with everything deposed.
    pub fn remove_instance(&mut self, addr: &InstanceAddr) -> Option<Instance> {
        self.take(addr, |instance| Some(std::mem::take(instance)))
    }

    /// Sets the current object of an instance aside to make room for its replacement. `None` if
    /// there is no current object.
    pub fn depose(&mut self, addr: &InstanceAddr) -> Option<DeposedKey> {
        let instance = self.instance_mut(addr)?;
        let object = instance.current.take()?;
        let mut key = DeposedKey::random();
        while instance.deposed.contains_key(&key) {
            key = DeposedKey::random();
        }
        instance.deposed.insert(key.clone(), object);
        Some(key)
    }

    /// Makes a deposed object current again. `false` if there is none by that key, or a current
    /// one in its place.
    pub fn restore_deposed(&mut self, addr: &InstanceAddr, key: &DeposedKey) -> bool {
        let Some(instance) = self.instance_mut(addr) else {
            return false;
        };
        if instance.current.is_some() {
            return false;
        }
        instance.current = instance.deposed.remove(key);
        instance.current.is_some()
    }

    fn instance_mut(&mut self, addr: &InstanceAddr) -> Option<&mut Instance> {
        self.resources
            .get_mut(&addr.resource)?
            .instances
            .get_mut(&addr.key)
    }

    fn entry(&mut self, addr: &InstanceAddr, provider: &ProviderConfigAddr) -> &mut Instance {
        let resource = self
            .resources
            .entry(addr.resource.clone())
            .or_insert_with(|| Resource {
                provider: provider.config(),
                instances: BTreeMap::new(),
                extra: Vec::new(),
            });
        if resource.provider.instance(provider.key.clone()) != *provider {
            resource.provider = provider.config();
        }
        let instance = resource.instances.entry(addr.key.clone()).or_default();
        if instance.provider_key != provider.key {
            instance.provider_key.clone_from(&provider.key);
        }
        instance
    }

    /// Takes something out of an instance and drops what is empty afterwards.
    fn take<T>(
        &mut self,
        addr: &InstanceAddr,
        take: impl FnOnce(&mut Instance) -> Option<T>,
    ) -> Option<T> {
        let resource = self.resources.get_mut(&addr.resource)?;
        let instance = resource.instances.get_mut(&addr.key)?;
        let taken = take(instance);
        if instance.is_empty() {
            resource.instances.remove(&addr.key);
        }
        if resource.instances.is_empty() {
            self.resources.remove(&addr.resource);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::Type;

    fn object() -> Object {
        Object {
            attributes: crate::Attributes::Json(JsonText::parse("{}").unwrap()),
            ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
        }
    }

    #[test]
    fn nothing_empty_stays_behind() {
        let mut snapshot = Snapshot::new("1.11.4");
        let addr: InstanceAddr = "module.a[0].x_y.z[\"k\"]".parse().unwrap();
        let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
        snapshot.put(&addr, &provider, object());
        assert_eq!(snapshot.current(&addr), Some(&object()));
        let key = snapshot.depose(&addr).unwrap();
        assert_eq!(snapshot.current(&addr), None);
        assert_eq!(snapshot.depose(&addr), None);
        assert!(snapshot.restore_deposed(&addr, &key));
        assert!(!snapshot.restore_deposed(&addr, &key));
        snapshot.put_deposed(&addr, &provider, key.clone(), object());
        assert_eq!(snapshot.instances().count(), 1);
        assert!(snapshot.remove(&addr).is_some());
        assert!(snapshot.deposed(&addr, &key).is_some());
        assert!(snapshot.remove_deposed(&addr, &key).is_some());
        assert!(snapshot.is_empty());
        assert_eq!(snapshot.remove(&addr), None);
    }

    #[test]
    fn content_is_compared_without_serial_and_layout() {
        let addr: InstanceAddr = "x_y.z".parse().unwrap();
        let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
        let with = |text: &str| {
            let mut snapshot = Snapshot::default();
            let attributes = crate::Attributes::Json(JsonText::parse(text).unwrap());
            snapshot.put(
                &addr,
                &provider,
                Object {
                    attributes,
                    ..object()
                },
            );
            snapshot
        };
        let later = Snapshot {
            serial: 9,
            ..with("{ \"a\": 1 }")
        };
        assert!(with("{\"a\":1}").same_content(&later));
        assert!(with("[\"<\"]").same_content(&with("[\"\\u003c\"]")));
        assert!(!with("{\"a\":2}").same_content(&later));
    }
}
