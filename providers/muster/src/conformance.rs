//! What every driver must do, whatever it drives. Run [`check`] against a driver that is empty.

use crate::driver::{Driver, DriverError, Manages};
use crate::model::{
    Capacity, DrPolicy, DrSpec, Fleet, FleetSpec, Kind, Object, Resource, Settlement,
    SettlementSpec, Zone, ZoneSpec,
};

/// Puts a driver through the life of every kind of object.
///
/// # Panics
/// With a sentence on the first rule that the driver breaks.
pub async fn check(driver: &(dyn Driver + 'static)) {
    let big = zone("conformance-big", 100.0, 20.0);
    let small = zone("conformance-small", 10.0, 0.0);
    let big = make::<Zone>(driver, "z1", big).await;
    let small = make::<Zone>(driver, "z2", small).await;
    assert_eq!(
        big.id,
        big.spec.id(),
        "the id of a zone follows from its specification"
    );
    zones(driver, &big).await;
    tokens(driver, &big).await;
    let fleet = fleets(driver, &big, &small).await;
    settlements(driver, &big, &small).await;
    policies(driver, &big, &small, &fleet).await;
    end::<Fleet>(driver, &fleet.id).await;
    end::<Zone>(driver, &big.id).await;
    end::<Zone>(driver, &small.id).await;
    assert_eq!(
        driver.zones().await.map(|zones| zones.len()),
        Ok(0),
        "nothing is left"
    );
}

async fn tokens(driver: &(dyn Driver + 'static), zone: &Object<Zone>) {
    for (id, lasts) in [("nowhere", 60), (zone.id.as_str(), 1), (&zone.id, 1 << 40)] {
        let refused = driver.open_token(id, lasts).await.is_err();
        assert!(refused, "no token for {lasts} seconds in {id}");
    }
    let open = async || driver.open_token(&zone.id, 600).await.ok();
    let (Some(first), Some(second)) = (open().await, open().await) else {
        panic!("a zone gives out tokens");
    };
    assert!(
        first.id != second.id && first.token != second.token,
        "no two tokens are the same"
    );
    let renewed = driver.renew_token(&first.id).await;
    assert!(
        renewed.is_ok_and(|expires| expires >= first.expires),
        "a token that is renewed lasts longer"
    );
    for _ in 0..2 {
        let closed = driver.close_token(&first.id).await;
        assert_eq!(closed, Ok(()), "what is revoked can be revoked");
    }
    assert!(
        driver.renew_token(&first.id).await.is_err(),
        "what is revoked stays so"
    );
    assert!(
        driver.renew_token(&second.id).await.is_ok(),
        "one token has nothing to do with another"
    );
    assert_eq!(driver.close_token(&second.id).await, Ok(()));
    for credential in [Some("a"), Some("b"), None] {
        assert_eq!(driver.set_credential(&zone.id, credential).await, Ok(()));
    }
    let missing = driver.set_credential("nowhere", Some("a")).await;
    assert!(missing.is_err(), "nobody signs in to no zone");
}

/// A zone to try things in.
pub fn zone(name: &str, cpu: f64, gpu: f64) -> ZoneSpec {
    ZoneSpec {
        name: name.into(),
        kind: "partner".into(),
        driver: "sim".into(),
        partner_id: None,
        location: "nowhere".into(),
        capacity: Capacity {
            cpu: Some(cpu),
            gpu: Some(gpu),
            memory_gb: Some(1000.0),
            storage_gb: None,
        },
        prices: None,
        overcommit: 1.0,
    }
}

/// A fleet to try things with.
pub fn fleet(name: &str, zones: &[&str], capacity: u64) -> FleetSpec {
    FleetSpec {
        name: name.into(),
        description: None,
        zones: Some(zones.iter().map(|id| (*id).to_owned()).collect()),
        placement: None,
        instance_type: "t3.medium".into(),
        image: None,
        capacity,
        spot: None,
        networking: None,
        health_check: None,
        tags: None,
        update_policy: None,
    }
}

/// A settlement of GPUs to try things with; it has not begun.
pub fn settlement(contract: &str, zones: &[&str], gpus: f64) -> SettlementSpec {
    SettlementSpec {
        contract_id: contract.into(),
        buyer_id: "buyer".into(),
        resource_type: Resource::Gpu,
        quantity: gpus,
        start_time: Some("2934-01-15T10:00:00Z".into()),
        duration_hours: 24.0,
        provider_priority: Some(zones.iter().map(|id| (*id).to_owned()).collect()),
        placement: None,
        isolation: "vpc".into(),
        sla: None,
        on_end: "terminate".into(),
        early_termination: false,
        tags: None,
    }
}

/// A DR policy to try things with.
pub fn policy(name: &str, primary: &str, other: &str, protects: &[&str]) -> DrSpec {
    DrSpec {
        name: name.into(),
        primary_site: primary.into(),
        dr_site: other.into(),
        protects: protects.iter().map(|id| (*id).to_owned()).collect(),
        rpo: "5m".into(),
        rto: "10m".into(),
        backup_interval: "1h".into(),
        replication: true,
        auto_failover: false,
        health_check: None,
        group: None,
        dns: None,
    }
}

async fn zones(driver: &(dyn Driver + 'static), big: &Object<Zone>) {
    assert_eq!(
        big.status.available.get(Resource::Cpu),
        100.0,
        "a new zone is empty"
    );
    let again = Manages::<Zone>::create(driver, "z1", big.spec.clone()).await;
    assert_eq!(
        again.map(|zone| zone.id).as_ref(),
        Ok(&big.id),
        "a create can be repeated"
    );
    let other = Manages::<Zone>::create(driver, "other", big.spec.clone()).await;
    assert!(
        matches!(other, Err(DriverError::Exists { .. })),
        "names are unique"
    );
    let mut larger = big.spec.clone();
    larger.capacity.cpu = Some(120.0);
    let updated = Manages::<Zone>::update(driver, &big.id, larger).await;
    let available = updated.map(|zone| zone.status.available.get(Resource::Cpu));
    assert_eq!(available, Ok(120.0), "a zone grows in place");
    let late = Manages::<Zone>::create(driver, "z1", big.spec.clone()).await;
    assert!(
        matches!(late, Err(DriverError::Exists { .. })),
        "a create is not repeated once its object has changed"
    );
}

async fn fleets(
    driver: &(dyn Driver + 'static),
    big: &Object<Zone>,
    small: &Object<Zone>,
) -> Object<Fleet> {
    let lost = Manages::<Fleet>::create(driver, "f0", fleet("lost", &["no-zone"], 1)).await;
    assert_eq!(
        field(&lost),
        Some("zones"),
        "a fleet needs zones that are there"
    );
    let zones = [big.id.as_str(), small.id.as_str()];
    let huge = Manages::<Fleet>::create(driver, "f0", fleet("huge", &zones, 1000)).await;
    assert_eq!(field(&huge), Some("capacity"), "a fleet needs room");
    let made = make::<Fleet>(driver, "f1", fleet("conformance", &zones, 4)).await;
    assert_eq!(made.status.current_capacity, 4, "a fleet has its capacity");
    let here = made
        .status
        .instances
        .iter()
        .filter(|i| i.zone == small.id)
        .count();
    assert_eq!(here, 2, "a fleet is spread evenly");
    let grown = Manages::<Fleet>::update(driver, &made.id, fleet("conformance", &zones, 6)).await;
    let grown = grown.expect("a fleet grows in place");
    let kept = made
        .status
        .instances
        .iter()
        .all(|i| grown.status.instances.contains(i));
    assert!(kept, "instances stay when a fleet grows");
    let used = get::<Zone>(driver, &small.id)
        .await
        .status
        .used
        .get(Resource::Cpu);
    assert_eq!(used, 6.0, "a zone counts what its fleets use");
    let busy = Manages::<Zone>::delete(driver, &small.id).await;
    assert!(
        matches!(busy, Err(DriverError::InUse { .. })),
        "a zone in use stays"
    );
    let mut shrunk = small.spec.clone();
    shrunk.capacity.cpu = Some(5.0);
    let shrunk = Manages::<Zone>::update(driver, &small.id, shrunk).await;
    assert_eq!(
        field(&shrunk),
        Some("capacity"),
        "a zone keeps what it has committed"
    );
    grown
}

async fn settlements(driver: &(dyn Driver + 'static), big: &Object<Zone>, small: &Object<Zone>) {
    let zones = [small.id.as_str(), big.id.as_str()];
    let huge = Manages::<Settlement>::create(driver, "s0", settlement("huge", &zones, 21.0)).await;
    assert_eq!(
        field(&huge),
        Some("quantity"),
        "a settlement needs a zone that can hold it"
    );
    let made = make::<Settlement>(driver, "s1", settlement("conformance", &zones, 10.0)).await;
    assert_eq!(
        made.status.zone, big.id,
        "the first zone with room delivers"
    );
    assert_eq!(
        made.status.state, "SCHEDULED",
        "delivery waits for its start"
    );
    let reserved = get::<Zone>(driver, &big.id)
        .await
        .status
        .reserved
        .get(Resource::Gpu);
    assert_eq!(reserved, 10.0, "what is promised is reserved");
    let second = settlement("second", &zones, 11.0);
    let second = Manages::<Settlement>::create(driver, "s2", second).await;
    assert_eq!(
        field(&second),
        Some("quantity"),
        "nothing is promised twice"
    );
    end::<Settlement>(driver, &made.id).await;
    let reserved = get::<Zone>(driver, &big.id)
        .await
        .status
        .reserved
        .get(Resource::Gpu);
    assert_eq!(reserved, 0.0, "what was promised is free again");
}

async fn policies(
    driver: &(dyn Driver + 'static),
    big: &Object<Zone>,
    small: &Object<Zone>,
    fleet: &Object<Fleet>,
) {
    let same = policy("same", &big.id, &big.id, &[&fleet.id]);
    let same = Manages::<DrPolicy>::create(driver, "d0", same).await;
    assert_eq!(
        field(&same),
        Some("dr_site"),
        "a site does not protect itself"
    );
    let lost = policy("lost", &big.id, &small.id, &["no-fleet"]);
    let lost = Manages::<DrPolicy>::create(driver, "d0", lost).await;
    assert_eq!(
        field(&lost),
        Some("protects"),
        "a policy protects what is there"
    );
    let spec = policy("conformance", &big.id, &small.id, &[&fleet.id]);
    let made = make::<DrPolicy>(driver, "d1", spec).await;
    assert_eq!(
        made.status.current_site, big.id,
        "the primary site serves at first"
    );
    assert_eq!(made.status.state, "READY", "a new policy is ready");
    end::<DrPolicy>(driver, &made.id).await;
}

fn field<T>(result: &Result<T, DriverError>) -> Option<&'static str> {
    result.as_ref().err().and_then(DriverError::field)
}

async fn make<K: Kind>(driver: &(dyn Driver + 'static), token: &str, spec: K::Spec) -> Object<K>
where
    dyn Driver: Manages<K>,
{
    let made = Manages::<K>::create(driver, token, spec).await;
    made.unwrap_or_else(|error| panic!("a {} can be made: {error}", K::NAME))
}

async fn get<K: Kind>(driver: &(dyn Driver + 'static), id: &str) -> Object<K>
where
    dyn Driver: Manages<K>,
{
    match Manages::<K>::get(driver, id).await {
        Ok(Some(object)) => object,
        other => panic!("a {} can be read: {:?}", K::NAME, other.err()),
    }
}

async fn end<K: Kind>(driver: &(dyn Driver + 'static), id: &str)
where
    dyn Driver: Manages<K>,
{
    for _ in 0..2 {
        let ended = Manages::<K>::delete(driver, id).await;
        assert_eq!(ended, Ok(()), "a {} can be ended, and ended again", K::NAME);
    }
    let gone = Manages::<K>::get(driver, id).await;
    assert!(matches!(gone, Ok(None)), "an ended {} is gone", K::NAME);
}
