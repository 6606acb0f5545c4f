//! Names in test files: variables of the file, earlier runs, and the module under test.

use std::collections::BTreeMap;

use muster_config::testing::{TestFile, run_reference};
use muster_eval::{Evaluator, ModuleInst, ModuleScope};
use muster_lang::{Diagnostic, Diags, Files, Reference, Scope, Span, Subject, eval};
use muster_value::{PathStep, Value};

use crate::Str;

/// What the names of a file mean at some point of its runs.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) file: &'a TestFile,
    /// Values of variables from outside of the file.
    pub(crate) global: &'a BTreeMap<Str, Value>,
    /// Outputs of the runs that were run.
    pub(crate) runs: &'a BTreeMap<Str, Value>,
    /// Files as functions see them.
    pub(crate) files: &'a dyn Files,
}

/// What is said when the outputs of a run are not there.
#[derive(Clone, Copy)]
struct RunWords {
    /// It has not been run yet.
    unready: &'static str,
    /// There is no such run.
    undeclared: &'static str,
}

/// The names in `variables` and `provider` blocks.
pub(crate) struct Outside<'a> {
    pub(crate) names: Names<'a>,
    /// Whether only what comes from outside of the file can be used: so in the file's own
    /// `variables` block.
    pub(crate) only_global: bool,
}

impl Names<'_> {
    /// A variable of the file or from outside of it; where it stands, if that is in the file.
    pub(crate) fn variable(&self, name: &str) -> Option<Result<(Value, Option<Span>), Diags>> {
        let Some(expr) = self.file.variables.get(name) else {
            let value = self.global.get(name)?;
            return Some(Ok((value.clone(), None)));
        };
        let scope = Outside {
            names: *self,
            only_global: true,
        };
        let value = eval(expr, &scope, &[]);
        Some(value.map(|value| (value, Some(expr.span()))))
    }

    fn run(&self, name: &Str, at: Span, words: RunWords) -> Result<Value, Diags> {
        if let Some(outputs) = self.runs.get(name) {
            return Ok(outputs.clone());
        }
        let known = self.file.runs.iter().any(|run| run.name == *name);
        let (summary, detail) = match known {
            true => (
                words.unready,
                format!("The run {name:?} has not been run yet: only earlier runs have outputs."),
            ),
            false => (words.undeclared, format!("This file has no run {name:?}.")),
        };
        Err(Diagnostic::error(summary, detail).at(at).into())
    }
}

impl Outside<'_> {
    /// The outputs of an earlier run, of which those that are referred to must be known.
    fn outputs_of(&self, name: &Str, reference: &Reference) -> Result<Value, Diags> {
        const WORDS: RunWords = RunWords {
            unready: "Reference to unavailable run block",
            undeclared: "Reference to unknown run block",
        };
        let outputs = self.names.run(name, reference.span, WORDS)?;
        let used = match reference.steps.first() {
            Some(PathStep::Attr(output) | PathStep::Key(output)) => outputs.get(output),
            _ => Some(&outputs),
        };
        if used.is_some_and(|value| !value.is_wholly_known()) {
            let detail = format!(
                "The run {name:?} only makes a plan, and this is known only when that is applied."
            );
            let error = Diagnostic::error("Reference to unknown value", detail);
            return Err(error.at(reference.full_span).into());
        }
        Ok(outputs)
    }
}

impl Scope for Outside<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let at = reference.span;
        match &reference.subject {
            Subject::Variable(name) if self.only_global => match self.names.global.get(name) {
                Some(value) => Ok(value.clone()),
                None => {
                    let detail = format!(
                        "There is no value for {name:?} from outside of the file: variables of a \
                         file can only use those."
                    );
                    let summary = "Reference to unavailable variable";
                    Err(Diagnostic::error(summary, detail).at(at).into())
                }
            },
            Subject::Variable(name) => match self.names.variable(name) {
                Some(result) => result.map(|(value, _)| value),
                None => {
                    let detail = format!(
                        "{name:?} is neither a variable of this file nor given from outside of it."
                    );
                    let summary = "Reference to unavailable variable";
                    Err(Diagnostic::error(summary, detail).at(at).into())
                }
            },
            _ => match run_reference(reference) {
                Some(name) if !self.only_global => self.outputs_of(name, reference),
                _ => {
                    let what = match self.only_global {
                        true => "variables from outside of the file",
                        false => "variables and the outputs of earlier runs",
                    };
                    let detail = format!("Only {what} can be used here.");
                    Err(Diagnostic::error("Invalid reference", detail).at(at).into())
                }
            },
        }
    }

    fn files(&self) -> &dyn Files {
        self.names.files
    }

    fn impure_now(&self) -> bool {
        true
    }
}

/// The names in assertions.
pub(crate) struct Inside<'a> {
    pub(crate) names: Names<'a>,
    /// The module under test after the run.
    pub(crate) eval: &'a Evaluator,
    pub(crate) module: ModuleScope<'a>,
    /// Its outputs.
    pub(crate) outputs: &'a Value,
    /// Variables of the run that the module does not declare.
    pub(crate) extra: &'a BTreeMap<Str, Value>,
}

impl<'a> Inside<'a> {
    /// The module under test as `eval` knows it.
    pub(crate) fn module(eval: &'a Evaluator) -> ModuleScope<'a> {
        eval.scope(ModuleInst::ROOT, None)
    }

    fn managed(&self, kind: &str, name: &Str, at: Span) -> Option<Result<Value, Diags>> {
        let refuse = |summary: &str, detail: String| {
            Some(Err(Diagnostic::error(summary, detail).at(at).into()))
        };
        match kind {
            "run" => {
                const WORDS: RunWords = RunWords {
                    unready: "Reference to unevaluated run block",
                    undeclared: "Reference to undeclared run block",
                };
                Some(self.names.run(name, at, WORDS))
            }
            "output" => match self.outputs.get(name) {
                Some(value) => Some(Ok(value.clone())),
                None => refuse(
                    "Reference to undeclared output value",
                    format!("The module under test has no output {name:?}."),
                ),
            },
            "check" => refuse(
                "Reference to \"check\" in invalid context",
                "A check block has no value: it can only be expected to fail.".to_owned(),
            ),
            _ => None,
        }
    }
}

impl Scope for Inside<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let at = reference.span;
        match &reference.subject {
            Subject::Managed(kind, name) => {
                if let Some(result) = self.managed(kind, name, at) {
                    return result;
                }
            }
            Subject::Variable(name) if !self.eval.config().root().variables.contains_key(name) => {
                if let Some(value) = self.extra.get(name) {
                    return Ok(value.clone());
                }
                if let Some(result) = self.names.variable(name) {
                    return result.map(|(value, _)| value);
                }
            }
            _ => {}
        }
        self.module.resolve(reference)
    }

    fn call_provider(
        &self,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        self.module.call_provider(provider, function, args, span)
    }

    fn files(&self) -> &dyn Files {
        self.module.files()
    }

    fn plan_timestamp(&self) -> Option<Str> {
        self.module.plan_timestamp()
    }

    fn impure_now(&self) -> bool {
        self.module.impure_now()
    }
}
