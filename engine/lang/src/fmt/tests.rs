//! What is expected was recorded from `terraform fmt` 1.11.4.

use std::sync::Arc;

use crate::{Diags, FileId};

fn format(input: &str) -> Result<String, Diags> {
    let text: Arc<str> = input.into();
    super::format(FileId(0), &text)
}

#[track_caller]
fn check(input: &str, expect: &str) {
    assert_eq!(format(input).unwrap(), expect, "{input}");
}

/// Terraform refuses it too.
#[track_caller]
fn check_fails(input: &str) {
    assert!(format(input).unwrap_err().has_errors(), "{input}");
}

#[test]
fn columns_of_equals_signs() {
    check(
        "a=1\nbb=2\n\nccc=3\n# x\ndddd=4\n",
        "a  = 1\nbb = 2\n\nccc = 3\n# x\ndddd = 4\n",
    );
    check(
        "a = 1\nbb = [\n1\n]\nccc = 2\n",
        "a = 1\nbb = [\n  1\n]\nccc = 2\n",
    );
    check(
        "a = <<EOT\nfoo\nEOT\nbbb = 1\n",
        "a   = <<EOT\nfoo\nEOT\nbbb = 1\n",
    );
    check(
        "a = {\nb = 1\n\"cc\" = 2\n(ddd) = 3, e = 4\nffff : 5\nggggg = 6\n}\n",
        "a = {\n  b     = 1\n  \"cc\"  = 2\n  (ddd) = 3, e = 4\n  ffff : 5\n  ggggg = 6\n}\n",
    );
    check(
        "a = {\nb = 1\nf({c=2}) = 3\ndddd = 4 }\n",
        "a = {\n  b = 1\n  f({ c = 2 }) = 3\ndddd = 4 }\n",
    );
    check(
        "x = [{\na = 1\n}, { bbb = 2\ncc = 3\n}]\n",
        "x = [{\n  a        = 1\n  }, { bbb = 2\n  cc       = 3\n}]\n",
    );
    check(
        "x = [{\na = 1\nbb = 1 }, {\nccc = 2\n}]\n",
        "x = [{\n  a   = 1\n  bb  = 1 }, {\n  ccc = 2\n}]\n",
    );
    check("é = 1\nab = 2\n日本 = 3\n", "é  = 1\nab = 2\n日本 = 3\n");
    check(
        "/* x */ a = 1\n/* y\n */ bbb = 2\nc = 3\n",
        "/* x */ a    = 1\n/* y\n */ bbb = 2\nc            = 3\n",
    );
    check("a = \"${[\n1]}\"\nbb = 1\n", "a = ([\n1])\nbb = 1\n");
    check(
        "p { q = 1 }\nrr { ss = 1 }\n",
        "p { q = 1 }\nrr { ss = 1 }\n",
    );
}

#[test]
fn columns_of_comments() {
    check(
        "a = 1 # x\nbbb = 2222 // y\n# z\nc = 3 # w\n",
        "a   = 1    # x\nbbb = 2222 // y\n# z\nc = 3 # w\n",
    );
    check(
        "a = [ # b\n1, # c\n22, # d\n] # e\n",
        "a = [ # b\n  1,  # c\n  22, # d\n]     # e\n",
    );
    check(
        "foo { # a\nb = 1 # c\n} # d\n",
        "foo {   # a\n  b = 1 # c\n}       # d\n",
    );
    check(
        "a = \"\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\" # x\nb = \"日本\" # y\n",
        "a = \"\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\"  # x\nb = \"日本\" # y\n",
    );
    check(
        "a = 1 /* x */\nbbb = 22 /* y */",
        "a   = 1 /* x */\nbbb = 22 /* y */",
    );
    check(
        "a = [ /* x\n y */ 1, # b\n2, # c\n]\n",
        "a = [/* x\n y */ 1, # b\n  2,               # c\n]\n",
    );
    check(
        "# x   \na=1   \n   \n\t\n// y\n",
        "# x   \na = 1\n\n\n// y\n",
    );
}

#[test]
fn indents() {
    check(
        "x = [[\n1,\n], [\n2\n]]\n",
        "x = [[\n  1,\n  ], [\n  2\n]]\n",
    );
    check("y = [\n[\n1], [\n2]]\n", "y = [\n  [\n    1], [\n2]]\n");
    check("w = f(g(h(\n1\n)))\n", "w = f(g(h(\n  1\n)))\n");
    check("b = [[\n1\n]\n]\n", "b = [[\n  1\n  ]\n]\n");
    check(
        "a = {\nb = [\n1\n], c = {\nd = 1\n}}\n",
        "a = {\n  b = [\n    1\n    ], c = {\n    d = 1\n} }\n",
    );
    check(
        "a {\nb = \"x ${\ny\n} z\"\n}\n",
        "a {\n  b = \"x ${\n    y\n  } z\"\n}\n",
    );
    check("a {\n\nb {\n}\n\n\n}\n", "a {\n\n  b {\n  }\n\n\n}\n");
    check(
        "a {\nb = <<EOT\n${[\n1\n]}\nEOT\nc = 1\n}\n",
        "a {\n  b = <<EOT\n${[\n  1\n]}\nEOT\nc = 1\n}\n",
    );
    check(
        "a {\nb = f(g(<<EOT\n${\nx\n}\nEOT\n))\n}\n",
        "a {\n  b = f(g(<<EOT\n${\n    x\n    }\nEOT\n))\n}\n",
    );
    check("a = (x\n+y\n&& z)\n", "a = (x\n  + y\n&& z)\n");
    check(
        "a = [\n/* b\n c */ 1,\n// d\n]\n",
        "a = [\n  /* b\n c */ 1,\n  // d\n]\n",
    );
}

