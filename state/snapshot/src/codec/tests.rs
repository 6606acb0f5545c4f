use muster_addr::{InstanceAddr, InstanceKey};
use muster_value::{Type, Value};

use super::*;
use crate::{Attributes, Identity, JsonText, Object, Snapshot, StateError, Status};

/// Files as Terraform 1.11.4 wrote them: whatever is read is written back byte for byte.
const WRITTEN_BY_TERRAFORM: &[&str] = &[
    include_str!("testdata/empty.tfstate"),
    include_str!("testdata/modules.tfstate"),
    include_str!("testdata/sensitive.tfstate"),
    include_str!("testdata/deposed.tfstate"),
];

#[test]
fn files_of_terraform_come_back_byte_for_byte() {
    for text in WRITTEN_BY_TERRAFORM {
        let snapshot = decode(text.as_bytes()).unwrap();
        let written = String::from_utf8(encode(&snapshot)).unwrap();
        assert_eq!(written, *text);
    }
}

#[test]
fn instances_are_written_alone_and_without_layout() {
    for text in WRITTEN_BY_TERRAFORM {
        let snapshot = read(text);
        for (addr, _, instance) in snapshot.instances() {
            let bytes = encode_instance(&snapshot, &addr).unwrap();
            let found = decode(&bytes).unwrap();
            assert_eq!(found.instance(&addr), Some(instance));
            assert_eq!(found.instances().count(), 1);
            let part = String::from_utf8(bytes).unwrap();
            assert_eq!(JsonText::parse(&part).unwrap().as_str(), part);
        }
        let mut out = b"before".to_vec();
        assert!(!encode_instance_onto(&mut out, &snapshot, &instance_addr()));
        assert_eq!(out, b"before");
    }
}

/// One that is in no state.
fn instance_addr() -> InstanceAddr {
    "x_y.none".parse().unwrap()
}

fn with_instance(fields: &str) -> String {
    with_resource(&format!(
        r#""mode":"managed","type":"x_y","name":"z",
        "provider":"provider[\"registry.terraform.io/x/x\"]","instances":[{{{fields}}}]"#
    ))
}

fn with_resource(resource: &str) -> String {
    format!(
        r#"{{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"l",
        "outputs":{{}},"resources":[{{{resource}}}],"check_results":null}}"#
    )
}

fn read(text: &str) -> Snapshot {
    decode(text.as_bytes()).unwrap()
}

fn instance(text: &str) -> InstanceAddr {
    text.parse().unwrap()
}

fn one_object(fields: &str) -> Object {
    let snapshot = read(&with_instance(fields));
    snapshot.current(&instance("x_y.z")).unwrap().clone()
}

#[test]
fn every_field_of_an_object_is_read() {
    let object = one_object(
        r#""status":"tainted","schema_version":7,"attributes":{"a":{"b":["s"]}},
        "sensitive_attributes":[[{"type":"get_attr","value":"a"},
          {"type":"index","value":{"value":"b","type":"string"}},
          {"type":"index","value":{"value":0,"type":"number"}}]],
        "private":"bnVsbA==","dependencies":["module.m.data.a_b.c"],"create_before_destroy":true"#,
    );
    assert_eq!(object.status, Status::Tainted);
    assert_eq!(object.schema_version, 7);
    assert_eq!(object.sensitive[0].to_string(), ".a[\"b\"][0]");
    assert_eq!(&*object.private, b"null");
    assert_eq!(object.dependencies[0].to_string(), "module.m.data.a_b.c");
    assert!(object.create_before_destroy);
}

#[test]
fn values_are_decoded_when_they_are_asked_for() {
    let object = one_object(
        r#""attributes":{"a":{"k":"v"}},"sensitive_attributes":[[{"type":"get_attr","value":"a"}]]"#,
    );
    let ty = Type::object([("a", Type::map(Type::String))]);
    let value = object.decode_marked(&ty).unwrap();
    let a = value.get("a").unwrap();
    assert!(!a.marks().is_empty());
    assert!(a.get("k").unwrap().same(&Value::string("v")));
    let again = Object::encode(&value, &ty).unwrap();
    assert_eq!(again.sensitive, object.sensitive);
    assert_eq!(again.attributes, object.attributes);
    let wrong = object.decode(&Type::object([("a", Type::Number)]));
    assert!(matches!(wrong, Err(StateError::Value(_))), "{wrong:?}");
}

