//! Why an object or an attribute is planned as it is: the chain of values from a change, a
//! replacement or an unknown back to the places in the source that it comes from.

mod body;
mod trace;

use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_config::Config;
use muster_lang::Span;
use muster_plan::{Action, Plan, Reason};
use muster_value::{Path, PathStep, Value};

/// A shared, immutable string.
pub type Str = Arc<str>;

/// One link of a chain.
#[derive(Clone, Debug)]
pub struct Cause {
    /// An address, or a reference as it is written.
    pub name: String,
    /// What the plan says of it.
    pub finding: Finding,
    /// Where the source says so.
    pub span: Option<Span>,
    /// It is told elsewhere in the same tree what it comes from.
    pub repeated: bool,
    /// What it comes from.
    pub causes: Vec<Cause>,
}

/// What a plan says of something.
#[derive(Clone, Debug)]
pub enum Finding {
    /// An object and what is done to it.
    Object(Action, Reason),
    /// A part of an object before and after. Marked.
    Attribute {
        /// Null when there was none.
        before: Value,
        /// Unknown when only the apply can tell.
        after: Value,
        /// The object gives way to a new one because of it.
        forces_replacement: bool,
    },
    /// A value that somebody gives from outside: a variable of the root module.
    Given(Value),
    /// A name for an expression.
    Named,
    /// The provider alone decides about it.
    Provider,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyError {
    /// The plan does not speak of the object; these have a similar address.
    NoObject(Vec<String>),
    /// The object has no such attribute.
    NoAttribute,
}

/// Explains what is planned for an object, or for a part of it.
///
/// # Errors
/// The plan does not speak of it.
pub fn explain(
    plan: &Plan,
    config: &Config,
    addr: &InstanceAddr,
    attribute: Option<&Path>,
) -> Result<Cause, WhyError> {
    let mut tracer = trace::Tracer::new(plan, config);
    let Some(change) = tracer.change(addr) else {
        return Err(WhyError::NoObject(similar(plan, addr)));
    };
    let Some(path) = attribute else {
        return Ok(tracer.object(change));
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
