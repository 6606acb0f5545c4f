//! Creations that were interrupted, and how their objects can be told.

use std::collections::BTreeMap;

use muster_addr::InstanceAddr;
use muster_provider::Private;
use muster_snapshot::Identity;
use muster_value::{Marks, Number, Value, to_msgpack};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Str;

/// A creation whose answer nobody has received: the object may be there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The instance that it is for.
    pub addr: InstanceAddr,
    /// Private bytes of the plan that was being carried out, if the provider promises that a
    /// creation that is planned with them a second time finds what the first one has made.
    pub resume: Option<Private>,
    /// What the provider knows the object by, if the plan knew all of that.
    pub identity: Option<Identity>,
    /// Ids that the object may be imported by, each after the attribute that it comes from, the
    /// most likely one first.
    pub ids: Vec<(Str, Str)>,
    /// What makes digests of one run different from those of another.
    pub salt: Str,
    /// Digests of the top-level attributes that were planned, known and neither null nor
    /// sensitive, as [`attribute_digest`] makes them.
    pub digests: BTreeMap<Str, Str>,
    /// When it was begun, in the form of RFC 3339.
    pub since: Str,
}

impl InFlight {
    /// Whether an object that was found is the one that was being made: each attribute that was
    /// planned is as planned, or not there (yet), and they do not all lack.
    pub fn has_made(&self, object: &Value) -> bool {
        let mut same = false;
        for (name, planned) in &self.digests {
            match object.get(name) {
                Some(value) if is_empty(value) => {}
                Some(value) if attribute_digest(&self.salt, value) == *planned => same = true,
                Some(_) | None => return false,
            }
        }
        same
    }

    /// Whether the provider says of an import that there is no such object when it knows that, and
    /// only then. Providers that are made with muster's own SDK do, and put a mark beside the
    /// token of a planned creation. Others may say the same when they are refused a look.
    pub fn tells_absence(&self) -> bool {
        #[derive(Deserialize)]
        struct Notes {
            muster_sdk: u64,
        }
        let resume = self.resume.as_deref().unwrap_or_default();
        let notes = serde_json::from_slice(resume);
        notes.is_ok_and(|notes: Notes| notes.muster_sdk == 1) && idempotency_token(resume).is_some()
    }

    /// The attributes that a new plan of the same creation has other values for, or none yet.
    pub fn differing(&self, planned: &Value) -> Vec<Str> {
        let planned = planned.peel();
        let same = |name: &str, digest: &Str| {
            let value = planned.get(name).filter(|value| value.is_wholly_known());
            value.is_some_and(|value| attribute_digest(&self.salt, value) == *digest)
        };
        let before = self.digests.iter();
        let mut names: Vec<Str> = before
            .filter(|(name, digest)| !same(name, digest))
            .map(|(name, _)| name.clone())
            .collect();
        let now = digests(&self.salt, planned).into_keys();
        names.extend(now.filter(|name| !self.digests.contains_key(name)));
        names
    }
}

/// A digest of a known value, which tells equal values from others and nothing else of them: 16
/// bytes as hexadecimal digits. A text that holds a JSON document counts as that document, since
/// services lay such texts out anew.
pub fn attribute_digest(salt: &str, value: &Value) -> Str {
    let value = rounded(&value.unmark_deep());
    let mut hasher = Sha256::new();
    hasher.update(salt.as_bytes());
    match value.as_str().and_then(|text| document(text)) {
        Some(document) => {
            hasher.update([1]);
            hasher.update(document.to_string());
        }
        None => {
            hasher.update([0]);
            // Nothing that is unmarked fails to be of its own type.
            hasher.update(to_msgpack(&value, &value.ty()).unwrap_or_default());
        }
    }
    let digest = hasher.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into()
}

/// Digests of the top-level attributes of a planned object that say what it will be: those that
/// are wholly known, neither null nor empty, and without sensitive parts. The object is marked.
pub fn digests(salt: &str, planned: &Value) -> BTreeMap<Str, Str> {
    let attributes = planned.peel().as_entries().into_iter().flatten();
    attributes
        .filter(|(_, value)| value.is_wholly_known() && !is_empty(value) && is_public(value))
        .map(|(name, value)| (name.clone(), attribute_digest(salt, value)))
        .collect()
}

