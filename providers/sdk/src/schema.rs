//! Schemas as an author writes them: what the protocol carries, and beside it the rules that
//! only the provider's side needs (what forces a replacement, defaults, checks).

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_schema as wire;
use muster_schema::{AttributeType, Nesting, StringKind};
use muster_value::{Number, Type, Value};

use crate::Str;

/// A test of one known, non-null value. The error completes the sentence "the value ...".
pub type Check = Arc<dyn Fn(&Value) -> Result<(), String> + Send + Sync>;

/// The schema of a resource, a data source or a provider's configuration.
#[derive(Clone, Default)]
pub struct Schema {
    pub(crate) wire: Arc<wire::Schema>,
    pub(crate) rules: Arc<Rules>,
    identity: Option<Arc<wire::IdentitySchema>>,
}

/// The provider-side rules of a body, by attribute and block.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    pub(crate) attributes: BTreeMap<Str, Rule>,
    pub(crate) blocks: BTreeMap<Str, Rules>,
}

/// The provider-side rules of an attribute.
#[derive(Clone, Default)]
pub(crate) struct Rule {
    /// A change needs a new object.
    pub(crate) forces_replace: bool,
    /// When a computed value outlives an update.
    pub(crate) keep: Keep,
    /// Takes the place of an absent value.
    pub(crate) default: Option<Value>,
    pub(crate) checks: Vec<Check>,
    /// The rules inside a nested attribute.
    pub(crate) nested: Option<Rules>,
}

/// When a computed value outlives an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Any change makes it unknown.
    #[default]
    Never,
    /// It never changes while the object lives.
    Always,
    /// A change of one of these attributes makes it unknown.
    Unless(Vec<Str>),
}

impl Schema {
    /// Starts a schema.
    pub fn builder() -> SchemaBuilder {
        SchemaBuilder::default()
    }

    /// What the protocol carries of it.
    pub fn wire(&self) -> &Arc<wire::Schema> {
        &self.wire
    }

    /// The body.
    pub fn block(&self) -> &wire::Block {
        &self.wire.block
    }

    /// What objects are known by, if [`SchemaBuilder::identity`] has said it.
    pub fn identity(&self) -> Option<&Arc<wire::IdentitySchema>> {
        self.identity.as_ref()
    }

    /// The identity of an object; unknown where the object is.
    pub(crate) fn identity_of(&self, object: &Value) -> Option<Value> {
        let identity = self.identity.as_ref()?;
        let parts = identity.attributes.iter().map(|(name, attribute)| {
            let part = object.get(name).map(Value::unmark_deep);
            let nothing = || Value::Null(attribute.ty.clone());
            (name.clone(), part.unwrap_or_else(nothing))
        });
        (!object.is_null() && object.is_known()).then(|| Value::object(parts))
    }

    /// The type of configurations, plans and states.
    pub fn ty(&self) -> Type {
        self.wire.block.implied_type()
    }
}

/// Builds a [`Schema`]; see [`Schema::builder`].
#[derive(Clone, Default)]
pub struct SchemaBuilder {
    version: u64,
    body: Block,
    identity: Option<(u64, Vec<Str>)>,
}

impl SchemaBuilder {
    /// Version of the stored form; 0 when never called. A higher number makes the engine ask for
    /// an upgrade of older states.
    #[must_use]
    pub fn version(mut self, version: u64) -> Self {
        self.version = version;
        self
    }

