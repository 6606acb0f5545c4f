use std::fmt::Write;
use std::sync::Arc;

use muster_value::Value;

use crate::syntax::{parse_expression, parse_json, parse_native, parse_template};
use crate::{Diags, Expr, FileId, Node, NodeId, Str};

/// Prints a lowered expression as one line: `$i` is slot i, `@i` reference i.
fn show(e: &Expr, id: NodeId) -> String {
    let list = |ids: &[NodeId]| {
        ids.iter()
            .map(|&i| show(e, i))
            .collect::<Vec<_>>()
            .join(" ")
    };
    match e.node(id) {
        Node::Literal(Value::String(s)) => format!("{s:?}"),
        Node::Literal(Value::Number(n)) => n.to_string(),
        Node::Literal(Value::Bool(b)) => b.to_string(),
        Node::Literal(_) => "null".into(),
        Node::Reference(i) => format!("@{i}"),
        Node::Slot(i) => format!("${i}"),
        Node::Template(parts) => format!("(join {})", list(parts)),
        Node::GetAttr(base, name) => format!("{}.{name}", show(e, *base)),
        Node::Index(base, key) => format!("{}[{}]", show(e, *base), show(e, *key)),
        Node::Splat { source, each, slot } => {
            format!("(splat ${slot} {} {})", show(e, *source), show(e, *each))
        }
        Node::Unary(op, x) => format!("({op:?} {})", show(e, *x)),
        Node::Binary(op, a, b) => format!("({op:?} {})", list(&[*a, *b])),
        Node::Conditional(a, b, c) => format!("(if {})", list(&[*a, *b, *c])),
        Node::Tuple(items) => format!("[{}]", list(items)),
        Node::Object(items) => {
            let pair = |(k, v): &(NodeId, NodeId)| format!("{}={}", show(e, *k), show(e, *v));
            format!(
                "{{{}}}",
                items.iter().map(pair).collect::<Vec<_>>().join(" ")
            )
        }
        Node::TemplateFor(f) | Node::For(f) => {
            let mut out = format!(
                "(for {:?} ${} {}",
                f.key_slot,
                f.value_slot,
                show(e, f.collection)
            );
            if let Some(key) = f.key {
                _ = write!(out, " key {}", show(e, key));
            }
            _ = write!(
                out,
                " {}{}",
                show(e, f.value),
                if f.group { "..." } else { "" }
            );
            if let Some(condition) = f.condition {
                _ = write!(out, " if {}", show(e, condition));
            }
            out + ")"
        }
        Node::Call {
            function,
            args,
            expand,
            ..
        } => {
            format!(
                "({} {}{})",
                function.name,
                list(args),
                if *expand { "..." } else { "" }
            )
        }
        Node::ProviderCall {
            provider,
            function,
            args,
            ..
        } => {
            format!("({provider}::{function} {})", list(args))
        }
        Node::Invalid => "!".into(),
        Node::Fails(why) => format!("!{}", why.summary),
    }
}

fn lowered(text: &str, iterators: &[Str]) -> (Expr, Diags) {
    let (raw, mut diags) = parse_expression(FileId(0), &text.into());
    let (expr, found) = raw.lower(iterators);
    diags.extend(found);
    (expr, diags)
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let (expr, diags) = lowered(text, &[]);
    assert_eq!(diags, Diags::new());
    assert_eq!(show(&expr, expr.0.root), expect);
    assert_eq!(expr.0.nodes.len(), expr.0.spans.len());
}

#[test]
fn operators_bind_as_usual() {
    check("1 + 2 * 3 - 4", "(Sub (Add 1 (Mul 2 3)) 4)");
    check("1 - (2 - 3)", "(Sub 1 (Sub 2 3))");
    check("-1 + !true", "(Add (Neg 1) (Not true))");
    check(
        "true || false && 1 == 2 ? 3 : 4 ? 5 : 6",
        "(if (Or true (And false (Eq 1 2))) 3 (if 4 5 6))",
    );
    check("1 < 2 == 3 >= 4", "(Eq (Less 1 2) (GreaterEq 3 4))");
    check("1.e3", "1000");
}

