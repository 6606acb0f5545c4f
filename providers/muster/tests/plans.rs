//! What the provider plans and refuses, asked directly: no process, no wire, no engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use muster_provider::{
    Applied, ApplyRequest, ImportBy, PlanRequest, Planned, Private, Provider, Read, Request,
    Response,
};
use muster_provider_muster::MusterProvider;
use muster_schema::{Block, proposed_new};
use muster_sdk::{Server, Type, Value};
use tempfile::TempDir;

/// A configured provider with an empty world.
struct Bench {
    server: Server<MusterProvider>,
    folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(MusterProvider).unwrap();
        let path = folder.path().join("sim.json");
        let sim = object(&[
            ("path", path.to_str().unwrap().into()),
            ("latency", Value::Null(Type::String)),
        ]);
        let config = object(&[("sim", sim)]);
        let answer = server.call(Request::Configure { config }).await.unwrap();
        assert!(answer.diags().is_empty());
        Self { server, folder }
    }

    /// A configuration: these attributes, and nothing in all the others.
    fn config(&self, ty: &str, attributes: &[(&str, Value)]) -> Value {
        let block = self.block(ty);
        let empty = block.empty_value();
        let mut all: BTreeMap<_, _> = empty.as_entries().unwrap().clone();
        for (name, value) in attributes {
            let name: muster_sdk::Str = (*name).into();
            assert!(
                all.insert(name, value.clone()).is_some(),
                "{ty} has no such attribute"
            );
        }
        let value = Value::object(all);
        typed(&value, &block.implied_type())
    }

    async fn plan(&self, ty: &str, prior: &Value, config: &Value) -> Planned {
        self.plan_with(ty, prior, config, [].into()).await
    }

    /// As [`Bench::plan`], with private bytes of the prior object or of an earlier plan.
    async fn plan_with(
        &self,
        ty: &str,
        prior: &Value,
        config: &Value,
        prior_private: Private,
    ) -> Planned {
        let config = config.clone();
        let mut diags = muster_sdk::Diags::new();
        if !config.is_null() {
            let validate = Request::ValidateResource {
                type_name: ty.into(),
                config: config.clone(),
            };
            diags.extend(self.server.call(validate).await.unwrap().diags().clone());
        }
        let block = self.block(ty);
        let proposed = match config.is_null() {
            true => Value::Null(block.implied_type()),
            false => proposed_new(&block, prior, &config),
        };
        let request = PlanRequest {
            type_name: ty.into(),
            prior: prior.clone(),
            proposed,
            config,
            prior_private,
            prior_identity: None,
            provider_meta: Value::NULL,
        };
        let Response::Planned(mut planned) =
            self.server.call(Request::Plan(request)).await.unwrap()
        else {
            panic!("a plan answers a plan");
        };
        diags.extend(planned.diags);
        planned.diags = diags;
        planned
    }

    /// Plans and makes a change, and looks at what became of it.
    async fn apply(&self, ty: &str, prior: &Value, config: &Value) -> Value {
        let planned = self.plan(ty, prior, config).await;
        assert!(planned.diags.is_empty(), "{:?}", planned.diags);
        let applied = self.make(ty, prior, config, &planned).await;
        assert!(applied.diags.is_empty(), "{:?}", applied.diags);
        let before = self.world();
        let request = Read {
            type_name: ty.into(),
            current: applied.value.clone(),
            private: applied.private,
            identity: None,
            provider_meta: Value::NULL,
        };
        let Response::Read { value, .. } = self.server.call(Request::Read(request)).await.unwrap()
        else {
            panic!("a read answers a read");
        };
        assert_eq!(value, applied.value, "what was made is what is there");
        assert_eq!(self.world(), before, "who reads does not write");
        value
    }

    /// The file of the simulated world.
    fn world(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("sim.json")).unwrap()
    }

    /// Makes a change that was planned.
    async fn make(&self, ty: &str, prior: &Value, config: &Value, planned: &Planned) -> Applied {
        let request = ApplyRequest {
            type_name: ty.into(),
            prior: prior.clone(),
            planned: planned.value.clone(),
            config: config.clone(),
            planned_private: planned.private.clone(),
            planned_identity: None,
            provider_meta: Value::NULL,
        };
        match self.server.call(Request::Apply(request)).await.unwrap() {
            Response::Applied(applied) => applied,
            other => panic!("an apply answers an apply: {other:?}"),
        }
    }

    async fn zone(&self, name: &str, cpu: i64, gpu: i64) -> Value {
        let config = self.zone_config(name, cpu, gpu);
        self.apply("muster_zone", &self.none("muster_zone"), &config)
            .await
    }

    fn zone_config(&self, name: &str, cpu: i64, gpu: i64) -> Value {
        let capacity = object(&[
            ("cpu", Value::int(cpu)),
            ("gpu", Value::int(gpu)),
            ("memory_gb", Value::int(1000)),
            ("storage_gb", Value::Null(Type::Number)),
        ]);
        let rest = [
            ("name", name.into()),
            ("type", "partner".into()),
            ("location", "here".into()),
            ("capacity", capacity),
        ];
        self.config("muster_zone", &rest)
    }

    fn block(&self, ty: &str) -> Block {
        self.server
            .schema()
            .resources
            .get(ty)
            .unwrap()
            .block
            .clone()
    }

    fn none(&self, ty: &str) -> Value {
        Value::Null(self.block(ty).implied_type())
    }
}