    /// Describes the whole, in Markdown.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.body = self.body.description(text);
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, attribute: Attribute) -> Self {
        self.body = self.body.attribute(name, attribute);
        self
    }

    /// Adds a nested block type.
    #[must_use]
    pub fn block(mut self, name: &str, block: Block) -> Self {
        self.body = self.body.block(name, block);
        self
    }

    /// Says by which attributes an object of a resource type is known for all of its life: no
    /// change in place alters them, and no other object has the same. Engines keep them beside
    /// the object, can import by them, and find by them what an interrupted run has made, if the
    /// plan knows them all.
    #[must_use]
    pub fn identity<const N: usize>(self, attributes: [&str; N]) -> Self {
        self.identity_version(0, attributes)
    }

    /// As [`identity`](Self::identity), with the version of the stored form: a higher number
    /// makes the engine ask for an upgrade of older ones.
    #[must_use]
    pub fn identity_version<const N: usize>(mut self, version: u64, attributes: [&str; N]) -> Self {
        self.identity = Some((version, attributes.map(Into::into).into()));
        self
    }

    /// The finished schema.
    pub fn build(self) -> Schema {
        let body = &self.body.wire;
        let identity = self.identity.map(|(version, names)| {
            let attributes = names.into_iter().map(|name| {
                let attribute = body.attributes.get(&name);
                let known = wire::IdentityAttribute {
                    // What is not there is found with the other contradictions.
                    ty: attribute.map_or(Type::Dynamic, wire::Attribute::implied_type),
                    required_for_import: true,
                    optional_for_import: false,
                    description: attribute.map_or_else(String::new, |a| a.description.clone()),
                };
                (name, known)
            });
            Arc::new(wire::IdentitySchema {
                version,
                attributes: attributes.collect(),
            })
        });
        Schema {
            identity,
            wire: Arc::new(wire::Schema {
                version: self.version,
                block: self.body.wire,
            }),
            rules: Arc::new(self.body.rules),
        }
    }
}

/// A nested block type: `health_check { ... }`. Prefer nested attributes ([`nested`]) unless
/// people are used to a block.
#[derive(Clone)]
pub struct Block {
    wire: wire::Block,
    rules: Rules,
    nesting: Nesting,
    min_items: u64,
    max_items: u64,
}

impl Default for Block {
    fn default() -> Self {
        Self::new(Nesting::Single)
    }
}

impl Block {
    /// At most one; absent is null.
    pub fn single() -> Self {
        Self {
            max_items: 1,
            ..Self::new(Nesting::Single)
        }
    }

    /// Any number, in order.
    pub fn list() -> Self {
        Self::new(Nesting::List)
    }

    /// Any number, without order.
    pub fn set() -> Self {
        Self::new(Nesting::Set)
    }

    fn new(nesting: Nesting) -> Self {
        Self {
            wire: wire::Block::default(),
            rules: Rules::default(),
            nesting,
            min_items: 0,
            max_items: 0,
        }
    }

    /// At least so many (for a single block: 1 makes it required).
    #[must_use]
    pub fn at_least(mut self, items: u64) -> Self {
        self.min_items = items;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn at_most(mut self, items: u64) -> Self {
        self.max_items = items;
        self
    }

    /// Describes the block, in Markdown.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.wire.description = text.into();
        self.wire.description_kind = StringKind::Markdown;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, attribute: Attribute) -> Self {
        let name: Str = name.into();
        self.wire.attributes.insert(name.clone(), attribute.wire);
        self.rules.attributes.insert(name, attribute.rule);
        self
    }

    /// Adds a block type inside.
    #[must_use]
    pub fn block(mut self, name: &str, block: Block) -> Self {
        let name: Str = name.into();
        let nested = wire::NestedBlock {
            block: block.wire,
            nesting: block.nesting,
            min_items: block.min_items,
            max_items: block.max_items,
        };
        self.wire.blocks.insert(name.clone(), nested);
        self.rules.blocks.insert(name, block.rules);
        self
    }
}

/// An attribute: begin with [`string`], [`number`], [`list`], [`nested`] and so on, then say
/// what it is for. One of [`required`](Self::required), [`optional`](Self::optional) and
/// [`computed`](Self::computed) has to be said.
#[derive(Clone)]
pub struct Attribute {
    wire: wire::Attribute,
    rule: Rule,
}

/// A string attribute.
pub fn string() -> Attribute {
    Attribute::of(Type::String)
}

/// A number attribute.
pub fn number() -> Attribute {
    Attribute::of(Type::Number)
}

/// A bool attribute.
pub fn bool() -> Attribute {
    Attribute::of(Type::Bool)
}

/// An attribute that is a list of values of the type.
pub fn list(elem: Type) -> Attribute {
    Attribute::of(Type::list(elem))
}

/// An attribute that is a set of values of the type.
pub fn set(elem: Type) -> Attribute {
    Attribute::of(Type::set(elem))
}

/// An attribute that is a map of values of the type.
pub fn map(elem: Type) -> Attribute {
    Attribute::of(Type::map(elem))
}

/// An attribute of which the type is not fixed.
pub fn any() -> Attribute {
    Attribute::of(Type::Dynamic)
}

