use muster_value::{Path, PathStep, Value};
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::{Field, from_value};

/// Typed access to an object of which parts may not be known yet: a configuration, a plan, or a
/// nested object inside one.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    value: &'a Value,
    path: Path,
}

impl<'a> Fields<'a> {
    /// Looks into an object.
    pub fn new(value: &'a Value) -> Self {
        Self {
            value,
            path: Path::root(),
        }
    }

    /// One attribute. Absent attributes are [`Field::Null`]; a collection of which some element
    /// is unknown is an error unless `T` holds [`Field`]s there.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Field<T>, Fault> {
        match self.value.get(name) {
            None if !self.value.is_known() => Ok(Field::Unknown),
            None => Ok(Field::Null),
            Some(value) if value.is_null() => Ok(Field::Null),
            Some(value) if !value.is_known() => Ok(Field::Unknown),
            Some(value) => from_value(value)
                .map(Field::Known)
                .map_err(|fault| self.outside(fault.inside(PathStep::Attr(name.into())))),
        }
    }

    /// Reads the whole object as a struct; give parts that may be unknown or absent the type
    /// [`Field`].
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        from_value(self.value).map_err(|fault| self.outside(fault))
    }

    /// The raw value of an attribute.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name)
    }

    /// The text of an object with nothing but one text in it.
    pub(crate) fn only_text(&self) -> Option<String> {
        let entries = self.value.as_entries()?;
        let only = entries.values().next().filter(|_| entries.len() == 1)?;
        only.as_str().map(ToString::to_string)
    }

    /// A nested object, if it is there and known.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        let value = self.value.get(name)?;
        value.as_entries()?;
        Some(Fields {
            value,
            path: self.path(name),
        })
    }

    /// The objects of a nested list or set, if it is known. Objects of a set have the set's path.
    pub fn objects(&self, name: &str) -> Vec<Fields<'a>> {
        let path = self.path(name);
        let Some(value) = self.value.get(name) else {
            return Vec::new();
        };
        let is_set = matches!(value.peel(), Value::Set(_));
        let items = value.as_slice().unwrap_or_default();
        (0u64..)
            .zip(items)
            .map(|(i, value)| Fields {
                value,
                path: if is_set { path.clone() } else { path.index(i) },
            })
            .collect()
    }

    /// Where an attribute is, for diagnostics.
    pub fn path(&self, name: &str) -> Path {
        self.path.attr(name)
    }

    fn outside(&self, fault: Fault) -> Fault {
        self.path
            .0
            .iter()
            .rev()
            .fold(fault, |fault, step| fault.inside(step.clone()))
    }
}

#[cfg(test)]
mod tests {
    use muster_value::Type;

    use super::*;

    #[test]
    fn nested_errors_have_whole_paths() {
        let value = Value::object([(
            "outer",
            Value::object([("n", Value::from("x")), ("u", Value::unknown(Type::Number))]),
        )]);
        let outer = Fields::new(&value).object("outer").unwrap();
        assert_eq!(outer.get::<u64>("u"), Ok(Field::Unknown));
        assert_eq!(outer.get::<u64>("absent"), Ok(Field::Null));
        let fault = outer.get::<u64>("n").unwrap_err();
        assert_eq!(fault.path().to_string(), ".outer.n");
    }
}
