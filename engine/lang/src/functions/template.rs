//! Templates that are read when an expression is evaluated.

use std::sync::Arc;

use muster_value::{Type, Value, convert};

use super::files::read_text;
use super::string::text;
use super::{Call, Function, FunctionError, Param, Returns};
use crate::expr::Node;
use crate::{Diagnostic, Diags, Expr, FileId, Str, eval, syntax};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "templatefile",
        "The content of a template file with values put in.",
        &[super::files::path(), Param::any("vars").unknown().marked()],
        Returns::ANY,
        |a, call| {
            if !a[1].is_known() {
                return Ok(Value::unknown_not_null(Type::Dynamic).mark(a[1].marks()));
            }
            let source = read_text(a, call)?;
            render(text(a, 0), &source, &a[1], call)
        },
    ),
    Function::new(
        "templatestring",
        "A string that is a template with values put in.",
        &[
            Param::string("template"),
            Param::any("vars").unknown().marked(),
        ],
        Returns::STRING,
        |a, call| {
            let result = render("template", text(a, 0), &a[1], call)?;
            if result.is_null() {
                return Err("the template gives null, not a string".into());
            }
            let result = convert(&result, &Type::String);
            result.map_err(|e| format!("the template does not give a string: {e}").into())
        },
    ),
];

/// `templatestring` with a template that is not a plain reference, so that nobody builds one from
/// text by mistake.
pub(crate) static INDIRECT: Function = Function::new(
    "templatestring",
    "A string that is a template with values put in.",
    &[
        Param::any("template").null().unknown().untyped().marked(),
        Param::any("vars").unknown().marked(),
    ],
    Returns::STRING,
    |a, _| match a[1].is_known() {
        true => Err(FunctionError::argument(
            0,
            "it must be a direct reference to a string that is a template, such as local.template; an expression that stands here already could be used without the function",
        )),
        false => Ok(Value::unknown_not_null(Type::String)),
    },
);

/// A file that no one knows: positions in templates are put into the message.
const NOWHERE: FileId = FileId(u32::MAX);

fn render(name: &str, source: &str, vars: &Value, call: &Call<'_>) -> Result {
    let (vars, marks) = vars.clone().unmark();
    let result_marks = marks;
    let entries = match &vars {
        Value::Unknown(u) if matches!(u.ty, Type::Map(_) | Type::Object(_) | Type::Dynamic) => {
            return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks));
        }
        known => known
            .as_entries()
            .ok_or_else(|| FunctionError::argument(1, "a map or object is required"))?,
    };
    for name in entries.keys() {
        if !syntax::is_ident(name) {
            let reason = format!("\"{name}\" cannot be the name of a variable in a template");
            return Err(FunctionError::argument(1, reason));
        }
    }
    let names: Vec<Str> = entries.keys().cloned().collect();
    let values: Vec<Value> = entries.values().map(|v| v.clone().mark(marks)).collect();
    let source: Arc<str> = source.into();
    let expr = lower(name, &source, &names)?;
    let result = eval::eval(&expr, call.scope, &values)
        .map_err(|diags| FunctionError::from(explain(name, &source, diags)))?;
    Ok(result.mark(result_marks))
}

fn lower(name: &str, source: &Arc<str>, names: &[Str]) -> Result<Expr> {
    let (raw, diags) = syntax::parse_template(NOWHERE, source);
    if diags.has_errors() {
        return Err(explain(name, source, diags).into());
    }
    let (expr, diags) = raw.lower(names);
    let missing = |at: u32, end: u32| {
        let word = source.get(at as usize..end as usize).unwrap_or_default();
        FunctionError::argument(
            1,
            format!(
                "{} refers to \"{word}\", which is not among the values",
                place(name, source, at)
            ),
        )
    };
    if let Some(unresolved) = diags.iter().find(|d| is_of_reference(d))
        && let Some(span) = unresolved.subject
    {
        return Err(missing(span.start, span.end));
    }
    if diags.has_errors() {
        return Err(explain(name, source, diags).into());
    }
    if let Some(reference) = expr.references().first() {
        return Err(missing(reference.span.start, reference.span.end));
    }
    let nested = expr.0.nodes.iter().find_map(|node| match node {
        Node::Call { function, .. } if function.name.starts_with("template") => Some(function.name),
        _ => None,
    });
    match nested {
        Some(function) => Err(format!("a template cannot call {function}").into()),
        None => Ok(expr),
    }
}

/// Whether a name is to blame that no template knows.
fn is_of_reference(d: &Diagnostic) -> bool {
    [
        "Invalid reference",
        "Reference to undeclared ",
        "Invalid \"",
    ]
    .iter()
    .any(|start| d.summary.starts_with(start))
}

/// Errors in a template as one text.
fn explain(name: &str, source: &str, diags: Diags) -> String {
    let told = diags.into_iter().filter(Diagnostic::is_error).map(|d| {
        let place = match d.subject {
            Some(span) => place(name, source, span.start),
            None => name.to_owned(),
        };
        let detail = d.detail.trim_end_matches('.').to_owned();
        format!("{place}: {}: {detail}", d.summary)
    });
    told.collect::<Vec<_>>().join("; ")
}

fn place(name: &str, source: &str, at: u32) -> String {
    let before = source.get(..at as usize).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("{name}:{line},{column}")
}
