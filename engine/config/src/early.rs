//! Values that are needed before anything else is known: where modules come from, and where the
//! state is. They are made of variables and local values alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use muster_lang::{Diagnostic, Diags, Expr, Files, Reference, Scope, Subject, eval};
use muster_value::{Marks, Type, Value, convert};

use crate::load::Tree;
use crate::{Nothing, Repetition, Str, Variable, apply_type};

/// A text that the engine has to know early.
#[derive(Clone, Debug)]
pub(crate) enum EarlyText {
    /// Written out.
    Constant(Str),
    /// Made of variables and local values.
    Expr(Expr),
}

/// A variable or local value of a module, by its index in the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    Variable,
    Local,
}

type Name = (usize, Kind, Str);

/// What is known of the values of a configuration whose modules are being read.
#[derive(Debug, Default)]
pub(crate) struct EarlyValues {
    /// Given values of the root module's variables.
    given: BTreeMap<Str, Value>,
    /// Values that were asked for; `None` while they are worked out.
    memo: RefCell<HashMap<Name, Option<Result<Value, Diags>>>>,
}

impl EarlyValues {
    /// `given` are values of the root module's variables, converted and marked.
    pub(crate) fn new(given: BTreeMap<Str, Value>) -> Self {
        Self {
            given,
            ..Self::default()
        }
    }

    /// The value of an expression in a module of the tree; wholly known.
    pub(crate) fn value(&self, tree: &Tree, module: usize, expr: &Expr) -> Result<Value, Diags> {
        let scope = EarlyScope {
            values: self,
            tree,
            module,
        };
        let value = eval(expr, &scope, &[])?;
        if value.is_wholly_known() {
            return Ok(value);
        }
        let detail = "The value is only known later, but it is needed before anything is planned.";
        Err(Diagnostic::error("Value not known early enough", detail)
            .at(expr.span())
            .into())
    }

    /// A setting of the backend. Plans keep what it is made of, so it must be possible to keep it.
    pub(crate) fn setting(&self, tree: &Tree, expr: &Expr) -> Result<Value, Diags> {
        let value = self.value(tree, 0, expr)?;
        if value.marks_deep().contains(Marks::EPHEMERAL) {
            let detail = "Saved plans have to find the same state again, but ephemeral values are \
                          not kept with them.";
            let diagnostic = Diagnostic::error("Ephemeral value not allowed", detail);
            return Err(diagnostic.at(expr.span()).into());
        }
        Ok(value.unmark_deep())
    }

    /// A text that goes into records and messages, and so must not be a secret.
    pub(crate) fn text(&self, tree: &Tree, module: usize, text: &EarlyText) -> Result<Str, Diags> {
        let expr = match text {
            EarlyText::Constant(text) => return Ok(text.clone()),
            EarlyText::Expr(expr) => expr,
        };
        let error = |summary: &str, detail: &str| -> Diags {
            Diagnostic::error(summary, detail).at(expr.span()).into()
        };
        let value = self.value(tree, module, expr)?;
        let marks = value.marks_deep();
        if marks.contains(Marks::SENSITIVE) || marks.contains(Marks::EPHEMERAL) {
            let detail = "The value is sensitive or ephemeral, but where modules come from is \
                          recorded and shown. Use a value that may be seen.";
            return Err(error("Sensitive value not allowed", detail));
        }
        let unsuitable = |reason: &str| {
            let detail = format!("Unsuitable value: {reason}.");
            error("Unsuitable value type", &detail)
        };
        let text = convert(&value, &Type::String).map_err(|e| unsuitable(&e.reason))?;
        let text = text.as_str().cloned();
        text.ok_or_else(|| unsuitable("null is not possible here"))
    }

    /// Works a value out once.
    fn remember(
        &self,
        name: Name,
        reference: &Reference,
        work: impl FnOnce() -> Result<Value, Diags>,
    ) -> Result<Value, Diags> {
        let known = self.memo.borrow().get(&name).cloned();
        match known {
            Some(Some(result)) => return result,
            Some(None) => {
                let detail = "The value is made from itself, directly or through other values.";
                return Err(Diagnostic::error("Circular reference", detail)
                    .at(reference.full_span)
                    .into());
            }
            None => {}
        }
        self.memo.borrow_mut().insert(name.clone(), None);
        let result = stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, work);
        self.memo.borrow_mut().insert(name, Some(result.clone()));
        result
    }
}

