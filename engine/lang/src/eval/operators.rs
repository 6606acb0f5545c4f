//! Operators and conditionals.

use muster_value::{Marks, Number, NumberError, Type, Value, convert};

use super::{Evaluated, Evaluator, Failure};
use crate::NodeId;
use crate::expr::{BinaryOp, UnaryOp};

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
