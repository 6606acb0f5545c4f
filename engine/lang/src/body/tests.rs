use muster_value::{PathStep, Value};

use crate::syntax::{parse_expression, parse_json, parse_native};
use crate::{AttributeSchema, BlockSchema, Body, BodySchema, Content, Diags, FileId, RawExpr};

fn schema() -> BodySchema {
    let attribute = |name: &str, required| AttributeSchema {
        name: name.into(),
        required,
    };
    let block = |name: &str, labels: &[&str]| BlockSchema {
        type_name: name.into(),
        labels: labels.iter().map(|&l| l.into()).collect(),
    };
    BodySchema {
        attributes: vec![attribute("name", true), attribute("size", false)].into(),
        blocks: vec![
            block("rule", &[]),
            block("item", &["type", "key"]),
            block("dynamic", &["type"]),
        ]
        .into(),
    }
}

fn native(text: &str) -> Body {
    let (body, diags) = parse_native(FileId(0), &text.into());
    assert_eq!(diags, Diags::new());
    body
}

fn json(text: &str) -> Body {
    let (body, diags) = parse_json(FileId(0), &text.into());
    assert_eq!(diags, Diags::new());
    body
}

fn names(content: &Content) -> String {
    let mut out: Vec<String> = content
        .attributes
        .iter()
        .map(|a| a.name.to_string())
        .collect();
    for block in &content.blocks {
        let labels: String = block.labels.iter().map(|(l, _)| format!(" {l}")).collect();
        out.push(format!("{}{labels}", block.type_name));
    }
    out.join(", ")
}

