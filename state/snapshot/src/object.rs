use std::collections::BTreeMap;
use std::fmt;

use muster_addr::ConfigResource;
use muster_value::{Marks, Path, Type, Value, json_to_value, value_to_json};

use crate::{JsonText, StateError, Str};

/// Bytes only the provider understands. Empty when there are none.
pub type Private = std::sync::Arc<[u8]>;

/// One object as it is remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Version of the schema that the attributes were written with.
    pub schema_version: u64,
    /// The attributes, as text.
    pub attributes: Attributes,
    /// Parts that are sensitive by their configuration, apart from what the schema says.
    pub sensitive: Vec<Path>,
    /// The provider's own notes.
    pub private: Private,
    /// What the object depended on when it was last changed.
    pub dependencies: Vec<ConfigResource>,
    /// Its replacement comes first.
    pub create_before_destroy: bool,
    /// Whether it is whole.
    pub status: Status,
    /// What its provider knows it by, if it has said so.
    pub identity: Option<Identity>,
    /// Fields of other versions of the format, in their order.
    pub extra: Vec<(Str, JsonText)>,
}

/// Attributes of an object as they are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Attributes {
    /// A JSON object.
    Json(JsonText),
    /// The flat form of older states, which only the provider can bring up to date.
    Flatmap(BTreeMap<String, String>),
}

/// What an object is known by for all of its life, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the schema that it was written with; one of its own.
    pub schema_version: u64,
    /// A JSON object.
    pub json: JsonText,
}

impl Identity {
    /// An identity of a type and version.
    ///
    /// # Errors
    /// The value is not of the type, or parts of it are not known.
    pub fn encode(value: &Value, ty: &Type, schema_version: u64) -> Result<Self, StateError> {
        Ok(Self {
            schema_version,
            json: (&value_to_json(value, ty)?).into(),
        })
    }

    /// The identity as a value of a type.
    ///
    /// # Errors
    /// It does not fit the type.
    pub fn decode(&self, ty: &Type) -> Result<Value, StateError> {
        Ok(json_to_value(&self.json.to_value()?, ty)?)
    }
}

/// Whether an object is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    #[default]
    Ready,
    /// Its creation did not end well: it is to be replaced.
    Tainted,
}

impl Object {
    /// An object of a value of the schema's type, ready and without anything else. Parts marked
    /// sensitive go to [`Object::sensitive`].
    ///
    /// # Errors
    /// The value is not of the type, or parts of it are not known.
    pub fn encode(value: &Value, ty: &Type) -> Result<Self, StateError> {
        let (value, marks) = value.unmark_deep_with_paths();
        let sensitive = marks
            .into_iter()
            .filter(|(_, marks)| marks.contains(Marks::SENSITIVE))
            .map(|(path, _)| path)
            .collect();
        Ok(Self {
            schema_version: 0,
            attributes: Attributes::Json((&value_to_json(&value, ty)?).into()),
            sensitive,
            private: Private::from([]),
            dependencies: Vec::new(),
            create_before_destroy: false,
            status: Status::Ready,
            identity: None,
            extra: Vec::new(),
        })
    }

    /// The object as a value of the schema's type, without marks.
    ///
    /// # Errors
    /// The attributes do not fit the type, or are in the flat form of older states.
    pub fn decode(&self, ty: &Type) -> Result<Value, StateError> {
        match &self.attributes {
            Attributes::Json(text) => Ok(json_to_value(&text.to_value()?, ty)?),
            Attributes::Flatmap(_) => Err(StateError::Flatmap),
        }
    }

    /// As [`Object::decode`], with [`Object::sensitive`] parts marked.
    ///
    /// # Errors
    /// As [`Object::decode`].
    pub fn decode_marked(&self, ty: &Type) -> Result<Value, StateError> {
        let marks: Vec<_> = self
            .sensitive
            .iter()
            .map(|path| (path.clone(), Marks::SENSITIVE))
            .collect();
        Ok(self.decode(ty)?.mark_paths(&marks))
    }

    /// Whether it is to be replaced because its creation did not end well.
    pub fn is_tainted(&self) -> bool {
        self.status == Status::Tainted
    }
}

/// Names one deposed object of an instance: eight hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeposedKey(Str);

impl DeposedKey {
    /// A new key, different from all others for all practical purposes.
    pub fn random() -> Self {
        let (first, _, _, _) = uuid::Uuid::new_v4().as_fields();
        Self(format!("{first:08x}").into())
    }

    /// Takes a key from a state file or a command line. `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeposedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
