//! Values of the root module's input variables, from wherever they are given.

mod origin;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_lang::{Attribute, Diagnostic, Diags, Sources, Span, syntax};
use muster_value::{ConvertError, Marks, Value, convert};

use crate::decode::constant;
use crate::files::{ConfigFiles, join, read_body};
use crate::{Module, Str, Variable};
use origin::{Origin, place, with_origin};

/// The prefix of environment variables that set input variables.
const ENV_PREFIX: &str = "TF_VAR_";

/// So many values for undeclared variables are warned about one by one.
const MAX_UNDECLARED: usize = 2;

/// Values for input variables as they were given. Whatever the order of the calls, files that are
/// read by themselves win over the environment, and the command line wins over both; within each,
/// later ones win.
#[derive(Clone, Debug, Default)]
pub struct InputVariables {
    values: BTreeMap<Str, Input>,
}

#[derive(Clone, Debug)]
struct Input {
    origin: Origin,
    value: Given,
}

#[derive(Clone, Debug)]
enum Given {
    /// Text, whose meaning depends on the variable's type.
    Text(Str),
    /// A value with the position of the definition, if it is written somewhere.
    Value(Value, Option<Span>),
}

impl InputVariables {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Values that were worked out before, as a plan keeps them.
    pub fn known(values: impl IntoIterator<Item = (Str, Value)>) -> Self {
        let mut known = Self::default();
        for (name, value) in values {
            known.set(name, Origin::Known, Given::Value(value, None));
        }
        known
    }

    /// Takes every `TF_VAR_NAME` from the environment; other variables are left alone.
    pub fn environment(&mut self, vars: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in vars {
            if let Some(name) = name.strip_prefix(ENV_PREFIX) {
                self.set(name.into(), Origin::Environment, Given::Text(value.into()));
            }
        }
    }

    /// Takes what a person typed when asked for a variable.
    pub fn answer(&mut self, name: &str, text: &str) {
        self.set(name.into(), Origin::Prompt, Given::Text(text.into()));
    }