/// An attribute with attributes of its own, written `capacity = { cpu = 1 }`.
pub fn nested<'a>(attributes: impl IntoIterator<Item = (&'a str, Attribute)>) -> Attribute {
    Attribute::nested(Nesting::Single, attributes)
}

/// A list of objects with attributes of their own.
pub fn nested_list<'a>(attributes: impl IntoIterator<Item = (&'a str, Attribute)>) -> Attribute {
    Attribute::nested(Nesting::List, attributes)
}

/// A map of objects with attributes of their own.
pub fn nested_map<'a>(attributes: impl IntoIterator<Item = (&'a str, Attribute)>) -> Attribute {
    Attribute::nested(Nesting::Map, attributes)
}

impl Attribute {
    /// An attribute of any plain type.
    pub fn of(ty: Type) -> Self {
        Self {
            wire: wire::Attribute::new(ty),
            rule: Rule::default(),
        }
    }

    fn nested<'a>(
        nesting: Nesting,
        attributes: impl IntoIterator<Item = (&'a str, Attribute)>,
    ) -> Self {
        let mut inner = Block::default();
        for (name, attribute) in attributes {
            inner = inner.attribute(name, attribute);
        }
        let mut wire = wire::Attribute::new(Type::Dynamic);
        wire.ty = AttributeType::Nested {
            attributes: inner.wire.attributes,
            nesting,
        };
        let rule = Rule {
            nested: Some(inner.rules),
            ..Rule::default()
        };
        Self { wire, rule }
    }

    /// Must be in the configuration.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.wire.required = true;
        self
    }

    /// May be in the configuration.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.wire.optional = true;
        self
    }

    /// Given by the provider (when it is not in the configuration, if also optional). Unknown in
    /// the plan of every create, and of every update unless [`stable`](Self::stable) or
    /// [`follows`](Self::follows) says otherwise.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.wire.computed = true;
        self
    }

    /// A computed value that stays the same as long as the object lives, like its id.
    #[must_use]
    pub fn stable(mut self) -> Self {
        self.rule.keep = Keep::Always;
        self
    }

    /// A computed value that an update changes only together with one of its siblings.
    #[must_use]
    pub fn follows<'a>(mut self, siblings: impl IntoIterator<Item = &'a str>) -> Self {
        self.rule.keep = Keep::Unless(siblings.into_iter().map(Str::from).collect());
        self
    }

    /// A change needs a new object in place of the old one.
    #[must_use]
    pub fn forces_replace(mut self) -> Self {
        self.rule.forces_replace = true;
        self
    }

    /// Stands in when the configuration leaves it out. Makes the attribute optional and computed,
    /// as the protocol demands.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.wire.optional = true;
        self.wire.computed = true;
        self.rule.default = Some(value.into());
        self
    }

    /// Never shown to people.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.wire.sensitive = true;
        self
    }

    /// Only in the configuration, never stored in plan or state.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.wire.write_only = true;
        self
    }

    /// A warning is due when it is used.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.wire.deprecated = true;
        self
    }

    /// Describes it, in Markdown.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.wire.description = text.into();
        self.wire.description_kind = StringKind::Markdown;
        self
    }

    /// Tests the value as soon as it is known. The error completes the sentence "the value ...":
    /// `must be even`.
    #[must_use]
    pub fn check(
        mut self,
        test: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.rule.checks.push(Arc::new(test));
        self
    }

    /// The number must not be below `least`.
    #[must_use]
    pub fn min(self, least: i64) -> Self {
        self.check(move |value| match value.as_number() {
            Some(n) if *n < Number::from(least) => {
                Err(format!("must be at least {least}, and is {n}"))
            }
            _ => Ok(()),
        })
    }

    /// The number must not be above `most`.
    #[must_use]
    pub fn max(self, most: i64) -> Self {
        self.check(move |value| match value.as_number() {
            Some(n) if *n > Number::from(most) => {
                Err(format!("must be at most {most}, and is {n}"))
            }
            _ => Ok(()),
        })
    }

    /// The number must be whole.
    #[must_use]
    pub fn whole(self) -> Self {
        self.check(|value| match value.as_number() {
            Some(n) if !n.is_integer() => Err(format!("must be a whole number, and is {n}")),
            _ => Ok(()),
        })
    }

    /// The string must be one of these.
    #[must_use]
    pub fn one_of<'a>(self, choices: impl IntoIterator<Item = &'a str>) -> Self {
        let choices: Vec<String> = choices.into_iter().map(String::from).collect();
        self.check(move |value| match value.as_str() {
            Some(text) if !choices.iter().any(|c| **c == **text) => Err(format!(
                "must be one of {}, and is {text:?}",
                quoted(&choices)
            )),
            _ => Ok(()),
        })
    }

    /// The string, list or map must not be empty.
    #[must_use]
    pub fn not_empty(self) -> Self {
        self.check(|value| {
            let empty = match value.as_str() {
                Some(text) => text.is_empty(),
                None => value.len() == Some(0),
            };
            if empty {
                return Err("must not be empty".into());
            }
            Ok(())
        })
    }
}

