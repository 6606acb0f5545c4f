use std::sync::Arc;

use super::*;

/// Pieces that a generator of garbage puts together: every token, and what breaks tokens.
const PIECES: &[&str] = &[
    "a",
    "for",
    "in",
    "if",
    "_x-1",
    "é",
    "0",
    "1.5e3",
    "1.e",
    "\"",
    "\\",
    "\\u00e9",
    "\\q",
    "${",
    "${~",
    "%{",
    "%{~",
    "~}",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "<<A\n",
    "<<-A\r\n",
    "A",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "  A\n",
    "#c\n",
    "//",
    "/*",
    "*/",
    ".",
    "...",
    ",",
    ":",
    "::",
    "=",
    "=>",
    "?",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "&",
    "|",
    "!",
    "+",
    "-",
    "*",
    "/",
    "%",
    "'",
    ";",
    "\u{201c}",
    "\u{feff}",
    "\u{0}",
    "if ",
    "else",
    "endif",
    "endfor",
    "$${",
    "$",
    "block \"x\" {\n",
    "a = ",
    "\u{1f600}",
    "dynamic \"x\" {\n",
    "[*]",
    ".*",
    "=\n",
];

/// The next number of a fixed pseudo-random sequence.
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 16) as usize
}

fn garbage(state: &mut u64) -> Arc<str> {
    let len = next(state) % 40;
    (0..len)
        .map(|_| PIECES[next(state) % PIECES.len()])
        .collect::<String>()
        .into()
}

/// Tokens follow each other without a gap, and every node lies inside its parent.
fn check_covers(text: &Arc<str>) {
    let (tree, _) = parse_tree(FileId(0), text);
    let joined: String = (0..tree.token_count())
        .map(|t| tree.token_text(t))
        .collect();
    assert_eq!(joined, **text);
    assert_eq!(tree.tokens(tree.root()), 0..tree.token_count());
    let mut seen = 0;
    let mut todo = vec![tree.root()];
    while let Some(node) = todo.pop() {
        seen += 1;
        let outer = tree.tokens(node);
        let mut at = outer.start;
        for child in tree.children(node) {
            let inner = tree.tokens(child);
            assert!(
                at <= inner.start && inner.end <= outer.end,
                "{text:?}: {:?}",
                tree.kind(node)
            );
            at = inner.end;
            todo.push(child);
        }
    }
    assert_eq!(seen, tree.len(), "{text:?}");
}

#[test]
fn the_tree_covers_every_byte_of_anything() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..20_000 {
        let text = garbage(&mut state);
        check_covers(&text);
        let (body, _) = parse_native(FileId(0), &text);
        body.references();
        body.missing_item_span();
        for attribute in body.just_attributes().0 {
            attribute.expr.as_traversal();
            attribute.expr.as_call();
            attribute.expr.as_literal();
        }
        parse_expression(FileId(0), &text).0.lower(&[]);
        parse_template(FileId(0), &text).0.lower(&[]);
        parse_json(FileId(0), &text).0.references();
    }
}

#[test]
fn any_prefix_of_a_good_file_is_covered_too() {
    let file = "locals {\n a = [for k, v in {x = 1}: \"${k}-%{if v > 1~}\\n%{else}b%{endif}\"]\n \
                b = <<-E\n  x ${upper(\"y\")}\n E\n}\nblock \"l\" k { c = a.*.b[0] }\n";
    for end in 0..=file.len() {
        check_covers(&file[..end].into());
    }
}

