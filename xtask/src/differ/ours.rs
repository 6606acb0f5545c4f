//! What muster makes of an input.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Result, bail};
use muster_lang::syntax::parse_native;
use muster_lang::{
    BlockSchema, Body, BodySchema, Diagnostic, Diags, FileId, Files, RawExpr, Reference, Scope,
    Str, Subject, eval,
};
use muster_value::{Marks, Number, Value, type_to_json, value_to_json};

use super::outcome::Outcome;
use super::{FIXTURES, wrapped};

/// The local values that inputs may refer to.
pub(crate) struct Ours {
    locals: HashMap<Str, RawExpr>,
    memo: RefCell<HashMap<Str, Value>>,
}

impl Ours {
    /// Reads the fixtures.
    pub(crate) fn new() -> Result<Self> {
        let (body, mut diags) = parse_native(FileId(1), &FIXTURES.into());
        let locals = locals(&body, &mut diags);
        if diags.has_errors() {
            bail!("the fixtures cannot be read: {diags:?}");
        }
        Ok(Self {
            locals: locals.into_iter().collect(),
            memo: RefCell::default(),
        })
    }

    /// What becomes of an expression.
    pub(crate) fn expression(&self, text: &str) -> Outcome {
        caught(|| match self.evaluate(text) {
            Ok(value) => outcome(&value),
            Err(diags) => refused(&diags),
        })
    }

    fn evaluate(&self, text: &str) -> Result<Value, Diags> {
        let source: Arc<str> = wrapped("e", text).into();
        let (body, mut diags) = parse_native(FileId(0), &source);
        let found = locals(&body, &mut diags);
        if diags.has_errors() {
            return Err(diags);
        }
        let Some((_, raw)) = found.into_iter().find(|(name, _)| &**name == "e") else {
            return Err(Diagnostic::error("No expression", "").into());
        };
        self.value(&raw)
    }

    fn value(&self, raw: &RawExpr) -> Result<Value, Diags> {
        let (expr, diags) = raw.lower(&[]);
        if diags.has_errors() {
            return Err(diags);
        }
        // What is not declared is found before anything is evaluated.
        for reference in expr.references() {
            self.resolve(reference)?;
        }
        eval(&expr, self, &[])
    }
}

/// The attributes of all `locals` blocks.
fn locals(body: &Body, diags: &mut Diags) -> Vec<(Str, RawExpr)> {
    let schema = BodySchema {
        blocks: [BlockSchema {
            type_name: "locals".into(),
            labels: vec![],
        }]
        .into(),
        ..Default::default()
    };
    let (content, found) = body.content(&schema);
    diags.extend(found);
    let mut all = Vec::new();
    for block in content.blocks {
        let (attributes, found) = block.body.just_attributes();
        diags.extend(found);
        all.extend(attributes.into_iter().map(|a| (a.name, a.expr)));
    }
    all
}

/// Runs muster's code; where it panics, that is the outcome.
pub(crate) fn caught(run: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
        Outcome::Crash(format!("muster panics: {}", text.unwrap_or_default()))
    })
}

/// The summaries of the errors.
pub(crate) fn refused(diags: &Diags) -> Outcome {
    let errors = diags.iter().filter(|d| d.is_error());
    Outcome::Error(errors.map(|d| d.summary.clone()).collect())
}

fn outcome(value: &Value) -> Outcome {
    let sensitive = (
        value.marks().contains(Marks::SENSITIVE),
        value.marks_deep().contains(Marks::SENSITIVE),
    );
    let plain = value.unmark_deep();
    if !plain.is_wholly_known() {
        return Outcome::Unknown;
    }
    let ty = plain.ty();
    match value_to_json(&stored(plain), &ty) {
        Ok(json) => Outcome::Value {
            json,
            ty: type_to_json(&ty),
            sensitive,
        },
        Err(_) => Outcome::Infinite,
    }
}

/// The value as terraform stores it between plan and apply: what a machine float holds becomes
/// one, and other numbers are read again from their text.
fn stored(value: Value) -> Value {
    let Value::Number(number) = &value else {
        return value.map_children(|_, child| stored(child.clone()));
    };
    if let Some(whole) = number.to_i64() {
        return Value::int(whole);
    }
    let float = Number::from_f64(number.to_f64());
    let float = float.ok().filter(|f| f == number && !f.is_integer());
    let read = || Number::parse(&number.to_string());
    float.map_or_else(read, Ok).map_or(value, Value::Number)
}

fn fail(summary: &str) -> Diags {
    Diagnostic::error(summary, "").into()
}

impl Scope for Ours {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let Subject::Local(name) = &reference.subject else {
            return Err(fail("Reference to undeclared resource"));
        };
        if let Some(found) = self.memo.borrow().get(name) {
            return Ok(found.clone());
        }
        let raw = self.locals.get(name);
        let raw = raw.ok_or_else(|| fail("Reference to undeclared local value"))?;
        let value = self.value(raw)?;
        self.memo.borrow_mut().insert(name.clone(), value.clone());
        Ok(value)
    }

    fn files(&self) -> &dyn Files {
        &NoFiles
    }
}

/// A machine without files.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("{path} is not there"))
    }

    fn exists(&self, _: &str) -> Result<bool, String> {
        Ok(false)
    }

    fn walk(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn home(&self) -> Option<String> {
        None
    }

    fn cwd(&self) -> String {
        "/".into()
    }
}