/// Gives nulls of a hand-written value their types.
fn typed(value: &Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::Null(_), _) => Value::Null(ty.clone()),
        (Value::Object(_), Type::Object(object)) => value.map_children(|step, inner| {
            let Some(muster_value::PathStep::Attr(name)) = step else {
                return inner.clone();
            };
            typed(inner, &object.attributes[&name])
        }),
        _ => value.clone(),
    }
}

fn object(attributes: &[(&str, Value)]) -> Value {
    Value::object(
        attributes
            .iter()
            .map(|(name, value)| (*name, value.clone())),
    )
}

fn ids(items: &[Value]) -> Value {
    Value::list(Type::String, items.to_vec())
}

fn id(object: &Value) -> Value {
    object.get("id").unwrap().clone()
}

#[tokio::test]
async fn a_plan_makes_one_object_however_often_it_is_applied() {
    let bench = Bench::new().await;
    let zone = bench.zone("a", 100, 8).await;
    let zones = ids(&[id(&zone)]);
    let fleet = [("name", "web".into()), ("zones", zones.clone())];
    let other = bench.zone_config("b", 1, 0);
    for (ty, config) in [
        ("muster_zone", other),
        ("muster_fleet", bench.config("muster_fleet", &fleet)),
        ("muster_settlement", settlement(&bench, zones, 1)),
    ] {
        let none = bench.none(ty);
        // Two resources, or two states, with the same configuration.
        let first = bench.plan(ty, &none, &config).await;
        let second = bench.plan(ty, &none, &config).await;
        let made = bench.make(ty, &none, &config, &first).await;
        assert!(made.diags.is_empty(), "{:?}", made.diags);
        let again = bench.make(ty, &none, &config, &first).await;
        assert_eq!(again.value, made.value, "{ty}: the same plan");
        let refused = bench.make(ty, &none, &config, &second).await;
        let summaries: Vec<&str> = refused.diags.iter().map(|d| d.summary.as_str()).collect();
        assert_eq!(summaries, ["Object Already Exists"], "{ty}: another plan");
        assert!(refused.value.is_null());
        assert!(made.private.is_empty(), "the token is not stored");
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_resumed() {
    let bench = Bench::new().await;
    let zone = bench.zone("a", 100, 8).await;
    let zones = ids(&[id(&zone)]);
    let fleet = [("name", "web".into()), ("zones", zones.clone())];
    for (ty, config) in [
        ("muster_zone", bench.zone_config("b", 1, 0)),
        ("muster_fleet", bench.config("muster_fleet", &fleet)),
        ("muster_settlement", settlement(&bench, zones, 1)),
    ] {
        let none = bench.none(ty);
        let first = bench.plan(ty, &none, &config).await;
        let lost = bench.make(ty, &none, &config, &first).await;
        let world = bench.world();
        // The engine has the private bytes of the plan, and nothing else. It plans twice.
        let mut resumed = first.private.clone();
        for _ in 0..2 {
            let plan = bench.plan_with(ty, &none, &config, resumed).await;
            assert!(plan.diags.is_empty(), "{:?}", plan.diags);
            assert_eq!(plan.value, first.value, "{ty}");
            resumed = plan.private;
        }
        let token: serde_json::Value = serde_json::from_slice(&resumed).unwrap();
        assert!(token["idempotency_token"].is_string(), "{ty}: {token}");
        assert_eq!(token["muster_sdk"], 1, "{ty}: {token}");
        let planned = Planned {
            private: resumed,
            ..first
        };
        let made = bench.make(ty, &none, &config, &planned).await;
        assert!(made.diags.is_empty(), "{:?}", made.diags);
        assert_eq!(made.value, lost.value, "{ty}: the same object");
        assert_eq!(bench.world(), world, "{ty}: nothing else was made");
    }
}

/// The errors of a plan, as `path: summary`.
fn errors(planned: &Planned) -> Vec<String> {
    let errors = planned.diags.iter().filter(|d| d.is_error());
    errors
        .map(|d| format!("{}: {}", d.path.clone().unwrap_or_default(), d.summary))
        .collect()
}

#[tokio::test]
async fn a_zone_is_known_before_it_is_there() {
    let bench = Bench::new().await;
    let ty = "muster_zone";
    let config = bench.zone_config("a", 10, 0);
    let planned = bench.plan(ty, &bench.none(ty), &config).await;
    let made = bench.apply(ty, &bench.none(ty), &config).await;
    assert_eq!(planned.value.get("id"), made.get("id"));
    assert!(!planned.value.get("available").unwrap().is_known());
    let again = bench.plan(ty, &made, &config).await;
    assert_eq!(again.value, made);
    let renamed = bench.plan(ty, &made, &bench.zone_config("b", 10, 0)).await;
    let paths: Vec<String> = renamed
        .requires_replace
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, [".name"]);
    assert_ne!(renamed.value.get("id"), made.get("id"));
}

#[tokio::test]
async fn negative_capacity_is_refused() {
    let bench = Bench::new().await;
    let config = bench.zone_config("a", -1, 0);
    let planned = bench
        .plan("muster_zone", &bench.none("muster_zone"), &config)
        .await;
    assert_eq!(errors(&planned), [".capacity.cpu: Invalid Attribute Value"]);
}

fn settlement(bench: &Bench, zones: Value, gpus: i64) -> Value {
    let attributes = [
        ("contract_id", "CS_1".into()),
        ("buyer_id", "b".into()),
        ("resource_type", "gpu".into()),
        ("quantity", Value::int(gpus)),
        ("start_time", "2934-01-15T10:00:00Z".into()),
        ("duration_hours", Value::int(24)),
        ("provider_priority", zones),
    ];
    bench.config("muster_settlement", &attributes)
}

#[tokio::test]
async fn a_settlement_larger_than_any_zone_is_refused() {
    let bench = Bench::new().await;
    let ty = "muster_settlement";
    // The zone is only planned, not made: its size counts all the same.
    let config = bench.zone_config("a", 1, 8);
    let zone = bench
        .plan("muster_zone", &bench.none("muster_zone"), &config)
        .await;
    let zone = id(&zone.value);
    let check = async |zones: Value, gpus, expect: &[&str]| {
        let planned = bench
            .plan(ty, &bench.none(ty), &settlement(&bench, zones, gpus))
            .await;
        assert_eq!(errors(&planned), expect);
    };
    let here = ids(&[zone]);
    check(here.clone(), 8, &[]).await;
    let too_large = [".quantity: Settlement Larger Than Any Zone"];
    check(here, 9, &too_large).await;
    check(Value::unknown(Type::list(Type::String)), 9, &too_large).await;
    check(
        ids(&["nowhere".into()]),
        1,
        &[".provider_priority: Unknown Zone"],
    )
    .await;
}

#[tokio::test]
async fn a_plan_does_not_promise_capacity_twice() {
    let bench = Bench::new().await;
    let zone = bench.zone_config("a", 10, 50);
    let zone = bench
        .plan("muster_zone", &bench.none("muster_zone"), &zone)
        .await;
    let here = ids(&[id(&zone.value)]);
    let ty = "muster_settlement";
    let plan = async |contract: &str, gpus| {
        let mut config = settlement(&bench, here.clone(), gpus);
        config = config.map_children(|step, inner| match step {
            Some(muster_value::PathStep::Attr(name)) if *name == *"contract_id" => contract.into(),
            _ => inner.clone(),
        });
        bench.plan(ty, &bench.none(ty), &config).await
    };
    assert_eq!(errors(&plan("CS_1", 40).await), [""; 0]);
    let second = plan("CS_2", 40).await;
    assert_eq!(errors(&second), [".quantity: Insufficient Capacity"]);
    let detail = &second.diags.iter().next().unwrap().detail;
    assert!(detail.contains("80 gpu are needed"), "{detail}");
    assert!(
        detail.contains("40 for the settlement \"CS_1\""),
        "{detail}"
    );
    // Planning again, as engines do before they apply, counts nothing twice.
    assert_eq!(errors(&plan("CS_1", 40).await), [""; 0]);
    assert_eq!(errors(&plan("CS_2", 10).await), [""; 0]);

    let ty = "muster_fleet";
    let fleet = |name: &str, capacity| {
        let rest = [
            ("name", name.into()),
            ("zones", here.clone()),
            ("capacity", Value::int(capacity)),
        ];
        bench.config(ty, &rest)
    };
    let first = bench.plan(ty, &bench.none(ty), &fleet("f", 3)).await;
    assert_eq!(errors(&first), [""; 0]);
    let second = bench.plan(ty, &bench.none(ty), &fleet("g", 3)).await;
    assert_eq!(errors(&second), [".capacity: Insufficient Capacity"]);
}

#[tokio::test]
async fn capacity_that_a_plan_frees_can_be_planned() {
    let bench = Bench::new().await;
    let zone = bench.zone("a", 10, 0).await;
    let ty = "muster_fleet";
    let fleet = |name: &str, capacity| {
        let rest = [
            ("name", name.into()),
            ("zones", ids(&[id(&zone)])),
            ("capacity", Value::int(capacity)),
        ];
        bench.config(ty, &rest)
    };
    let made = bench.apply(ty, &bench.none(ty), &fleet("old", 4)).await;
    let same = bench.plan(ty, &made, &fleet("old", 4)).await;
    assert_eq!(same.value, made);
    let new = bench.plan(ty, &bench.none(ty), &fleet("new", 4)).await;
    assert_eq!(errors(&new), [".capacity: Insufficient Capacity"]);
    let gone = bench.plan(ty, &made, &bench.none(ty)).await;
    assert_eq!(errors(&gone), [""; 0]);
    let new = bench.plan(ty, &bench.none(ty), &fleet("new", 4)).await;
    assert_eq!(errors(&new), [""; 0]);
    // A new name is a new fleet in place of the old one.
    bench.plan(ty, &bench.none(ty), &fleet("new", 1)).await;
    let renamed = bench.plan(ty, &made, &fleet("renamed", 4)).await;
    assert_eq!(errors(&renamed), [""; 0]);
}

#[tokio::test]
async fn a_settlement_follows_its_zone() {
    let bench = Bench::new().await;
    let ty = "muster_settlement";
    let (a, b) = (bench.zone("a", 1, 8).await, bench.zone("b", 1, 8).await);
    let config = settlement(&bench, ids(&[id(&a)]), 4);
    let made = bench.apply(ty, &bench.none(ty), &config).await;
    assert_eq!(made.get("zone"), a.get("id"));
    assert_eq!(made.get("state"), Some(&"SCHEDULED".into()));
    let replaced = async |zones| {
        let planned = bench.plan(ty, &made, &settlement(&bench, zones, 4)).await;
        planned
            .requires_replace
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(replaced(ids(&[id(&b), id(&a)])).await, [""; 0]);
    assert_eq!(replaced(ids(&[id(&b)])).await, [".provider_priority"]);
}

#[tokio::test]
async fn a_delivery_that_has_begun_is_not_replaced() {
    let bench = Bench::new().await;
    let ty = "muster_settlement";
    let (a, b) = (bench.zone("a", 1, 8).await, bench.zone("b", 1, 8).await);
    let config = |zone: &Value, gpus, early: bool| {
        let attributes = [
            ("contract_id", "CS_1".into()),
            ("buyer_id", "b".into()),
            ("resource_type", "gpu".into()),
            ("quantity", Value::int(gpus)),
            ("duration_hours", Value::int(24)),
            ("provider_priority", ids(&[id(zone)])),
            ("early_termination", Value::Bool(early)),
        ];
        bench.config(ty, &attributes)
    };
    let made = bench
        .apply(ty, &bench.none(ty), &config(&a, 4, false))
        .await;
    assert_eq!(made.get("state"), Some(&"ACTIVE".into()));
    let begun = [".early_termination: Settlement Has Begun"];
    // Leave asked for together with the replacement comes too late: it ends first.
    for config in [
        config(&a, 5, false),
        config(&b, 4, false),
        config(&a, 5, true),
    ] {
        let planned = bench.plan(ty, &made, &config).await;
        assert_eq!(errors(&planned), begun);
    }
    let free = bench.apply(ty, &made, &config(&a, 4, true)).await;
    let planned = bench.plan(ty, &free, &config(&b, 5, true)).await;
    assert_eq!(errors(&planned), [""; 0]);
    assert_eq!(planned.requires_replace.len(), 2);
}

#[tokio::test]
async fn a_fleet_grows_in_place() {
    let bench = Bench::new().await;
    let ty = "muster_fleet";
    let zone = bench.zone("a", 100, 0).await;
    let fleet = |capacity| {
        let zones = ids(&[id(&zone)]);
        let rest = [
            ("name", "web".into()),
            ("zones", zones),
            ("capacity", Value::int(capacity)),
        ];
        bench.config(ty, &rest)
    };
    let made = bench.apply(ty, &bench.none(ty), &fleet(5)).await;
    assert_eq!(made.get("instance_type"), Some(&"t3.medium".into()));
    assert_eq!(made.get("instances").unwrap().len(), Some(5));
    let planned = bench.plan(ty, &made, &fleet(7)).await;
    assert!(planned.requires_replace.is_empty());
    assert_eq!(planned.value.get("id"), made.get("id"));
    assert!(!planned.value.get("instances").unwrap().is_known());
    let grown = bench.apply(ty, &made, &fleet(7)).await;
    assert_eq!(grown.get("current_capacity"), Some(&Value::int(7)));
    let planned = bench.plan(ty, &grown, &fleet(51)).await;
    assert_eq!(errors(&planned), [".capacity: Fleet Larger Than Its Zones"]);
}

#[tokio::test]
async fn dr_policies_that_cannot_hold_are_refused() {
    let bench = Bench::new().await;
    let ty = "muster_dr_policy";
    let (a, b) = (bench.zone("a", 1, 0).await, bench.zone("b", 1, 0).await);
    let check = async |other: &Value, rest: &[(&str, Value)], expect: &[&str]| {
        let mut attributes = vec![
            ("name", "p".into()),
            ("primary_site", id(&a)),
            ("dr_site", id(other)),
            ("protects", ids(&[Value::unknown(Type::String)])),
            ("rpo", "5m".into()),
            ("rto", "10m".into()),
        ];
        attributes.extend_from_slice(rest);
        let planned = bench
            .plan(ty, &bench.none(ty), &bench.config(ty, &attributes))
            .await;
        let mut found = errors(&planned);
        found.dedup();
        assert_eq!(found, expect);
    };
    let replicated = [("replication", Value::Bool(true))];
    check(&b, &replicated, &[]).await;
    check(&b, &[], &[".rpo: RPO Cannot Be Met"]).await;
    check(&b, &[("backup_interval", "5m".into())], &[]).await;
    check(&a, &replicated, &[".dr_site: DR Site Is the Primary Site"]).await;
    let slow = object(&[
        ("interval", "200s".into()),
        ("threshold", Value::Null(Type::Number)),
    ]);
    let slow = [replicated[0].clone(), ("health_check", slow)];
    check(&b, &slow, &[".rto: RTO Cannot Be Met"]).await;
    check(&b, &[("replication", Value::unknown(Type::Bool))], &[]).await;
    check(
        &b,
        &[replicated[0].clone(), ("rto", "soon".into())],
        &[".rto: Invalid Attribute Value"],
    )
    .await;
}

#[tokio::test]
async fn zones_are_known_by_what_the_plan_knows() {
    let bench = Bench::new().await;
    let config = bench.zone_config("a", 4, 0);
    let planned = bench
        .plan("muster_zone", &bench.none("muster_zone"), &config)
        .await;
    let id = planned.value.get("id").unwrap().clone();
    assert!(id.is_known());
    let identity = object(&[("id", id)]);
    assert_eq!(planned.identity, Some(identity.clone()));
    let made = bench
        .apply("muster_zone", &bench.none("muster_zone"), &config)
        .await;
    // It is found by that, and brought up to date from other versions.
    let ask = |by| Request::Import {
        type_name: "muster_zone".into(),
        by,
    };
    let found = bench
        .server
        .call(ask(ImportBy::Identity(identity.clone())))
        .await;
    let Response::Imported { objects, diags } = found.unwrap() else {
        panic!("an import answers an import");
    };
    assert!(diags.is_empty(), "{diags:?}");
    assert_eq!(objects[0].value, made);
    assert_eq!(objects[0].identity, Some(identity.clone()));
    let nobody = ImportBy::Identity(object(&[("id", "zone-nobody".into())]));
    let missing = bench.server.call(ask(nobody)).await.unwrap();
    let summary = &missing.diags().iter().next().unwrap().summary;
    assert_eq!(summary, "Cannot import non-existent remote object");
    let upgrade = Request::UpgradeIdentity {
        type_name: "muster_zone".into(),
        version: 0,
        json: r#"{"id":"x","gone":1}"#.into(),
    };
    let Response::State { value, .. } = bench.server.call(upgrade).await.unwrap() else {
        panic!("an upgrade answers an upgrade");
    };
    assert_eq!(value, object(&[("id", "x".into())]));
}