#[test]
fn names_become_subjects_and_slots() {
    check("var.a.b[0].c", "@0.b[0].c");
    check("data.t.n[\"k\"].c", "@0[\"k\"].c");
    check(
        "[for k, v in var.x : k => v]".replace(" k =>", "").as_str(),
        "(for Some(0) $1 @0 $1)",
    );
    check(
        "{for k, v in local.m : k => v.x... if v != null}",
        "(for Some(0) $1 @0 key $0 $1.x... if (NotEq $1 null))",
    );
    check(
        "[for x in [1] : [for x in [x] : x]]",
        "(for None $0 [1] (for None $1 [$0] $1))",
    );
    check("a.b[*].c[0].d[*]", "(splat $0 @0 (splat $1 $0.c[0].d $1))");
    check("a.b.*.c.0[1]", "(splat $0 @0 $0.c[0])[1]");
    check(
        "{a = 1, null = 2, \"b\" = 3, (var.x) = 4, 5 = 6}",
        "{\"a\"=1 \"null\"=2 \"b\"=3 @0=4 5=6}",
    );
    check("provider::p::f(1, 2...)", "(p::f 1 2)");
}

#[test]
fn references_know_their_steps() {
    let (expr, _) = lowered("resource.t.n[0].a[\"k\"][var.i].b", &[]);
    let found: Vec<_> = expr
        .references()
        .iter()
        .map(|r| {
            format!(
                "{:?} {:?} {}-{} {}-{}",
                r.subject, r.steps, r.span.start, r.span.end, r.full_span.start, r.full_span.end
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "Managed(\"t\", \"n\") [Index(0), Attr(\"a\"), Key(\"k\")] 0-12 0-22",
            "Variable(\"i\") [] 23-28 23-28",
        ]
    );
}

#[test]
fn iterators_of_dynamic_blocks_come_first() {
    let names: [Str; 3] = ["a".into(), "b".into(), "a".into()];
    let (expr, _) = lowered("[a.value, b.key, [for x in c.d : x]]", &names);
    assert_eq!(
        show(&expr, expr.0.root),
        "[$2.value $1.key (for None $3 @0 $3)]"
    );
    assert_eq!(expr.0.slots, 4);
}

#[test]
fn templates() {
    check("\"${var.x}\"", "@0");
    check("\"${~ 1 ~}\"", "1");
    check("\"\"", "\"\"");
    check("\"a${1}b\\n$${c}\"", "(join \"a\" 1 \"b\\n${c}\")");
    check("\"%{if var.x}y%{endif}\"", "(join (if @0 \"y\" \"\"))");
    check(
        "\"%{for i, x in [1]}${i}:${x} %{endfor}\"",
        "(join (for Some(0) $1 [1] (join $0 \":\" $1 \" \")))",
    );
    check(
        "<<-E\n    a\n      ${1}\n\n    b\n  E\n",
        "(join \"a\\n  \" 1 \"\\n\\nb\\n\")",
    );
    check("<<E\nE\n", "\"\"");
    check("\"e\u{301}\"", "\"é\"");
}

#[track_caller]
fn check_error(text: &str, summary: &str, at: &str) {
    let (expr, diags) = lowered(text, &[]);
    let later = expr.0.nodes.iter().find_map(|node| match node {
        Node::Fails(why) => Some(&**why),
        _ => None,
    });
    let found = diags.iter().next().or(later).expect("an error is reported");
    let span = found.subject.expect("the error has a position");
    assert_eq!(
        (
            found.summary.as_str(),
            &text[span.start as usize..span.end as usize]
        ),
        (summary, at)
    );
}

#[test]
fn wrong_names() {
    check_error("foo", "Invalid reference", "foo");
    check_error("x[1]", "Invalid reference", "[1]");
    check_error("var", "Reference to undeclared input variable", "var");
    check_error(
        "local[\"x\"]",
        "Reference to undeclared local value",
        "[\"x\"]",
    );
    check_error("path", "Invalid \"path\" attribute", "path");
    check_error("module[0]", "Invalid reference", "[0]");
    check_error("data.x", "Invalid reference", "data.x");
    check_error("resource.x", "Invalid reference", "resource.x");
    check_error("each.foo", "Invalid \"each\" attribute", "each.foo");
    check_error("count.x", "Invalid \"count\" attribute", "count.x");
    check_error("lazy.x", "Reserved symbol name", "lazy.x");
    check_error(
        "no_such_function(1)",
        "Call to unknown function",
        "no_such_function",
    );
    check_error("provider::a(1)", "Unknown provider function", "provider::a");
    check_error("x::y(1)", "Unknown provider function", "x::y");
    check_error(
        "core::no_such(1)",
        "Unknown provider function",
        "core::no_such",
    );
    check_error("{local.k = 1}", "Ambiguous attribute key", "local.k");
    check_error("a.b c", "Extra characters after expression", "c");
}

#[test]
fn an_error_leaves_the_rest_alone() {
    let (expr, diags) = lowered("[foo, var.x]", &[]);
    assert_eq!(show(&expr, expr.0.root), "[! @0]");
    assert_eq!(diags.0.len(), 1);
}

#[test]
fn json_values_are_kept_as_they_stand() {
    let text = r#"{"x": {"a": ["${var.b}", 2, null, "n"], "//": "c"}}"#.into();
    let (body, diags) = parse_json(FileId(0), &text);
    assert!(diags.is_empty());
    let (attributes, _) = body.just_attributes();
    let (expr, _) = attributes[0].expr.lower(&[]);
    let items = ["${var.b}".into(), 2.into(), Value::NULL, "n".into()];
    let expect = Value::object([("a", Value::tuple(items)), ("//", "c".into())]);
    assert!(expr.verbatim().unwrap().same(&expect));
    let (native, _) = parse_expression(FileId(0), &"1".into());
    assert!(native.lower(&[]).0.verbatim().is_none());
}

#[test]
fn json_strings_are_templates() {
    let text: Arc<str> = r#"{"a": [1, true, null, "${var.x}", "a${upper}", {"${local.k}": "$${}"}], "b": "\u0024{nope}"}"#.into();
    let (body, diags) = parse_json(FileId(0), &text);
    assert!(diags.is_empty());
    let (attributes, _) = body.just_attributes();
    let (expr, diags) = attributes[0].expr.lower(&[]);
    assert_eq!(
        show(&expr, expr.0.root),
        r#"[1 true null @0 (join "a" !) {@1="${}"}]"#
    );
    let span = diags.0[0].subject.expect("the error has a position");
    assert_eq!(&text[span.start as usize..span.end as usize], "upper");
    let (_, diags) = attributes[1].expr.lower(&[]);
    let span = diags.0[0].subject.expect("the error has a position");
    assert_eq!(
        &text[span.start as usize..span.end as usize],
        r#""\u0024{nope}""#
    );
}

#[test]
fn a_template_file_keeps_a_lone_value() {
    let (raw, _) = parse_template(FileId(0), &"${x}".into());
    let (expr, _) = raw.lower(&["x".into()]);
    assert_eq!(show(&expr, expr.0.root), "$0");
    let (raw, _) = parse_template(FileId(0), &"\"${x}\"\\n\n".into());
    let (expr, _) = raw.lower(&["x".into()]);
    assert_eq!(show(&expr, expr.0.root), r#"(join "\"" $0 "\"\\n\n")"#);
}

/// Text of a template of literals; `for` runs over "1" and "2".
fn text_of(e: &Expr, id: NodeId, slots: &mut Vec<(u32, &'static str)>) -> String {
    match e.node(id) {
        Node::Literal(Value::String(s)) => s.to_string(),
        Node::Literal(Value::Bool(b)) => b.to_string(),
        Node::Template(parts) => parts.iter().map(|&p| text_of(e, p, slots)).collect(),
        Node::Conditional(condition, a, b) => {
            let taken = if text_of(e, *condition, slots) == "true" {
                a
            } else {
                b
            };
            text_of(e, *taken, slots)
        }
        Node::Slot(slot) => {
            let found = slots.iter().find(|(s, _)| s == slot);
            found
                .map(|(_, text)| (*text).to_owned())
                .unwrap_or_default()
        }
        Node::TemplateFor(each) => {
            let mut out = String::new();
            for item in ["1", "2"] {
                slots.push((each.value_slot, item));
                out += &text_of(e, each.value, slots);
                slots.pop();
            }
            out
        }
        other => panic!("{other:?} is not part of the recorded templates"),
    }
}

/// Random heredocs and strings with what Terraform makes of them; null where it refuses.
#[test]
fn recorded_templates() {
    for line in include_str!("recorded.jsonl").lines() {
        let (source, expect): (String, Option<String>) =
            serde_json::from_str(line).expect("the recording is JSON");
        let (body, diags) = parse_native(FileId(0), &format!("a = {source}").into());
        let found = (!diags.has_errors()).then(|| {
            let (expr, _) = body.just_attributes().0[0].expr.lower(&[]);
            text_of(&expr, expr.0.root, &mut Vec::new())
        });
        assert_eq!(found, expect, "{source:?}");
    }
}

#[test]
fn deep_and_long_expressions_need_no_stack() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a=", "}"),
        ("!", ""),
        ("1?", ":1"),
        ("\"x${", "}\""),
        ("[for x in [1]: ", "]"),
    ] {
        let (_, diags) = lowered(
            &format!("{}1{}", open.repeat(5_000), close.repeat(5_000)),
            &[],
        );
        assert_eq!(diags, Diags::new(), "{open}");
    }
    for step in [".a", "[0]", "[a.b]", "[*]", " + 1"] {
        let (expr, diags) = lowered(&format!("a.b{}", step.repeat(20_000)), &[]);
        assert_eq!(diags, Diags::new(), "{step}");
        assert!(expr.0.nodes.len() > 20_000);
    }
}
