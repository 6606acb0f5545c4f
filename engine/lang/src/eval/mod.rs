//! Evaluation of lowered expressions.
//!
//! Marks and unknowns travel through every operation. An operation on something that is not
//! known yet gives an unknown value with whatever is sure already: its type, that it is not
//! null, how a string begins.

mod access;
mod budget;
mod call;
mod conditional;
mod construct;
mod iterate;
mod lookahead;
mod operators;
mod report;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use budget::Made;
pub(crate) use construct::unknown_string;
use muster_value::{Type, Value};

use crate::expr::Node;
use crate::functions::{MOST_DEPTH, MOST_STORED_DEPTH};
use crate::{Diagnostic, Diags, Expr, NodeId, Reference, Span, Str};

/// What the names in an expression mean.
pub trait Scope {
    /// The whole value of a reference's subject (`aws_vpc.main` as an object, a tuple for
    /// `count`, an object for `for_each`). An empty `Diags` in the error means that the
    /// failure was reported already: the caller stays silent.
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags>;

    /// Refuses what a reference can never lead to, before anything of the expression is
    /// evaluated, so that neither `try` nor a branch that is not taken hides it.
    fn refuse(&self, reference: &Reference) -> Result<(), Diags> {
        let _ = reference;
        Ok(())
    }

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
    eval_within(expr, scope, slots, MOST_DEPTH)
}

/// As [`eval`], for a value that leaves the language: plans, states and plugins take values that
/// are nested less deep.
pub fn eval_stored(expr: &Expr, scope: &dyn Scope, slots: &[Value]) -> Result<Value, Diags> {
    eval_within(expr, scope, slots, MOST_STORED_DEPTH)
}

fn eval_within(
    expr: &Expr,
    scope: &dyn Scope,
    slots: &[Value],
    most_depth: usize,
) -> Result<Value, Diags> {
    let references = expr.references().iter();
    let refused: Vec<_> = references.filter_map(|r| scope.refuse(r).err()).collect();
    if !refused.is_empty() {
        return Err(Diags(refused.into_iter().flatten().collect()));
    }
    let mut slots = slots.to_vec();
    slots.resize(expr.0.slots as usize, Value::NULL);
    let made = Made::default();
    let mut evaluator = Evaluator {
        expr,
        scope,
        slots,
        made,
    };
    let value = evaluator.node(expr.0.root);
    let value = value.and_then(|value| evaluator.measured(expr.0.root, value, most_depth));
    value.map_err(|failure| failure.diags)
}

/// What an expression refers to, each with a short word on its value: for messages about its
/// result.
pub fn referred_values(expr: &Expr, scope: &dyn Scope) -> Vec<(String, String)> {
    let evaluator = Evaluator {
        expr,
        scope,
        slots: Vec::new(),
        made: Made::default(),
    };
    evaluator.values(expr.0.root, report::Told::All)
}

/// The state of one evaluation.
struct Evaluator<'a> {
    expr: &'a Expr,
    scope: &'a dyn Scope,
    /// Values of iteration variables, set while their bodies are evaluated.
    slots: Vec<Value>,
    made: Made,
}

type Evaluated = Result<Value, Failure>;

/// Why a node has no value.
struct Failure {
    diags: Diags,
    /// What is known of the value all the same. It decides the type of a conditional whose other
    /// result is taken.
    spare: Value,
}

impl Failure {
    /// Adds the reasons of another failure; of the value nothing is known then.
    fn extend(&mut self, other: Self) {
        self.diags.extend(other.diags);
    }

    /// Says that nothing is known of the value.
    fn without_spare(self) -> Self {
        self.diags.into()
    }

    /// Says that nothing is known of the value, unless it is a string.
    fn unless_text(self) -> Self {
        match self.spare.as_str() {
            Some(_) => self,
            None => self.without_spare(),
        }
    }

    /// Says that the value would be a string, with the same marks.
    fn of_text(self) -> Self {
        if self.spare.as_str().is_some() {
            return self;
        }
        let marks = self.spare.marks();
        self.with_spare(Value::unknown(Type::String).mark(marks))
    }