#[test]
fn blanks() {
    check(
        "x = a+b*-c/d%e==f&&!g||h<=-1\n",
        "x = a + b * -c / d % e == f && !g || h <= -1\n",
    );
    check(
        "x = (-a)-b[ 0 ] . c [ \"d\" ] . * . e [ * ]\n",
        "x = (-a) - b[0].c[\"d\"].*.e[*]\n",
    );
    check(
        "x = f ( a , b ... )\ny = p :: q :: r( )\n",
        "x = f(a, b...)\ny = p::q::r()\n",
    );
    check(
        "x = {for a,b in c:a=>b...if d}\n",
        "x = { for a, b in c : a => b... if d }\n",
    );
    check(
        "x = [for a in[b]:-a if in[0]]\n",
        "x = [for a in [b] : -a if in [0]]\n",
    );
    check("x = [for a in -b : a]\n", "x = [for a in - b : a]\n");
    check(
        "x = {for a in b : a => -c}\n",
        "x = { for a in b : a => - c }\n",
    );
    check(
        "x = [ ]\ny = { }\nz = { a=1,b:2 }\n",
        "x = []\ny = {}\nz = { a = 1, b : 2 }\n",
    );
    check("x = f([1,],{a=1},)\n", "x = f([1, ], { a = 1 }, )\n");
    check(
        "x = a?b:c\ny = \"a\"[0]\nz = {}[\"a\"]\n",
        "x = a ? b : c\ny = \"a\" [0]\nz = {}[\"a\"]\n",
    );
    check(
        "x = \"a ${ b+c } ${ {a=1} } ${-d} %{ if e }f%{ endif }\"\n",
        "x = \"a ${b + c} ${ { a = 1 } } ${- d} %{if e}f%{endif}\"\n",
    );
    check(
        "x = a /* b */.c\ny = [/* d */]\nz = -/* e */f\n",
        "x = a /* b */.c\ny = [/* d */]\nz = -/* e */ f\n",
    );
    check("x = \"${~ a ~}b\"\n", "x = \"${~a~}b\"\n");
    check("a = 1   ", "a = 1   ");
    check("a = 1\n\t ", "a = 1\n  ");
}

#[test]
fn sequences_without_a_string() {
    check(
        "a = \"${b}\"\nc = \"${ d + e }\"\nf = \"${~ g ~}\"\n",
        "a = b\nc = d + e\nf = g\n",
    );
    check(
        "a = \"${b}${c}\"\nd = \"${e} \"\nf = [\"${g}\"]\nh = (\"${i}\")\n",
        "a = \"${b}${c}\"\nd = \"${e} \"\nf = [\"${g}\"]\nh = (\"${i}\")\n",
    );
    check("a = \"${\"${b}\"}\"\n", "a = \"${b}\"\n");
    check("a = \"${\nb\n}\"\n", "a = b\n");
    check("a = \"${[\n1\n]}\"\n", "a = ([\n  1\n])\n");
    check("a = \"${(\n1\n)}\"\n", "a = (\n  1\n)\n");
    check("a = \"${(b) +\n(c)}\"\n", "a = (b) +\n(c)\n");
    check("a = \"${b # c\n}\"\n", "a = b # c\n\n");
    check("a = \"${b # c\n+ d}\"\n", "a = b # c\n+ d\n");
    check("a = \"${<<EOT\nb\nEOT\n}\"\n", "a = <<EOT\nb\nEOT\n");
    check(
        "a = \"${<<EOT\n${b}\nEOT\n}\"\n",
        "a = \"${<<EOT\n${b}\nEOT\n}\"\n",
    );
    check("a = \"${f(\"${b}\")}\"\n", "a = f(\"${b}\")\n");
    check("a = /* b */ \"${c}\" # d\n", "a = /* b */ c # d\n");
    check(
        "a = \"%{ if b }c%{ endif }\"\n",
        "a = \"%{if b}c%{endif}\"\n",
    );
}

