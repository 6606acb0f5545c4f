use serde::{Deserialize, Serialize};

use super::{Capacity, Resource, ZoneSpec};

/// How to find a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Only these zones, by id.
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// Only zones of this type.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Only zones at this location.
    #[serde(default)]
    pub location: Option<String>,
    /// Which of those that fit.
    #[serde(default)]
    pub strategy: Option<Strategy>,
}

/// Which zone is best of those that fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The lowest price; zones without a price come last.
    #[default]
    Cheapest,
    /// The most left of what is asked for.
    MostAvailable,
}

/// What is asked of a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Of what.
    pub resource: Resource,
    /// How much.
    pub amount: f64,
}

/// A zone as far as placement looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneView {
    /// Its id.
    pub id: String,
    /// What it is.
    pub spec: ZoneSpec,
    /// What is taken from it.
    pub committed: Capacity,
}

impl ZoneView {
    /// What is left of a resource.
    pub fn available(&self, resource: Resource) -> f64 {
        self.spec.offer().get(resource) - self.committed.get(resource)
    }
}

/// The zones that fit, best first, and the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Ids and names, best first.
    pub fit: Vec<(String, String)>,
    /// The zones that do not.
    pub rejected: Vec<Rejected>,
}

/// A zone that does not fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its name.
    pub zone: String,
    /// Why not.
    pub reason: String,
}

impl Candidates {
    /// Why there is none, for an error.
    pub fn reasons(&self) -> String {
        if self.rejected.is_empty() {
            return "there are no zones".into();
        }
        let reasons: Vec<String> = self
            .rejected
            .iter()
            .map(|r| format!("{}: {}", r.zone, r.reason))
            .collect();
        reasons.join("; ")
    }
}

/// Sorts zones by how well they meet a demand. The order does not depend on the order of the
/// zones: equal zones stand by name.
pub fn choose(zones: &[ZoneView], placement: &Placement, demand: Demand) -> Candidates {
    let mut found = Candidates::default();
    let mut fit: Vec<&ZoneView> = Vec::new();
    for zone in zones {
        match refusal(zone, placement, demand) {
            None => fit.push(zone),
            Some(reason) => found.rejected.push(Rejected {
                zone: zone.spec.name.clone(),
                reason,
            }),
        }
    }
    let price = |zone: &ZoneView| zone.spec.price(demand.resource).unwrap_or(f64::INFINITY);
    fit.sort_by(|a, b| {
        let cheaper = price(a).total_cmp(&price(b));
        let freer = b
            .available(demand.resource)
            .total_cmp(&a.available(demand.resource));
        let order = match placement.strategy.unwrap_or_default() {
            Strategy::Cheapest => cheaper.then(freer),
            Strategy::MostAvailable => freer.then(cheaper),
        };
        order.then_with(|| a.spec.name.cmp(&b.spec.name))
    });
    found.fit = fit
        .into_iter()
        .map(|z| (z.id.clone(), z.spec.name.clone()))
        .collect();
    found.rejected.sort_by(|a, b| a.zone.cmp(&b.zone));
    found
}

fn refusal(zone: &ZoneView, placement: &Placement, demand: Demand) -> Option<String> {
    if placement
        .zones
        .as_ref()
        .is_some_and(|ids| !ids.contains(&zone.id))
    {
        return Some("it is not among the zones to choose from".into());
    }
    if let Some(kind) = &placement.kind
        && *kind != zone.spec.kind
    {
        return Some(format!("its type is {:?}, not {kind:?}", zone.spec.kind));
    }
    if let Some(location) = &placement.location
        && *location != zone.spec.location
    {
        return Some(format!(
            "it is at {:?}, not {location:?}",
            zone.spec.location
        ));
    }
    let available = zone.available(demand.resource);
    if available < demand.amount {
        let unit = demand.resource.attribute();
        return Some(format!(
            "{} {unit} are needed, {available} are left",
            demand.amount
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, gpu: f64, taken: f64, price: Option<f64>) -> ZoneView {
        let spec = ZoneSpec {
            name: name.into(),
            kind: "partner".into(),
            driver: "sim".into(),
            partner_id: None,
            location: "us".into(),
            capacity: Capacity::of(Resource::Gpu, gpu),
            prices: price.map(|price| [("gpu".to_owned(), price)].into()),
            overcommit: 1.0,
        };
        ZoneView {
            id: name.into(),
            spec,
            committed: Capacity::of(Resource::Gpu, taken),
        }
    }

    #[track_caller]
    fn check(zones: &[ZoneView], placement: &Placement, expect: &[&str]) {
        let demand = Demand {
            resource: Resource::Gpu,
            amount: 10.0,
        };
        let found = choose(zones, placement, demand);
        let ids: Vec<&str> = found.fit.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, expect);
        assert_eq!(found.fit.len() + found.rejected.len(), zones.len());
    }

    #[test]
    fn the_strategy_decides_among_those_that_fit() {
        let zones = [
            zone("dear", 100.0, 0.0, Some(3.0)),
            zone("cheap", 50.0, 0.0, Some(1.0)),
            zone("full", 50.0, 45.0, Some(0.5)),
            zone("free", 500.0, 0.0, None),
        ];
        check(&zones, &Placement::default(), &["cheap", "dear", "free"]);
        let most = Placement {
            strategy: Some(Strategy::MostAvailable),
            ..Placement::default()
        };
        check(&zones, &most, &["free", "dear", "cheap"]);
        let only = Placement {
            zones: Some(vec!["dear".into()]),
            ..Placement::default()
        };
        check(&zones, &only, &["dear"]);
    }
}
