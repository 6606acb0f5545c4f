//! From a snapshot to bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_addr::{AbsResource, InstanceAddr, InstanceKey, ProviderConfigAddr};
use muster_value::{Path, PathStep, type_to_json, value_to_json};

use super::IDENTITY_VERSION;
use crate::json::Writer;
use crate::{
    Attributes, DeposedKey, Instance, JsonText, Object, OutputValue, Resource, Snapshot, Status,
    Str,
};

/// Writes a version 4 state file, byte for byte as Terraform would.
pub fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let mut w = Writer::with_room(about_size(snapshot));
    w.open(b'{');
    head(&mut w, snapshot);
    body(&mut w, snapshot);
    w.close(b'}');
    w.literal("\n");
    w.into_bytes()
}

/// About how many bytes a state has, so that they need not be moved while they become more.
fn about_size(snapshot: &Snapshot) -> usize {
    /// What is around the attributes of an object.
    const FRAME: usize = 512;
    let instances = snapshot
        .resources
        .values()
        .flat_map(|r| r.instances.values());
    let objects = instances.flat_map(|i| i.current.iter().chain(i.deposed.values()));
    let sizes = objects.map(|object| match &object.attributes {
        // Nearly as much again is their layout.
        Attributes::Json(text) => FRAME + text.as_str().len() * 3 / 2,
        Attributes::Flatmap(_) => FRAME,
    });
    sizes.sum()
}

/// Writes a state that has nothing but this instance of another one, without a layout; `None` if
/// that does not have it.
pub fn encode_instance(snapshot: &Snapshot, addr: &InstanceAddr) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    encode_instance_onto(&mut out, snapshot, addr).then_some(out)
}

/// As [`encode_instance`], behind the bytes that are there already. Whether there is anything of
/// the instance; if not, nothing is written.
pub fn encode_instance_onto(out: &mut Vec<u8>, snapshot: &Snapshot, addr: &InstanceAddr) -> bool {
    let found = snapshot.resources.get(&addr.resource);
    let instance = found.and_then(|found| found.instances.get_key_value(&addr.key));
    let (Some(found), Some(instance)) = (found, instance) else {
        return false;
    };
    let mut w = Writer::compact(std::mem::take(out));
    w.open(b'{');
    head(&mut w, &Snapshot::default());
    w.key("resources");
    w.open(b'[');
    w.item();
    let module = addr.resource.module.to_string();
    resource(&mut w, &module, &addr.resource, (found, &[instance]));
    w.close(b']');
    w.close(b'}');
    *out = w.into_bytes();
    true
}

fn head(w: &mut Writer, snapshot: &Snapshot) {
    w.key("version");
    w.number(4);
    w.field("terraform_version", &snapshot.terraform_version);
    w.key("serial");
    w.number(snapshot.serial);
    w.field("lineage", &snapshot.lineage);
}

fn body(w: &mut Writer, snapshot: &Snapshot) {
    w.key("outputs");
    w.open(b'{');
    for (name, value) in &snapshot.outputs {
        output(w, name, value);
    }
    w.close(b'}');
    w.key("resources");
    w.open(b'[');
    w.items(&in_file_order(snapshot), |w, (module, addr, value)| {
        let instances: Vec<_> = value.instances.iter().collect();
        resource(w, module, addr, (value, &instances));
    });
    w.close(b']');
    w.key("check_results");
    match &snapshot.checks {
        Some(checks) => w.raw(checks),
        None => w.literal("null"),
    }
    extra(w, &snapshot.extra);
}

/// Resources in the order of the texts that name them, which is not that of their addresses.
fn in_file_order(snapshot: &Snapshot) -> Vec<(String, &AbsResource, &Resource)> {
    let mut ordered: Vec<_> = snapshot
        .resources
        .iter()
        .map(|(addr, resource)| (addr.module.to_string(), addr, resource))
        .collect();
    ordered.sort_by(|(module_a, a, _), (module_b, b, _)| {
        let (a, b) = (&a.resource, &b.resource);
        module_a
            .cmp(module_b)
            .then_with(|| a.mode.as_str().cmp(b.mode.as_str()))
            .then_with(|| a.type_name.cmp(&b.type_name))
            .then_with(|| a.name.cmp(&b.name))
    });
    ordered
}

fn output(w: &mut Writer, name: &str, output: &OutputValue) {
    let value = output.value.unmark_deep();
    let ty = value.ty();
    // Outputs are wholly known once a run is over; nothing else can be in a snapshot.
    let json = value_to_json(&value, &ty).unwrap_or(serde_json::Value::Null);
    w.key(name);
    w.open(b'{');
    w.key("value");
    w.raw(&JsonText::from(&json));
    w.key("type");
    w.raw(&JsonText::from(&type_to_json(&ty)));
    if output.sensitive {
        w.key("sensitive");
        w.literal("true");
    }
    w.close(b'}');
}