#[test]
fn types_of_variables() {
    check(
        "variable \"a\" {\ntype = \"string\"\n}\nvariable \"b\" {\ntype = \"list\" # c\n}\nvariable \"d\" {\ntype = \"map\"\n}\n",
        "variable \"a\" {\n  type = string\n}\nvariable \"b\" {\n  type = list(string) # c\n}\nvariable \"d\" {\n  type = map(string)\n}\n",
    );
    check(
        "variable \"a\" { type = list }\nvariable \"b\" { type = map }\nvariable \"c\" { type = set }\n",
        "variable \"a\" { type = list(any) }\nvariable \"b\" { type = map(any) }\nvariable \"c\" { type = set(any) }\n",
    );
    check(
        "variable \"a\" { type = \"number\" }\nvariable \"b\" { type = \"${string}\" }\n",
        "variable \"a\" { type = \"number\" }\nvariable \"b\" { type = \"${string}\" }\n",
    );
    check(
        "a \"b\" { type = \"string\" }\nvariable \"c\" {\nd {\ntype = \"string\"\n}\n}\n",
        "a \"b\" { type = \"string\" }\nvariable \"c\" {\n  d {\n    type = \"string\"\n  }\n}\n",
    );
}

#[test]
fn labels() {
    check("a b \"c\" d-e {}\n", "a \"b\" \"c\" \"d-e\" {}\n");
    check("a /* b */ c /* d */ {\n}\n", "a \"c\" /* d */ {\n}\n");
    check(
        "a \"\\u00e9\\n\\\"\" \"e\u{301}\" \"\u{a0}\" {}\n",
        "a \"é\\n\\\"\" \"é\" \"\\u00a0\" {}\n",
    );
    check(
        "a \"\" \"$\" \"b$\" \"$${\" {}\n",
        "a \"\" \"$\" \"$${\" {}\n",
    );
}

#[test]
fn indexes_that_are_keywords() {
    check(
        "a = b[true]\nc = d.e[\"f\"][null].g[h][null]\n",
        "a = b[]\nc = d.e[\"f\"][].g[h][null]\n",
    );
    check(
        "a = f()[null]\nb = c[*][null]\nd = true[null]\n",
        "a = f()[null]\nb = c[*][null]\nd = true[null]\n",
    );
    check(
        "a = [for b, c in b[null] : d[b[null]] if c[null]]\n",
        "a = [for b, c in b[] : d[b[null]] if c[null]]\n",
    );
    check(
        "a = \"%{ for b in c }${b[null]}${c[null]}%{ endfor }\"\n",
        "a = \"%{for b in c}${b[null]}${c[]}%{endfor}\"\n",
    );
    check("a = \"${b[null]}\"\n", "a = b[]\n");
    check("a = (b[ # c\nnull /* d */\n])\n", "a = (b[])\n");
}

#[test]
fn line_ends() {
    check(
        "a = 1\r\nbbb = 2 # x\r\n\r\nc {\r\nd = 1\r\n}\r\n",
        "a   = 1\r\nbbb = 2 # x\r\n\r\nc {\r\n  d = 1\r\n}\r\n",
    );
    check("a = <<EOT\r\nb\r\n  EOT\r\n", "a = <<EOT\r\nb\r\n  EOT\r\n");
    check("\u{feff}a=1\n", "a = 1\n");
    check("a=1", "a = 1");
    check("", "");
    check("\n\n", "\n\n");
    check(
        "/* a\r\n*/ b = 1\r\nccccc = 2\r\n",
        "/* a\r\n*/ b = 1\r\nccccc     = 2\r\n",
    );
}

#[test]
fn errors() {
    check_fails("a = {\n");
    check_fails("a = b[\n*]\n");
    check_fails("a = 1\na = 2\n");
    check_fails("a = 'b'\n");
}

#[test]
fn deep_and_long_files() {
    let deep = format!("a = {}1{}\n", "(".repeat(10_000), ")".repeat(10_000));
    check(&deep, &deep);
    let references = format!("a = b{}\n", "[true].c".repeat(20_000));
    let expect = format!("a = b{}\n", "[].c".repeat(20_000));
    check(&references, &expect);
    check_fails(&("a {\n".repeat(10_000) + &"}\n".repeat(10_000)));
    let names: String = (0..1_000).map(|i| format!("b{i} = 1\n")).collect();
    check_fails(&format!("{} = 1\n{names}", "a".repeat(100_000)));
}

/// Bytes in comments that are no text stay as they are.
#[test]
fn bytes_that_are_no_text() {
    let check = |text: &[u8], expect: Option<&[u8]>| {
        let found = super::format_bytes(FileId(0), text);
        assert_eq!(found.ok().as_deref(), expect, "{text:?}");
    };
    check(
        b"# \xff\x1a\na  = \"\x1a\" /* \xe2\x82 */\nbb=2//\xfe\n",
        Some(b"# \xff\x1a\na  = \"\x1a\" /* \xe2\x82 */\nbb = 2 //\xfe\n"),
    );
    check(b"a = \"\xff\"\n", None);
}