    /// Takes a `-var` option, `NAME=VALUE`.
    pub fn option(&mut self, option: &str) -> Diags {
        match option.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                self.set(
                    name.trim().into(),
                    Origin::CommandLine,
                    Given::Text(value.into()),
                );
                Diags::new()
            }
            _ => {
                let detail = format!("-var {option:?} is not of the form NAME=VALUE.");
                Diagnostic::error("Invalid -var option", detail).into()
            }
        }
    }

    /// Takes the file of a `-var-file` option.
    pub fn option_file(
        &mut self,
        path: &str,
        files: &dyn ConfigFiles,
        sources: &mut Sources,
    ) -> Diags {
        self.file(path, Origin::CommandFile, files, sources)
    }

    /// Takes the files that are read by themselves: `terraform.tfvars`, `terraform.tfvars.json`,
    /// then `*.auto.tfvars` and `*.auto.tfvars.json` by name.
    pub fn auto_files(
        &mut self,
        dir: &str,
        files: &dyn ConfigFiles,
        sources: &mut Sources,
    ) -> Diags {
        let mut diags = Diags::new();
        // A directory that cannot be listed is reported when the configuration is loaded.
        let mut names = files.list(dir).unwrap_or_default();
        names.sort_unstable();
        let (fixed, auto): (Vec<_>, Vec<_>) = names
            .into_iter()
            .filter(|name| is_auto_file(name))
            .partition(|name| name.starts_with("terraform.tfvars"));
        for name in fixed.into_iter().chain(auto) {
            diags.extend(self.file(&join(dir, &name), Origin::AutoFile, files, sources));
        }
        diags
    }

    /// Lets other values take the place of these, wherever both come from.
    pub fn give_way(&mut self, others: Self) {
        self.values.extend(others.values);
    }

    /// The names of variables that are declared, have no default and were not given: what to ask
    /// for, in the order of the names.
    pub fn missing<'a>(&self, root: &'a Module) -> Vec<&'a Variable> {
        let required = root.variables.values().filter(|v| v.default.is_none());
        required
            .filter(|v| !self.values.contains_key(&v.name))
            .collect()
    }

    /// The values of all variables of the root module, converted to their types, with defaults
    /// filled in and marks put on. Texts that are read as expressions are added to `sources`.
    /// Variables with an error are missing in the result.
    pub fn resolve(&self, root: &Module, sources: &mut Sources) -> (BTreeMap<Str, Value>, Diags) {
        let mut diags = self.undeclared(root, sources);
        let mut values = BTreeMap::new();
        for variable in root.variables.values() {
            let value = match self.values.get(&variable.name) {
                Some(input) => input.applied(variable, sources, &mut diags),
                None => unset(variable, &mut diags),
            };
            values.extend(value.map(|value| (variable.name.clone(), value)));
        }
        (values, diags)
    }

    /// Where the values of declared variables were set that somebody has given, for people: what
    /// follows "set", such as `with -var "name=..."` or `in terraform.tfvars:3`.
    pub fn origins(&self, root: &Module, sources: &Sources) -> BTreeMap<Str, String> {
        let declared = root.variables.keys();
        let told = declared.filter_map(|name| {
            let told = self.values.get(name)?.told(name, sources)?;
            Some((name.clone(), told))
        });
        told.collect()
    }

    /// The values that were given, as far as they can be read: those of declared variables as
    /// their declarations want them, others as they are. Texts that are read as expressions are
    /// added to `sources`.
    pub fn given(&self, root: &Module, sources: &mut Sources) -> (BTreeMap<Str, Value>, Diags) {
        let mut diags = Diags::new();
        let mut values = BTreeMap::new();
        for (name, input) in &self.values {
            let Some(variable) = root.variables.get(name) else {
                let value = match &input.value {
                    Given::Text(text) => Value::string_nfc(text),
                    Given::Value(value, _) => value.clone(),
                };
                values.insert(name.clone(), value);
                continue;
            };
            let value = input.applied(variable, sources, &mut diags);
            values.extend(value.map(|value| (name.clone(), value)));
        }
        (values, diags)
    }

    /// The values of declared variables as they were given, before they are converted. What is
    /// ephemeral is left out, as it is not stored, and so is what cannot be read.
    pub fn as_given(&self, root: &Module) -> BTreeMap<Str, Value> {
        // What is wrong is reported by those who use the values.
        let mut sources = Sources::default();
        let mut values = BTreeMap::new();
        for variable in root.variables.values().filter(|v| !v.ephemeral) {
            let input = self.values.get(&variable.name);
            let value = input.and_then(|i| i.value_for(variable, &mut sources).ok());
            values.extend(value.map(|(value, _)| (variable.name.clone(), value)));
        }
        values
    }

    fn set(&mut self, name: Str, origin: Origin, value: Given) {
        let stays = self
            .values
            .get(&name)
            .is_some_and(|old| old.origin.rank() > origin.rank());
        if !stays {
            self.values.insert(name, Input { origin, value });
        }
    }

    fn file(
        &mut self,
        path: &str,
        origin: Origin,
        files: &dyn ConfigFiles,
        sources: &mut Sources,
    ) -> Diags {
        let mut diags = Diags::new();
        if let Err(error) = files.read(path) {
            let detail = format!("The variables file {path} cannot be read: {error}.");
            return Diagnostic::error("Failed to read variables file", detail).into();
        }
        let Some((_, body, _)) = read_body(path, files, sources, &mut diags) else {
            return diags;
        };
        let (attributes, found) = body.just_attributes();
        diags.extend(found);
        for attribute in attributes {
            match constant(&attribute.expr) {
                Ok(value) => self.set(
                    attribute.name,
                    origin,
                    Given::Value(value, Some(attribute.span)),
                ),
                Err(found) => diags.extend(found),
            }
        }
        diags
    }

    /// Values for variables that the root module does not have. The environment is shared by
    /// many configurations, so there it is fine.
    fn undeclared(&self, root: &Module, sources: &Sources) -> Diags {
        let mut diags = Diags::new();
        let mut in_files = 0;
        let summary = "Value for undeclared variable";
        for (name, input) in self
            .values
            .iter()
            .filter(|(name, _)| !root.variables.contains_key(*name))
        {
            match (&input.value, input.origin) {
                (_, Origin::Environment | Origin::Prompt) => {}
                (Given::Value(_, span), _) => {
                    in_files += 1;
                    if in_files <= MAX_UNDECLARED {
                        let place = span.and_then(|span| place(span, sources));
                        let place = place.as_deref().unwrap_or("A file");
                        let detail = format!(
                            "{place} sets {name:?}, but the root module declares no such variable. \
                             Add a variable block or remove the value. Values for many \
                             configurations can be set as {ENV_PREFIX}... in the environment."
                        );
                        // One for each name, wherever it is set.
                        diags.push(Diagnostic::warning(summary, detail));
                    }
                }
                (Given::Text(_), _) => {
                    let detail = format!(
                        "-var sets {name:?}, but the root module declares no such variable. Add a \
                         variable block or leave the option out."
                    );
                    diags.push(Diagnostic::error(summary, detail));
                }
            }
        }
        if in_files > MAX_UNDECLARED {
            let more = in_files - MAX_UNDECLARED;
            let detail = match more {
                1 => "One more value is set in a file for an undeclared variable.".to_owned(),
                _ => format!("{more} more values are set in files for undeclared variables."),
            };
            diags.push(Diagnostic::warning(
                "Values for undeclared variables",
                detail,
            ));
        }
        diags
    }
}

