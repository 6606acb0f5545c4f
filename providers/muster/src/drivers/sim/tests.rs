use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::conformance::{fleet, policy, settlement, zone};
use crate::model::time::parse_time;
use crate::model::{DrPolicy, Fleet, Resource, Settlement};

fn sim() -> (tempfile::TempDir, Sim) {
    let folder = tempfile::tempdir().unwrap();
    let sim = Sim::new(folder.path().join("sim.json"));
    (folder, sim)
}

#[tokio::test]
async fn conforms() {
    let (_folder, sim) = sim();
    crate::conformance::check(&sim).await;
}

#[tokio::test]
async fn another_process_sees_the_same_world() {
    let (folder, sim) = sim();
    let made = Manages::<Zone>::create(&sim, "t", zone("z", 10.0, 0.0))
        .await
        .unwrap();
    let other = Sim::new(folder.path().join("sim.json"));
    assert_eq!(other.zones().await, Ok(vec![made.clone()]));
    // The answer of the first create was lost, and another process repeats it.
    let again = Manages::<Zone>::create(&other, "t", zone("z", 10.0, 0.0)).await;
    assert_eq!(again, Ok(made));
}

#[tokio::test]
async fn concurrent_creates_never_overbook() {
    let (_folder, sim) = sim();
    let z = Manages::<Zone>::create(&sim, "z", zone("z", 20.0, 0.0))
        .await
        .unwrap();
    let creates = (0..10).map(|n| {
        let (sim, id) = (sim.clone(), z.id.clone());
        tokio::spawn(async move {
            let spec = fleet(&format!("f{n}"), &[&id], 2);
            Manages::<Fleet>::create(&sim, &format!("t{n}"), spec)
                .await
                .is_ok()
        })
    });
    let mut made = 0;
    for create in creates.collect::<Vec<_>>() {
        made += u32::from(create.await.unwrap());
    }
    assert_eq!(made, 5);
    let z = Manages::<Zone>::get(&sim, &z.id).await.unwrap().unwrap();
    assert_eq!(z.status.available.get(Resource::Cpu), 0.0);
}

#[tokio::test]
async fn a_settlement_lives_by_the_clock() {
    let (_folder, sim) = sim();
    let now = Arc::new(AtomicI64::new(parse_time("2934-01-15T09:00:00Z").unwrap()));
    let clock = now.clone();
    let sim = sim.with_clock(move || clock.load(Ordering::SeqCst));
    let z = Manages::<Zone>::create(&sim, "z", zone("z", 1.0, 10.0))
        .await
        .unwrap();
    let made = Manages::<Settlement>::create(&sim, "s", settlement("CS", &[&z.id], 10.0));
    let id = made.await.unwrap().id;
    let look = || async {
        let s = Manages::<Settlement>::get(&sim, &id)
            .await
            .unwrap()
            .unwrap();
        let z = Manages::<Zone>::get(&sim, &z.id).await.unwrap().unwrap();
        let (used, reserved) = (z.status.used, z.status.reserved);
        (
            s.status.state,
            s.status.access.is_some(),
            used.get(Resource::Gpu),
            reserved.get(Resource::Gpu),
        )
    };
    assert_eq!(look().await, ("SCHEDULED".into(), false, 0.0, 10.0));
    now.fetch_add(3600, Ordering::SeqCst);
    assert_eq!(look().await, ("ACTIVE".into(), true, 10.0, 0.0));
    let refused = Manages::<Settlement>::delete(&sim, &id).await;
    assert!(matches!(refused, Err(DriverError::Refused(_))));
    now.fetch_add(24 * 3600, Ordering::SeqCst);
    assert_eq!(look().await, ("SETTLED".into(), false, 0.0, 0.0));
    assert_eq!(Manages::<Settlement>::delete(&sim, &id).await, Ok(()));
}