#[test]
fn identities_are_read_and_written() {
    let ty = Type::object([("id", Type::String), ("port", Type::Number)]);
    let object =
        one_object(r#""attributes":{},"identity_schema_version":3,"identity":{"id":"x","port":1}"#);
    let identity = object.identity.unwrap();
    assert_eq!(identity.schema_version, 3);
    let value = identity.decode(&ty).unwrap();
    assert!(value.same(&Value::object([
        ("id", "x".into()),
        ("port", Value::int(1))
    ])));
    assert_eq!(Identity::encode(&value, &ty, 3).unwrap(), identity);
    assert!(
        identity
            .decode(&Type::object([("id", Type::Number)]))
            .is_err()
    );
    let none = one_object(r#""attributes":{},"identity_schema_version":null,"identity":null"#);
    assert_eq!((none.identity, none.extra), (None, Vec::new()));
    check_error(
        &with_instance(r#""attributes":{},"identity_schema_version":-1,"identity":{}"#),
        "x_y.z: the version of the identity, -1, is not a whole number",
    );
}

#[test]
fn a_version_without_an_identity_stays_and_gives_way_to_one_with_it() {
    let text = with_instance(
        r#""schema_version":0,"attributes":{},"identity_schema_version":0,"later":1"#,
    );
    let mut snapshot = read(&text);
    let written = String::from_utf8(encode(&snapshot)).unwrap();
    let instance = "\"identity_schema_version\": 0,\n          \"later\": 1";
    assert!(written.contains(instance), "{written}");
    assert_eq!(read(&written), snapshot);
    let at = self::instance("x_y.z");
    let mut object = snapshot.current(&at).unwrap().clone();
    object.identity = Some(Identity {
        schema_version: 2,
        json: JsonText::parse(r#"{"id":"x"}"#).unwrap(),
    });
    let provider = snapshot.resources[&at.resource].provider.clone();
    snapshot.put(&at, &provider, object);
    let written = String::from_utf8(encode(&snapshot)).unwrap();
    assert_eq!(written.matches("identity_schema_version").count(), 1);
    assert!(
        written.contains("\"identity_schema_version\": 2"),
        "{written}"
    );
}

#[test]
fn fields_of_other_versions_are_kept_in_their_place() {
    let text = with_instance(
        r#""schema_version":0,"attributes":{},"identity_schema_version":0,"identity":{"id":"x"}"#,
    );
    let text = text.replacen(
        "\"check_results\":null",
        "\"check_results\":null,\"new\":[1]",
        1,
    );
    let written = String::from_utf8(encode(&read(&text))).unwrap();
    let at = |part: &str| {
        written
            .find(part)
            .unwrap_or_else(|| panic!("no {part} in {written}"))
    };
    assert!(at("\"sensitive_attributes\"") < at("\"identity_schema_version\": 0"));
    assert!(at("\"identity_schema_version\"") < at("\"identity\": {"));
    assert!(at("\"check_results\"") < at("\"new\": ["));
    assert_eq!(read(&written), read(&text));
}

#[test]
fn the_flat_form_is_kept_for_the_provider() {
    let text = with_instance(r#""schema_version":0,"attributes_flat":{"id":"i","tags.%":"0"}"#);
    let snapshot = read(&text);
    let object = snapshot.current(&instance("x_y.z")).unwrap();
    assert!(matches!(&object.attributes, Attributes::Flatmap(m) if m["tags.%"] == "0"));
    assert_eq!(object.decode(&Type::Dynamic), Err(StateError::Flatmap));
    assert_eq!(
        read(std::str::from_utf8(&encode(&snapshot)).unwrap()),
        snapshot
    );
}

#[test]
fn old_provider_addresses_are_understood() {
    for (text, expect) in [
        (
            "provider.aws",
            "provider[\"registry.terraform.io/hashicorp/aws\"]",
        ),
        (
            "module.a.provider.aws.west",
            "module.a.provider[\"registry.terraform.io/hashicorp/aws\"].west",
        ),
    ] {
        let text = with_resource(&format!(
            r#""mode":"data","type":"a_b","name":"c","provider":"{text}","instances":[]"#
        ));
        let snapshot = read(&text);
        assert_eq!(
            snapshot
                .resources
                .values()
                .next()
                .unwrap()
                .provider
                .to_string(),
            expect
        );
    }
}

fn check_error(text: &str, expect: &str) {
    let error = decode(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, expect, "for {text}");
}

#[test]
fn names_with_a_wrong_bit_are_refused() {
    let text = with_instance("\"schema_version\":0,\"attributes\":{}");
    decode(text.as_bytes()).unwrap();
    let names = ["terraform_version", "serial", "lineage", "resources"];
    for name in names {
        let start = text.find(&format!("\"{name}\"")).unwrap() + 1;
        for at in start..start + name.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(decode(&bytes).is_err(), "{name}: bit {bit} of byte {at}");
            }
        }
    }
    // What is not nearly one of the names is of another version of the format.
    let other = text.replacen("\"lineage\"", "\"kindred\":1,\"lineage\"", 1);
    assert_eq!(read(&other).extra.len(), 1);
    check_error(
        &text.replacen("serial", "serhal", 1),
        "\"serhal\" stands where \"serial\" belongs: the file was damaged, or edited by hand",
    );
}

#[test]
fn what_is_not_a_state_is_refused() {
    check_error(
        "",
        "the state ends in the middle of line 1: it has been cut off",
    );
    check_error("nope", "line 1, column 2: expected ident");
    check_error(
        "[]",
        "line 1, column 0: invalid type: sequence, expected a state",
    );
    check_error("{}", "there is no version number: this is not a state");
    check_error(
        r#"{"version":4,"serial":-1}"#,
        "line 1, column 24: invalid value: integer `-1`, expected u64",
    );
    let whole = with_instance(r#""attributes":{}"#);
    for end in 1..whole.len() {
        assert!(decode(&whole.as_bytes()[..end]).is_err(), "cut at {end}");
    }
    check_error(
        &whole[..40],
        "the state ends in the middle of line 1: it has been cut off",
    );
    let not_utf8 = decode(b"{\n \"version\": \"\xff\"}")
        .unwrap_err()
        .to_string();
    assert_eq!(not_utf8, "line 2, column 14: this is not UTF-8 text");
}

#[test]
fn other_versions_are_named() {
    for text in [
        r#"{"version":3,"modules":[]}"#,
        r#"{"resources":{},"version":3}"#,
    ] {
        assert_eq!(
            decode(text.as_bytes()),
            Err(StateError::OldVersion { found: 3 })
        );
    }
    let newer = r#"{"version":5,"resources":"compressed"}"#;
    assert_eq!(
        decode(newer.as_bytes()),
        Err(StateError::NewerVersion { found: 5 })
    );
}

#[test]
fn the_same_object_twice_is_refused() {
    let one = r#""attributes":{}"#;
    check_error(
        &with_instance(&format!("{one}}},{{{one}")),
        "x_y.z is in the state more than once",
    );
    let deposed = format!(r#"{one},"index_key":1,"deposed":"0000aaaa""#);
    check_error(
        &with_instance(&format!("{deposed}}},{{{deposed}")),
        "x_y.z[1] is in the state more than once",
    );
    let resource = |provider: &str| {
        format!(
            r#""mode":"managed","type":"x_y","name":"z","provider":"{provider}","instances":[]"#
        )
    };
    let twice = format!("{}}},{{{}", resource("provider.x"), resource("provider.y"));
    check_error(
        &with_resource(&twice),
        "x_y.z is in the state more than once",
    );
}

#[test]
fn instances_can_belong_to_instances_of_a_provider_configuration() {
    let instance = |key: &str, provider: &str| {
        format!(
            r#"{{"index_key":"{key}","provider":"provider[\"example.com/x/y\"].{provider}",
            "schema_version":0,"attributes":{{}},"sensitive_attributes":[]}}"#
        )
    };
    let resource = |first: &str, second: &str| {
        let instances = format!("{},{}", instance("a", first), instance("b", second));
        with_resource(&format!(
            r#""mode":"managed","type":"x_y","name":"z","instances":[{instances}]"#
        ))
    };
    let snapshot = read(&resource(r#"by[\"k\"]"#, r#"by[\"l\"]"#));
    let stored = snapshot.resources.values().next().unwrap();
    assert_eq!(
        stored.provider.to_string(),
        "provider[\"example.com/x/y\"].by"
    );
    let second = stored.provider_of(&InstanceKey::Str("b".into()));
    assert_eq!(
        second.to_string(),
        "provider[\"example.com/x/y\"].by[\"l\"]"
    );
    let written = String::from_utf8(encode(&snapshot)).unwrap();
    assert_eq!(written.matches("\"provider\"").count(), 2, "{written}");
    assert_eq!(read(&written), snapshot);
    check_error(
        &resource(r#"by[\"k\"]"#, "other"),
        "x_y.z[\"b\"]: provider[\"example.com/x/y\"].other is not an instance of provider[\"example.com/x/y\"].by",
    );
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        decode(with_instance(&format!("\"attributes\":{value}")).as_bytes())
    };
    assert!(nested(900).is_ok());
    assert_eq!(nested(100_000), Err(StateError::TooDeep));
}

/// The types of values are nested twice as deep as they are.
#[test]
fn what_was_written_is_read_however_deep() {
    let check = |depth: usize| {
        let value = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let (open, close) = ("[\"tuple\",[".repeat(depth), "]]".repeat(depth));
        let text = format!(
            r#"{{"version":4,"serial":1,"lineage":"l","outputs":{{"o":{{"value":{value},"type":{open}"number"{close}}}}},"resources":[]}}"#
        );
        let snapshot = read(&text);
        assert_eq!(decode(&encode(&snapshot)), Ok(snapshot), "{depth}");
    };
    for depth in [1, 40, 60, 130, 400] {
        check(depth);
    }
}

#[test]
fn damaged_files_are_read_or_refused() {
    for text in WRITTEN_BY_TERRAFORM {
        for at in (0..text.len()).step_by(7) {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = b"{}[]\",:0n\\\xff\0"[at % 12];
            if let Ok(snapshot) = decode(&bytes) {
                assert!(decode(&encode(&snapshot)).is_ok(), "byte {at}");
            }
        }
    }
}

#[test]
fn parts_that_do_not_make_sense_are_named() {
    check_error(&with_instance(""), "x_y.z: there are no attributes");
    let with = |field: &str| with_instance(&format!(r#""attributes":{{}},{field}"#));
    check_error(
        &with(r#""status":"odd""#),
        "x_y.z: the status \"odd\" is not known",
    );
    check_error(
        &with(r#""private":"!""#),
        "x_y.z: the private data is not base64",
    );
    check_error(
        &with(r#""index_key":[]"#),
        "x_y.z: the instance key is neither a number nor a string",
    );
    check_error(
        &with(r#""index_key":"k","deposed":"x""#),
        "x_y.z[\"k\"]: \"x\" is not a deposed key",
    );
    check_error(
        &with_resource(r#""mode":"odd","type":"x_y","name":"z""#),
        "x_y.z: the mode \"odd\" is not known",
    );
}

#[test]
fn many_resources_are_no_trouble() {
    let mut text =
        String::from(r#"{"version":4,"serial":1,"lineage":"l","outputs":{},"resources":["#);
    for n in 0..20_000 {
        let comma = if n == 0 { "" } else { "," };
        text += &format!(
            r#"{comma}{{"mode":"managed","type":"x_y","name":"n{n}","provider":"provider.x",
            "instances":[{{"schema_version":0,"attributes":{{"id":"{n}","tags":{{"a":"b"}}}},
            "dependencies":["x_y.n0","x_y.n1"]}}]}}"#
        );
    }
    text += "]}";
    let started = std::time::Instant::now();
    let snapshot = read(&text);
    assert_eq!(snapshot.resources.len(), 20_000);
    let bytes = encode(&snapshot);
    assert!(
        decode(&bytes).unwrap() == snapshot,
        "differs after a round trip"
    );
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn resources_stand_in_the_order_of_their_texts() {
    let provider = "provider[\"registry.terraform.io/x/x\"]".parse().unwrap();
    let mut snapshot = Snapshot::default();
    let modules = [
        "",
        "module.a.",
        "module.a[\"b\"].",
        "module.a[10].",
        "module.a[9].",
        "module.ab.",
    ];
    for module in modules {
        for resource in ["x_y.b", "x_y.a", "data.x_y.c", "x_x.d", "data.a_b.e"] {
            let addr = format!("{module}{resource}").parse().unwrap();
            snapshot.put(&addr, &provider, json_object("{}"));
        }
    }
    let text = String::from_utf8(encode(&snapshot)).unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let resources = file["resources"].as_array().unwrap();
    let place = |r: &serde_json::Value| {
        ["module", "mode", "type", "name"].map(|name| r[name].as_str().unwrap_or("").to_owned())
    };
    let places: Vec<_> = resources.iter().map(place).collect();
    assert_eq!(places.len(), 30);
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn large_states_are_written_in_pieces() {
    let provider = "provider[\"registry.terraform.io/x/x\"]".parse().unwrap();
    let mut snapshot = Snapshot::default();
    for n in 0..5000 {
        let object = json_object(&format!("{{\"n\":{n}}}"));
        let addr = format!("x_y.r{n}").parse().unwrap();
        snapshot.put(&addr, &provider, object.clone());
        let addr = format!("module.m.x_y.z[{n}]").parse().unwrap();
        snapshot.put(&addr, &provider, object);
    }
    let pieces = encode_pieces(&snapshot);
    assert!(pieces.len() > 2, "{}", pieces.len());
    let whole = pieces.concat();
    assert!(whole == encode(&snapshot));
    assert!(decode(&whole).unwrap() == snapshot);
}

fn json_object(attributes: &str) -> Object {
    Object {
        attributes: Attributes::Json(JsonText::parse(attributes).unwrap()),
        ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
    }
}