/// A resource with these of its instances.
fn resource(
    w: &mut Writer,
    module: &str,
    addr: &AbsResource,
    (resource, instances): (&Resource, &[(&InstanceKey, &Instance)]),
) {
    w.open(b'{');
    if !module.is_empty() {
        w.field("module", module);
    }
    w.field("mode", addr.resource.mode.as_str());
    w.field("type", &addr.resource.type_name);
    w.field("name", &addr.resource.name);
    extra(w, &resource.extra);
    // Where the provider configuration is repeated, each instance names its own, as OpenTofu has it.
    let repeated = instances.iter().any(|(_, i)| i.provider_key.is_some());
    if !repeated {
        w.field("provider", &resource.provider.to_string());
    }
    w.key("instances");
    w.open(b'[');
    let objects = instances.iter().flat_map(|&(key, instance)| {
        let current = instance.current.iter().map(|object| (None, object));
        let deposed = instance.deposed.iter();
        let deposed = deposed.map(|(key, object)| (Some(key), object));
        current
            .chain(deposed)
            .map(move |(deposed, object)| (key, deposed, object))
    });
    let objects: Vec<_> = objects.collect();
    w.items(&objects, |w, &(key, deposed, value)| {
        let provider = repeated.then(|| resource.provider_of(key));
        w.open(b'{');
        place(w, key, deposed, value, provider.as_ref());
        object(w, value);
        w.close(b'}');
    });
    w.close(b']');
    w.close(b'}');
}

/// Which object of the resource it is.
fn place(
    w: &mut Writer,
    key: &InstanceKey,
    deposed: Option<&DeposedKey>,
    object: &Object,
    provider: Option<&ProviderConfigAddr>,
) {
    match key {
        InstanceKey::None => {}
        InstanceKey::Int(n) => {
            w.key("index_key");
            w.number(*n);
        }
        InstanceKey::Str(text) => w.field("index_key", text),
    }
    if object.status == Status::Tainted {
        w.field("status", "tainted");
    }
    if let Some(deposed) = deposed {
        w.field("deposed", deposed.as_str());
    }
    if let Some(provider) = provider {
        w.field("provider", &provider.to_string());
    }
}

fn object(w: &mut Writer, object: &Object) {
    w.key("schema_version");
    w.number(object.schema_version);
    attributes(w, &object.attributes);
    w.key("sensitive_attributes");
    w.open(b'[');
    for path in &object.sensitive {
        w.item();
        sensitive(w, path);
    }
    w.close(b']');
    identity(w, object);
    if !object.private.is_empty() {
        w.field("private", &STANDARD.encode(&object.private));
    }
    if !object.dependencies.is_empty() {
        w.key("dependencies");
        w.open(b'[');
        for dependency in &object.dependencies {
            w.item();
            w.string(&dependency.to_string());
        }
        w.close(b']');
    }
    if object.create_before_destroy {
        w.key("create_before_destroy");
        w.literal("true");
    }
}

/// The identity, and fields of other versions of the format, which stand at the same place.
fn identity(w: &mut Writer, object: &Object) {
    let Some(identity) = &object.identity else {
        return extra(w, &object.extra);
    };
    w.key(IDENTITY_VERSION);
    w.number(identity.schema_version);
    w.key("identity");
    w.raw(&identity.json);
    for (name, value) in &object.extra {
        if **name != *IDENTITY_VERSION {
            w.key(name);
            w.raw(value);
        }
    }
}

fn attributes(w: &mut Writer, attributes: &Attributes) {
    match attributes {
        Attributes::Json(text) => {
            w.key("attributes");
            w.raw(text);
        }
        Attributes::Flatmap(flat) => {
            w.key("attributes_flat");
            w.open(b'{');
            for (name, value) in flat {
                w.field(name, value);
            }
            w.close(b'}');
        }
    }
}

fn sensitive(w: &mut Writer, path: &Path) {
    w.open(b'[');
    for step in &path.0 {
        w.item();
        w.open(b'{');
        match step {
            PathStep::Attr(name) => {
                w.field("type", "get_attr");
                w.field("value", name);
            }
            PathStep::Key(key) => index(w, "string", |w| w.string(key)),
            PathStep::Index(n) => index(w, "number", |w| w.number(*n)),
        }
        w.close(b'}');
    }
    w.close(b']');
}

fn index(w: &mut Writer, ty: &str, value: impl FnOnce(&mut Writer)) {
    w.field("type", "index");
    w.key("value");
    w.open(b'{');
    w.key("value");
    value(w);
    w.field("type", ty);
    w.close(b'}');
}

fn extra(w: &mut Writer, fields: &[(Str, JsonText)]) {
    for (name, value) in fields {
        w.key(name);
        w.raw(value);
    }
}
