//! Values for what nobody has said: computed attributes.

use indexmap::IndexMap;
use muster_lang::{Diagnostic, Diags};
use muster_schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use muster_value::{PathStep, Str, Type, Value, convert, set_value};

/// Which places of an object are filled in, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// Computed attributes that are null become unknown.
    Unknown,
    /// Computed attributes that are null get their values.
    Null,
    /// Computed attributes that are unknown get their values.
    Rest,
}

/// Fills in the computed attributes of an object: from `given` where it has something, else with
/// values that are made up. What does not fit its attribute is reported.
pub(super) fn fill(block: &Block, value: &Value, given: &Value, how: Fill) -> (Value, Diags) {
    let mut filler = Filler {
        how,
        diags: Diags::new(),
    };
    let filled = filler.object(
        Level {
            attributes: &block.attributes,
            blocks: Some(&block.blocks),
        },
        value,
        given,
    );
    (filled, filler.diags)
}

/// What an object at some depth may hold.
#[derive(Clone, Copy)]
struct Level<'a> {
    attributes: &'a IndexMap<Str, Attribute>,
    blocks: Option<&'a IndexMap<Str, NestedBlock>>,
}

struct Filler {
    how: Fill,
    diags: Diags,
}

impl Filler {
    fn object(&mut self, level: Level<'_>, value: &Value, given: &Value) -> Value {
        if !matches!(value, Value::Object(_)) {
            return value.clone();
        }
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            value.map_children(|step, part| match step {
                Some(PathStep::Attr(name) | PathStep::Key(name)) => {
                    self.part(level, &name, part, given.get(&name))
                }
                _ => part.clone(),
            })
        })
    }

    fn part(
        &mut self,
        level: Level<'_>,
        name: &Str,
        value: &Value,
        given: Option<&Value>,
    ) -> Value {
        let nothing = Value::NULL;
        if let Some(attribute) = level.attributes.get(name) {
            if self.is_open(attribute, value) {
                return self.made(attribute, name, given);
            }
            return match &attribute.ty {
                AttributeType::Plain(_) => value.clone(),
                AttributeType::Nested {
                    attributes,
                    nesting,
                } => {
                    let inner = Level {
                        attributes,
                        blocks: None,
                    };
                    self.many(inner, *nesting, value, given.unwrap_or(&nothing))
                }
            };
        }
        match level.blocks.and_then(|blocks| blocks.get(name)) {
            Some(nested) => {
                let inner = Level {
                    attributes: &nested.block.attributes,
                    blocks: Some(&nested.block.blocks),
                };
                self.many(inner, nested.nesting, value, given.unwrap_or(&nothing))
            }
            None => value.clone(),
        }
    }

    fn is_open(&self, attribute: &Attribute, value: &Value) -> bool {
        attribute.computed
            && match self.how {
                Fill::Unknown | Fill::Null => value.is_null(),
                Fill::Rest => !value.is_known(),
            }
    }

    /// Objects in some shape; what is given is given to all of them.
    fn many(&mut self, level: Level<'_>, nesting: Nesting, value: &Value, given: &Value) -> Value {
        if value.is_null() || !value.is_known() {
            return value.clone();
        }
        match (nesting, value) {
            (Nesting::Single | Nesting::Group, _) => self.object(level, value, given),
            (Nesting::Set, Value::Set(set)) => {
                let items = set.items.iter();
                let items = items.map(|item| self.object(level, item, given)).collect();
                set_value(set.elem.clone(), items)
            }
            _ => value.map_children(|_, item| self.object(level, item, given)),
        }
    }

    fn made(&mut self, attribute: &Attribute, name: &str, given: Option<&Value>) -> Value {
        let ty = attribute.implied_type();
        if self.how == Fill::Unknown {
            return Value::unknown(ty);
        }
        let Some(given) = given else {
            return made_up(&ty);
        };
        if let (AttributeType::Nested { attributes, .. }, Value::Object(_)) = (&attribute.ty, given)
            && matches!(ty, Type::Object(_))
        {
            // What is left out of a nested object is made up as well.
            let level = Level {
                attributes,
                blocks: None,
            };
            let parts = level.attributes.iter().map(|(name, inner)| {
                let value = self.made(inner, name, given.get(name));
                (name.clone(), value)
            });
            return Value::object(parts.collect::<Vec<_>>());
        }
        convert(given, &ty).unwrap_or_else(|error| {
            let detail = format!(
                "The value that the test gives for \"{name}\" does not fit its type, {ty}: {error}."
            );
            self.diags
                .push(Diagnostic::error("Failed to compute attribute", detail));
            Value::unknown(ty)
        })
    }
}

/// A value of a type when nothing is said of it.
fn made_up(ty: &Type) -> Value {
    match ty {
        Type::String => Value::string(word()),
        Type::Number => Value::int(0),
        Type::Bool => Value::Bool(false),
        Type::List(elem) => Value::list((**elem).clone(), Vec::new()),
        Type::Set(elem) => set_value((**elem).clone(), Vec::new()),
        Type::Map(elem) => Value::map((**elem).clone(), std::collections::BTreeMap::new()),
        Type::Tuple(items) => Value::tuple(items.iter().map(made_up)),
        Type::Object(object) => {
            let parts = object.attributes.iter();
            Value::object(parts.map(|(name, inner)| (name.clone(), made_up(inner))))
        }
        Type::Dynamic => Value::NULL,
    }
}

/// Eight random letters and digits.
fn word() -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = uuid::Uuid::new_v4().as_u128();
    let mut letter = || {
        let at = (random % 36) as usize;
        random /= 36;
        char::from(LETTERS[at])
    };
    (0..8).map(|_| letter()).collect()
}
