//! The intents of a journal that are not over.

use std::collections::{BTreeMap, HashMap};

use muster_addr::InstanceAddr;

use super::record::{Intent, IntentAction};

/// Intents without a result, by number.
#[derive(Debug, Default)]
pub(super) struct OpenIntents {
    by_id: BTreeMap<u64, Intent>,
    /// The numbers of those that make an object, by its instance.
    creations: HashMap<InstanceAddr, Vec<u64>>,
}

impl OpenIntents {
    pub(super) fn insert(&mut self, intent: Intent) {
        if intent.action == IntentAction::Create {
            let of_instance = self.creations.entry(intent.addr.clone());
            of_instance.or_default().push(intent.id);
        }
        self.by_id.insert(intent.id, intent);
    }

    /// Takes an intent out, if it is there.
    pub(super) fn remove(&mut self, id: u64) {
        let Some(intent) = self.by_id.remove(&id) else {
            return;
        };
        if let Some(creations) = self.creations.get_mut(&intent.addr) {
            creations.retain(|creation| *creation != id);
            if creations.is_empty() {
                self.creations.remove(&intent.addr);
            }
        }
    }

    /// All of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Intent> {
        self.by_id.values()
    }

    /// The numbers of creations of an instance that are older than an intent.
    pub(super) fn creations_before(&self, intent: u64, addr: &InstanceAddr) -> Vec<u64> {
        let creations = self.creations.get(addr).into_iter().flatten();
        creations.copied().filter(|id| *id < intent).collect()
    }
}

impl FromIterator<Intent> for OpenIntents {
    fn from_iter<I: IntoIterator<Item = Intent>>(intents: I) -> Self {
        let mut open = Self::default();
        intents.into_iter().for_each(|intent| open.insert(intent));
        open
    }
}