/// Ids that a planned object may be imported by once it is made, each after the attribute that it
/// comes from, the most likely one first. The object is marked.
pub fn import_ids(type_name: &str, planned: &Value) -> Vec<(Str, Str)> {
    let attributes = planned.peel().as_entries().into_iter().flatten();
    let mut found: Vec<(u8, &Str, &Str)> = attributes
        .filter(|(_, value)| value.is_known() && is_public(value))
        .filter_map(|(name, value)| Some((rank(type_name, name)?, name, value.as_str()?)))
        .filter(|(_, _, id)| may_be_id(id))
        .collect();
    found.sort();
    found.truncate(IDS);
    found
        .into_iter()
        .map(|(_, name, id)| (name.clone(), id.clone()))
        .collect()
}

/// Whether an attribute names an object of its type by what it is called already: there are not
/// two objects with the same value. A mere name may be free for everybody to take.
pub fn is_identity(type_name: &str, attribute: &str) -> bool {
    rank(type_name, attribute).is_some_and(|rank| rank < NAME)
}

/// The idempotency token in private bytes of a plan, if there is one.
///
/// A provider that keeps a text under the name `idempotency_token` in the private data of a
/// planned creation, which are a JSON object then, promises this: planned with these bytes as those
/// of the prior object, and a prior object of null, the creation keeps its token, and carried out
/// once more it finds what the same token has made before, and makes nothing. It promises nothing
/// else: see [`InFlight::tells_absence`].
pub fn idempotency_token(private: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Notes {
        idempotency_token: String,
    }
    let notes: Notes = serde_json::from_slice(private).ok()?;
    Some(notes.idempotency_token).filter(|token| !token.is_empty())
}

/// How many ids are tried.
const IDS: usize = 4;
/// The rank of `name`.
const NAME: u8 = 4;

/// How likely it is that an attribute is what objects of its type are imported by: the less, the
/// likelier. `None` when nothing speaks for it.
fn rank(type_name: &str, attribute: &str) -> Option<u8> {
    match attribute {
        "id" => return Some(0),
        "identifier" => return Some(3),
        "name" => return Some(NAME),
        _ => {}
    }
    // The first word is that of the provider.
    let subject = type_name.split_once('_').map_or("", |(_, rest)| rest);
    let is_subject = |words: &str| {
        let before = subject.strip_suffix(words);
        !words.is_empty() && before.is_some_and(|b| b.is_empty() || b.ends_with('_'))
    };
    let part = ["_name", "_identifier", "_id"]
        .into_iter()
        .find_map(|end| attribute.strip_suffix(end));
    if is_subject(attribute) {
        Some(1)
    } else if part.is_some_and(is_subject) {
        Some(2)
    } else if attribute.ends_with("_name") {
        Some(5)
    } else {
        attribute.ends_with("_identifier").then_some(6)
    }
}

/// Ids are short and in one piece; other texts are content.
fn may_be_id(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '"');
    !text.is_empty() && text.len() <= 512 && !text.contains(odd)
}

fn is_public(value: &Value) -> bool {
    !value.marks_deep().contains(Marks::SENSITIVE)
}

/// Whether a value says nothing: services do not tell nothing from empty.
fn is_empty(value: &Value) -> bool {
    let value = value.peel();
    value.is_null()
        || value.as_str().is_some_and(|text| text.is_empty())
        || (!matches!(value, Value::Object(_)) && value.len() == Some(0))
}

/// A value with fractions as precise as machine floats, which is what services keep.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(n) if !n.is_integer() => {
            Value::Number(Number::from_f64(n.to_f64()).unwrap_or_else(|_| n.clone()))
        }
        other => stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            other.map_children(|_, part| rounded(part))
        }),
    }
}

/// The JSON object or array that a text holds.
fn document(text: &str) -> Option<serde_json::Value> {
    let start = text.trim_start();
    let holds = start.starts_with('{') || start.starts_with('[');
    let mut found: serde_json::Value = holds.then(|| serde_json::from_str(text).ok())??;
    found.sort_all_objects();
    Some(found)
}

#[cfg(test)]
mod tests;
