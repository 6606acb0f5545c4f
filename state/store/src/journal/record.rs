//! What a journal says.

use std::collections::BTreeMap;

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_snapshot::{DeposedKey, Snapshot};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// One record, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Record {
    /// A run begins.
    Begin(RunInfo),
    /// The world is about to be changed.
    Intent(Box<Intent>),
    /// The objects of an instance, as they are from now on. [`encode_objects`] writes it.
    #[serde(skip_serializing)]
    Objects(Objects),
    /// An intent that is over although no objects follow from it.
    Closed { intent: u64 },
    /// A state was stored that has everything which was recorded before.
    Saved {},
}

/// A run, and the state that it began with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Names the run.
    pub id: String,
    /// What was done: `apply`.
    pub operation: String,
    /// `user@host`.
    pub who: String,
    /// Its process.
    pub process: u32,
    /// When it began, in the form of RFC 3339.
    pub created: String,
    /// Lineage of the state.
    pub lineage: String,
    /// Serial number of the state; 0 when there was none.
    pub serial: u64,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentAction {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is destroyed.
    Delete,
}

/// A call that is about to change the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Names the intent in its journal; the journal gives it.
    #[serde(default)]
    pub id: u64,
    /// The instance.
    #[serde(with = "as_text")]
    pub addr: InstanceAddr,
    /// The deposed object, if it is about one.
    #[serde(default, with = "as_key", skip_serializing_if = "Option::is_none")]
    pub deposed: Option<DeposedKey>,
    /// What is done.
    pub action: IntentAction,
    /// The provider configuration that does it.
    #[serde(with = "as_text")]
    pub provider: ProviderConfigAddr,
    /// When, in the form of RFC 3339.
    pub created: String,
    /// A digest of the planned object.
    pub digest: String,
    /// Private bytes of the plan, if the provider promises to find by them what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Vec<u8>>,
    /// What the provider will know the object by, as JSON, after the version of its schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<(u64, String)>,
    /// Attributes that the object may be imported by, and their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<(String, String)>,
    /// What the digests of attributes are salted with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub salt: String,
    /// Digests of planned attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
}

impl Intent {
    /// Whether both stand for the same call, whatever their numbers.
    pub(super) fn is_same_call(&self, other: &Self) -> bool {
        let call = |intent: &Self| Self {
            id: 0,
            ..intent.clone()
        };
        call(self) == call(other)
    }
}

/// See [`Record::Objects`].
#[derive(Debug, Deserialize)]
pub(super) struct Objects {
    /// The instance.
    #[serde(with = "as_text")]
    pub addr: InstanceAddr,
    /// The intent that ends with this.
    #[serde(default)]
    pub intent: Option<u64>,
    /// A digest of what they were when the run began; empty if there were none.
    #[serde(default)]
    pub before: String,
    /// A state with nothing but the instance; none if nothing is left of it. It follows the
    /// record as it is.
    #[serde(skip)]
    pub part: Option<Vec<u8>>,
}

impl Objects {
    /// Brings a state to where this says it is.
    pub(super) fn apply(&self, state: &mut Snapshot) -> Result<(), String> {
        state.remove_instance(&self.addr);
        let Some(part) = &self.part else {
            return Ok(());
        };
        let part = muster_snapshot::decode(part).map_err(|e| e.to_string())?;
        for (addr, resource) in part.resources {
            match state.resources.get_mut(&addr) {
                Some(known) => {
                    known.provider = resource.provider;
                    known.instances.extend(resource.instances);
                }
                None => {
                    state.resources.insert(addr, resource);
                }
            }
        }
        Ok(())
    }
}

/// What a state says of an instance.
pub(super) fn part(state: &Snapshot, addr: &InstanceAddr) -> Option<Vec<u8>> {
    muster_snapshot::encode_instance(state, addr)
}

/// What tells objects of an instance from others; empty if there are none.
pub(super) fn digest(part: Option<&[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some(part) = part else {
        return String::new();
    };
    let digest = Sha256::digest(part);
    let digits = digest[..16].iter().flat_map(|b| [b >> 4, b & 15]);
    digits.map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

/// What [`Objects`] are as a line of JSON.
#[derive(Serialize)]
enum Line<'a> {
    Objects {
        #[serde(with = "as_text")]
        addr: &'a InstanceAddr,
        #[serde(skip_serializing_if = "Option::is_none")]
        intent: Option<u64>,
        #[serde(skip_serializing_if = "String::is_empty")]
        before: String,
    },
}

/// Appends a [`Record::Objects`]: a line of JSON, and behind it what `state` says of an instance,
/// if it has that. `base` is the state that the run began with.
pub(super) fn encode_objects(
    out: &mut Vec<u8>,
    (base, state): (&Snapshot, &Snapshot),
    addr: &InstanceAddr,
    intent: Option<u64>,
) -> Result<(), StoreError> {
    let line = Line::Objects {
        addr,
        intent,
        before: digest(part(base, addr).as_deref()),
    };
    serde_json::to_writer(&mut *out, &line).map_err(unwritable)?;
    out.push(b'\n');
    if !muster_snapshot::encode_instance_onto(out, state, addr) {
        out.pop();
    }
    Ok(())
}

impl Record {
    /// Appends it as a line of JSON.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        serde_json::to_writer(out, self).map_err(unwritable)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        // Nothing within the line has a line break: JSON escapes them in texts.
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, part) = match end {
            Some(end) => (&bytes[..end], Some(bytes[end + 1..].to_vec())),
            None => (bytes, None),
        };
        let mut record: Self = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        if let Self::Objects(objects) = &mut record {
            objects.part = part;
        }
        Ok(record)
    }
}

fn unwritable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Journal {
        reason: error.to_string(),
    }
}

/// Addresses as people write them.
pub(crate) mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        let text = String::deserialize(d)?;
        let wrong = || de::Error::custom(format!("{text:?} is not an address"));
        text.parse().map_err(|_| wrong())
    }
}

/// Keys of deposed objects.
mod as_key {
    use muster_snapshot::DeposedKey;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        key: &Option<DeposedKey>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        key.as_ref().map(DeposedKey::as_str).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<DeposedKey>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else {
            return Ok(None);
        };
        let key = DeposedKey::parse(&text);
        let wrong = || de::Error::custom(format!("{text:?} is not the key of a deposed object"));
        key.map(Some).ok_or_else(wrong)
    }
}
