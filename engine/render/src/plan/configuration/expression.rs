//! Expressions: the value, where the text alone tells it, and what is referred to.

use std::sync::Arc;

use muster_config::Nothing;
use muster_lang::expr::{BinaryOp, UnaryOp};
use muster_lang::{Expr, Node, NodeId, Reference, eval};
use muster_value::{Type, Value};

use super::references::addresses;
use crate::json::JsonWriter;

/// Writes the members of an expression's object.
pub(super) fn write_expression(w: &mut JsonWriter<'_>, expr: &Expr) {
    if let Some(value) = value(expr) {
        w.key("constant_value").value(&value);
    }
    write_references(w, expr.references().iter());
}

/// Writes what is referred to, if anything is.
pub(super) fn write_references<'r>(
    w: &mut JsonWriter<'_>,
    references: impl ExactSizeIterator<Item = &'r Reference>,
) {
    if references.len() == 0 {
        return;
    }
    w.key("references").array(|w| {
        for address in references.flat_map(addresses) {
            w.string(&address);
        }
    });
}

/// The value of an expression, where its text alone tells it.
pub(super) fn value(expr: &Expr) -> Option<Value> {
    expr.verbatim().or_else(|| constant(expr))
}

/// Whether there is nothing to tell.
pub(super) fn is_blank(expr: &Expr) -> bool {
    expr.references().is_empty() && value(expr).is_none()
}

/// The value of an expression when neither names nor functions are known.
fn constant(expr: &Expr) -> Option<Value> {
    if let Node::Literal(value) = expr.node(expr.0.root) {
        return value.is_wholly_known().then(|| value.clone());
    }
    let value = eval(&without_names(expr), &Nothing, &[]).ok()?;
    value.is_wholly_known().then_some(value)
}

/// The expression with all names and calls unknown, and with all operators that need them.
fn without_names(expr: &Expr) -> Expr {
    let mut data = (*expr.0).clone();
    // Whether a node needs a name or a call. Children come before their parents.
    let mut needy = vec![false; data.nodes.len()];
    for (i, node) in data.nodes.iter_mut().enumerate() {
        let is_needy = |id: &NodeId| needy.get(id.0 as usize).copied().unwrap_or(true);
        let unknown = match node {
            Node::Reference(_)
            | Node::Call { .. }
            | Node::ProviderCall { .. }
            | Node::Invalid
            | Node::Fails(_) => Type::Dynamic,
            Node::Unary(op, x) if is_needy(x) => match op {
                UnaryOp::Neg => Type::Number,
                UnaryOp::Not => Type::Bool,
            },
            Node::Binary(op, a, b) if is_needy(a) || is_needy(b) => result(*op),
            Node::GetAttr(base, _) if is_needy(base) => Type::Dynamic,
            Node::Index(base, key) if is_needy(base) || is_needy(key) => Type::Dynamic,
            _ => continue,
        };
        *node = Node::Literal(Value::unknown(unknown));
        needy[i] = true;
    }
    data.references = Box::default();
    Expr(Arc::new(data))
}

fn result(op: BinaryOp) -> Type {
    use BinaryOp::{Add, And, Div, Eq, Greater, GreaterEq, Less, LessEq, Mul, NotEq, Or, Rem, Sub};
    match op {
        Add | Sub | Mul | Div | Rem => Type::Number,
        Eq | NotEq | Less | LessEq | Greater | GreaterEq | And | Or => Type::Bool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_string;
    use muster_lang::{FileId, syntax};

    /// The document of an expression; the same cases were recorded from Terraform.
    #[track_caller]
    fn check(code: &str, expect: &str) {
        let (raw, diags) = syntax::parse_expression(FileId(0), &code.into());
        assert!(!diags.has_errors(), "{diags:?}");
        let (expr, _) = raw.lower(&[]);
        let json = to_string(|w| w.object(|w| write_expression(w, &expr)));
        assert_eq!(json, expect, "{code}");
        assert_eq!(is_blank(&expr), expect == "{}", "{code}");
    }

    #[test]
    fn constants_are_worked_out() {
        check("1 + 2", r#"{"constant_value":3}"#);
        check("-1", r#"{"constant_value":-1}"#);
        check("null", r#"{"constant_value":null}"#);
        check(r#""a${1}b""#, r#"{"constant_value":"a1b"}"#);
        check("[for x in [1, 2] : x * 2]", r#"{"constant_value":[2,4]}"#);
        check(
            "{ a = 1, b = [true, null] }",
            r#"{"constant_value":{"a":1,"b":[true,null]}}"#,
        );
        check("{ a = { b = 1 } }.a.b", r#"{"constant_value":1}"#);
        check("[1, 2][*]", r#"{"constant_value":[1,2]}"#);
    }

    #[test]
    fn functions_are_not_called() {
        check(r#"upper("x")"#, "{}");
        check(r#"[1, upper("x")]"#, "{}");
        check(r#"true || upper("x") == "X""#, "{}");
        check(r#"upper("s") == "S" ? "s" : "s""#, "{}");
        check(r#"1 == 1 ? 5 : upper("x")"#, r#"{"constant_value":5}"#);
    }

    #[test]
    fn names_are_told() {
        let u = r#""references":["var.u"]"#;
        check("var.u", &format!("{{{u}}}"));
        check("false && var.u == 1", &format!("{{{u}}}"));
        check("var.u == 1 || true", &format!("{{{u}}}"));
        check("var.u * 0", &format!("{{{u}}}"));
        check(r#"var.u == 1 ? "a" : "a""#, &format!("{{{u}}}"));
        check("var.u == 1 ? true : true", &format!("{{{u}}}"));
        check("var.u == 1 ? [1] : [1]", &format!("{{{u}}}"));
        check(r#"{ a = var.u }"#, &format!("{{{u}}}"));
    }

    #[test]
    fn some_values_are_known_whatever_the_names_are() {
        let check = |code: &str, value: &str| {
            check(
                code,
                &format!(r#"{{"constant_value":{value},"references":["var.u"]}}"#),
            );
        };
        check("var.u == 1 ? 0 : 0", "0");
        check("var.u == 1 ? null : null", "null");
        check("false ? var.u : 4", "4");
    }
}
