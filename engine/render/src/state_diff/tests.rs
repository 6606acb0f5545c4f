use super::*;
use muster_snapshot::{Attributes, JsonText, Object, Status};
use muster_value::{Path, PathStep, Type};

fn put(state: &mut Snapshot, addr: &str, attributes: &str, secret: &[&str]) {
    let object = Object {
        attributes: Attributes::Json(JsonText::parse(attributes).unwrap()),
        sensitive: secret
            .iter()
            .map(|name| Path(vec![PathStep::Attr((*name).into())]))
            .collect(),
        ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
    };
    let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
    state.put(&addr.parse().unwrap(), &provider, object);
}

fn states() -> (Snapshot, Snapshot) {
    let mut from = Snapshot {
        serial: 3,
        lineage: "l".into(),
        ..Snapshot::default()
    };
    put(&mut from, "x_y.same", r#"{"a":1}"#, &[]);
    put(&mut from, "x_y.gone", r#"{"a":"z"}"#, &[]);
    put(
        &mut from,
        "x_y.b[0]",
        r#"{"a":1,"p":"hunter2","same":5}"#,
        &["p"],
    );
    put(&mut from, "x_y.t", r#"{"a":1}"#, &[]);
    let mut to = from.clone();
    to.serial = 5;
    to.remove(&"x_y.gone".parse().unwrap());
    put(
        &mut to,
        "x_y.b[0]",
        r#"{"a":2,"p":"hunter3","same":5}"#,
        &["p"],
    );
    put(&mut to, "data.x_y.new", r#"{"a":true}"#, &[]);
    let addr: InstanceAddr = "x_y.t".parse().unwrap();
    let mut tainted = to.remove(&addr).unwrap();
    tainted.status = Status::Tainted;
    to.put(
        &addr,
        &"provider[\"example.com/x/y\"]".parse().unwrap(),
        tainted,
    );
    for (state, text) in [(&mut from, "a"), (&mut to, "b")] {
        for sensitive in [false, true] {
            let value = Value::from(format!("{text}-{sensitive}").as_str());
            let name = format!("o-{sensitive}").as_str().into();
            state.outputs.insert(name, OutputValue { value, sensitive });
        }
    }
    (from, to)
}

#[test]
fn shows_what_is_different() {
    let (from, to) = states();
    let diff = StateDiff::new(&from, &to);
    assert_eq!(diff.summary(), "1 added, 2 changed, 1 removed");
    let mut out = Vec::new();
    diff.write_text(&Schemas::default(), Style::PLAIN, &mut out)
        .unwrap();
    let expect = r#"  # data.x_y.new was added
  + data "x_y" "new" {
      + a = true
    }

  # x_y.b[0] was changed
  ~ resource "x_y" "b" {
      ~ a    = 1 -> 2
      ~ p    = (sensitive value)
        # (1 unchanged attribute hidden)
    }

  # x_y.t was changed
  # it is tainted now
  ~ resource "x_y" "t" {
        # (1 unchanged attribute hidden)
    }

  # x_y.gone was removed
  - resource "x_y" "gone" {
      - a = "z" -> null
    }

Outputs:
  ~ o-false = "a-false" -> "b-false"
  ~ o-true  = (sensitive value)

"#;
    assert_eq!(String::from_utf8(out).unwrap(), expect);
    let mut out = Vec::new();
    diff.write_list(Style::PLAIN, &mut out).unwrap();
    let expect = "  + data.x_y.new\n  ~ x_y.b[0]\n  ~ x_y.t\n  - x_y.gone\n  ~ output.o-false\n  ~ output.o-true\n";
    assert_eq!(String::from_utf8(out).unwrap(), expect);
}

#[test]
fn documents_are_like_those_of_plans_without_secrets() {
    let (from, to) = states();
    let mut out = Vec::new();
    let diff = StateDiff::new(&from, &to);
    diff.write_json(&Schemas::default(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        !text.contains("hunter") && !text.contains("-true\":\""),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let change = &json["resource_changes"][1];
    assert_eq!(change["address"], "x_y.b[0]");
    let expect = r#"{"actions":["update"],"before":{"a":1,"p":null,"same":5},"after":{"a":2,"p":null,"same":5},"before_sensitive":{"p":true},"after_sensitive":{"p":true}}"#;
    assert_eq!(change["change"].to_string(), expect);
    assert_eq!(
        json["output_changes"]["o-true"]["after"],
        serde_json::Value::Null
    );
    assert_eq!(json["output_changes"]["o-false"]["after"], "b-false");
    assert_eq!(
        (&json["from"]["serial"], &json["to"]["serial"]),
        (&3.into(), &5.into())
    );
}

#[test]
fn equal_states_have_no_difference() {
    let (from, _) = states();
    let later = Snapshot {
        serial: 9,
        ..from.clone()
    };
    assert!(StateDiff::new(&from, &later).is_empty());
    let nothing = Snapshot::default();
    let diff = StateDiff::new(&later, &nothing);
    assert_eq!(diff.summary(), "0 added, 0 changed, 4 removed");
}