impl Input {
    /// The value as the declaration wants it, or what is wrong with it.
    fn applied(
        &self,
        variable: &Variable,
        sources: &mut Sources,
        diags: &mut Diags,
    ) -> Option<Value> {
        let name = &variable.name;
        let applied = match self.value_for(variable, sources) {
            Ok((value, span)) => apply_type(variable, value)
                .map_err(|diagnostic| diagnostic.at(span.unwrap_or(variable.span)).into()),
            Err(found) if variable.sensitive => Err(Diags(found.into_iter().map(unread).collect())),
            Err(found) => Err(found),
        };
        let wrong: Diags = match applied {
            Ok(value) => return Some(value),
            Err(wrong) => wrong,
        };
        let told = self.told(name, sources);
        for found in wrong {
            let mut found = with_origin(found, name, told.as_deref());
            if variable.sensitive {
                // The line that sets it is not shown either.
                found.subject = Some(variable.span);
                found.context = None;
            }
            diags.push(found);
        }
        None
    }

    /// Where it was set, for people.
    fn told(&self, name: &str, sources: &Sources) -> Option<String> {
        let span = match &self.value {
            Given::Value(_, span) => *span,
            Given::Text(_) => None,
        };
        self.origin.told(name, span, sources)
    }

    /// The value and, if it stands in a file, where.
    fn value_for(
        &self,
        variable: &Variable,
        sources: &mut Sources,
    ) -> Result<(Value, Option<Span>), Diags> {
        match &self.value {
            Given::Value(value, span) => Ok((value.clone(), *span)),
            Given::Text(text) if variable.literal_input => Ok((Value::string_nfc(text), None)),
            Given::Text(text) => Ok((parse_text(&variable.name, text, sources)?, None)),
        }
    }
}

/// The value of a variable as its declaration wants it: optional attributes filled in, converted
/// to the type, null replaced by the default where null is not possible, marks put on. The error
/// has no position.
pub fn apply_type(variable: &Variable, value: Value) -> Result<Value, Diagnostic> {
    if !variable.ephemeral && value.marks_deep().contains(Marks::EPHEMERAL) {
        let detail = format!(
            "The value given for var.{0} is ephemeral, but the variable is not. Set ephemeral = true \
             in the declaration of {0:?} or give another value.",
            variable.name
        );
        return Err(Diagnostic::error("Ephemeral value not allowed", detail));
    }
    let mut marks = Marks::NONE;
    if variable.sensitive {
        marks |= Marks::SENSITIVE;
    }
    if variable.ephemeral {
        marks |= Marks::EPHEMERAL;
    }
    let converted = apply_constraint(variable, &value).map_err(|error| {
        let at = if error.path.is_root() {
            String::new()
        } else {
            format!(" at {}", error.path)
        };
        let detail = format!(
            "The value given for var.{} does not fit its type{at}: {error}.",
            variable.name
        );
        Diagnostic::error("Invalid value for input variable", detail)
    })?;
    if variable.nullable || !converted.is_null() {
        return Ok(converted.mark(marks));
    }
    match &variable.default {
        Some(default) => Ok(default.clone().mark(marks)),
        None => {
            let detail = format!("The value given for var.{} cannot be null.", variable.name);
            Err(Diagnostic::error("Required variable not set", detail))
        }
    }
}

/// Optional attributes filled in and converted to the type.
pub(crate) fn apply_constraint(variable: &Variable, value: &Value) -> Result<Value, ConvertError> {
    convert(&variable.optional_defaults.apply(value), &variable.ty)
}

/// The default as it is; `apply_type` has nothing left to convert in it.
fn unset(variable: &Variable, diags: &mut Diags) -> Option<Value> {
    if let Some(default) = &variable.default {
        return match apply_type(variable, default.clone()) {
            Ok(value) => Some(value),
            Err(diagnostic) => {
                diags.push(diagnostic.at(variable.span));
                None
            }
        };
    }
    let name = &variable.name;
    let detail = format!(
        "The variable {name:?} has no default and was not set. Set it with -var {name}=..., in a \
         file given with -var-file, in terraform.tfvars, or as {ENV_PREFIX}{name} in the environment."
    );
    diags.push(Diagnostic::error("No value for required variable", detail).at(variable.span));
    None
}

/// Reads a text from the environment or the command line as an expression.
fn parse_text(name: &str, text: &Str, sources: &mut Sources) -> Result<Value, Diags> {
    // The expression needs a definition around it to parse; both are what is shown on an error.
    let source: Arc<str> = format!("{name} = {text}\n").into();
    let file = sources.add(format!("<value for var.{name}>"), source.clone());
    let (body, mut diags) = syntax::parse_native(file, &source);
    let (attributes, found) = body.just_attributes();
    diags.extend(found);
    match <[Attribute; 1]>::try_from(attributes) {
        _ if diags.has_errors() => Err(diags),
        Ok([attribute]) => constant(&attribute.expr),
        Err(_) => {
            let detail = format!("The text given for var.{name} is not one expression.");
            Err(Diagnostic::error("Invalid expression", detail).into())
        }
    }
}

/// A diagnostic about a sensitive text, parts of which its detail may quote.
fn unread(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.detail = "The value cannot be read as an expression of its type. It is sensitive, so that it is not shown.".to_owned();
    diagnostic
}

fn is_auto_file(name: &str) -> bool {
    matches!(name, "terraform.tfvars" | "terraform.tfvars.json")
        || name.ends_with(".auto.tfvars")
        || name.ends_with(".auto.tfvars.json")
}