fn quoted(choices: &[String]) -> String {
    let quoted: Vec<String> = choices.iter().map(|c| format!("{c:?}")).collect();
    quoted.join(", ")
}

/// What is wrong with a schema: an attribute that is neither required nor optional nor computed,
/// or is too much of it at once. Empty for a sound one.
pub(crate) fn problems(block: &wire::Block, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    attribute_problems(&block.attributes, at, &mut found);
    for (name, nested) in &block.blocks {
        found.extend(problems(&nested.block, &format!("{at}.{name}")));
    }
    found
}

/// What is wrong with what objects of a type are known by.
pub(crate) fn identity_problems(schema: &Schema, at: &str) -> Vec<String> {
    let names = schema.identity.iter().flat_map(|i| i.attributes.keys());
    let missing = names.filter(|name| !schema.block().attributes.contains_key(*name));
    missing
        .map(|name| format!("{at}.{name} is part of the identity, but no attribute"))
        .collect()
}

fn attribute_problems(
    attributes: &indexmap::IndexMap<Str, wire::Attribute>,
    at: &str,
    found: &mut Vec<String>,
) {
    for (name, attribute) in attributes {
        let path = format!("{at}.{name}");
        let settable = attribute.required || attribute.optional;
        if !settable && !attribute.computed {
            found.push(format!(
                "{path} is neither required nor optional nor computed"
            ));
        }
        if attribute.required && (attribute.optional || attribute.computed) {
            found.push(format!("{path} is required and also optional or computed"));
        }
        if attribute.write_only && attribute.computed {
            found.push(format!("{path} is write-only and computed"));
        }
        if let AttributeType::Nested { attributes, .. } = &attribute.ty {
            attribute_problems(attributes, &path, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_found() {
        let schema = Schema::builder()
            .attribute("good", string().required())
            .attribute("nothing", string())
            .attribute("both", string().required().computed())
            .attribute("deep", nested([("nothing", number())]).optional())
            .build();
        assert_eq!(
            problems(schema.block(), "t"),
            [
                "t.nothing is neither required nor optional nor computed",
                "t.both is required and also optional or computed",
                "t.deep.nothing is neither required nor optional nor computed",
            ]
        );
    }

    #[test]
    fn an_identity_is_a_part_of_the_object() {
        let schema = Schema::builder()
            .attribute("id", string().computed())
            .attribute("name", string().required())
            .identity_version(3, ["id"])
            .build();
        assert_eq!(schema.identity().unwrap().version, 3);
        let object = Value::object([("id", "i".into()), ("name", "n".into())]);
        let identity = schema.identity_of(&object).unwrap();
        assert!(identity.same(&Value::object([("id", "i".into())])));
        assert!(schema.identity_of(&Value::Null(schema.ty())).is_none());
        assert!(identity_problems(&schema, "t").is_empty());
        let wrong = Schema::builder().identity(["arn"]).build();
        assert_eq!(
            identity_problems(&wrong, "t"),
            ["t.arn is part of the identity, but no attribute"]
        );
    }

    #[test]
    fn checks_say_what_is_asked_for() {
        let check = |attribute: Attribute, value: Value| (attribute.rule.checks[0])(&value);
        assert_eq!(check(number().min(0), Value::int(0)), Ok(()));
        assert!(
            check(number().min(0), Value::int(-1))
                .unwrap_err()
                .contains("at least 0")
        );
        assert!(check(string().one_of(["a", "b"]), Value::from("c")).is_err());
        assert!(check(string().not_empty(), Value::from("")).is_err());
    }
}
