use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_addr::{InstanceAddr, Target};
use muster_snapshot::{DeposedKey, Object, Snapshot};
use muster_value::{Marks, Number, Path, Refinement, Type, Value, set_value};

use super::{DecodeError, PlanFile};
use crate::{
    Action, Change, CheckResults, Checked, CheckedObject, Mode, ObjectChecks, OutputChange, Plan,
    Reason, RelevantAttribute, Status, Step, StepId, StepKind,
};

fn addr(text: &str) -> InstanceAddr {
    text.parse().unwrap()
}

/// One of everything that values can be.
fn value() -> Value {
    let refined = Refinement {
        not_null: true,
        prefix: Some("ami-".into()),
        lower: Some((Number::from(1i64), true)),
        upper: Some((Number::from_f64(0.1).unwrap(), false)),
        min_length: Some(1),
        max_length: Some(u64::MAX),
    };
    Value::object([
        ("null", Value::Null(Type::list(Type::Dynamic))),
        ("bare", Value::NULL),
        (
            "unknown",
            Value::unknown(Type::tuple([
                Type::Bool,
                Type::object([("a", Type::Number)]),
            ])),
        ),
        ("refined", Value::refined(Type::String, refined)),
        ("float", Value::Number(Number::from_f64(0.1).unwrap())),
        ("tenth", Value::Number(Number::parse("0.1").unwrap())),
        (
            "big",
            Value::Number(Number::parse("123456789012345678901234567890").unwrap()),
        ),
        (
            "list",
            Value::list(
                Type::String,
                vec!["a".into(), Value::from("b").mark(Marks::SENSITIVE)],
            ),
        ),
        ("empty", Value::list(Type::set(Type::Number), vec![])),
        ("set", set_value(Type::String, vec!["b".into(), "a".into()])),
        (
            "map",
            Value::map(Type::Bool, BTreeMap::from([("k".into(), true.into())])),
        ),
        ("tuple", Value::tuple([Value::int(-1), false.into()])),
        (
            "marked",
            Value::object([("x", "y".into())]).mark(Marks::SENSITIVE | Marks::EPHEMERAL),
        ),
    ])
}

fn checks() -> CheckResults {
    let mut found = CheckResults::default();
    let module = muster_addr::ModulePath::root().child("a");
    for (n, checked) in [
        Checked::Check(module.clone(), "c".into()),
        Checked::Output(module.clone(), "o".into()),
        Checked::Variable(module, "v".into()),
        Checked::Resource("a.b".parse().unwrap()),
    ]
    .into_iter()
    .enumerate()
    {
        found.expect(checked.clone());
        let object = match n {
            3 => CheckedObject::Resource(addr("a.b")),
            _ => CheckedObject::InModule("module.a[1]".parse().unwrap()),
        };
        *found.object(&checked, object).unwrap() = ObjectChecks {
            before: [Status::Pass, Status::Unknown, Status::Error, Status::Pass][n].clone(),
            after: Status::Fail(vec!["not so".into()]),
        };
    }
    found
}

fn change(at: &str) -> Change {
    Change {
        addr: addr(at),
        previous: Some(addr("module.m[\"k\"].a.old[3]")),
        deposed: DeposedKey::parse("00abcdef"),
        provider: "module.m.provider[\"registry.terraform.io/hashicorp/aws\"].west"
            .parse()
            .unwrap(),
        action: Action::CreateThenDelete,
        reason: Reason::ReplaceByTriggers,
        before: Value::Null(Type::Dynamic),
        after: value(),
        replace_paths: vec![Path::root().attr("a").index(300).key("k")],
        private: Arc::from(&b"\0\x01private"[..]),
        importing: Some(muster_provider::ImportBy::Id("an id".into())),
        generated_config: Some("resource {}".into()),
        dependencies: vec![addr("a.b").resource.config()].into(),
        create_before_destroy: true,
        resumes: true,
    }
}

fn plan() -> Plan {
    let mut prior = Snapshot::new("1.11.4");
    prior.lineage = "11111111-2222-3333-4444-555555555555".into();
    prior.serial = 7;
    let ty = Type::object([("id", Type::String)]);
    let object = Object::encode(&Value::object([("id", "i".into())]), &ty).unwrap();
    prior.put(&addr("a.b"), &change("a.b").provider, object);
    Plan {
        mode: Mode::RefreshOnly,
        timestamp: "2024-01-01T00:00:00Z".into(),
        variables: BTreeMap::from([("v".into(), value())]),
        given: BTreeMap::from([("v".into(), "1".into())]),
        changes: vec![change("a.b"), change("data.a.c[\"x y\"]")],
        drift: vec![change("a.b")],
        outputs: BTreeMap::from([(
            "o".into(),
            OutputChange {
                action: Action::Update,
                before: Value::NULL,
                after: value(),
                sensitive: true,
            },
        )]),
        steps: vec![
            Step {
                kind: StepKind::Create {
                    change: 0,
                    depose: true,
                },
                after: vec![],
            },
            Step {
                kind: StepKind::Join,
                after: vec![StepId(0)],
            },
            Step {
                kind: StepKind::Read { change: 1 },
                after: vec![StepId(0), StepId(1)],
            },
            Step {
                kind: StepKind::CheckVariable {
                    module: "module.a[0]".parse().unwrap(),
                    name: "v".into(),
                },
                after: vec![],
            },
            Step {
                kind: StepKind::CheckOutput {
                    module: muster_addr::ModuleInstance::root(),
                    name: "o".into(),
                },
                after: vec![StepId(3)],
            },
            Step {
                kind: StepKind::OpenEphemeral {
                    addr: addr("ephemeral.a.e[1]"),
                    provider: change("a.b").provider,
                },
                after: vec![],
            },
            Step {
                kind: StepKind::CloseEphemeral {
                    addr: addr("ephemeral.a.e[1]"),
                },
                after: vec![StepId(5)],
            },
        ],
        prior,
        excludes: vec![Target::Resource(addr("a.excluded"))],
        targets: vec![
            "module.a[0]".parse::<Target>().unwrap(),
            "a.b".parse().unwrap(),
        ],
        relevant: vec![RelevantAttribute {
            resource: addr("a.b[0]"),
            path: Path::root().attr("id"),
        }],
        reads: BTreeSet::from([addr("module.m.a.b").resource.config()]),
        errored: true,
        checks: checks(),
        resolved: vec![addr("a.b[1]")],
    }
}