    /// Says that it is about a call of a builtin function.
    fn calling(mut self, function: &'static str) -> Self {
        for diagnostic in &mut self.diags.0 {
            diagnostic.call = Some(function);
        }
        self
    }

    /// Says what is known of the value.
    fn with_spare(mut self, spare: Value) -> Self {
        self.spare = spare;
        self
    }
}

/// Nothing is known of the value.
impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Diags::from(diagnostic).into()
    }
}

/// Nothing is known of the value.
impl From<Diags> for Failure {
    fn from(diags: Diags) -> Self {
        Self {
            diags,
            spare: Value::unknown(Type::Dynamic),
        }
    }
}

/// What is worked out of several values, some of which may have failed.
struct Gathered<T> {
    so_far: T,
    failed: Option<Diags>,
}

impl<T> Gathered<T> {
    fn new(so_far: T) -> Self {
        Self {
            so_far,
            failed: None,
        }
    }

    /// The value, or what is known of it.
    fn take(&mut self, result: Evaluated) -> Value {
        result.unwrap_or_else(|failure| {
            self.failed.get_or_insert_default().extend(failure.diags);
            failure.spare
        })
    }

    /// The value that `make` makes, which is only known in part where something failed.
    fn finish(self, make: impl FnOnce(T) -> Value) -> Evaluated {
        let value = make(self.so_far);
        match self.failed {
            Some(diags) => Err(Failure::from(diags).with_spare(value)),
            None => Ok(value),
        }
    }
}

impl<'a> Evaluator<'a> {
    fn node(&mut self, id: NodeId) -> Evaluated {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.node_here(id))
    }

    fn node_here(&mut self, id: NodeId) -> Evaluated {
        let expr: &'a Expr = self.expr;
        match expr.node(id) {
            Node::Literal(value) => Ok(value.clone()),
            Node::Reference(index) => {
                let reference = &expr.references()[*index as usize];
                Ok(self.scope.resolve(reference)?)
            }
            Node::Slot(slot) => Ok(self.slots[*slot as usize].clone()),
            Node::Template(parts) => self.template(id, parts),
            Node::TemplateFor(each) => self.template_for(id, each),
            Node::GetAttr(object, name) => self.get_attr(id, *object, name),
            Node::Index(collection, key) => self.forget(|this| this.index(id, *collection, *key)),
            Node::Splat { source, each, slot } => self.splat(*source, *each, *slot),
            Node::Unary(op, operand) => self.unary(id, *op, *operand),
            Node::Binary(op, left, right) => self.binary(id, *op, *left, *right),
            Node::Conditional(condition, then, otherwise) => {
                self.conditional(id, *condition, *then, *otherwise)
            }
            Node::Tuple(items) => self.deeper(id, |this| this.tuple(id, items)),
            Node::Object(items) => self.deeper(id, |this| this.object(id, items)),
            Node::For(each) => self.deeper(id, |this| this.for_expr(each)),
            Node::Call {
                function,
                args,
                expand,
            } => self.count_result(id, |this| this.call(id, function, args, *expand)),
            Node::ProviderCall {
                provider,
                function,
                args,
                expand,
            } => self.provider_call(id, (provider, function), args, *expand),
            Node::Invalid => Ok(Value::unknown(Type::Dynamic)),
            Node::Fails(why) => Err(Failure::from(Diagnostic::clone(why))),
        }
    }

    /// All of the nodes, or the errors of all that fail.
    fn all(&mut self, ids: &[NodeId]) -> Result<Vec<Value>, Diags> {
        let gathered = self.gather(ids);
        match gathered.failed {
            Some(diags) => Err(diags),
            None => Ok(gathered.so_far),
        }
    }

    fn gather(&mut self, ids: &[NodeId]) -> Gathered<Vec<Value>> {
        let mut gathered = Gathered::new(Vec::with_capacity(ids.len()));
        for id in ids {
            let value = self.node(*id);
            let value = gathered.take(value);
            gathered.so_far.push(value);
        }
        gathered
    }

    fn tuple(&mut self, id: NodeId, ids: &[NodeId]) -> Evaluated {
        self.count_elements(id, ids.len())?;
        self.gather(ids).finish(Value::tuple)
    }
}
