//! What a plan takes from zones, added up while it is being made.

use std::collections::BTreeMap;

use crate::model::{Capacity, Resource, ZoneView};

/// Objects of the plan in progress and what they will take, each from one set of zones.
///
/// Where in its set an object will come is the driver's choice. What can be said beforehand is
/// that objects which may only come into some zones cannot need more than these offer together.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<Name, Entry>,
    /// Sums over the entries of each set of zones.
    sets: BTreeMap<Vec<String>, Total>,
}

/// Kind and key of an object.
type Name = (&'static str, String);

/// What one object will take, and whether that is part of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Ids of the zones that it may come into.
    pub(crate) zones: Vec<String>,
    /// What it takes in all.
    pub(crate) takes: Capacity,
    /// Whether it is made or changed; otherwise it is there and stays as it is.
    pub(crate) changes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Total {
    takes: Capacity,
    entries: usize,
    changing: usize,
}

impl Total {
    const NONE: Self = Self {
        takes: Capacity::ZERO,
        entries: 0,
        changing: 0,
    };
}

/// A set of zones and everything that is planned to come into it and nowhere else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Load {
    /// Ids of the zones, sorted.
    pub(crate) zones: Vec<String>,
    /// What all of that takes.
    pub(crate) takes: Capacity,
}

impl Load {
    /// The first resource that something takes of which the zones offer less than is planned,
    /// and what they offer. `None` as well when a zone is not there: that is for others to tell.
    pub(crate) fn lacks(&self, takes: &Capacity, ahead: &[ZoneView]) -> Option<(Resource, f64)> {
        let mut offer = Capacity::ZERO;
        for id in &self.zones {
            let zone = ahead.iter().find(|zone| zone.id == *id)?;
            offer = offer.plus(&zone.spec.offer());
        }
        Resource::ALL
            .into_iter()
            .filter(|resource| takes.get(*resource) > 0.0)
            .map(|resource| (resource, offer.get(resource)))
            // Sums of fractions are off in their last digits.
            .find(|(resource, offer)| self.takes.get(*resource) > offer * (1.0 + 1e-9))
    }
}

impl Ledger {
    /// Puts an object down, in place of what was known of it, and gives the loads of which it is
    /// part. Loads in which nothing changes are left out: what is there has its place.
    pub(crate) fn commit(&mut self, kind: &'static str, key: &str, mut entry: Entry) -> Vec<Load> {
        self.release(kind, key);
        entry.zones.sort();
        entry.zones.dedup();
        let total = self.sets.entry(entry.zones.clone()).or_insert(Total::NONE);
        total.takes = total.takes.plus(&entry.takes);
        total.entries += 1;
        total.changing += usize::from(entry.changes);
        let zones = entry.zones.clone();
        self.entries.insert((kind, key.into()), entry);
        let wider = self.sets.keys().filter(|set| within(&zones, set));
        wider.filter_map(|set| self.load(set)).collect()
    }

    /// Forgets an object that will be gone.
    pub(crate) fn release(&mut self, kind: &'static str, key: &str) {
        let Some(entry) = self.entries.remove(&(kind, key.to_owned())) else {
            return;
        };
        if let Some(total) = self.sets.get_mut(&entry.zones) {
            total.takes = total.takes.minus(&entry.takes);
            total.entries -= 1;
            total.changing -= usize::from(entry.changes);
            if total.entries == 0 {
                self.sets.remove(&entry.zones);
            }
        }
    }

    /// Kind, key and amount of everything that will take of a resource from a set of zones and
    /// no others.
    pub(crate) fn takers(
        &self,
        zones: &[String],
        resource: Resource,
    ) -> Vec<(&'static str, &str, f64)> {
        let entries = self.entries.iter();
        let within = entries.filter(|(_, entry)| within(&entry.zones, zones));
        let amounts =
            within.map(|((kind, key), entry)| (*kind, key.as_str(), entry.takes.get(resource)));
        amounts.filter(|(_, _, amount)| *amount > 0.0).collect()
    }

