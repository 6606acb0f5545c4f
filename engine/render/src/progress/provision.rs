//! What provisioners do and print.

use muster_addr::InstanceAddr;
use muster_plan::Event;
use serde_json::{Value as Json, json};

use super::stream::{document, resource};
use crate::Style;
use crate::style::Paint;

/// The line that an event is worth.
pub(super) fn line(event: &Event, style: Style, json: bool) -> Option<String> {
    match event {
        Event::ProvisionStarted { addr, provisioner } => {
            let text = format!("{addr}: Provisioning with '{}'...", provisioner);
            Some(match json {
                true => stage("provision_start", &text, addr, provisioner),
                false => style.painted(Paint::Bold, &text),
            })
        }
        Event::ProvisionOutput {
            addr,
            provisioner,
            line,
        } if json => (!line.is_empty()).then(|| {
            let text = format!("{addr}: ({}): {line}", provisioner);
            let mut hook = hook(addr, provisioner);
            hook["output"] = line.to_string().into();
            document("provision_progress", &text, "hook", hook)
        }),
        // Empty lines are for people only, and speak for themselves.
        Event::ProvisionOutput { line, .. } if line.is_empty() => Some(String::new()),
        Event::ProvisionOutput {
            addr,
            provisioner,
            line,
        } => {
            let name = format!("{addr} ({}):", provisioner);
            Some(format!("{} {line}", style.painted(Paint::Bold, &name)))
        }
        Event::ProvisionFinished { addr, provisioner } if json => {
            let text = format!("{addr}: ({}) Provisioning complete", provisioner);
            Some(stage("provision_complete", &text, addr, provisioner))
        }
        Event::ProvisionFailed { addr, provisioner } if json => {
            let text = format!("{addr}: ({}) Provisioning errored", provisioner);
            Some(stage("provision_errored", &text, addr, provisioner))
        }
        _ => None,
    }
}

fn stage(kind: &str, text: &str, addr: &InstanceAddr, provisioner: &str) -> String {
    document(kind, text, "hook", hook(addr, provisioner))
}

fn hook(addr: &InstanceAddr, provisioner: &str) -> Json {
    json!({ "resource": resource(addr), "provisioner": provisioner })
}
