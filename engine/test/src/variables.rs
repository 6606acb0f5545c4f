//! Values of the variables of a module under test.

use std::collections::{BTreeMap, HashMap};

use muster_config::testing::TestRun;
use muster_config::{Module, apply_type};
use muster_lang::{Diagnostic, Diags, Span, Subject, eval};
use muster_value::Value;

use crate::Str;
use crate::scope::{Names, Outside};

/// What a run knows of variables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    /// Those that the module declares, converted and marked.
    pub(crate) declared: BTreeMap<Str, Value>,
    /// Those of the run that the module does not declare.
    pub(crate) extra: BTreeMap<Str, Value>,
    /// What somebody should look at.
    pub(crate) warnings: Diags,
    /// Where the values of some stand in the test file, by where they are declared.
    places: HashMap<Span, Span>,
}

impl Variables {
    /// Where the value of a variable stands, if that is in the test file.
    pub(crate) fn place(&self, declared: Option<Span>) -> Option<Span> {
        self.places.get(&declared?).copied()
    }
}

/// The variables of a run of a module.
///
/// # Errors
/// Some cannot be evaluated, do not fit, or are missing.
pub(crate) fn variables(
    names: Names<'_>,
    run: &TestRun,
    module: &Module,
) -> Result<Variables, Diags> {
    let mut diags = Diags::new();
    let mut own = BTreeMap::new();
    let scope = Outside {
        names,
        only_global: false,
    };
    for (name, expr) in &run.variables {
        match eval(expr, &scope, &[]) {
            Ok(value) => {
                own.insert(name.clone(), (value, Some(expr.span())));
            }
            Err(found) => diags.extend(found),
        }
    }
    let mut all = Variables::default();
    for variable in module.variables.values() {
        let name = &variable.name;
        if run.variables.contains_key(name) && !own.contains_key(name) {
            continue;
        }
        let given = match own.remove(name) {
            Some(given) => Some(Ok(given)),
            None => names.variable(name),
        };
        let (value, place) = match (given, &variable.default) {
            (Some(Ok(given)), _) => given,
            (Some(Err(found)), _) => {
                diags.extend(found);
                continue;
            }
            (None, Some(default)) => (default.clone(), None),
            (None, None) => {
                diags.push(missing(run, name).at(variable.span));
                continue;
            }
        };
        match apply_type(variable, value) {
            Ok(value) => {
                all.places.extend(place.map(|at| (variable.span, at)));
                all.declared.insert(name.clone(), value);
            }
            Err(diagnostic) => diags.push(diagnostic.at(place.unwrap_or(variable.span))),
        }
    }
    let extra = own.iter().filter(|(name, _)| !is_asserted(run, name));
    let warnings = extra.filter_map(|(name, (_, at))| Some(undeclared(run, name, (*at)?)));
    all.warnings = Diags(warnings.collect());
    all.extra = own.into_iter().map(|(name, (v, _))| (name, v)).collect();
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(all),
    }
}

/// Whether an assertion of the run uses a variable.
fn is_asserted(run: &TestRun, name: &Str) -> bool {
    let exprs = run
        .assertions
        .iter()
        .flat_map(|a| [&a.condition, &a.message]);
    let mut references = exprs.flat_map(|expr| expr.references());
    references.any(|r| matches!(&r.subject, Subject::Variable(n) if n == name))
}

fn undeclared(run: &TestRun, name: &str, at: Span) -> Diagnostic {
    let detail = format!(
        "The run {:?} sets the variable {name:?}, which the module under test does not have.",
        &*run.name
    );
    Diagnostic::warning("Value for undeclared variable", detail).at(at)
}

fn missing(run: &TestRun, name: &str) -> Diagnostic {
    let detail = format!(
        "The variable {name:?} has no default, and nothing sets it for the run {:?}. Add it to a \
         variables block of the run or of its file, or give it with -var or -var-file.",
        &*run.name
    );
    Diagnostic::error("No value for required variable", detail)
}