fn file() -> PlanFile {
    PlanFile {
        plan: plan(),
        config_sources: vec![("main.tf".into(), "# é".into())],
        muster_version: "0.1.0".into(),
        workspace: "default".into(),
        prior_lineage: "l".into(),
        prior_serial: 300,
        prior_digests: BTreeMap::from([("a.b".into(), "00ff".into())]),
        providers: vec![("registry.terraform.io/hashicorp/aws".into(), "5.0.0".into())],
    }
}

#[test]
fn plans_come_back_as_they_were() {
    let plan = plan();
    let back = Plan::decode(&plan.encode()).unwrap();
    // Plans have no equality of their own; their debug form shows every field.
    assert_eq!(format!("{back:#?}"), format!("{plan:#?}"));
    assert_eq!(back.changes[0].after, plan.changes[0].after);
    assert_eq!(back.encode(), plan.encode());
    let empty = Plan::default();
    assert_eq!(
        format!("{:?}", Plan::decode(&empty.encode()).unwrap()),
        format!("{empty:?}")
    );
}

#[test]
fn files_come_back_as_they_were() {
    let file = file();
    let bytes = file.encode();
    assert!(PlanFile::is_plan_file(&bytes));
    assert_eq!(
        format!("{:#?}", PlanFile::decode(&bytes).unwrap()),
        format!("{file:#?}")
    );
}

#[test]
fn every_cut_is_noticed() {
    let bytes = file().encode();
    for len in 0..bytes.len() {
        let error = PlanFile::decode(&bytes[..len]).unwrap_err();
        match len {
            0 => assert!(matches!(error, DecodeError::NotAPlan), "{len}: {error:?}"),
            _ => assert!(matches!(error, DecodeError::Truncated), "{len}: {error:?}"),
        }
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(
        PlanFile::decode(&longer),
        Err(DecodeError::Damaged)
    ));
}

#[test]
fn every_changed_byte_is_noticed() {
    let bytes = Plan::default().encode();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 0x41;
        assert!(Plan::decode(&changed).is_err(), "byte {i}");
    }
}

#[test]
fn tells_what_is_wrong() {
    let check = |bytes: &[u8], expect: &str| {
        assert!(
            PlanFile::decode(bytes)
                .unwrap_err()
                .to_string()
                .contains(expect),
            "{expect}"
        );
    };
    check(b"{\"version\": 4}", "not a saved plan");
    check(b"PK\x03\x04", "not a saved plan");
    let mut other = file().encode();
    let own = other[8];
    other[8] = 9;
    check(&other, "format 9");
    other[8] = own;
    other[40] ^= 1;
    check(&other, "damaged");
}

#[test]
fn steps_must_name_what_is_there() {
    let mut plan = plan();
    plan.steps[2].kind = StepKind::Delete { change: 2 };
    assert!(matches!(
        Plan::decode(&plan.encode()),
        Err(DecodeError::Invalid(_))
    ));
    plan.steps[2] = Step {
        kind: StepKind::Join,
        after: vec![StepId(2)],
    };
    assert!(matches!(
        Plan::decode(&plan.encode()),
        Err(DecodeError::Invalid(_))
    ));
}

#[test]
fn garbage_under_a_good_checksum_is_an_error() {
    let payload = Plan::default().encode();
    let payload = &payload[super::HEADER..payload.len() - super::CHECKSUM];
    for i in 0..payload.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut changed = payload.to_vec();
            changed[i] = byte;
            // Whether it makes sense or not: it must not panic or take all memory.
            let _ = Plan::decode(&super::seal(super::PLAN_MAGIC, &changed));
        }
    }
    let deep = [&[0u8, 0, 1, 1, b'v'][..], &[11, 1].repeat(200_000)].concat();
    assert!(Plan::decode(&super::seal(super::PLAN_MAGIC, &deep)).is_err());
}

#[test]
fn text_has_a_line_per_change_and_step() {
    let text = plan().to_text();
    assert_eq!(text.lines().count(), 2 + 1 + 1 + 7);
    assert!(text.starts_with(
        "change 0: CreateThenDelete a.b (deposed 00abcdef) replace_by_triggers \
         from module.m[\"k\"].a.old[3] importing \"an id\" resuming replace .a[300][\"k\"]\n"
    ));
    assert!(text.ends_with(
        "step 1: join after 0\nstep 2: read data.a.c[\"x y\"] (deposed 00abcdef) after 0,1\n\
         step 3: check variable module.a[0].v\nstep 4: check output o after 3\n\
         step 5: open ephemeral.a.e[1]\nstep 6: close ephemeral.a.e[1] after 5\n"
    ));
}