/// The names of one module.
struct EarlyScope<'a> {
    values: &'a EarlyValues,
    tree: &'a Tree,
    module: usize,
}

impl EarlyScope<'_> {
    fn variable(&self, name: &Str, reference: &Reference) -> Result<Value, Diags> {
        let variables = &self.tree.config.modules[self.module].variables;
        let Some(variable) = variables.get(name) else {
            return Err(undeclared("variable", name, reference));
        };
        let marked = |value: Value| apply_type(variable, value);
        let Some((caller, call)) = self.tree.call_of(self.module) else {
            let given = self.values.given.get(name).cloned();
            return match (given, &variable.default) {
                (Some(value), _) => Ok(value),
                (None, Some(default)) => {
                    marked(default.clone()).map_err(|d| d.at(variable.span).into())
                }
                (None, None) => Err(missing(variable, reference)),
            };
        };
        let key = (self.module, Kind::Variable, name.clone());
        self.values.remember(key, reference, || {
            match (call.arguments.get(name), &variable.default) {
                (Some((_, expr)), _) => {
                    let outer = EarlyScope {
                        module: caller,
                        ..*self
                    };
                    let value = match call.repetition {
                        Repetition::Single | Repetition::Enabled(_) => eval(expr, &outer, &[])?,
                        _ => eval(expr, &Repeated(outer), &[])?,
                    };
                    marked(value).map_err(|d| d.at(expr.span()).into())
                }
                (None, Some(default)) => {
                    marked(default.clone()).map_err(|d| d.at(variable.span).into())
                }
                (None, None) => Err(missing(variable, reference)),
            }
        })
    }

    fn local(&self, name: &Str, reference: &Reference) -> Result<Value, Diags> {
        let Some(local) = self.tree.config.modules[self.module].locals.get(name) else {
            return Err(undeclared("local value", name, reference));
        };
        let key = (self.module, Kind::Local, name.clone());
        self.values
            .remember(key, reference, || eval(&local.expr, self, &[]))
    }
}

impl Scope for EarlyScope<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let modules = &self.tree.config.modules;
        match &reference.subject {
            Subject::Variable(name) => self.variable(name, reference),
            Subject::Local(name) => self.local(name, reference),
            Subject::Path(which) if &**which == "module" => {
                Ok(Value::string(modules[self.module].dir.clone()))
            }
            Subject::Path(which) if &**which == "root" => Ok(Value::string(modules[0].dir.clone())),
            _ => Err(not_allowed(reference)),
        }
    }

    fn files(&self) -> &dyn Files {
        &Nothing
    }
}

/// The caller's names in an argument of a call that is there several times: one source serves all.
struct Repeated<'a>(EarlyScope<'a>);

impl Scope for Repeated<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match reference.subject {
            Subject::EachKey | Subject::EachValue | Subject::CountIndex => {
                let detail = "The value is another one in each instance of the module, but modules \
                              in it come from one place for all of them.";
                Err(Diagnostic::error("Variables not allowed", detail)
                    .at(reference.full_span)
                    .into())
            }
            _ => self.0.resolve(reference),
        }
    }

    fn files(&self) -> &dyn Files {
        &Nothing
    }
}

fn not_allowed(reference: &Reference) -> Diags {
    let detail = "The value is needed before anything is read or planned, so it can be made of \
                  variables and local values only, which in turn use nothing else.";
    Diagnostic::error("Variables not allowed", detail)
        .at(reference.full_span)
        .into()
}

/// Passphrases and tokens are asked for here too, and often nobody has marked them: a file beside
/// the configuration is not what to advise for those.
fn missing(variable: &Variable, reference: &Reference) -> Diags {
    let name = &variable.name;
    let file = match variable.sensitive {
        true => "",
        false => " A value that is no secret may stand in terraform.tfvars instead.",
    };
    let detail = format!(
        "The value of var.{name} is needed before anything is read or planned, but it has no \
         default and was not set. Set it as TF_VAR_{name} in the environment, which holds for every \
         command; not all commands take -var and -var-file.{file}"
    );
    Diagnostic::error("No value for required variable", detail)
        .at(reference.full_span)
        .into()
}

/// Whatever it is called, nothing but variables and local values would do here.
fn undeclared(what: &str, name: &Str, reference: &Reference) -> Diags {
    let detail = format!(
        "The value is needed before anything is read or planned, so it can be made of variables \
         and local values, but there is no {what} {name:?} in this module."
    );
    Diagnostic::error("Variables not allowed", detail)
        .at(reference.span)
        .into()
}
