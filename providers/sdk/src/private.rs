use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a provider keeps beside an object without showing it to anybody: small JSON values by
/// name, stored in the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Private(BTreeMap<String, serde_json::Value>);

impl Private {
    /// Reads the stored form. Bytes of another writer read as empty: they are of no use here.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// The stored form; empty when there is nothing to keep.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        serde_json::to_vec(&self.0).unwrap_or_default()
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
}
