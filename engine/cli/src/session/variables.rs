//! Values of the root module's variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_config::{InputVariables, Module, Str};
use muster_lang::{Diags, Sources};
use muster_run::Stop;
use muster_value::Value;

use super::{Disk, Session, stopped};
use crate::error::Outcome;
use crate::{args, prompt};

/// Adds what the command line says.
pub(crate) fn take_options(
    options: &args::GivenInOrder,
    given: &mut InputVariables,
    sources: &mut Sources,
) -> Diags {
    let mut diags = Diags::new();
    for option in &options.0 {
        diags.extend(match option.is_file {
            false => given.option(&option.text),
            true => given.option_file(&option.text, &Disk, sources),
        });
    }
    diags
}

impl Session {
    /// Values of the root module's variables. For those that nobody gave, people are asked until
    /// they stop it.
    pub(crate) fn variables(
        &mut self,
        inputs: &args::Inputs,
        stop: &Stop,
    ) -> Outcome<BTreeMap<Str, Value>> {
        let config = Arc::clone(&self.config);
        self.variables_of(config.root(), inputs, stop)
    }

    /// Values of the root module's variables. Those that nobody gave are unknown, and nobody is
    /// asked.
    pub(crate) fn known_variables(
        &mut self,
        inputs: &args::Inputs,
    ) -> Outcome<BTreeMap<Str, Value>> {
        let mut root = self.config.root().clone();
        let (given, diags) = self.given(inputs)?;
        let missing: Vec<_> = given.missing(&root).into_iter().cloned().collect();
        for variable in &missing {
            root.variables.remove(&variable.name);
        }
        let mut values = self.resolve(&given, diags, &root)?;
        values.extend(missing.into_iter().map(|variable| {
            let ty = variable.ty.without_optional();
            (variable.name, Value::unknown(ty))
        }));
        Ok(values)
    }

    pub(crate) fn variables_of(
        &mut self,
        root: &Module,
        inputs: &args::Inputs,
        stop: &Stop,
    ) -> Outcome<BTreeMap<Str, Value>> {
        let (mut given, diags) = self.given(inputs)?;
        if inputs.input && prompt::is_wanted() {
            let asked = given.missing(root).into_iter();
            // Nobody is asked twice, when a plan has to be made anew.
            let asked: Vec<_> = asked
                .filter(|v| !self.answers.contains_key(&v.name))
                .collect();
            for variable in asked {
                let answer = prompt::variable(variable, stop);
                self.answers
                    .extend(answer.map(|answer| (variable.name.clone(), answer)));
            }
            if stop.is_requested() {
                return Err(stopped());
            }
            for (name, answer) in &self.answers {
                given.answer(name, answer);
            }
        }
        self.resolve(&given, diags, root)
    }

    /// What the environment, files and options say.
    fn given(&mut self, inputs: &args::Inputs) -> Outcome<(InputVariables, Diags)> {
        let mut given = InputVariables::new();
        given.environment(std::env::vars());
        let mut diags = given.auto_files(".", &Disk, &mut self.sources);
        diags.extend(take_options(&inputs.given, &mut given, &mut self.sources));
        match diags.has_errors() {
            true => Err(diags.into()),
            false => Ok((given, diags)),
        }
    }

    /// What options alone say.
    pub(crate) fn options(&mut self, inputs: &args::Inputs) -> Outcome<InputVariables> {
        let mut given = InputVariables::new();
        let diags = take_options(&inputs.given, &mut given, &mut self.sources);
        match diags.has_errors() {
            true => Err(diags.into()),
            false => Ok(given),
        }
    }

    fn resolve(
        &mut self,
        given: &InputVariables,
        mut diags: Diags,
        root: &Module,
    ) -> Outcome<BTreeMap<Str, Value>> {
        let (values, found) = given.resolve(root, &mut self.sources);
        self.as_given = given.as_given(root);
        self.origins = Arc::new(given.origins(root, &self.sources));
        diags.extend(found);
        if diags.has_errors() {
            return Err(diags.into());
        }
        self.warnings.extend(diags);
        Ok(values)
    }
}
