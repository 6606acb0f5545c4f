//! What is different between two states, and the bytes that stand for it.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use muster_addr::{InstanceAddr, InstanceKey};
use muster_snapshot::{Resource, Snapshot};

use crate::local::file::{self, Pieces};

/// What a state has that another one has not.
#[derive(Debug, PartialEq)]
pub(super) struct Delta {
    /// The new state with those instances only that are different. Of a resource that is itself
    /// different it has all instances.
    changed: Snapshot,
    /// Instances that are not there any more.
    removed: Vec<InstanceAddr>,
}

/// Why bytes stand for no state or delta.
pub(super) type Broken = String;

impl Delta {
    /// What makes `new` of `old`; `None` if it tells of more than `most` instances.
    pub(super) fn new(old: &Snapshot, new: &Snapshot, most: usize) -> Option<Self> {
        let mut removed = Vec::new();
        for (addr, resource) in &old.resources {
            let now = new.resources.get(addr).map(|r| &r.instances);
            let keys = resource.instances.keys();
            let gone = keys.filter(|key| now.is_none_or(|now| !now.contains_key(key)));
            removed.extend(gone.map(|key| (addr, key)));
        }
        let mut changed = Vec::new();
        let mut count = removed.len();
        if count > most {
            return None;
        }
        for (addr, resource) in &new.resources {
            let keys = changed_keys(old.resources.get(addr), resource);
            count += keys.len();
            if count > most {
                return None;
            }
            changed.extend((!keys.is_empty()).then_some((addr, resource, keys)));
        }
        let resources = changed.into_iter().map(|(addr, resource, keys)| {
            let of = |key: &InstanceKey| Some((key.clone(), resource.instances.get(key)?.clone()));
            let part = Resource {
                provider: resource.provider.clone(),
                instances: keys.into_iter().filter_map(of).collect(),
                extra: resource.extra.clone(),
            };
            (addr.clone(), part)
        });
        let changed = Snapshot {
            terraform_version: new.terraform_version.clone(),
            serial: new.serial,
            lineage: new.lineage.clone(),
            outputs: new.outputs.clone(),
            resources: resources.collect(),
            checks: new.checks.clone(),
            extra: new.extra.clone(),
        };
        let removed = removed
            .into_iter()
            .map(|(addr, key)| addr.instance(key.clone()));
        Some(Self {
            changed,
            removed: removed.collect(),
        })
    }

    /// Makes the new state of the old one.
    pub(super) fn apply(self, state: &mut Snapshot) {
        for addr in &self.removed {
            state.remove_instance(addr);
        }
        let mut resources = std::mem::take(&mut state.resources);
        for (addr, changed) in self.changed.resources {
            match resources.get_mut(&addr) {
                Some(resource) => {
                    resource.provider = changed.provider;
                    resource.extra = changed.extra;
                    resource.instances.extend(changed.instances);
                }
                None => {
                    resources.insert(addr, changed);
                }
            }
        }
        *state = Snapshot {
            resources,
            ..self.changed
        };
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let removed: Vec<_> = self.removed.iter().map(ToString::to_string).collect();
        let mut text = serde_json::to_vec(&removed)?;
        text.push(b'\n');
        text.extend(muster_snapshot::encode(&self.changed));
        deflate(&[&text])
    }

    /// The delta that bytes stand for.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let text = inflate(bytes)?;
        let end = text.iter().position(|b| *b == b'\n').unwrap_or(text.len());
        let (removed, changed) = text.split_at(end);
        let removed: Vec<String> = serde_json::from_slice(removed).map_err(|e| e.to_string())?;
        let removed = removed.iter().map(|addr| addr.parse::<InstanceAddr>());
        Ok(Self {
            changed: muster_snapshot::decode(changed).map_err(|e| e.to_string())?,
            removed: removed
                .collect::<Result<_, _>>()
                .map_err(|e| e.to_string())?,
        })
    }
}

/// Which instances of a resource are different.
fn changed_keys<'a>(old: Option<&Resource>, new: &'a Resource) -> Vec<&'a InstanceKey> {
    match old.filter(|old| old.provider == new.provider && old.extra == new.extra) {
        None => new.instances.keys().collect(),
        Some(old) => {
            let instances = new.instances.iter();
            let changed = instances.filter(|(key, now)| old.instances.get(key) != Some(now));
            changed.map(|(key, _)| key).collect()
        }
    }
}

