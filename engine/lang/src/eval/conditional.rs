//! Conditionals.

use muster_value::{Refinement, Type, Value, convert, unify};

use super::{Evaluated, Evaluator, Failure, Gathered};
use crate::expr::Node;
use crate::{Diags, NodeId};

impl Evaluator<'_> {
    pub(super) fn conditional(
        &mut self,
        id: NodeId,
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    ) -> Evaluated {
        let test = self.condition(id, condition);
        let taken = match &test {
            Ok(test) => Taken::of(test),
            Err(_) => Taken::Neither,
        };
        let results = Results {
            then: self.node(then),
            otherwise: self.node(otherwise),
            taken,
        };
        let (ty, then, otherwise, failed) = self.unified(id, results)?;
        let both = then.marks() | otherwise.marks();
        let (test, failed) = match test {
            Ok(test) => (test, failed),
            // What is sensitive matters only where there is a condition.
            Err(failure) if failure.spare.is_null() => {
                return Err(failure.with_spare(Value::unknown(ty)));
            }
            Err(failure) => {
                let marks = failure.spare.marks();
                (Value::unknown(Type::Bool).mark(marks), Some(failure.diags))
            }
        };
        let result = match test.peel() {
            Value::Bool(true) => then.mark(both),
            Value::Bool(false) => otherwise.mark(both),
            _ if failed.is_some() => Value::unknown(ty).mark(both),
            _ => undecided(&then, &otherwise),
        };
        let result = result.mark(test.marks());
        match failed {
            Some(diags) => Err(Failure::from(diags).with_spare(result)),
            None => Ok(result),
        }
    }

    /// The condition as a bool, known or not. Of what cannot be one, null is the spare value.
    fn condition(&mut self, id: NodeId, condition: NodeId) -> Evaluated {
        let test = self.node(condition).map_err(|failure| {
            let spare = match failure.spare.is_known() {
                true => convert(&failure.spare, &Type::Bool).unwrap_or(Value::NULL),
                false => failure.spare.clone(),
            };
            failure.with_spare(spare)
        })?;
        let span = self.expr.node_span(condition);
        if test.is_null() {
            let detail = "The condition is null: neither true nor false.";
            let failure = self.error_at(id, span, "Null condition", detail);
            return Err(failure.with_spare(Value::NULL));
        }
        convert(&test, &Type::Bool).map_err(|e| {
            let detail = format!("A condition is a bool: {e}.");
            let failure = self.error_at(id, span, "Incorrect condition type", detail);
            failure.with_spare(Value::NULL)
        })
    }

    /// The common type of both results, the results converted to it, and the errors of those
    /// that matter.
    fn unified(&self, id: NodeId, results: Results) -> Result<Unified, Failure> {
        let taken = results.taken;
        let (then, otherwise, failed) = results.settle();
        let (a, b) = (then.ty(), otherwise.ty());
        if a == b {
            return Ok((a, then, otherwise, failed));
        }
        // A null with marks does not take the type of the other result.
        let untyped = |v: &Value| *v == Value::NULL;
        let open = |v: &Value| v.ty() == Type::Dynamic && !untyped(v);
        let ty = match () {
            () if open(&then) || open(&otherwise) => Some(Type::Dynamic),
            () if untyped(&then) => Some(b.clone()),
            () if untyped(&otherwise) => Some(a.clone()),
            () => unify(&[a.clone(), b.clone()]),
        };
        let mismatch = |why: &str| {
            let detail = format!(
                "Both results of a conditional must have one type, but the first is {} and the second is {}{why}.",
                kind(&a),
                kind(&b)
            );
            let span = match self.expr.node(id) {
                Node::Conditional(_, then, otherwise) => {
                    let span = self.expr.node_span(*then);
                    span.to(self.expr.node_span(*otherwise))
                }
                _ => self.expr.node_span(id),
            };
            self.error_at(id, span, "Inconsistent conditional result types", detail)
        };
        let Some(ty) = ty else {
            return Err(mismatch(""));
        };
        if ty == Type::Dynamic {
            return Ok((ty, then, otherwise, failed));
        }
        let converted = |value: &Value, collection: &Type, matters: bool| {
            let result = match alike(value, collection, &ty) {
                true => convert(value, &ty).map_err(|e| format!(": {e}")),
                false => Err(": its elements are of more than one type".into()),
            };
            match result {
                Ok(result) if matters => Ok(result),
                Err(why) if matters => Err(mismatch(&why)),
                // What is not taken is not converted either: that adds no marks.
                result => {
                    let result = result.unwrap_or_else(|_| Value::unknown(ty.clone()));
                    Ok(result.unmark().0.mark(value.marks()))
                }
            }
        };
        let then = converted(&then, &b, matches!(taken, Taken::Then))?;
        let otherwise = converted(&otherwise, &a, matches!(taken, Taken::Otherwise))?;
        Ok((ty, then, otherwise, failed))
    }
}

