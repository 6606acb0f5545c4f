use muster_lang::{Diagnostic, Diags, Sources, Span};

use super::DiagnosticRenderer;
use crate::Style;

const MAIN: &str = "variable \"x\" {}\n\nresource \"terraform_data\" \"a\" {\n  input = \"${var.é}${local.l}\"\n}\n\noutput \"o\" {\n  value = upper(\n    1,\n    local.b)\n}\n";

fn sources() -> (Sources, impl Fn(&str) -> Span) {
    let mut sources = Sources::default();
    let file = sources.add("main.tf", MAIN);
    let find = move |needle: &str| {
        let start = MAIN.find(needle).unwrap() as u32;
        Span {
            file,
            start,
            end: start + needle.len() as u32,
        }
    };
    (sources, find)
}

#[test]
fn draws_snippet_and_values_without_color() {
    let (sources, find) = sources();
    let mut d = Diagnostic::error("Invalid template interpolation value", "Not a string.")
        .at(find("local.l"))
        .about("terraform_data.a");
    d.values
        .push(("local.l".into(), "is tuple with 2 elements".into()));
    assert_eq!(
        DiagnosticRenderer::new(&sources, Style::PLAIN).text(&d),
        "
Error: Invalid template interpolation value

  with terraform_data.a,
  on main.tf line 4, in resource \"terraform_data\" \"a\":
   4:   input = \"${var.é}${local.l}\"
    ├────────────────
    │ local.l is tuple with 2 elements

Not a string.
"
    );
}

#[test]
fn draws_a_border_and_the_context_with_color() {
    let (sources, find) = sources();
    let d = Diagnostic::warning("Odd", "Long enough to be wrapped.")
        .at(find("local.b"))
        .within(find("upper(\n    1,\n    local.b)"));
    let style = Style {
        color: true,
        width: Some(20),
    };
    let plain = DiagnosticRenderer::new(&sources, style).text(&d);
    assert!(plain.contains("\x1b[4mlocal.b\x1b[0m)"), "{plain}");
    let mut bare = String::new();
    let mut rest = plain.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(
        bare,
        "╷
│ Warning: Odd
│ 
│   on main.tf line 10, in output \"o\":
│    8:   value = upper(
│    9:     1,
│   10:     local.b)
│ 
│ Long enough to be
│ wrapped.
╵
"
    );
}

#[test]
fn groups_warnings() {
    let (sources, find) = sources();
    let warning = || Diagnostic::warning("Odd", "Why.").at(find("var.é"));
    let diags = Diags(vec![warning(), Diagnostic::error("Bad", ""), warning()]);
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    assert_eq!(
        renderer.all(&diags, true),
        "Warnings:\n\n- Odd\n  on main.tf line 4 (and 1 more)\n\nTo see the full warning notes, run muster without -compact-warnings.\n\nError: Bad\n"
    );
    let full = renderer.all(&diags, false);
    assert_eq!(full.matches("Warning: Odd").count(), 1);
    assert!(
        full.contains("Why.\n\n(and one more similar warning elsewhere)\n"),
        "{full}"
    );
}

#[test]
fn writes_json() {
    let (sources, find) = sources();
    let mut d = Diagnostic::error("S", "D").at(find("local.l"));
    d.values.push(("local.l".into(), "is null".into()));
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    assert_eq!(
        renderer.json(&d),
        r#"{"severity":"error","summary":"S","detail":"D","range":{"filename":"main.tf","start":{"line":4,"column":22,"byte":71},"end":{"line":4,"column":29,"byte":78}},"snippet":{"context":"resource \"terraform_data\" \"a\"","code":"  input = \"${var.é}${local.l}\"","start_line":4,"highlight_start_offset":22,"highlight_end_offset":29,"values":[{"traversal":"local.l","statement":"is null"}]}}"#
    );
    assert!(renderer.validate_json(&d.into()).starts_with(
        "{\n  \"format_version\": \"1.0\",\n  \"valid\": false,\n  \"error_count\": 1,"
    ));
}

