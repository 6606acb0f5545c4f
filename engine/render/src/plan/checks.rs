//! What became of conditions, as `show -json` prints it.

use muster_addr::{InstanceKey, Mode};
use muster_plan::{CheckResults, Checked, CheckedObject, Status};

use crate::json::JsonWriter;

pub(crate) fn write_checks(w: &mut JsonWriter<'_>, results: &CheckResults) {
    for (checked, objects) in &results.0 {
        w.object(|w| {
            w.key("address").object(|w| write_checked(w, checked));
            w.key("status").string(CheckResults::status(objects).name());
            if objects.is_empty() {
                return;
            }
            w.key("instances").array(|w| {
                for (object, checks) in objects {
                    w.object(|w| write_object(w, checked, object, &checks.status()));
                }
            });
        });
    }
}

fn write_checked(w: &mut JsonWriter<'_>, checked: &Checked) {
    w.key("kind").string(checked.kind().0);
    match checked {
        Checked::Resource(resource) => {
            let id = &resource.resource;
            let mode = match id.mode {
                Mode::Managed => "managed",
                Mode::Data => "data",
                Mode::Ephemeral => "ephemeral",
            };
            w.key("mode").string(mode);
            if !resource.module.is_root() {
                w.key("module").string(&resource.module.to_string());
            }
            w.key("name").string(&id.name);
            w.key("to_display").string(&checked.address());
            w.key("type").string(&id.type_name);
        }
        Checked::Check(module, name)
        | Checked::Output(module, name)
        | Checked::Variable(module, name) => {
            if !module.is_root() {
                w.key("module").string(&module.to_string());
            }
            w.key("name").string(name);
            w.key("to_display").string(&checked.address());
        }
    }
}

fn write_object(
    w: &mut JsonWriter<'_>,
    checked: &Checked,
    object: &CheckedObject,
    status: &Status,
) {
    w.key("address").object(|w| {
        let module = match object {
            CheckedObject::Resource(addr) => {
                match &addr.key {
                    InstanceKey::None => {}
                    InstanceKey::Int(n) => w.key("instance_key").uint(*n),
                    InstanceKey::Str(key) => w.key("instance_key").string(key),
                }
                &addr.resource.module
            }
            CheckedObject::InModule(module) => module,
        };
        if !module.is_root() {
            w.key("module").string(&module.to_string());
        }
        w.key("to_display").string(&checked.address_of(object));
    });
    w.key("status").string(status.name());
    if let Status::Fail(messages) = status {
        w.key("problems").array(|w| {
            for message in messages {
                w.object(|w| w.key("message").string(message));
            }
        });
    }
}
