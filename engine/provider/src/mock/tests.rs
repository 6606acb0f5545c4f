use muster_schema::{Attribute, Block, NestedBlock, Nesting};
use muster_value::Type;

use super::*;

fn computed(ty: Type) -> Attribute {
    Attribute {
        computed: true,
        ..Attribute::new(ty)
    }
}

fn provider(values: MockValues) -> MockProvider {
    let optional = Attribute {
        optional: true,
        ..Attribute::new(Type::String)
    };
    let inner = Block {
        attributes: [("arn".into(), computed(Type::String))]
            .into_iter()
            .collect(),
        ..Block::default()
    };
    let block = Block {
        attributes: [
            ("name".into(), optional),
            ("id".into(), computed(Type::String)),
            ("size".into(), computed(Type::Number)),
            ("tags".into(), computed(Type::map(Type::String))),
            ("any".into(), computed(Type::Dynamic)),
        ]
        .into_iter()
        .collect(),
        blocks: [(
            "disk".into(),
            NestedBlock {
                block: inner,
                nesting: Nesting::List,
                min_items: 0,
                max_items: 0,
            },
        )]
        .into_iter()
        .collect(),
        ..Block::default()
    };
    let schema = Arc::new(Schema { version: 0, block });
    let schema = ProviderSchema {
        resources: [("x".into(), Arc::clone(&schema))].into(),
        data_sources: [("x".into(), schema)].into(),
        ..ProviderSchema::default()
    };
    MockProvider::new(Arc::new(schema), values)
}

fn values(parts: Vec<(&str, Value)>, in_plan: bool) -> MockValues {
    let object = MockObject {
        values: Value::object(parts),
        in_plan,
    };
    MockValues {
        resources: [("x".into(), object.clone())].into(),
        data_sources: [("x".into(), object)].into(),
        others: MockObject::default(),
    }
}

/// An object with a name and one disk, of which nothing else is known.
fn config(mock: &MockProvider) -> Value {
    let block = &mock.schema.resources.get("x").unwrap().block;
    let mut parts = block.empty_value().as_entries().cloned().unwrap();
    parts.insert("name".into(), Value::string("n"));
    let arn = Value::object([("arn", Value::Null(Type::String))]);
    parts.insert("disk".into(), Value::list(arn.ty(), vec![arn]));
    Value::object(parts)
}

fn plan(mock: &MockProvider, prior: Value, proposed: Value) -> Value {
    let request = PlanRequest {
        type_name: "x".into(),
        prior,
        config: proposed.clone(),
        proposed,
        prior_private: Private::from([]),
        prior_identity: None,
        provider_meta: Value::NULL,
    };
    match mock.answer(Request::Plan(request)).unwrap() {
        Response::Planned(planned) => planned.value,
        other => panic!("{other:?}"),
    }
}

fn apply(mock: &MockProvider, planned: Value) -> Applied {
    let request = ApplyRequest {
        type_name: "x".into(),
        prior: Value::NULL,
        config: planned.clone(),
        planned,
        planned_private: Private::from([]),
        planned_identity: None,
        provider_meta: Value::NULL,
    };
    match mock.answer(Request::Apply(request)).unwrap() {
        Response::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

fn disk(value: &Value) -> &Value {
    let disks = value.get("disk").unwrap().as_slice().unwrap();
    disks[0].get("arn").unwrap()
}

#[test]
fn objects_are_made_up() {
    let mock = provider(MockValues::default());
    let planned = plan(&mock, Value::NULL, config(&mock));
    for name in ["id", "size", "tags", "any"] {
        assert!(!planned.get(name).unwrap().is_known(), "{name}");
    }
    assert!(!disk(&planned).is_known());
    let applied = apply(&mock, planned).value;
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let word = text(applied.get("id").unwrap());
    assert_eq!(word.len(), 8);
    assert!(
        word.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    );
    assert_eq!(text(disk(&applied)).len(), 8);
    assert_ne!(word, text(disk(&applied)));
    assert!(applied.get("size").unwrap().same(&Value::int(0)));
    assert_eq!(applied.get("tags").unwrap().len(), Some(0));
    assert!(applied.get("any").unwrap().is_null());
    assert!(applied.get("name").unwrap().same(&Value::string("n")));
    // What is there already stays.
    assert!(plan(&mock, applied.clone(), applied.clone()).same(&applied));
}

#[test]
fn given_values_come_first() {
    let tags = Value::object([("a", Value::int(1))]);
    let given = vec![
        ("id", Value::string("given")),
        ("tags", tags),
        ("name", Value::string("ignored")),
        ("disk", Value::object([("arn", Value::string("disk"))])),
    ];
    for in_plan in [false, true] {
        let mock = provider(values(given.clone(), in_plan));
        let planned = plan(&mock, Value::NULL, config(&mock));
        assert_eq!(planned.get("id").unwrap().is_known(), in_plan);
        let applied = apply(&mock, planned).value;
        assert!(applied.get("id").unwrap().same(&Value::string("given")));
        assert!(applied.get("name").unwrap().same(&Value::string("n")));
        assert!(disk(&applied).same(&Value::string("disk")));
        let tags = applied.get("tags").unwrap();
        assert!(tags.get("a").unwrap().same(&Value::string("1")));
    }
}

#[test]
fn data_sources_are_known_at_once() {
    let mock = provider(values(vec![("size", Value::int(7))], false));
    let request = Request::ReadData(crate::ReadData {
        type_name: "x".into(),
        config: config(&mock),
        provider_meta: Value::NULL,
        address: None,
    });
    let Response::State { value, diags } = mock.answer(request).unwrap() else {
        panic!()
    };
    assert!(diags.is_empty() && value.is_wholly_known());
    assert!(value.get("size").unwrap().same(&Value::int(7)));
}

#[test]
fn values_must_fit() {
    let mock = provider(values(vec![("id", Value::tuple([]))], false));
    let planned = plan(&mock, Value::NULL, config(&mock));
    let diags = apply(&mock, planned).diags;
    let summaries: Vec<&str> = diags.iter().map(|d| &*d.summary).collect();
    assert_eq!(summaries, ["Failed to compute attribute"]);
}
