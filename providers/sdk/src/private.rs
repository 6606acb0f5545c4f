use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The name that engines look for the idempotency token of a planned creation under.
const TOKEN: &str = "idempotency_token";

/// Stands beside a token in the stored form and tells engines that the provider is made with this
/// library: of an import, "Cannot import non-existent remote object" says nothing else then.
const MARK: &str = "muster_sdk";
/// What the mark says.
const MARK_VERSION: u64 = 1;

/// What a provider keeps beside an object without showing it to anybody: small JSON values by
/// name, stored in the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Private(BTreeMap<String, serde_json::Value>);

impl Private {
    /// Reads the stored form. Bytes of another writer read as empty: they are of no use here.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        let mut values: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(bytes).unwrap_or_default();
        values.remove(MARK);
        Self(values)
    }

    /// The stored form; empty when there is nothing to keep.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut values = self.0.clone();
        if values.contains_key(TOKEN) {
            values.insert(MARK.into(), MARK_VERSION.into());
        }
        serde_json::to_vec(&values).unwrap_or_default()
    }

    /// A value put there earlier. `None` if there is none of that name and type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.0.get(name)?.clone()).ok()
    }

    /// Keeps a value.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn set<T: Serialize>(&mut self, name: &str, value: &T) -> Result<(), serde_json::Error> {
        self.0.insert(name.into(), serde_json::to_value(value)?);
        Ok(())
    }

    /// Drops a value.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_stored_form() {
        let mut private = Private::default();
        assert!(private.encode().is_empty());
        private.set("token", &"t-1").unwrap();
        let stored = Private::decode(&private.encode());
        assert_eq!(stored.get::<String>("token").as_deref(), Some("t-1"));
        assert_eq!(stored.get::<u64>("token"), None);
        assert_eq!(Private::decode(b"not ours"), Private::default());
    }

    #[test]
    fn tokens_are_marked_as_those_of_this_library() {
        let mut private = Private::default();
        private.set("other", &1).unwrap();
        assert_eq!(private.encode(), b"{\"other\":1}");
        private.set(TOKEN, &"t").unwrap();
        let stored: serde_json::Value = serde_json::from_slice(&private.encode()).unwrap();
        assert_eq!(stored[MARK], MARK_VERSION);
        let mut again = Private::decode(&private.encode());
        assert_eq!(again, private, "the mark is not one of the values");
        again.remove(TOKEN);
        again.remove("other");
        assert!(again.encode().is_empty(), "it goes with the token");
    }
}
