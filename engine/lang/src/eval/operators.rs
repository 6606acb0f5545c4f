//! Operators and conditionals.

use muster_value::{Marks, Number, NumberError, Refinement, Type, Value, convert, unify};

use super::{Evaluated, Evaluator, Failure, Gathered};
use crate::expr::{BinaryOp, UnaryOp};
use crate::{Diags, NodeId};

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, id: NodeId, op: UnaryOp, operand: NodeId) -> Evaluated {
        let ty = match op {
            UnaryOp::Neg => Type::Number,
            UnaryOp::Not => Type::Bool,
        };
        let result = self.apply_unary(id, op, operand, ty.clone());
        result.map_err(|failure| failure.with_spare(Value::unknown(ty)))
    }

    fn apply_unary(&mut self, id: NodeId, op: UnaryOp, operand: NodeId, ty: Type) -> Evaluated {
        let value = self.node(operand)?;
        let (value, marks) = self.operand(id, operand, &value, &ty, "The operand")?;
        let result = match (op, &value) {
            (UnaryOp::Neg, Value::Number(n)) => Value::Number(n.neg()),
            (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
            _ => Value::unknown_not_null(ty),
        };
        Ok(result.mark(marks))
    }

    pub(super) fn binary(
        &mut self,
        id: NodeId,
        op: BinaryOp,
        left: NodeId,
        right: NodeId,
    ) -> Evaluated {
        let ty = match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                Type::Number
            }
            _ => Type::Bool,
        };
        let result = self.apply_binary(id, op, left, right);
        result.map_err(|failure| failure.with_spare(Value::unknown(ty)))
    }

    fn apply_binary(&mut self, id: NodeId, op: BinaryOp, left: NodeId, right: NodeId) -> Evaluated {
        let (a, b) = both(self.node(left), self.node(right))?;
        let ty = match op {
            BinaryOp::Eq => return Ok(a.equals(&b)),
            BinaryOp::NotEq => return Ok(not(a.equals(&b))),
            BinaryOp::And | BinaryOp::Or => Type::Bool,
            _ => Type::Number,
        };
        let ((a, marks_a), (b, marks_b)) = both(
            self.operand(id, left, &a, &ty, "The left operand"),
            self.operand(id, right, &b, &ty, "The right operand"),
        )?;
        let result = match (&a, &b) {
            (Value::Bool(a), Value::Bool(b)) => Value::Bool(match op {
                BinaryOp::And => *a && *b,
                _ => *a || *b,
            }),
            (Value::Number(a), Value::Number(b)) => arithmetic(op, a, b).map_err(|e| {
                self.error(
                    id,
                    "Operation failed",
                    format!("The operation has no result: {e}."),
                )
            })?,
            _ => unknown_result(op, &a, &b),
        };
        Ok(result.mark(marks_a | marks_b))
    }

    /// An operand converted to what its operator takes, and its marks.
    fn operand(
        &self,
        id: NodeId,
        operand: NodeId,
        value: &Value,
        ty: &Type,
        which: &str,
    ) -> Result<(Value, Marks), Failure> {
        let span = self.expr.node_span(operand);
        let converted = convert(value, ty).map_err(|e| {
            let detail = format!("{which} does not suit the operator: {e}.");
            self.error_at(id, span, "Invalid operand", detail)
        })?;
        if converted.is_null() {
            let detail = format!("{which} is null, which the operator does not take.");
            return Err(self.error(id, "Operation failed", detail));
        }
        Ok(converted.unmark())
    }

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
            self.error(id, "Inconsistent conditional result types", detail)
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

/// Both, or the errors of both.
pub(super) fn both<A, B>(a: Result<A, Failure>, b: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.extend(b);
            Err(a)
        }
        (Err(e), _) | (_, Err(e)) => Err(e),
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

fn not(value: Value) -> Value {
    let (value, marks) = value.unmark();
    match value {
        Value::Bool(b) => Value::Bool(!b),
        other => other,
    }
    .mark(marks)
}

fn arithmetic(op: BinaryOp, a: &Number, b: &Number) -> Result<Value, NumberError> {
    Ok(match op {
        BinaryOp::Add => Value::Number(a.add(b)?),
        BinaryOp::Sub => Value::Number(a.sub(b)?),
        BinaryOp::Mul => Value::Number(a.mul(b)?),
        BinaryOp::Div => Value::Number(a.div(b)?),
        BinaryOp::Rem => Value::Number(a.rem(b)?),
        BinaryOp::Less => Value::Bool(a < b),
        BinaryOp::LessEq => Value::Bool(a <= b),
        BinaryOp::Greater => Value::Bool(a > b),
        BinaryOp::GreaterEq => Value::Bool(a >= b),
        BinaryOp::Eq => Value::Bool(a == b),
        BinaryOp::NotEq => Value::Bool(a != b),
        BinaryOp::And | BinaryOp::Or => Value::unknown_not_null(Type::Bool),
    })
}

/// The result when an operand is not known: bounds can settle a comparison.
fn unknown_result(op: BinaryOp, a: &Value, b: &Value) -> Value {
    let ty = match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
            return Value::unknown_not_null(Type::Number);
        }
        _ => Type::Bool,
    };
    let settled = match op {
        BinaryOp::Less => below(a, b, true).or_else(|| below(b, a, false).map(|x| !x)),
        BinaryOp::GreaterEq => below(b, a, false).or_else(|| below(a, b, true).map(|x| !x)),
        BinaryOp::Greater => below(b, a, true).or_else(|| below(a, b, false).map(|x| !x)),
        BinaryOp::LessEq => below(a, b, false).or_else(|| below(b, a, true).map(|x| !x)),
        _ => None,
    };
    settled.map_or_else(|| Value::unknown_not_null(ty), Value::Bool)
}

/// `Some(true)` when the bounds say that `a` is below `b` for certain (strictly, or at most
/// equal).
fn below(a: &Value, b: &Value, strict: bool) -> Option<bool> {
    let upper = match a {
        Value::Number(n) => (n, true),
        Value::Unknown(u) => u.refinement.upper.as_ref().map(|(n, inc)| (n, *inc))?,
        _ => return None,
    };
    let lower = match b {
        Value::Number(n) => (n, true),
        Value::Unknown(u) => u.refinement.lower.as_ref().map(|(n, inc)| (n, *inc))?,
        _ => return None,
    };
    let certain = upper.0 < lower.0 || upper.0 == lower.0 && !(strict && upper.1 && lower.1);
    certain.then_some(true)
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
