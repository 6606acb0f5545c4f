use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_plan::{Action, Change, Mode, Plan, Reason, RelevantAttribute};
use muster_provider::Schemas;
use muster_schema::{
    Attribute, AttributeType, Block, NestedBlock, Nesting, ProviderSchema, Schema,
};
use muster_value::{Marks, Path, Type, Value, set_value};

use super::plan_text;
use crate::Style;

fn schema() -> Block {
    let attribute = |ty: Type| Attribute {
        optional: true,
        ..Attribute::new(ty)
    };
    let nested = |nesting| NestedBlock {
        block: Block {
            attributes: [("port".into(), attribute(Type::Number))]
                .into_iter()
                .collect(),
            ..Block::default()
        },
        nesting,
        min_items: 0,
        max_items: 0,
    };
    let inner = [
        ("a".into(), attribute(Type::String)),
        ("b".into(), attribute(Type::String)),
    ];
    let rules = Attribute {
        ty: AttributeType::Nested {
            attributes: inner.into_iter().collect(),
            nesting: Nesting::List,
        },
        ..attribute(Type::String)
    };
    Block {
        attributes: [
            ("id".into(), attribute(Type::String)),
            ("tags".into(), attribute(Type::map(Type::String))),
            ("groups".into(), attribute(Type::set(Type::String))),
            (
                "secret".into(),
                Attribute {
                    sensitive: true,
                    ..attribute(Type::String)
                },
            ),
            ("rules".into(), rules),
        ]
        .into_iter()
        .collect(),
        blocks: [
            ("rule".into(), nested(Nesting::List)),
            ("peer".into(), nested(Nesting::Set)),
            ("timeouts".into(), nested(Nesting::Single)),
        ]
        .into_iter()
        .collect(),
        ..Block::default()
    }
}

fn schemas() -> Schemas {
    let schema = Arc::new(Schema {
        version: 0,
        block: schema(),
    });
    let mut schemas = Schemas::default();
    let provider = ProviderSchema {
        resources: [("x_y".into(), schema)].into(),
        ..ProviderSchema::default()
    };
    schemas.insert(ProviderAddr::new("hashicorp", "x"), Arc::new(provider));
    schemas
}

fn port(n: i64) -> Value {
    Value::object([("port", Value::int(n))])
}

fn tags(entries: &[(&str, &str)]) -> Value {
    let entries = entries.iter().map(|(k, v)| ((*k).into(), Value::from(*v)));
    Value::map(Type::String, entries.collect::<BTreeMap<_, _>>())
}

fn strings(items: &[&str]) -> Value {
    set_value(
        Type::String,
        items.iter().map(|s| Value::from(*s)).collect(),
    )
}

fn object(parts: &[(&str, Value)]) -> Value {
    let empty = schema().empty_value();
    let mut attributes = empty.as_entries().unwrap().clone();
    for (name, value) in parts {
        attributes.insert((*name).into(), value.clone());
    }
    Value::object(attributes)
}

fn change(action: Action, before: Value, after: Value) -> Change {
    Change {
        addr: "x_y.z".parse().unwrap(),
        previous: None,
        deposed: None,
        provider: "provider[\"registry.terraform.io/hashicorp/x\"]"
            .parse()
            .unwrap(),
        action,
        reason: Reason::None,
        before,
        after,
        replace_paths: Vec::new(),
        private: Arc::from([]),
        importing: None,
        generated_config: None,
        dependencies: Arc::from([]),
        create_before_destroy: false,
    }
}

/// The text between the headline and the summary.
fn check(change: Change, expect: &str) {
    let plan = Plan {
        changes: vec![change],
        ..Plan::default()
    };
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    let (_, body) = text.split_once("\n  # x_y.z ").unwrap();
    let (body, _) = body.split_once("\n\nPlan: ").unwrap();
    assert_eq!(body, expect);
}

fn blocks(elem: &Value, items: Vec<Value>) -> Value {
    Value::list(elem.ty(), items)
}

#[test]
fn new_objects_have_their_blocks_after_their_attributes() {
    let after = object(&[
        ("id", Value::unknown(Type::String)),
        ("secret", "s".into()),
        ("tags", tags(&[("Name", "n")])),
        ("rule", blocks(&port(1), vec![port(1), port(2)])),
        ("timeouts", port(3)),
    ]);
    check(
        change(Action::Create, Value::NULL, after),
        "will be created
  + resource \"x_y\" \"z\" {
      + id     = (known after apply)
      + secret = (sensitive value)
      + tags   = {
          + \"Name\" = \"n\"
        }

      + rule {
          + port = 1
        }
      + rule {
          + port = 2
        }

      + timeouts {
          + port = 3
        }
    }",
    );
}