/// The bytes of a whole state, given as text.
pub(super) fn encode_whole(text: Pieces<'_>) -> io::Result<Vec<u8>> {
    deflate(text)
}

/// The whole state that bytes stand for.
pub(super) fn decode_whole(bytes: &[u8]) -> Result<Snapshot, Broken> {
    muster_snapshot::decode(&inflate(bytes)?).map_err(|e| e.to_string())
}

fn deflate(text: Pieces<'_>) -> io::Result<Vec<u8>> {
    /// States become this much smaller, as a rule; where not, there is more to move.
    const RATIO: usize = 8;
    let length = usize::try_from(file::length(text)).unwrap_or_default();
    let room = Vec::with_capacity(length / RATIO);
    let mut encoder = ZlibEncoder::new(room, Compression::fast());
    text.iter().try_for_each(|piece| encoder.write_all(piece))?;
    encoder.finish()
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(bytes).read_to_end(&mut text);
    read.map(|_| text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_snapshot::{Attributes, JsonText, Object};
    use muster_value::{Type, Value};

    /// A state with these instances, as addresses and attributes.
    fn state(serial: u64, instances: &[(&str, &str)]) -> Snapshot {
        let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
        let mut state = Snapshot {
            serial,
            lineage: "l".into(),
            ..Snapshot::default()
        };
        for (addr, attributes) in instances {
            let object = Object {
                attributes: Attributes::Json(JsonText::parse(attributes).unwrap()),
                ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
            };
            state.put(&addr.parse().unwrap(), &provider, object);
        }
        state
    }

    /// A state that was written and read as a whole.
    fn whole(state: &Snapshot) -> Snapshot {
        let bytes = encode_whole(&[&muster_snapshot::encode(state)]).unwrap();
        decode_whole(&bytes).unwrap()
    }

    fn check(old: &Snapshot, new: &Snapshot, changed: usize, removed: usize) {
        assert!(
            Delta::new(old, new, (changed + removed).wrapping_sub(1)).is_none()
                || changed + removed == 0
        );
        let delta = Delta::new(old, new, changed + removed).unwrap();
        assert_eq!(delta.changed.instances().count(), changed);
        assert_eq!(delta.removed.len(), removed);
        let mut made = old.clone();
        let decoded = Delta::decode(&delta.encode().unwrap()).unwrap();
        assert_eq!(decoded, delta);
        decoded.apply(&mut made);
        assert_eq!(made, *new);
        assert_eq!(whole(new), *new);
    }

    #[test]
    fn a_delta_makes_the_new_state_of_the_old_one() {
        let a = state(
            1,
            &[("x_y.a[0]", "{}"), ("x_y.a[1]", "{}"), ("x_y.b", "{}")],
        );
        let b = state(
            2,
            &[
                ("x_y.a[0]", "{}"),
                ("x_y.a[1]", "{\"c\":1}"),
                ("x_y.b", "{}"),
            ],
        );
        check(&a, &b, 1, 0);
        check(&a, &state(2, &[("x_y.a[1]", "{}")]), 0, 2);
        check(&state(0, &[]), &a, 3, 0);
        check(&a, &state(3, &[]), 0, 3);
        let odd = "module.m[\"a.\\\"${b}\"].data.x_y.a[\"\\n\"]";
        check(&a, &state(2, &[(odd, "{}")]), 1, 3);
        check(&state(2, &[(odd, "{}")]), &a, 3, 1);
        let mut moved = a.clone();
        for resource in moved.resources.values_mut() {
            resource.provider = "provider[\"example.com/x/z\"]".parse().unwrap();
        }
        check(&a, &moved, 3, 0);
        let mut checked = a.clone();
        checked.checks = JsonText::parse("[1]").ok();
        check(&a, &checked, 0, 0);
    }

    #[test]
    fn anything_else_is_broken() {
        assert!(Delta::decode(b"").is_err());
        assert!(Delta::decode(&deflate(&[b"[\"?\"]\n{}"]).unwrap()).is_err());
        assert!(decode_whole(&deflate(&[b"{}"]).unwrap()).is_err());
        let whole = encode_whole(&[&muster_snapshot::encode(&state(1, &[]))]).unwrap();
        assert!(decode_whole(&whole[..whole.len() - 5]).is_err());
    }
}
