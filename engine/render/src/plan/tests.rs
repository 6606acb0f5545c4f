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

pub(crate) fn object(parts: &[(&str, Value)]) -> Value {
    let empty = schema().empty_value();
    let mut attributes = empty.as_entries().unwrap().clone();
    for (name, value) in parts {
        attributes.insert((*name).into(), value.clone());
    }
    Value::object(attributes)
}

pub(crate) fn change(action: Action, before: Value, after: Value) -> Change {
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
        resumes: false,
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
    plan.changes.clear();
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert!(text.starts_with("\nNo changes."), "{text}");
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

/// A plan that creates instances with these keys.
fn instances(all: impl Iterator<Item = (String, Value)>) -> Plan {
    let changes = all.map(|(key, after)| Change {
        addr: format!("x_y.z[{key}]").parse().unwrap(),
        ..change(Action::Create, Value::NULL, after)
    });
    Plan {
        changes: changes.collect(),
        ..Plan::default()
    }
}

/// The text between the introduction and the summary.
fn check_plan(plan: &Plan, expect: &str) {
    let text = plan_text(plan, &schemas(), Style::PLAIN);
    let (_, body) = text.split_once("order of addresses:\n\n").unwrap();
    let (body, _) = body.split_once("\n\nPlan: ").unwrap();
    assert_eq!(body, expect);
}

#[test]
fn instances_that_change_alike_are_shown_once() {
    let named = |key: &str| object(&[("id", format!("i-{key}").into())]);
    let keys = ["a", "b", "c"].map(|key| (format!("{key:?}"), named(key)));
    check_plan(
        &instances(keys.into_iter()),
        "  # x_y.z: each of 3 instances will be created
  #   [\"a\"], [\"b\"], [\"c\"]
  + resource \"x_y\" \"z\" {
      + id = \"i-${each.key}\"
    }",
    );
    let secret = |key: &str| object(&[("secret", key.into())]);
    let mut plan = instances((0..100).map(|i| (i.to_string(), secret(&i.to_string()))));
    plan.changes[1].after = object(&[("tags", tags(&[("a", "1")]))]);
    for change in &mut plan.changes {
        change.reason = Reason::DeleteBecauseCountIndex;
    }
    check_plan(
        &plan,
        "  # x_y.z: each of 99 instances will be created
  # (because these indexes are out of range for count)
  #   [0], [2], [3], [4], [5], [6], [7], [8], [9], [10], [11], [12], [13],
  #   [14], [15], [16], [17], [18], [19], [20], [21], [22], [23], [24], [25],
  #   [26], [27], [28], [29], [30], [31], [32], [33], [34], [35], [36], [37],
  #   [38], [39], [40], [41], [42], [43], [44], [45], [46], [47], [48], [49],
  #   and 50 more
  + resource \"x_y\" \"z\" {
      + secret = (sensitive value)
    }

  # x_y.z[1] will be created
  # (because index [1] is out of range for count)
  + resource \"x_y\" \"z\" {
      + tags = {
          + \"a\" = \"1\"
        }
    }",
    );
}

#[test]
fn what_instances_are_known_by_does_not_keep_them_apart() {
    let old = |key: &str| object(&[("id", key.into()), ("groups", strings(&["x"]))]);
    let new = |key: &str| object(&[("id", key.into()), ("groups", strings(&["x", "y"]))]);
    let mut plan = instances(
        ["q1", "q2", "q3"]
            .iter()
            .enumerate()
            .map(|(i, id)| (i.to_string(), new(id))),
    );
    for (change, id) in plan.changes.iter_mut().zip(["q1", "q2", "q3"]) {
        (change.action, change.before) = (Action::Update, old(id));
    }
    check_plan(
        &plan,
        "  # x_y.z: each of 3 instances will be updated in-place
  #   [0], [1], [2]
  ~ resource \"x_y\" \"z\" {
      ~ groups = [
          + \"y\",
            # (1 unchanged element hidden)
        ]
        # (1 unchanged attribute hidden)
    }",
    );
    // What only one of them was before is nothing that they have in common.
    plan.changes[2].importing = Some(muster_provider::ImportBy::Id("q3".into()));
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert_eq!(
        text.matches("will be updated in-place\n").count(),
        3,
        "{text}"
    );
}

#[test]
fn large_plans_are_quick() {
    let after = object(&[("id", "i".into()), ("tags", tags(&[("a", "1")]))]);
    let plan = instances((0..5_000).map(|i| (i.to_string(), after.clone())));
    let start = std::time::Instant::now();
    let text = plan_text(&plan, &schemas(), Style::PLAIN);
    assert!(text.contains("Plan: 5000 to add"));
    assert!(start.elapsed().as_secs() < 60);
}