/// Whether the members of a tuple or an object are of one type, where they join a list or a map of
/// no element type. They stay what they are then, nulls of no type apart.
fn alike(value: &Value, collection: &Type, ty: &Type) -> bool {
    let joins = match (value.peel(), collection) {
        (Value::Tuple(_), Type::List(_)) => *ty == Type::list(Type::Dynamic),
        (Value::Object(_), Type::Map(_)) => *ty == Type::map(Type::Dynamic),
        _ => false,
    };
    let open = |v: &&Value| *v.peel() == Value::NULL || !v.is_known() && v.ty() == Type::Dynamic;
    let mut types = value.children().filter(|v| !open(v)).map(Value::ty);
    let Some(first) = types.next().filter(|_| joins) else {
        return true;
    };
    types.all(|ty| ty == first)
}

/// Type, both results, and what failed of them.
type Unified = (Type, Value, Value, Option<Diags>);

/// Which result of a conditional is taken.
#[derive(Clone, Copy)]
enum Taken {
    Then,
    Otherwise,
    /// It is not known yet.
    Either,
    /// The condition failed.
    Neither,
}

impl Taken {
    fn of(test: &Value) -> Self {
        match test.as_bool() {
            Some(true) => Self::Then,
            Some(false) => Self::Otherwise,
            None => Self::Either,
        }
    }
}

/// The results of a conditional as they came out.
struct Results {
    then: Evaluated,
    otherwise: Evaluated,
    taken: Taken,
}

impl Results {
    /// What is known of both, and the errors of those that may be taken.
    fn settle(self) -> (Value, Value, Option<Diags>) {
        let mut ignored = Gathered::new(());
        let mut heeded = Gathered::new(());
        let (then, otherwise) = match self.taken {
            Taken::Then => (heeded.take(self.then), ignored.take(self.otherwise)),
            Taken::Otherwise => (ignored.take(self.then), heeded.take(self.otherwise)),
            Taken::Either | Taken::Neither => {
                (ignored.take(self.then), ignored.take(self.otherwise))
            }
        };
        (then, otherwise, heeded.failed)
    }
}

fn kind(ty: &Type) -> String {
    let name = ty.to_string();
    if name.len() <= 80 {
        name
    } else {
        ty.friendly_name()
    }
}

/// What is sure about a conditional whose condition is not known.
fn undecided(then: &Value, otherwise: &Value) -> Value {
    let marks = then.marks() | otherwise.marks();
    let (ty, other) = (then.ty(), otherwise.ty());
    let ty = if ty == other { ty } else { Type::Dynamic };
    if let Some(same) = same_anyway(then, otherwise) {
        return same.mark(marks);
    }
    let (a, b) = (facts(then), facts(otherwise));
    let length = ty.is_collection();
    let refinement = Refinement {
        not_null: a.not_null && b.not_null,
        prefix: match (&a.prefix, &b.prefix) {
            (Some(a), Some(b)) => common_prefix(a, b),
            _ => None,
        },
        lower: match (a.lower, b.lower) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            _ => None,
        },
        upper: match (a.upper, b.upper) {
            (Some(a), Some(b)) => Some(if a.0 >= b.0 { a } else { b }),
            _ => None,
        },
        min_length: match (a.min_length, b.min_length) {
            (Some(a), Some(b)) if length => Some(a.min(b)),
            _ => None,
        },
        max_length: match (a.max_length, b.max_length) {
            (Some(a), Some(b)) if length => Some(a.max(b)),
            _ => None,
        },
    };
    Value::refined(ty, refinement).mark(marks)
}

/// The value of a conditional when it does not matter which result is taken. That is told of
/// numbers and nulls only.
fn same_anyway(then: &Value, otherwise: &Value) -> Option<Value> {
    match (then.peel(), otherwise.peel()) {
        (Value::Number(a), Value::Number(b)) if a == b => Some(Value::Number(a.clone())),
        (Value::Null(a), Value::Null(b)) if a == b => Some(Value::Null(a.clone())),
        _ => None,
    }
}

/// Everything known about a value, in the form of a refinement.
fn facts(value: &Value) -> Refinement {
    let length = value.len().map(|n| n as u64);
    let mut facts = Refinement {
        not_null: true,
        min_length: length,
        max_length: length,
        ..Refinement::default()
    };
    match value.peel() {
        Value::Unknown(u) => return u.refinement.clone(),
        Value::Null(_) => facts.not_null = false,
        Value::String(s) => facts.prefix = Some(s.clone()),
        Value::Number(n) => {
            facts.lower = Some((n.clone(), true));
            facts.upper = Some((n.clone(), true));
        }
        _ => {}
    }
    facts
}

fn common_prefix(a: &str, b: &str) -> Option<muster_value::Str> {
    let end = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let len = end.map_or(a.len().min(b.len()), |((at, _), _)| at);
    (len > 0).then(|| a[..len].into())
}
