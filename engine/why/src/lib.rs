//! Why an object, an attribute or an output is planned as it is: the chain of values from a
//! change, a replacement or an unknown back to the places in the source that it comes from.

mod body;
mod cause;
mod fate;
mod follow;
mod named;
mod several;
mod trace;

use std::sync::Arc;

use muster_addr::{InstanceAddr, ModuleInstance, Target};
use muster_config::Config;
use muster_plan::Plan;
use muster_value::{Path, PathStep};

pub use cause::{Because, Cause, Fate, Finding};

/// A shared, immutable string.
pub type Str = Arc<str>;

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A resource instance, or a part of it; without a key also all instances of a resource.
    Object(InstanceAddr, Option<Path>),
    /// Everything in a module.
    Module(ModuleInstance),
    /// An output of a module.
    Output(ModuleInstance, Str),
    /// A local value of a module.
    Local(ModuleInstance, Str),
    /// A variable of a module.
    Variable(ModuleInstance, Str),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyError {
    /// The plan does not speak of the object; these have a similar address.
    NoObject(Vec<String>),
    /// The object has no such attribute.
    NoAttribute,
    /// The configuration declares nothing of this name.
    NoName,
}

/// Explains what is planned.
///
/// # Errors
/// The plan does not speak of it.
pub fn explain(plan: &Plan, config: &Config, wanted: &Wanted) -> Result<Cause, WhyError> {
    let mut tracer = trace::Tracer::new(plan, config);
    let told = match wanted {
        Wanted::Object(addr, None) => tracer
            .any_object(addr)
            .or_else(|| tracer.several(&Target::Resource(addr.clone())))
            .ok_or_else(|| WhyError::NoObject(similar(plan, addr))),
        Wanted::Module(module) => tracer
            .several(&Target::Module(module.clone()))
            .ok_or_else(|| WhyError::NoObject(Vec::new())),
        Wanted::Object(addr, Some(path)) => attribute(&mut tracer, plan, addr, path),
        Wanted::Output(module, name) => tracer.output(module, name).ok_or(WhyError::NoName),
        Wanted::Local(module, name) => tracer.local(module, name).ok_or(WhyError::NoName),
        Wanted::Variable(module, name) => tracer.declared(module, name).ok_or(WhyError::NoName),
    };
    told.map(Cause::without_secrets)
}

fn attribute(
    tracer: &mut trace::Tracer<'_>,
    plan: &Plan,
    addr: &InstanceAddr,
    path: &Path,
) -> Result<Cause, WhyError> {
    let Some(change) = tracer.change(addr) else {
        let read = tracer.read_attribute(addr, &path.0);
        return read.ok_or_else(|| WhyError::NoObject(similar(plan, addr)));
    };
    if change.before.at(path).is_none() && change.after.at(path).is_none() {
        return Err(WhyError::NoAttribute);
    }
    Ok(tracer.attribute(change, &path.0))
}

/// The addresses of a plan that somebody may have meant.
fn similar(plan: &Plan, addr: &InstanceAddr) -> Vec<String> {
    let resource = &addr.resource.resource;
    let close = plan.changes.iter().filter(|change| {
        let other = &change.addr.resource.resource;
        other == resource || (other.name == resource.name && other.mode == resource.mode)
    });
    close.take(5).map(|c| c.addr.to_string()).collect()
}

/// Whether a path leads through another or to it.
fn covers(path: &[PathStep], inner: &[PathStep]) -> bool {
    let common = path.len().min(inner.len());
    path[..common] == inner[..common]
}