/// Checks the summaries and subjects of what is reported about a file.
#[track_caller]
fn check(text: &str, expect: &[(&str, &str)]) {
    let text: Arc<str> = text.into();
    let (_, diags) = parse_native(FileId(0), &text);
    let found: Vec<_> = diags
        .iter()
        .map(|d| {
            let s = d.subject.unwrap();
            (d.summary.as_str(), &text[s.start as usize..s.end as usize])
        })
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn good_files_have_no_errors() {
    for text in [
        "",
        "\u{feff}a = 1",
        "a = 1\r\nb {\r\n}\r\n",
        "b { a = 1 }\nc {}\nd \"x\" y \"\" {\n}",
        "a = {\n  x = 1, y : 2\n\n  \"z\" = 3,\n  (w) = 4 }\n",
        "a = [\n1,\n# c\n2,\n]\nb = f(\n1,\n)\nc = (\n1\n+ 2)\n",
        "a = [for\nx\nin\ny\n:\nx\nif\nz\n]\nb = {\r\n for k, v in x : k => v...\r\n}\n",
        "a = f(<<A\nx\nA\n, <<-B\n  A\n B\n)\n",
        "a = <<A\nA b\nA)\n  A\nb = 1\n",
        "a = <<A\nA\nb = <<A\nA\n",
        "a = \"%{ if a &&\n b }x%{ endif }${[\n1,\n]}\"\n",
        "a = x.*.y.0[1][*].z[*]\nb = provider::x::f(a...)\nc = -!-x . y [0]\n",
        "a = \"$${x} %%{y} $ % \\\" \\\\ \\u00e9 \\U0001f600\"\n",
        "a = 1 /* x\n */\nb = 2 // c\nc = 3 # d",
        "a = 1.e3\nb = 1E-5\nc = 123456789012345678901234567890.5\n",
    ] {
        check(text, &[]);
    }
}

#[test]
fn errors_in_bodies() {
    check("foo\n", &[("Argument or block definition required", "foo")]);
    check("\"a\" = 1\n", &[("Invalid argument name", "\"")]);
    check("b {\n a = 1\n a = 2\n}\n", &[("Attribute redefined", "a")]);
    check("b {\n", &[("Unclosed configuration block", "{")]);
    check(
        "b {\n a = 1 c = 2\n}\n",
        &[("Missing newline after argument", "c")],
    );
    check(
        "b {} c\n",
        &[("Missing newline after block definition", "c")],
    );
    check(
        "b { a = 1, c = 2 }\n",
        &[("Invalid single-argument block definition", ",")],
    );
    check(
        "b { a = 1\n}\n",
        &[("Invalid single-argument block definition", "\n")],
    );
    check("b { c {} }\n", &[("Argument definition required", "c {")]);
    check("b c\n", &[("Invalid block definition", "\n")]);
    check("b c\n{\n a = 1\n}\n", &[("Invalid block definition", "\n")]);
    check(
        "b {\n a = 1,\n}\n",
        &[("Unexpected comma after argument", ",")],
    );
    check("b \"c\" = 1\n", &[("Invalid block definition", "=")]);
    check("b \"${x}\" {\n}\n", &[("Invalid string literal", "${")]);
    check(
        "b {\n a = 1;\n}\n",
        &[
            ("Invalid character", ";"),
            ("Missing newline after argument", ";"),
        ],
    );
}

#[test]
fn joiners_are_no_part_of_names() {
    for joiner in ["\u{200c}", "\u{200d}", "\u{30fb}", "\u{ff65}"] {
        let text = format!("a = b{joiner}\n");
        let after = ("Missing newline after argument", joiner);
        check(&text, &[("Invalid character", joiner), after]);
    }
}

#[test]
fn errors_in_expressions() {
    check("a = \n", &[("Invalid expression", "\n")]);
    check("a = (1 +", &[("Missing expression", "")]);
    check("a = [1 2]\n", &[("Missing item separator", "2")]);
    check("a = {1 2}\n", &[("Missing key/value separator", "2")]);
    check("a = {b}\n", &[("Missing key/value separator", "}")]);
    check("a = {b, c = 1}\n", &[("Missing attribute value", ",")]);
    check("a = f(1", &[("Unterminated function call", "f(")]);
    check(
        "a = {x = 1 y = 2}\n",
        &[("Missing attribute separator", "y")],
    );
    check("a = f(1 2)\n", &[("Missing argument separator", "2")]);
    check(
        "a = f(x..., 2)\n",
        &[("Missing closing parenthesis", "...")],
    );
    check(
        "a = [for x in y : x + 1 => x]\n",
        &[("Invalid 'for' expression", "x + 1")],
    );
    check("a = x.*.\n", &[("Invalid attribute name", "*")]);
    check(
        "a = x ? 1\n",
        &[("Missing false expression in conditional", "\n")],
    );
    check("a = x.\n", &[("Invalid attribute name", "\n")]);
    check("a = x.0.0\n", &[("Invalid legacy index syntax", "0.0")]);
    check("a = x[1\n", &[("Missing close bracket on index", "")]);
    check("a = 1.2.3\n", &[("Invalid number literal", "1.2.3")]);
    check("a = .5\n", &[("Invalid expression", ".")]);
    check("a = {for = 1}\n", &[("Invalid 'for' expression", "=")]);
    check("a = [for x in y 1]\n", &[("Invalid 'for' expression", "1")]);
    check("a = f::\n", &[("Missing function name", "\n")]);
    check("a = f::g\n", &[("Missing open parenthesis", "\n")]);
    check(
        "a = 1 & 2\n",
        &[
            ("Unsupported operator", "&"),
            ("Missing newline after argument", "&"),
        ],
    );
}

#[test]
fn errors_in_templates() {
    check("a = \"b\nc = 1\n", &[("Invalid multi-line string", "\n")]);
    check("a = \"b\rc\"\n", &[("Invalid multi-line string", "\r")]);
    for text in ["x\ry\n", "\rx\n", "${1}\r\r\n"] {
        let text = format!("a = <<E\n{text}E\n");
        check(&text, &[("Invalid character", "\r")]);
    }
    check("a = <<E\nx\r\nE\r\n", &[]);
    check("a = \"b", &[("Unterminated template string", "\"")]);
    check(
        "a = <<E\nx\nE",
        &[("Unterminated template string", "<<E\n")],
    );
    check("a = \"\\q\"\n", &[("Invalid escape sequence", "\\q")]);
    check(
        "a = \"\\ud800\"\n",
        &[("Invalid escape sequence", "\\ud800")],
    );
    check(
        "a = \"${1 2}\"\n",
        &[("Extra characters after interpolation expression", "2")],
    );
    check(
        "a = \"%{foo}\"\n",
        &[("Invalid template control keyword", "foo")],
    );
    check(
        "a = \"%{else}\"\n",
        &[("Unexpected else directive", "%{else}")],
    );
    check("a = \"%{if x}\"\n", &[("Unexpected end of template", "%{")]);
    check(
        "a = \"%{if x}%{endfor}\"\n",
        &[("Unexpected endfor directive", "%{endfor}")],
    );
    check(
        "a = \"%{for x y}%{endfor}\"\n",
        &[("Invalid 'for' directive", "y")],
    );
}

/// What is wrong inside of a block may be why nothing closes it; what is wrong elsewhere is not.
#[test]
fn blocks_with_errors_are_not_called_open() {
    check("b {\n a = )\n", &[("Invalid expression", ")")]);
    check("b {\n a = \"x\n", &[("Invalid multi-line string", "\n")]);
    let open = ("Unclosed configuration block", "{");
    check("b {\n c {\n", &[open]);
    check(
        "b {\n a = )\n}\nc {\n",
        &[("Invalid expression", ")"), open],
    );
}

#[test]
fn one_error_does_not_hide_the_next() {
    let text =
        "b {\n a = [1,\n  2 3,\n  4]\n c = 1\n d = = 2\n}\nfoo\nb {\n e = (\n}\nb {\n f = \n}\n";
    check(
        text,
        &[
            ("Missing item separator", "3"),
            ("Invalid expression", "="),
            ("Argument or block definition required", "foo"),
            ("Invalid expression", "}"),
            ("Invalid expression", "\n"),
        ],
    );
}

#[test]
fn deep_nesting_needs_no_stack() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a=", "}"),
        ("!", ""),
        ("f(", ")"),
        ("1?", ":1"),
        ("\"${", "}\""),
        ("[for a in ", " : a]"),
        ("[for a in [] : ", "]"),
        ("{for a in [] : a => ", "}"),
    ] {
        let text = format!("a = {}1{}\n", open.repeat(10_000), close.repeat(10_000));
        check(&text, &[]);
    }
    check(&format!("a = 1{}\n", " + 1".repeat(100_000)), &[]);
    check(&format!("a = x{}\n", "[*]".repeat(10_000)), &[]);
    check(
        &format!("{}{}", "b {\n".repeat(10_000), "}\n".repeat(10_000)),
        &[],
    );
    let text: Arc<str> = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000)).into();
    assert!(parse_json(FileId(0), &text).1.is_empty());
}

