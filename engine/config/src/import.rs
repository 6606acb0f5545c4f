//! Where an `import` block puts its object.

use muster_addr::{ConfigResource, InstanceKey, Mode, ModulePath, ResourceId};
use muster_lang::{Expr, Node, NodeId, Subject};

use crate::Str;

/// The address in an `import` block: keys may be expressions.
#[derive(Clone, Debug)]
pub struct ImportTarget {
    /// Calls that lead to the module, from the outside in, with their keys.
    pub modules: Vec<(Str, Option<Expr>)>,
    /// The resource.
    pub resource: ResourceId,
    /// The key of the instance.
    pub key: Option<Expr>,
}

/// A key that is written out.
fn written(key: Option<&Expr>) -> Option<InstanceKey> {
    let Some(key) = key else {
        return Some(InstanceKey::None);
    };
    let Node::Literal(value) = key.node(key.0.root) else {
        return None;
    };
    match value.as_str() {
        Some(text) => Some(InstanceKey::Str(text.clone())),
        None => Some(InstanceKey::Int(value.as_number()?.to_u64()?)),
    }
}

impl ImportTarget {
    /// Reads an address; `None` when the expression is none of a managed resource.
    pub(crate) fn new(expr: &Expr) -> Option<Self> {
        let (subject, mut parts) = parts(expr)?;
        let mut modules = Vec::new();
        let mut id = None;
        match subject {
            Subject::Managed(type_name, name) => id = Some((type_name.clone(), name.clone())),
            Subject::Module(name) => {
                let key = parts.take_key();
                modules.push((name.clone(), key));
            }
            _ => return None,
        }
        while id.is_none() {
            let (first, second) = (parts.take_name()?, parts.take_name()?);
            if &*first == "module" {
                let key = parts.take_key();
                modules.push((second, key));
            } else {
                id = Some((first, second));
            }
        }
        let key = parts.take_key();
        let (type_name, name) = id?;
        parts.is_empty().then_some(Self {
            modules,
            resource: ResourceId {
                mode: Mode::Managed,
                type_name,
                name,
            },
            key,
        })
    }

    /// The address, where its text alone tells it.
    pub(crate) fn address(&self) -> Option<String> {
        let mut text = String::new();
        for (name, key) in &self.modules {
            text += &format!("module.{name}{}.", written(key.as_ref())?);
        }
        Some(format!(
            "{text}{}{}",
            self.resource,
            written(self.key.as_ref())?
        ))
    }

    /// The resource without keys.
    pub fn config(&self) -> ConfigResource {
        ConfigResource {
            module: ModulePath(self.modules.iter().map(|(name, _)| name.clone()).collect()),
            resource: self.resource.clone(),
        }
    }
}

enum Part {
    Name(Str),
    Key(Expr),
}

/// What follows the subject of an address, the next part last.
struct Parts(Vec<Part>);

impl Parts {
    fn take_name(&mut self) -> Option<Str> {
        match self.0.pop()? {
            Part::Name(name) => Some(name),
            Part::Key(_) => None,
        }
    }

    fn take_key(&mut self) -> Option<Expr> {
        match self.0.pop() {
            Some(Part::Key(key)) => Some(key),
            other => {
                self.0.extend(other);
                None
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parts(expr: &Expr) -> Option<(&Subject, Parts)> {
    let mut found = Vec::new();
    let mut at: NodeId = expr.0.root;
    loop {
        at = match expr.node(at) {
            Node::GetAttr(inner, name) => {
                found.push(Part::Name(name.clone()));
                *inner
            }
            Node::Index(inner, key) => {
                found.push(Part::Key(expr.part(*key)));
                *inner
            }
            Node::Reference(index) => {
                let subject = &expr.references().get(*index as usize)?.subject;
                return Some((subject, Parts(found)));
            }
            _ => return None,
        };
    }
}
