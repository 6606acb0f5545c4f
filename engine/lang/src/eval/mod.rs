//! Evaluation of lowered expressions.
//!
//! Marks and unknowns travel through every operation. An operation on something that is not
//! known yet gives an unknown value with whatever is sure already: its type, that it is not
//! null, how a string begins.

mod access;
mod call;
mod construct;
mod iterate;
mod lookahead;
mod operators;
mod report;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

pub(crate) use construct::unknown_string;
use muster_value::{Type, Value};

use crate::expr::Node;
use crate::{Diagnostic, Diags, Expr, NodeId, Reference, Span, Str};

/// What the names in an expression mean.
pub trait Scope {
    /// The whole value of a reference's subject (`aws_vpc.main` as an object, a tuple for
    /// `count`, an object for `for_each`). An empty `Diags` in the error means that the
    /// failure was reported already: the caller stays silent.
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags>;

    /// Calls a function of a provider.
    fn call_provider(
        &self,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        let _ = args;
        Err(Diagnostic::error(
            "Call to unknown function",
            format!("There is no function provider::{provider}::{function}."),
        )
        .at(span)
        .into())
    }

    /// Where functions such as `file` read from. Relative paths start from the working
    /// directory, as they do in `templatefile("${path.module}/x")`.
    fn files(&self) -> &dyn Files;

    /// Instant for `plantimestamp`, RFC 3339; `None` when not planning yet.
    fn plan_timestamp(&self) -> Option<Str> {
        None
    }

    /// Whether functions that give another result each time (`timestamp`, `uuid`, `bcrypt`)
    /// run now. Before apply they give unknown values.
    fn impure_now(&self) -> bool {
        false
    }
}

/// The machine as functions see it: its files and its clock. The implementation sets limits and
/// does the I/O.
pub trait Files: Send + Sync {
    /// Whole content of a file, path relative to the working directory or absolute.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Whether a regular file is there.
    fn exists(&self, path: &str) -> Result<bool, String>;
    /// All regular files below a directory, relative, with `/`, sorted.
    fn walk(&self, dir: &str) -> Result<Vec<String>, String>;
    /// Home directory, for `pathexpand`.
    fn home(&self) -> Option<String>;
    /// The working directory, for `abspath`.
    fn cwd(&self) -> String;
    /// The time, for `timestamp`, whose result is unknown where there is no clock.
    fn now(&self) -> Option<SystemTime> {
        None
    }
}

/// Evaluates an expression. `slots` are the values of the iteration variables of enclosing
/// `dynamic` blocks, outermost first.
pub fn eval(expr: &Expr, scope: &dyn Scope, slots: &[Value]) -> Result<Value, Diags> {
    let mut slots = slots.to_vec();
    slots.resize(expr.0.slots as usize, Value::NULL);
    Evaluator { expr, scope, slots }.node(expr.0.root)
}

/// The state of one evaluation.
struct Evaluator<'a> {
    expr: &'a Expr,
    scope: &'a dyn Scope,
    /// Values of iteration variables, set while their bodies are evaluated.
    slots: Vec<Value>,
}

type Evaluated = Result<Value, Diags>;

impl<'a> Evaluator<'a> {
    fn node(&mut self, id: NodeId) -> Evaluated {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.node_here(id))
    }

    fn node_here(&mut self, id: NodeId) -> Evaluated {
        let expr: &'a Expr = self.expr;
        match expr.node(id) {
            Node::Literal(value) => Ok(value.clone()),
            Node::Reference(index) => self.scope.resolve(&expr.references()[*index as usize]),
            Node::Slot(slot) => Ok(self.slots[*slot as usize].clone()),
            Node::Template(parts) => self.template(parts),
            Node::TemplateFor(each) => self.template_for(id, each),
            Node::GetAttr(object, name) => self.get_attr(id, *object, name),
            Node::Index(collection, key) => self.index(id, *collection, *key),
            Node::Splat { source, each, slot } => self.splat(*source, *each, *slot),
            Node::Unary(op, operand) => self.unary(id, *op, *operand),
            Node::Binary(op, left, right) => self.binary(id, *op, *left, *right),
            Node::Conditional(condition, then, otherwise) => {
                self.conditional(id, *condition, *then, *otherwise)
            }
            Node::Tuple(items) => Ok(Value::tuple(self.all(items)?)),
            Node::Object(items) => self.object(items),
            Node::For(each) => self.for_expr(each),
            Node::Call {
                function,
                args,
                expand,
                name_span,
            } => self.call(id, function, args, *expand, *name_span),
            Node::ProviderCall {
                provider,
                function,
                args,
                expand,
            } => self.provider_call(id, (provider, function), args, *expand),
            Node::Invalid => Ok(Value::unknown(Type::Dynamic)),
        }
    }

    /// All of the nodes, or the errors of all that fail.
    fn all(&mut self, ids: &[NodeId]) -> Result<Vec<Value>, Diags> {
        let mut values = Vec::with_capacity(ids.len());
        let mut failed: Option<Diags> = None;
        for id in ids {
            match self.node(*id) {
                Ok(value) => values.push(value),
                Err(diags) => failed.get_or_insert_default().extend(diags),
            }
        }
        match failed {
            Some(diags) => Err(diags),
            None => Ok(values),
        }
    }
}
