//! From a snapshot to bytes.

use std::iter;

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
    written(snapshot).into_bytes()
}

/// As [`encode`], in pieces that stand one behind the other, so that nothing that is large has to
/// be moved.
pub fn encode_pieces(snapshot: &Snapshot) -> Vec<Vec<u8>> {
    written(snapshot).into_pieces()
}

fn written(snapshot: &Snapshot) -> Writer {
    let mut w = Writer::default();
    w.open(b'{');
    head(&mut w, snapshot);
    body(&mut w, snapshot);
    w.close(b'}');
    w.literal("\n");
    w
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
    let instances = iter::once(instance);
    resource(&mut w, &module, &addr.resource, found, instances);
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
    let runs = runs(snapshot);
    let resources = (snapshot.resources.len(), in_file_order(snapshot, &runs));
    w.items(resources, |w, (module, addr, found)| {
        w.item();
        resource(w, module, addr, found, found.instances.iter());
    });
    w.close(b']');
    w.key("check_results");
    match &snapshot.checks {
        Some(checks) => w.raw(checks),
        None => w.literal("null"),
    }
    extra(w, &snapshot.extra);
}

/// Resources that stand one behind the other in a file as well as in the order of their addresses.
struct Run<'a> {
    /// The text that names their module.
    module: String,
    first: &'a AbsResource,
    count: usize,
}

/// Resources in the order of the texts that name them. Within a module that is the order of their
/// addresses, but for what the mode is called.
fn runs(snapshot: &Snapshot) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for addr in snapshot.resources.keys() {
        let is_one = |run: &&mut Run<'_>| {
            let first = run.first;
            first.resource.mode == addr.resource.mode && first.module == addr.module
        };
        match runs.last_mut().filter(is_one) {
            Some(run) => run.count += 1,
            None => runs.push(Run {
                module: addr.module.to_string(),
                first: addr,
                count: 1,
            }),
        }
    }
    runs.sort_by(|a, b| {
        let modes = [a, b].map(|run| run.first.resource.mode.as_str());
        a.module.cmp(&b.module).then_with(|| modes[0].cmp(modes[1]))
    });
    runs
}

/// The text that names the module of a resource, its address and what it is.
type Placed<'a> = (&'a str, &'a AbsResource, &'a Resource);

/// The resources of runs.
fn in_file_order<'a>(
    snapshot: &'a Snapshot,
    runs: &'a [Run<'a>],
) -> impl Iterator<Item = Placed<'a>> + Clone {
    runs.iter().flat_map(|run| {
        let resources = snapshot.resources.range(run.first..).take(run.count);
        resources.map(|(addr, resource)| (run.module.as_str(), addr, resource))
    })
}

fn output(w: &mut Writer, name: &str, output: &OutputValue) {
    let value = output.value.unmark_deep();
    let ty = value.ty();
    // Outputs are wholly known once a run is over; nothing else can be in a snapshot.
    let json = value_to_json(&value, &ty).unwrap_or(serde_json::Value::Null);
    w.member(name);
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
fn resource<'a>(
    w: &mut Writer,
    module: &str,
    addr: &AbsResource,
    resource: &Resource,
    instances: impl ExactSizeIterator<Item = (&'a InstanceKey, &'a Instance)> + Clone + Send,
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
    let repeated = instances.clone().any(|(_, i)| i.provider_key.is_some());
    if !repeated {
        w.field_of("provider", &resource.provider);
    }
    w.key("instances");
    w.open(b'[');
    w.items((instances.len(), instances), |w, (key, instance)| {
        let current = instance.current.iter().map(|object| (None, object));
        let deposed = instance.deposed.iter();
        let deposed = deposed.map(|(key, object)| (Some(key), object));
        let provider = repeated.then(|| resource.provider_of(key));
        for (deposed, value) in current.chain(deposed) {
            w.item();
            w.open(b'{');
            place(w, key, deposed, value, provider.as_ref());
            object(w, value);
            w.close(b'}');
        }
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
        w.field_of("provider", provider);
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
            w.string_of(dependency);
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
            w.member(name);
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
                w.member(name);
                w.string(value);
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
        w.member(name);
        w.raw(value);
    }
}