fn summaries(text: &str, diags: &Diags) -> String {
    let one = |d: &crate::Diagnostic| {
        let s = d.subject.expect("has a position");
        format!(
            "{} @ {}",
            d.summary,
            &text[s.start as usize..s.end as usize]
        )
    };
    diags.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check(text: &str, found: &str, errors: &str) {
    let body = if text.starts_with('{') || text.starts_with('[') {
        json(text)
    } else {
        native(text)
    };
    let (content, diags) = body.content(&schema());
    assert_eq!(
        (names(&content).as_str(), summaries(text, &diags).as_str()),
        (found, errors)
    );
}

#[test]
fn native_content() {
    check(
        "name = 1\nsize = 2\nrule {\n}\nitem \"a\" b {}\n",
        "name, size, rule, item a b",
        "",
    );
    check("size = 1\n", "size", "Missing required argument @ ");
    check(
        "name = 1\nnmae = 2\n",
        "name",
        "Unsupported argument @ nmae",
    );
    check(
        "name = 1\nrule = 2\n",
        "name",
        "Unsupported argument @ rule",
    );
    check(
        "name = 1\nsize {}\n",
        "name",
        "Unsupported block type @ size",
    );
    check("name = 1\nitem {}\n", "name", "Missing type for item @ {");
    check("name = 1\nitem a {}\n", "name", "Missing key for item @ {");
    check(
        "name = 1\nitem a b \"c\" {}\n",
        "name",
        "Extraneous label for item @ \"c\"",
    );
    check(
        "name = 1\nrule \"x\" {}\n",
        "name",
        "Extraneous label for rule @ \"x\"",
    );
}

#[test]
fn suggestions_name_what_is_close() {
    let detail = |text: &str| native(text).content(&schema()).1.0[0].detail.clone();
    assert!(detail("name = 1\nnmae = 2\n").ends_with("Did you mean \"name\"?"));
    assert!(detail("name = 1\nruel {}\n").ends_with("Did you mean \"rule\"?"));
    assert!(!detail("name = 1\nentirely = 2\n").contains("Did you mean"));
}

#[test]
fn json_content() {
    check(
        r#"{"name": 1, "//": 2, "rule": {}, "item": {"a": {"b": {}, "c": [{}, {}]}}}"#,
        "name, rule, item a b, item a c, item a c",
        "",
    );
    check(
        r#"{"name": 1, "rule": [{}, {}], "item": [{"a": [{"b": {}}]}, {"c": {"d": null}}]}"#,
        "name, rule, rule, item a b",
        "",
    );
    check(r#"[{"name": 1}, {"size": 2}]"#, "name, size", "");
    check(
        r#"{"name": 1, "name": 2}"#,
        "name",
        r#"Duplicate argument @ "name""#,
    );
    check(
        r#"{"name": 1, "nam": 2}"#,
        "name",
        r#"Extraneous JSON object property @ "nam""#,
    );
    check(
        r#"{"name": 1, "rule": 5}"#,
        "name",
        "Incorrect JSON value type @ 5",
    );
    check(
        r#"{"name": 1, "item": {"a": 5}}"#,
        "name",
        "Incorrect JSON value type @ 5; Missing block label @ 5",
    );
    check(
        r#"{"name": 1, "item": []}"#,
        "name",
        "Missing block label @ [",
    );
    check(
        r#"{"name": 1, "item": null}"#,
        "name",
        "Missing block label @ null",
    );
    check(
        r#"{"name": 1, "item": [null, {"a": {"b": {}}}]}"#,
        "name, item a b",
        "Incorrect JSON value type @ null",
    );
    check(r#"{"name": 1, "rule": null}"#, "name", "");
    check(r#"{"name": 1, "rule": [null, 5]}"#, "name, rule, rule", "");
    check(r#"{"size": 1}"#, "size", "Missing required argument @ }");
}

#[test]
fn json_items_of_a_block_are_looked_at_when_it_is_read() {
    let check = |item: &str, found: &str, errors: &str| {
        let text = format!(r#"{{"name": 1, "rule": [{item}]}}"#);
        let block = json(&text).content(&schema()).0.blocks[0].clone();
        let (content, _, diags) = block.body.partial_content(&schema());
        let diags = Diags(
            (diags.into_iter())
                .filter(|d| d.summary != "Missing required argument")
                .collect(),
        );
        assert_eq!(
            (names(&content).as_str(), summaries(&text, &diags).as_str()),
            (found, errors),
            "{item}"
        );
    };
    check("{\"name\": 1}", "name", "");
    check("null", "", "");
    check("5", "", "Incorrect JSON value type @ 5");
    check("[{\"name\": 1}, {\"size\": 1}]", "name, size", "");
    check("[null]", "", "Incorrect JSON value type @ null");
    check("[[{}]]", "", "Incorrect JSON value type @ [");
}

#[test]
fn json_is_taken_as_written_where_nothing_is_evaluated() {
    let written = |text: &str| raw_json(text).verbatim().expect("it is JSON");
    let expect = Value::tuple(["${x}".into(), "%{".into(), 1.into(), Value::NULL]);
    assert!(written(r#"["${x}", "%{", 1, null]"#).is_ok_and(|v| v.same(&expect)));
    let object = Value::object([("${k}", Value::Bool(true)), ("//", "c".into())]);
    assert!(written(r#"{"${k}": true, "//": "c"}"#).is_ok_and(|v| v.same(&object)));
    let diags = written(r#"{"x": 1, "x": 2}"#).expect_err("x is there twice");
    assert_eq!(diags.0[0].summary, "Duplicate object attribute");
    assert!(raw("1").verbatim().is_none());
}

#[test]
fn a_partial_look_leaves_the_rest() {
    let part = BodySchema {
        attributes: vec![AttributeSchema {
            name: "count".into(),
            required: false,
        }]
        .into(),
        blocks: Default::default(),
    };
    for body in [
        native("count = 1\nname = 2\nrule {}\n"),
        json(r#"{"count": 1, "name": 2, "rule": {}}"#),
    ] {
        let (content, rest, diags) = body.partial_content(&part);
        assert_eq!((names(&content).as_str(), diags), ("count", Diags::new()));
        let (content, diags) = rest.content(&schema());
        assert_eq!(
            (names(&content).as_str(), diags),
            ("name, rule", Diags::new())
        );
        let (content, _) = rest.content(&part);
        assert_eq!(names(&content), "");
    }
}

#[test]
fn just_attributes_refuses_blocks() {
    let text = "a = 1\nb {}\nc {}\n";
    let (found, diags) = native(text).just_attributes();
    assert_eq!(found.len(), 1);
    assert_eq!(summaries(text, &diags), "Unexpected \"b\" block @ b");
    let text = r#"{"a": 1, "//": 2, "a": 3}"#;
    let (found, diags) = json(text).just_attributes();
    assert_eq!(found.len(), 1);
    assert_eq!(
        summaries(text, &diags),
        "Duplicate attribute definition @ \"a\""
    );
    let text = r#"[{"a": 1}]"#;
    let (_, diags) = json(text).just_attributes();
    assert_eq!(summaries(text, &diags), "Incorrect JSON value type @ [");
}

#[track_caller]
fn check_references(body: Body, expect: &[&str]) {
    let found: Vec<_> = body
        .references()
        .iter()
        .map(|r| format!("{:?}", r.subject))
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn references_look_everywhere() {
    check_references(
        native(
            "a = var.a\nb {\n c {\n d = [local.b, nope]\n }\n}\ndynamic \"x\" {\n for_each = x.y\n iterator = it\n labels = [it.key]\n content {\n e = \"${it.value}${x.z}\"\n dynamic \"w\" {\n  for_each = it.value\n  content {\n   f = [w.value, it.key, data.p.q]\n  }\n }\n }\n}\n",
        ),
        &[
            "Variable(\"a\")",
            "Local(\"b\")",
            "Managed(\"x\", \"y\")",
            "Managed(\"x\", \"z\")",
            "Data(\"p\", \"q\")",
        ],
    );
    check_references(
        json(
            r#"{"a": ["${var.a}"], "//": "${var.no}", "dynamic": {"x": {"for_each": "${x.y}", "content": {"e": "${x.value} ${local.b}"}}}}"#,
        ),
        &["Variable(\"a\")", "Managed(\"x\", \"y\")", "Local(\"b\")"],
    );
}

fn raw(text: &str) -> RawExpr {
    parse_expression(FileId(0), &text.into()).0
}

fn raw_json(text: &str) -> RawExpr {
    json(&format!("{{\"a\": {text}}}")).just_attributes().0[0]
        .expr
        .clone()
}

#[test]
fn static_views_of_expressions() {
    for (expr, other) in [
        (raw("all"), raw("a.b")),
        (raw_json("\"all\""), raw_json("\"a.b\"")),
    ] {
        assert_eq!(expr.as_keyword().as_deref(), Some("all"));
        assert_eq!(other.as_keyword(), None);
        let steps = vec![PathStep::Attr("b".into())];
        assert_eq!(other.as_traversal(), Some(("a".into(), steps)));
    }
    let steps = vec![
        PathStep::Attr("b".into()),
        PathStep::Key("c".into()),
        PathStep::Index(0),
    ];
    assert_eq!(
        raw("a.b[\"c\"][0]").as_traversal(),
        Some(("a".into(), steps))
    );
    assert_eq!(raw("a[b.c]").as_traversal(), None);
    assert_eq!(raw("a[*]").as_traversal(), None);
    for expr in [raw("map(list(string))"), raw_json("\"map(list(string))\"")] {
        let (name, args) = expr.as_call().expect("is a call");
        assert_eq!((&*name, args.len()), ("map", 1));
        assert_eq!(
            args[0].as_call().expect("is a call").1[0]
                .as_keyword()
                .as_deref(),
            Some("string")
        );
    }
    assert_eq!(raw("[a, b]").as_list().map(|l| l.len()), Some(2));
    assert_eq!(raw_json("[1, 2]").as_list().map(|l| l.len()), Some(2));
    let pairs = raw("{a = b, \"c\" = d}").as_pairs().expect("is an object");
    assert_eq!(pairs[0].0.as_keyword().as_deref(), Some("a"));
    assert_eq!(pairs[1].0.as_literal(), Some("c".into()));
    assert_eq!(
        raw_json("{\"a\": \"b\"}").as_pairs().map(|p| p.len()),
        Some(1)
    );
}

#[test]
fn literals() {
    assert_eq!(raw("\"a\\n\"").as_literal(), Some("a\n".into()));
    assert_eq!(raw("-5").as_literal(), Some(Value::int(-5)));
    assert_eq!(raw("null").as_literal(), Some(Value::NULL));
    assert_eq!(
        raw("[true, {a = 1}]").as_literal(),
        Some(Value::tuple([
            true.into(),
            Value::object([("a", Value::int(1))])
        ]))
    );
    assert_eq!(raw("\"${a.b}\"").as_literal(), None);
    assert_eq!(raw("a").as_literal(), None);
    assert_eq!(raw_json("\"x\"").as_literal(), Some("x".into()));
    // What could not be read has no value, either.
    let (broken, diags) = parse_json(FileId(0), &r#"{"a": "\u,00e9"}"#.into());
    assert!(diags.has_errors());
    let broken = broken.just_attributes().0;
    assert!(broken.iter().all(|a| a.expr.as_literal().is_none()));
}