/// Texts on which anything that looks back from every error would take hours.
#[test]
fn bad_input_is_read_in_one_pass() {
    let n = 100_000;
    for text in [
        "[".repeat(n) + &")".repeat(n),
        "a {\n".repeat(n) + &"}".repeat(n),
        "/*".repeat(n),
        "a = <<E\n".to_owned() + &"\n".repeat(n),
        "a = 1\n".repeat(n),
        "a = \"${\n".repeat(n),
        "a = [\n".repeat(n),
        "a = (}\n".repeat(n),
        "\"%{if x}".repeat(n),
        "}\n".repeat(n),
    ] {
        let (_, diags) = parse_native(FileId(0), &text.as_str().into());
        assert!(!diags.is_empty());
    }
}

/// Bytes that are no text, with the errors that Terraform 1.11.4 has for them, in bytes.
#[test]
fn bytes_that_are_no_text() {
    const ENCODING: &str = "Invalid character encoding";
    let check = |text: &[u8], expect: &[(u32, &str)]| {
        let (_, diags) = super::parse_native_bytes(FileId(0), text);
        let mut found: Vec<_> = (diags.iter())
            .map(|d| (d.subject.map_or(0, |s| s.start), d.summary.as_str()))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expect, "{text:?}");
    };
    let string = "Unterminated template string";
    check(b"a = \"\xff\"\n", &[(5, ENCODING), (5, string)]);
    check(b"a = \"x${y}\xff\"\n", &[(10, ENCODING), (10, string)]);
    check(b"a = <<E\nab\xff\nE\n", &[(10, ENCODING), (10, string)]);
    let text = b"a = \"\xff\"\nb = \"\xff\"\n";
    check(text, &[(5, ENCODING), (5, string)]);
    let expression = "Invalid expression";
    check(b"a = \xff\n", &[(4, ENCODING), (4, expression)]);
    check(b"a = 1 + \xff\n", &[(8, ENCODING), (8, expression)]);
    let item = "Argument or block definition required";
    check(b"a\xff = 1\n", &[(0, item), (1, ENCODING)]);
    check(b"# \xff\na = 1 /* \xe2\x82 */ // \xff\n", &[]);
    check(b"# \x1a\na = \"\x1a\" # \xff\n", &[]);
}