#[tokio::test]
async fn surplus_instances_go_from_the_fullest_zone() {
    let (_folder, sim) = sim();
    let a = Manages::<Zone>::create(&sim, "a", zone("a", 100.0, 0.0))
        .await
        .unwrap();
    let b = Manages::<Zone>::create(&sim, "b", zone("b", 4.0, 0.0))
        .await
        .unwrap();
    let zones = [a.id.as_str(), b.id.as_str()];
    let count = |f: &Object<Fleet>, zone: &str| {
        f.status.instances.iter().filter(|i| i.zone == zone).count()
    };
    let f = Manages::<Fleet>::create(&sim, "f", fleet("f", &zones, 6))
        .await
        .unwrap();
    assert_eq!((count(&f, &a.id), count(&f, &b.id)), (4, 2));
    let f = Manages::<Fleet>::update(&sim, &f.id, fleet("f", &zones, 4))
        .await
        .unwrap();
    assert_eq!((count(&f, &a.id), count(&f, &b.id)), (2, 2));
    let moved = Manages::<Fleet>::update(&sim, &f.id, fleet("f", &zones[..1], 4))
        .await
        .unwrap();
    assert_eq!((count(&moved, &a.id), count(&moved, &b.id)), (4, 0));
    let mut refreshed = fleet("f", &zones[..1], 4);
    refreshed.instance_type = "t3.large".into();
    let refreshed = Manages::<Fleet>::update(&sim, &f.id, refreshed)
        .await
        .unwrap();
    assert!(
        refreshed
            .status
            .instances
            .iter()
            .all(|i| i.instance_type == "t3.large")
    );
    assert!(
        !refreshed
            .status
            .instances
            .contains(&moved.status.instances[0])
    );
}

#[tokio::test]
async fn a_failed_over_policy_stays_where_it_is() {
    let (_folder, sim) = sim();
    let a = Manages::<Zone>::create(&sim, "a", zone("a", 100.0, 0.0))
        .await
        .unwrap();
    let b = Manages::<Zone>::create(&sim, "b", zone("b", 100.0, 0.0))
        .await
        .unwrap();
    let f = Manages::<Fleet>::create(&sim, "f", fleet("f", &[&a.id], 1))
        .await
        .unwrap();
    let spec = policy("p", &a.id, &b.id, &[&f.id]);
    let p = Manages::<DrPolicy>::create(&sim, "p", spec.clone())
        .await
        .unwrap();
    let (id, site) = (p.id.clone(), b.id.clone());
    sim.write(move |world, _| {
        if let Some(record) = world.dr_policies.get_mut(&id) {
            record.run.current_site = site;
        }
        Ok(())
    })
    .await
    .unwrap();
    let updated = Manages::<DrPolicy>::update(&sim, &p.id, spec)
        .await
        .unwrap();
    assert_eq!(updated.status.current_site, b.id);
}

#[tokio::test]
async fn tokens_end_by_the_clock_and_are_kept_as_digests() {
    let (folder, sim) = sim();
    let now = Arc::new(AtomicI64::new(1_000));
    let clock = Arc::clone(&now);
    let sim = sim.with_clock(move || clock.load(Ordering::Relaxed));
    let zone = Manages::<Zone>::create(&sim, "z", zone("z", 1.0, 0.0))
        .await
        .unwrap();
    let token = sim.open_token(&zone.id, 60).await.unwrap();
    assert_eq!(token.expires, 1_060);
    sim.set_credential(&zone.id, Some("hush-hush"))
        .await
        .unwrap();
    now.store(1_059, Ordering::Relaxed);
    assert_eq!(sim.renew_token(&token.id).await, Ok(1_119));
    let text = || std::fs::read_to_string(folder.path().join("sim.json")).unwrap();
    assert!(text().contains(&token.id));
    for secret in [&*token.token, "hush-hush"] {
        assert!(!text().contains(secret), "{secret}");
    }
    now.store(1_119, Ordering::Relaxed);
    assert!(sim.renew_token(&token.id).await.is_err());
    // What has ended goes with the next change.
    let next = sim.open_token(&zone.id, 60).await.unwrap();
    assert!(!text().contains(&token.id));
    sim.close_token(&next.id).await.unwrap();
    assert!(!text().contains("token-"));
}
