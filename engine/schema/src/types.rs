use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use muster_value::{Marks, Path, Type, Value};

use crate::{IdentitySchema, SchemaMap, Str};

/// Everything a provider offers.
#[derive(Clone, Debug, Default)]
pub struct ProviderSchema {
    /// The provider's own configuration.
    pub provider: Arc<Schema>,
    /// Managed resource types.
    pub resources: SchemaMap,
    /// What objects of resource types are known by, for the types that have such a thing.
    pub identities: BTreeMap<Str, Arc<IdentitySchema>>,
    /// Data sources.
    pub data_sources: SchemaMap,
    /// Ephemeral resource types.
    pub ephemeral_resources: SchemaMap,
    /// Functions.
    pub functions: BTreeMap<Str, FunctionSignature>,
    /// `provider_meta` of modules, if the provider takes any.
    pub provider_meta: Option<Arc<Schema>>,
    /// The provider wants to be asked to plan a destroy.
    pub plan_destroy: bool,
    /// The schema need not be fetched in every process before other calls.
    pub schema_optional: bool,
    /// The provider can move state from other resource types.
    pub move_resource_state: bool,
}

/// A versioned block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// Version of the stored form.
    pub version: u64,
    /// The body.
    pub block: Block,
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Attributes by name, in the provider's order.
    pub attributes: IndexMap<Str, Attribute>,
    /// Nested block types by name.
    pub blocks: IndexMap<Str, NestedBlock>,
    /// Description.
    pub description: String,
    /// How to read the description.
    pub description_kind: StringKind,
    /// Whether a warning is due when it is used.
    pub deprecated: bool,
}

/// Plain text or Markdown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StringKind {
    /// Plain text.
    #[default]
    Plain,
    /// Markdown.
    Markdown,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its type, plain or nested.
    pub ty: AttributeType,
    /// Must be in the configuration.
    pub required: bool,
    /// May be in the configuration.
    pub optional: bool,
    /// May be given by the provider.
    pub computed: bool,
    /// Never shown.
    pub sensitive: bool,
    /// Only in the configuration, never stored.
    pub write_only: bool,
    /// A warning is due when it is used.
    pub deprecated: bool,
    /// Description.
    pub description: String,
    /// How to read the description.
    pub description_kind: StringKind,
}

/// Type of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeType {
    /// Any type.
    Plain(Type),
    /// Attributes within attributes (protocol 6).
    Nested {
        /// The inner attributes.
        attributes: IndexMap<Str, Attribute>,
        /// Single, List, Set or Map (never Group).
        nesting: Nesting,
    },
}

/// How often, and in what shape, a nested block or attribute occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most one; null when absent.
    Single,
    /// At most one; an object of nulls when absent. Blocks only.
    Group,
    /// A list.
    List,
    /// A set.
    Set,
    /// A map by the block's label.
    Map,
}

/// A nested block type.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// Its body.
    pub block: Block,
    /// Shape.
    pub nesting: Nesting,
    /// Least number of blocks.
    pub min_items: u64,
    /// Greatest number of blocks; 0 is no limit.
    pub max_items: u64,
}

/// A function of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionSignature {
    /// Parameters.
    pub params: Vec<Parameter>,
    /// Takes all further arguments.
    pub variadic: Option<Parameter>,
    /// Type of the result.
    pub returns: Type,
    /// One line.
    pub summary: String,
    /// Description.
    pub description: String,
}

/// A parameter of a provider's function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: Str,
    /// Type.
    pub ty: Type,
    /// Null is taken.
    pub allow_null: bool,
    /// Unknown values are taken.
    pub allow_unknown: bool,
    /// Description.
    pub description: String,
}

impl Attribute {
    /// An attribute of a plain type, neither required nor optional nor computed yet.
    pub fn new(ty: Type) -> Self {
        Self {
            ty: AttributeType::Plain(ty),
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: false,
            description: String::new(),
            description_kind: StringKind::Plain,
        }
    }

    /// Type of the attribute's value.
    pub fn implied_type(&self) -> Type {
        match &self.ty {
            AttributeType::Plain(ty) => ty.clone(),
            AttributeType::Nested {
                attributes,
                nesting,
            } => {
                let object = Type::object(
                    attributes
                        .iter()
                        .map(|(k, a)| (k.clone(), a.implied_type())),
                );
                nesting.wrap(object)
            }
        }
    }
}

