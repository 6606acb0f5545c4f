//! The shape of the file as serde sees it. Fields that are not known here are kept as text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{JsonText, Str};

/// Fields of other versions of the format.
pub(super) type Extra = Vec<(Str, JsonText)>;

#[derive(Default)]
pub(super) struct StateFile<'a> {
    pub(super) version: Option<u64>,
    pub(super) terraform_version: String,
    pub(super) serial: u64,
    pub(super) lineage: String,
    pub(super) outputs: BTreeMap<Str, OutputFile<'a>>,
    pub(super) resources: Vec<ResourceFile<'a>>,
    pub(super) checks: Option<&'a RawValue>,
    pub(super) extra: Extra,
}

#[derive(Default)]
pub(super) struct OutputFile<'a> {
    pub(super) value: Option<&'a RawValue>,
    pub(super) ty: Option<&'a RawValue>,
    pub(super) sensitive: bool,
}

#[derive(Default)]
pub(super) struct ResourceFile<'a> {
    pub(super) module: Option<Cow<'a, str>>,
    pub(super) mode: Cow<'a, str>,
    pub(super) type_name: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) provider: Cow<'a, str>,
    pub(super) instances: Vec<InstanceFile<'a>>,
    pub(super) extra: Extra,
}

#[derive(Default)]
pub(super) struct InstanceFile<'a> {
    pub(super) index_key: Option<&'a RawValue>,
    pub(super) status: Option<Cow<'a, str>>,
    pub(super) deposed: Option<Cow<'a, str>>,
    pub(super) provider: Option<Cow<'a, str>>,
    pub(super) schema_version: u64,
    pub(super) attributes: Option<&'a RawValue>,
    pub(super) flatmap: Option<BTreeMap<String, String>>,
    pub(super) sensitive: Vec<Vec<StepFile<'a>>>,
    pub(super) identity_version: Option<&'a RawValue>,
    pub(super) identity: Option<&'a RawValue>,
    pub(super) private: Option<Cow<'a, str>>,
    pub(super) dependencies: Vec<Cow<'a, str>>,
    pub(super) create_before_destroy: bool,
    pub(super) extra: Extra,
}

#[derive(Default)]
pub(super) struct StepFile<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) value: Option<&'a RawValue>,
}

/// An object of the file that takes its fields one by one.
trait Fields<'de>: Default {
    const NAME: &'static str;

    /// Takes one field. Null stands for the field's default, as it does for Terraform.
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

struct FieldsVisitor<T>(PhantomData<T>);

impl<'de, T: Fields<'de>> Visitor<'de> for FieldsVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut fields = T::default();
        while let Some(Text(name)) = map.next_key()? {
            fields.field(&name, &mut map)?;
        }
        Ok(fields)
    }
}

/// Implements [`Fields`] and [`Deserialize`]: `"json name" => rust_field`.
macro_rules! fields {
    ($type:ident, $expect:literal, { $($name:literal => $field:ident as $how:ident),* $(,)? }, $rest:expr) => {
        impl<'de> Fields<'de> for $type<'de> {
            const NAME: &'static str = $expect;

            fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
                match name {
                    $($name => self.$field = $how(map)?,)*
                    other => {
                        let keep: fn(&mut Self, &str, &'de RawValue) = $rest;
                        keep(self, other, map.next_value()?);
                    }
                }
                Ok(())
            }
        }

        impl<'de> Deserialize<'de> for $type<'de> {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_map(FieldsVisitor(PhantomData))
            }
        }
    };
}

/// The names of what a state has.
pub(super) const NAMES: &[&str] = &[
    "version",
    "terraform_version",
    "serial",
    "lineage",
    "outputs",
    "resources",
    "check_results",
];

fields!(StateFile, "a state", {
    "version" => version as plain,
    "terraform_version" => terraform_version as plain,
    "serial" => serial as plain,
    "lineage" => lineage as plain,
    "outputs" => outputs as plain,
    "resources" => resources as plain,
    "check_results" => checks as raw,
}, |this, name, value| this.extra.push((name.into(), value.into())));

fields!(OutputFile, "an output", {
    "value" => value as raw,
    "type" => ty as raw,
    "sensitive" => sensitive as plain,
}, |_, _, _| {});

fields!(ResourceFile, "a resource", {
    "module" => module as optional_text,
    "mode" => mode as text,
    "type" => type_name as text,
    "name" => name as text,
    "provider" => provider as text,
    "instances" => instances as plain,
}, |this, name, value| this.extra.push((name.into(), value.into())));

fields!(InstanceFile, "an instance", {
    "index_key" => index_key as raw,
    "status" => status as optional_text,
    "deposed" => deposed as optional_text,
    "provider" => provider as optional_text,
    "schema_version" => schema_version as plain,
    "attributes" => attributes as raw,
    "attributes_flat" => flatmap as optional,
    "sensitive_attributes" => sensitive as plain,
    "identity_schema_version" => identity_version as raw,
    "identity" => identity as raw,
    "private" => private as optional_text,
    "dependencies" => dependencies as texts,
    "create_before_destroy" => create_before_destroy as plain,
}, |this, name, value| this.extra.push((name.into(), value.into())));

fields!(StepFile, "a step of a path", {
    "type" => kind as text,
    "value" => value as raw,
}, |_, _, _| {});

fn plain<'de, A, T>(map: &mut A) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
}

fn optional<'de, A, T>(map: &mut A) -> Result<Option<T>, A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    map.next_value()
}

/// The text of a value; `None` for null.
fn raw<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<&'de RawValue>, A::Error> {
    let value: &RawValue = map.next_value()?;
    Ok((value.get() != "null").then_some(value))
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    Ok(optional_text(map)?.unwrap_or_default())
}

fn optional_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(map.next_value::<Option<Text<'de>>>()?.map(|t| t.0))
}

fn texts<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<Cow<'de, str>>, A::Error> {
    let texts: Vec<Text<'de>> = plain(map)?;
    Ok(texts.into_iter().map(|t| t.0).collect())
}

/// Text that borrows from the file unless it holds escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        d.deserialize_str(TextVisitor)
    }
}
