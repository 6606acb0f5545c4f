//! `count` and `for_each`: which instances there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::InstanceKey;
use muster_config::Repetition;
use muster_lang::{Diagnostic, Diags, Expr, Scope, eval};
use muster_value::{Marks, Type, Value, convert};

use crate::Str;

/// More instances than this are a mistake, and one that would take all memory.
const MOST_INSTANCES: u64 = 10_000_000;

/// The instances of a resource or module.
#[derive(Clone, Debug, Default)]
pub enum Expansion {
    /// One, without a key.
    #[default]
    Single,
    /// None: `enabled` is false.
    Disabled,
    /// So many, by index.
    Count(u64),
    /// One per entry.
    ForEach(Arc<BTreeMap<Str, Value>>),
    /// Nobody knows before the run: only when validating.
    Unknown,
}

/// What `count` and `each` mean in one instance.
#[derive(Clone, Debug, Default)]
pub struct Repeat {
    /// The instance's key.
    pub key: InstanceKey,
    /// `each.value`
    pub each_value: Option<Value>,
    /// Neither key nor value are known: validating.
    pub unknown: bool,
}

impl Expansion {
    /// The keys in order.
    pub fn keys(&self) -> Vec<InstanceKey> {
        match self {
            Self::Single | Self::Unknown => vec![InstanceKey::None],
            Self::Disabled => Vec::new(),
            Self::Count(n) => (0..*n).map(InstanceKey::Int).collect(),
            Self::ForEach(m) => m.keys().cloned().map(InstanceKey::Str).collect(),
        }
    }

    /// Whether there is an instance of this key.
    pub fn contains(&self, key: &InstanceKey) -> bool {
        match (self, key) {
            (Self::Single | Self::Unknown, InstanceKey::None) => true,
            (Self::Count(n), InstanceKey::Int(i)) => i < n,
            (Self::ForEach(m), InstanceKey::Str(k)) => m.contains_key(k),
            _ => false,
        }
    }

    /// What `count` and `each` mean in the instance of a key.
    pub fn repeat(&self, key: &InstanceKey) -> Repeat {
        let each_value = match (self, key) {
            (Self::ForEach(m), InstanceKey::Str(k)) => m.get(k).cloned(),
            _ => None,
        };
        Repeat {
            key: key.clone(),
            each_value,
            unknown: matches!(self, Self::Unknown),
        }
    }
}

/// Works out the instances. With `lenient`, unknown values give [`Expansion::Unknown`].
pub(crate) fn expand(
    repetition: &Repetition,
    scope: &dyn Scope,
    lenient: bool,
) -> Result<Expansion, Diags> {
    match repetition {
        Repetition::Single => Ok(Expansion::Single),
        Repetition::Count(expr) => expand_count(expr, &eval(expr, scope, &[])?, lenient),
        Repetition::ForEach(expr) => expand_for_each(expr, &eval(expr, scope, &[])?, lenient),
        Repetition::Enabled(expr) => expand_enabled(expr, &eval(expr, scope, &[])?, lenient),
    }
}

/// When validating, what may be there is looked at as if it were.
fn expand_enabled(expr: &Expr, value: &Value, lenient: bool) -> Result<Expansion, Diags> {
    let error = |detail: &str| -> Diags {
        Diagnostic::error("Invalid enabled argument", detail)
            .at(expr.span())
            .into()
    };
    if value.marks().contains(Marks::EPHEMERAL) {
        return Err(error(
            "\"enabled\" decides what is stored, so it cannot come from an ephemeral value.",
        ));
    }
    let value = value.peel();
    if value.is_null() {
        return Err(error("The value is null; it has to be true or false."));
    }
    let value =
        convert(value, &Type::Bool).map_err(|e| error(&format!("The value does not fit: {e}.")))?;
    match value.as_bool() {
        _ if lenient => Ok(Expansion::Single),
        Some(true) => Ok(Expansion::Single),
        Some(false) => Ok(Expansion::Disabled),
        None => Err(error(
            "The value depends on something that is only known after apply, so nobody can say whether there will be an instance. Use -target to apply first what it depends on, or compute it from known values.",
        )),
    }
}