impl Nesting {
    /// The type of many objects in this shape.
    fn wrap(self, object: Type) -> Type {
        match self {
            Self::Single | Self::Group => object,
            Self::List => Type::list(object),
            Self::Set => Type::set(object),
            Self::Map => Type::map(object),
        }
    }
}

impl NestedBlock {
    /// Type of the value of all blocks of this type together. Lists and maps of blocks that hold
    /// a dynamic type are themselves dynamic: their elements may differ in type.
    pub fn implied_type(&self) -> Type {
        let object = self.block.implied_type();
        match self.nesting {
            Nesting::List | Nesting::Map if object.has_dynamic() => Type::Dynamic,
            nesting => nesting.wrap(object),
        }
    }

    /// The value when no block of this type is there.
    pub fn empty_value(&self) -> Value {
        match self.nesting {
            Nesting::Single => Value::Null(self.implied_type()),
            Nesting::Group => self.block.empty_value(),
            Nesting::List if self.block.implied_type().has_dynamic() => Value::tuple([]),
            Nesting::Map if self.block.implied_type().has_dynamic() => {
                Value::object::<Str>(std::iter::empty())
            }
            Nesting::List => Value::list(self.block.implied_type(), Vec::new()),
            Nesting::Set => muster_value::set_value(self.block.implied_type(), Vec::new()),
            Nesting::Map => Value::map(self.block.implied_type(), BTreeMap::new()),
        }
    }
}

impl Block {
    /// Type of the body's value: an object with one attribute per attribute and block type.
    pub fn implied_type(&self) -> Type {
        let attributes = self
            .attributes
            .iter()
            .map(|(k, a)| (k.clone(), a.implied_type()));
        let blocks = self
            .blocks
            .iter()
            .map(|(k, b)| (k.clone(), b.implied_type()));
        Type::object(attributes.chain(blocks))
    }

    /// The value of a body in which nothing is written.
    pub fn empty_value(&self) -> Value {
        let attributes = self
            .attributes
            .iter()
            .map(|(k, a)| (k.clone(), Value::Null(a.implied_type())));
        let blocks = self
            .blocks
            .iter()
            .map(|(k, b)| (k.clone(), b.empty_value()));
        Value::object(attributes.chain(blocks))
    }

    /// Paths of a value that the schema calls sensitive, ready for [`Value::mark_paths`].
    pub fn sensitive_paths(&self, value: &Value) -> Vec<(Path, Marks)> {
        let mut found = Vec::new();
        self.collect_sensitive(value, &Path::root(), &mut found);
        found
    }

    fn collect_sensitive(&self, value: &Value, at: &Path, found: &mut Vec<(Path, Marks)>) {
        collect_attributes(&self.attributes, value, at, found);
        for (name, nested) in &self.blocks {
            let Some(inner) = value.get(name) else {
                continue;
            };
            each_object(
                nested.nesting,
                inner,
                &at.attr(name.clone()),
                found,
                &|v, p, f| {
                    nested.block.collect_sensitive(v, p, f);
                },
            );
        }
    }
}

fn collect_attributes(
    attributes: &IndexMap<Str, Attribute>,
    value: &Value,
    at: &Path,
    found: &mut Vec<(Path, Marks)>,
) {
    for (name, attribute) in attributes {
        let Some(inner) = value.get(name) else {
            continue;
        };
        let path = at.attr(name.clone());
        if attribute.sensitive {
            found.push((path, Marks::SENSITIVE));
        } else if let AttributeType::Nested {
            attributes,
            nesting,
        } = &attribute.ty
        {
            each_object(*nesting, inner, &path, found, &|v, p, f| {
                collect_attributes(attributes, v, p, f);
            });
        }
    }
}

type Visit<'a> = &'a dyn Fn(&Value, &Path, &mut Vec<(Path, Marks)>);

/// Visits every object of a nested value. Elements of a set have no path of their own: when
/// one of them holds something sensitive the whole set is.
fn each_object(
    nesting: Nesting,
    value: &Value,
    at: &Path,
    found: &mut Vec<(Path, Marks)>,
    visit: Visit<'_>,
) {
    match nesting {
        Nesting::Single | Nesting::Group => visit(value, at, found),
        Nesting::Set => {
            let mut inner = Vec::new();
            value.for_each_child(|_, v| visit(v, at, &mut inner));
            if !inner.is_empty() {
                found.push((at.clone(), Marks::SENSITIVE));
            }
        }
        Nesting::List | Nesting::Map => value.for_each_child(|step, v| {
            if let Some(step) = step {
                visit(v, &at.join(step), found);
            }
        }),
    }
}