#[test]
fn headers_stand_in_no_block() {
    let (sources, find) = sources();
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    let context = |needle: &str| {
        let d = Diagnostic::error("S", "D").at(find(needle));
        let json: serde_json::Value = serde_json::from_str(&renderer.json(&d)).unwrap();
        json["snippet"]["context"].clone()
    };
    assert_eq!(context("variable \"x\""), serde_json::Value::Null);
    assert_eq!(
        context("resource \"terraform_data\""),
        serde_json::Value::Null
    );
    assert_eq!(
        context("\"terraform_data\""),
        "resource \"terraform_data\" \"a\""
    );
    assert_eq!(context("1,"), "output \"o\"");
    // Nor in the block before, even where that ends with the line.
    let mut sources = Sources::default();
    let text = "variable \"a\" {}\nvariable \"b\" {}\n";
    let file = sources.add("main.tf", text);
    let (start, end) = (16, 28);
    let d = Diagnostic::error("S", "D").at(Span { file, start, end });
    let json = DiagnosticRenderer::new(&sources, Style::PLAIN).json(&d);
    assert!(json.contains("\"context\":null"), "{json}");
}

#[test]
fn labels_are_shown_in_quotes() {
    let mut sources = Sources::default();
    let text = "resource terraform_data a b {\n  input = \n}\n";
    let file = sources.add("main.tf", text);
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    let at = |start: usize, end: usize| {
        let (start, end) = (start as u32, end as u32);
        let d = Diagnostic::error("S", "D").at(Span { file, start, end });
        let json: serde_json::Value = serde_json::from_str(&renderer.json(&d)).unwrap();
        json["snippet"].clone()
    };
    let label = at(26, 27);
    assert_eq!(label["context"], "resource \"terraform_data\" \"a\" \"b\"");
    // The end of a line is where the next one begins.
    let newline = text.find("= \n").unwrap() + 2;
    let snippet = at(newline, newline + 1);
    assert_eq!(snippet["code"], "  input = \n}");
    assert_eq!(snippet["highlight_start_offset"], 10);
    assert_eq!(snippet["highlight_end_offset"], 11);
}

#[test]
fn calls_are_told_with_their_signature() {
    let (sources, find) = sources();
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    let mut d = Diagnostic::error("S", "D").at(find("local.b"));
    d.call = Some("join");
    let json: serde_json::Value = serde_json::from_str(&renderer.json(&d)).unwrap();
    assert_eq!(
        json["snippet"]["function_call"],
        serde_json::json!({"called_as": "join", "signature": {
            "name": "join",
            "params": [{"name": "separator", "type": "string"}],
            "variadic_param": {"name": "lists", "type": ["list", "string"]},
            "return_type": "string",
        }})
    );
    let text = renderer.text(&d);
    assert!(
        text.contains("│ while calling join(separator, lists...)"),
        "{text}"
    );
}

#[test]
fn survives_ranges_outside_the_file() {
    let (sources, find) = sources();
    let odd = Span {
        start: 5000,
        end: 3,
        ..find("var")
    };
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    assert!(
        renderer
            .text(&Diagnostic::error("S", "").at(odd))
            .contains("on main.tf line 12")
    );
}

#[test]
fn many_diagnostics_over_a_long_file_stay_linear() {
    let text = "resource \"a\" \"b\" {\n  x = 1\n}\n".repeat(7000);
    let mut sources = Sources::default();
    let file = sources.add("long.tf", text.as_str());
    let renderer = DiagnosticRenderer::new(&sources, Style::PLAIN);
    let start = std::time::Instant::now();
    for i in 0..7000 {
        let at = i * 29 + 21;
        let text = renderer.text(&Diagnostic::error("S", "").at(Span {
            file,
            start: at,
            end: at + 5,
        }));
        assert!(text.contains("in resource \"a\" \"b\""));
    }
    assert!(start.elapsed().as_secs() < 60);
}
