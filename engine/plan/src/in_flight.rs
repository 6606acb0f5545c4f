//! Creations that were interrupted, and how their objects can be told.

use std::collections::BTreeMap;

use muster_addr::InstanceAddr;
use muster_provider::Private;
use muster_value::Value;
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

/// A digest of a known value, which tells equal values from others and nothing else of them: 16
/// bytes as hexadecimal digits.
pub fn attribute_digest(salt: &str, value: &Value) -> Str {
    let mut hasher = Sha256::new();
    hasher.update(salt.as_bytes());
    hasher.update([0]);
    hasher.update(format!("{:?}", value.unmark_deep()));
    let digest = hasher.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_tell_values_and_runs_apart() {
        let value = |text: &str| Value::from(text);
        let digest = attribute_digest("run", &value("a"));
        assert_eq!(digest.len(), 32);
        assert_eq!(digest, attribute_digest("run", &value("a")));
        assert_ne!(digest, attribute_digest("run", &value("b")));
        assert_ne!(digest, attribute_digest("other", &value("a")));
    }
}