    fn load(&self, zones: &[String]) -> Option<Load> {
        let inner = self.sets.iter().filter(|(set, _)| within(set, zones));
        let mut all = Total::NONE;
        for (_, total) in inner {
            all.takes = all.takes.plus(&total.takes);
            all.changing += total.changing;
        }
        (all.changing > 0).then(|| Load {
            zones: zones.to_vec(),
            takes: all.takes,
        })
    }
}

/// Whether all of `few` are among `many`; both are sorted.
fn within(few: &[String], many: &[String]) -> bool {
    few.iter().all(|zone| many.binary_search(zone).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn ahead() -> Vec<ZoneView> {
        let zone = |id: &str, gpu| ZoneView {
            id: id.into(),
            spec: conformance::zone(id, 0.0, gpu),
            committed: Capacity::ZERO,
        };
        vec![zone("a", 50.0), zone("b", 10.0)]
    }

    fn entry(zones: &[&str], gpu: f64) -> Entry {
        Entry {
            zones: zones.iter().map(|id| (*id).to_owned()).collect(),
            takes: Capacity::of(Resource::Gpu, gpu),
            changes: true,
        }
    }

    /// Checks that entries fit, one after the other, and how much the last one finds missing.
    #[track_caller]
    fn check(entries: &[(&str, Entry)], expect: Option<f64>) {
        let mut ledger = Ledger::default();
        let (last, before) = entries.split_last().unwrap();
        let mut put = |(key, entry): &(&str, Entry)| {
            let loads = ledger.commit("settlement", key, entry.clone());
            loads
                .iter()
                .find_map(|load| load.lacks(&entry.takes, &ahead()))
        };
        for entry in before {
            assert_eq!(put(entry), None);
        }
        let offer = put(last).map(|(_, offer)| offer);
        assert_eq!(offer, expect);
    }

    #[test]
    fn zones_hold_no_more_than_they_offer() {
        let one = ("1", entry(&["a"], 40.0));
        check(&[one.clone(), ("2", entry(&["a"], 10.0))], None);
        check(&[one.clone(), ("2", entry(&["a"], 11.0))], Some(50.0));
        check(&[one.clone(), ("2", entry(&["b", "a"], 20.0))], None);
        check(&[one.clone(), ("2", entry(&["b", "a"], 21.0))], Some(60.0));
        // The wider set is full whichever comes first.
        check(&[("2", entry(&["a", "b"], 21.0)), one.clone()], Some(60.0));
        // A plan that is made again counts once.
        check(
            &[one.clone(), one.clone(), ("2", entry(&["a"], 10.0))],
            None,
        );
        check(&[one, ("2", entry(&["gone", "a"], 99.0))], None);
    }

    #[test]
    fn what_is_released_leaves_its_place() {
        let mut ledger = Ledger::default();
        ledger.commit("settlement", "1", entry(&["a"], 40.0));
        ledger.release("settlement", "1");
        assert!(ledger.sets.is_empty());
        let loads = ledger.commit("settlement", "2", entry(&["a"], 40.0));
        assert_eq!(loads[0].takes.get(Resource::Gpu), 40.0);
    }

    #[test]
    fn what_only_stays_is_not_questioned() {
        let mut ledger = Ledger::default();
        let stays = Entry {
            changes: false,
            ..entry(&["b"], 99.0)
        };
        assert_eq!(ledger.commit("fleet", "f", stays), []);
        let loads = ledger.commit("settlement", "1", entry(&["b"], 1.0));
        let gpu = Capacity::of(Resource::Gpu, 1.0);
        assert_eq!(loads[0].lacks(&gpu, &ahead()), Some((Resource::Gpu, 10.0)));
        let cpu = Capacity::of(Resource::Cpu, 1.0);
        assert_eq!(loads[0].lacks(&cpu, &ahead()), None);
        let takers = ledger.takers(&["b".into()], Resource::Gpu);
        assert_eq!(takers, [("fleet", "f", 99.0), ("settlement", "1", 1.0)]);
    }
}