fn expand_count(expr: &Expr, value: &Value, lenient: bool) -> Result<Expansion, Diags> {
    let error = |detail: &str| -> Diags {
        Diagnostic::error("Invalid count argument", detail)
            .at(expr.span())
            .into()
    };
    if value.marks().contains(Marks::EPHEMERAL) {
        return Err(error(
            "\"count\" decides what is stored, so it cannot come from an ephemeral value.",
        ));
    }
    let value = value.peel();
    if value.is_null() {
        return Err(error(
            "The value is null. Give a whole number, 0 or more; to leave the resource out give 0.",
        ));
    }
    let number = convert(value, &Type::Number).map_err(|e| {
        let detail = format!("The value has to be a number: {e}.");
        Diagnostic::error("Incorrect value type", detail).at(expr.span())
    })?;
    let Some(number) = number.as_number().cloned() else {
        if lenient {
            return Ok(Expansion::Unknown);
        }
        return Err(error(
            "The value depends on something that is only known after apply, so nobody can say how many instances there will be. Use -target to apply first what it depends on, or compute it from known values.",
        ));
    };
    if number.is_negative() {
        return Err(error(&format!(
            "The value is {number}, but there cannot be fewer than 0 instances."
        )));
    }
    match number.to_u64() {
        Some(_) if lenient => Ok(Expansion::Unknown),
        Some(n) if n > MOST_INSTANCES => Err(error(&format!(
            "The value is {n}; there can be {MOST_INSTANCES} instances at most."
        ))),
        Some(n) => Ok(Expansion::Count(n)),
        None => Err(error(&format!(
            "The value is {number}; a whole number is required."
        ))),
    }
}

fn expand_for_each(expr: &Expr, value: &Value, lenient: bool) -> Result<Expansion, Diags> {
    let report = |summary: &str, detail: &str| -> Diags {
        Diagnostic::error(summary, detail).at(expr.span()).into()
    };
    let error = |detail: &str| report("Invalid for_each argument", detail);
    let set_error = |detail: &str| report("Invalid for_each set argument", detail);
    if value.marks().contains(Marks::EPHEMERAL) {
        return Err(error(
            "The keys become addresses, which are stored, so they cannot come from an ephemeral value.",
        ));
    }
    if value.marks().contains(Marks::SENSITIVE) {
        return Err(error(
            "The value is sensitive, but its keys would be shown in every address. Use nonsensitive() on the keys if they may be seen.",
        ));
    }
    let value = value.peel();
    let ty = value.ty();
    let fits = matches!(ty, Type::Map(_) | Type::Object(_) | Type::Dynamic)
        || matches!(&ty, Type::Set(t) if matches!(**t, Type::String | Type::Dynamic));
    if value.is_null() && (fits || ty == Type::Dynamic) {
        return Err(error(
            "The value is null. Give a map or a set of strings; for no instances give an empty one.",
        ));
    }
    if !fits {
        let error = |detail: &str| match ty {
            Type::Set(_) => set_error(detail),
            _ => error(detail),
        };
        return Err(error(&format!(
            "The value is {}, but for_each takes a map, or a set of strings. For a list use toset() on it.",
            ty.friendly_name()
        )));
    }
    if !value.is_known() || (matches!(ty, Type::Set(_)) && !value.is_wholly_known()) {
        if lenient {
            return Ok(Expansion::Unknown);
        }
        return Err(error(
            "The keys depend on something that is only known after apply, so nobody can say which instances there will be. Use a map whose keys are written in the configuration and put what is not known into its values, or use -target to apply first what it depends on.",
        ));
    }
    if lenient {
        check_keys(value, &set_error)?;
        return Ok(Expansion::Unknown);
    }
    check_keys(value, &set_error).map(|m| Expansion::ForEach(Arc::new(m)))
}

fn check_keys(value: &Value, error: &dyn Fn(&str) -> Diags) -> Result<BTreeMap<Str, Value>, Diags> {
    if let Some(entries) = value.as_entries() {
        return Ok(entries.clone());
    }
    let mut map = BTreeMap::new();
    for item in value.as_slice().unwrap_or_default() {
        let Some(text) = item.as_str() else {
            return Err(error(
                "The set has a null element; every element must be a string.",
            ));
        };
        map.insert(text.clone(), item.clone());
    }
    Ok(map)
}