#[test]
fn changes_in_blocks_maps_and_sets() {
    let pair = |a: Value, b: &str| Value::object([("a", a), ("b", b.into())]);
    let rules = |items: Vec<Value>| Value::list(pair("1".into(), "1").ty(), items);
    let before = object(&[
        ("id", "i".into()),
        ("secret", "s".into()),
        ("tags", tags(&[("Gone", "g"), ("Kept", "k")])),
        ("groups", strings(&["a", "b"])),
        ("rules", rules(vec![pair("1".into(), "x")])),
        ("rule", blocks(&port(1), vec![port(1), port(2)])),
        ("peer", set_value(port(1).ty(), vec![port(1), port(2)])),
        ("timeouts", port(3)),
    ]);
    let after = object(&[
        ("id", "i".into()),
        ("secret", "t".into()),
        ("tags", tags(&[("Kept", "k"), ("New", "n")])),
        ("groups", strings(&["b", "c"])),
        ("rules", rules(vec![pair("2".into(), "x")])),
        ("rule", blocks(&port(1), vec![port(1), port(5)])),
        ("peer", set_value(port(1).ty(), vec![port(2), port(4)])),
        ("timeouts", port(3)),
    ]);
    let replace_paths = vec![
        Path::root().attr("groups"),
        Path::root().attr("rule").index(1).attr("port"),
    ];
    let replaced = Change {
        replace_paths,
        ..change(Action::DeleteThenCreate, before, after)
    };
    check(
        replaced,
        "must be replaced
-/+ resource \"x_y\" \"z\" {
      ~ groups = [ # forces replacement
          - \"a\",
          + \"c\",
            # (1 unchanged element hidden)
        ]
        id     = \"i\"
      ~ rules  = [
          ~ {
              ~ a = \"1\" -> \"2\"
                # (1 unchanged attribute hidden)
            },
        ]
      ~ secret = (sensitive value)
      ~ tags   = {
          - \"Gone\" = \"g\" -> null
          + \"New\"  = \"n\"
            # (1 unchanged element hidden)
        }

      - peer {
          - port = 1 -> null
        }
      + peer {
          + port = 4
        }

      ~ rule {
          ~ port = 2 -> 5 # forces replacement
        }

        # (3 unchanged blocks hidden)
    }",
    );
}

#[test]
fn destroyed_objects_end_in_null() {
    let before = object(&[
        ("tags", tags(&[("Name", "n")])),
        ("secret", Value::from("x").mark(Marks::SENSITIVE)),
        ("rule", blocks(&port(1), vec![port(1)])),
    ]);
    let reason = Reason::DeleteBecauseNoResourceConfig;
    check(
        Change {
            reason,
            ..change(Action::Delete, before, Value::NULL)
        },
        "will be destroyed
  # (because x_y.z is not in configuration)
  - resource \"x_y\" \"z\" {
      - secret = (sensitive value) -> null
      - tags   = {
          - \"Name\" = \"n\"
        } -> null

      - rule {
          - port = 1 -> null
        }
    }",
    );
}

#[test]
fn drift_is_told_when_the_plan_depends_on_it() {
    let drift = change(
        Action::Update,
        object(&[("id", "i".into()), ("tags", tags(&[("a", "1")]))]),
        object(&[("id", "i".into()), ("tags", tags(&[("a", "2")]))]),
    );
    let created = Change {
        addr: "x_y.other".parse().unwrap(),
        ..change(Action::Create, Value::NULL, object(&[("id", "i".into())]))
    };
    let mut plan = Plan {
        drift: vec![drift.clone()],
        changes: vec![created],
        ..Plan::default()
    };
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert!(!text.contains("Objects have changed outside"), "{text}");
    plan.relevant.push(RelevantAttribute {
        resource: drift.addr.clone(),
        path: Path::root().attr("tags"),
    });
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert!(
        text.starts_with("\nNote: Objects have changed outside of muster\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "  # x_y.z has changed\n  ~ resource \"x_y\" \"z\" {\n        id   = \"i\"\n"
        )
    );
    let refresh = Plan {
        mode: Mode::RefreshOnly,
        drift: vec![drift],
        ..Plan::default()
    };
    let text = plan_text(&refresh, &schemas(), Style::PLAIN);
    assert!(
        text.contains("# x_y.z has changed") && text.contains("only refreshes"),
        "{text}"
    );
}

#[test]
fn nothing_to_do() {
    let check = |mode, expect: &str| {
        let text = plan_text(
            &Plan {
                mode,
                ..Plan::default()
            },
            &schemas(),
            Style::PLAIN,
        );
        assert!(
            text.starts_with(&format!("\nNo changes. {expect}\n")),
            "{text}"
        );
    };
    check(
        Mode::Normal,
        "Your infrastructure matches the configuration.",
    );
    check(
        Mode::RefreshOnly,
        "Your infrastructure still matches the configuration.",
    );
    check(Mode::Destroy, "No objects need to be destroyed.");
}

#[test]
fn large_plans_are_quick() {
    let after = object(&[("id", "i".into()), ("tags", tags(&[("a", "1")]))]);
    let changes = (0..5_000).map(|i| Change {
        addr: format!("x_y.z[{i}]").parse().unwrap(),
        ..change(Action::Create, Value::NULL, after.clone())
    });
    let plan = Plan {
        changes: changes.collect(),
        ..Plan::default()
    };
    let start = std::time::Instant::now();
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert!(text.contains("Plan: 5000 to add"));
    assert!(start.elapsed().as_secs() < 20);
}
