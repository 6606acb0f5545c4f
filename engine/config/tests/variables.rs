//! Values for the root module's variables.

mod support;

use muster_config::{InputVariables, load};
use muster_lang::Sources;
use muster_value::{Marks, Type, Value};
use support::{Memory, lines};

const DECLARATIONS: &str = r#"
variable "text" { default = "none" }
variable "number" {
  type    = number
  default = 0
}
variable "list" {
  type    = list(string)
  default = []
}
variable "any" {
  type    = any
  default = null
}
variable "object" {
  type    = object({ port = optional(number, 80), name = string })
  default = null
}
variable "filled" {
  type     = string
  default  = "filled"
  nullable = false
}
variable "secret" {
  default   = "s"
  sensitive = true
}
"#;

/// Loads the files, sets the variables as `set` does and compares one value and the diagnostics.
fn check(
    files: &str,
    set: impl Fn(&mut InputVariables, &Memory, &mut Sources),
    name: &str,
    value: Option<Value>,
    expect: &[&str],
) {
    let memory = Memory::parse(&format!("{DECLARATIONS}{files}"));
    let mut sources = Sources::default();
    let (config, diags) = load(".", &memory, &mut sources);
    assert_eq!(lines(&diags, &sources), Vec::<String>::new());
    let mut inputs = InputVariables::new();
    let mut diags = inputs.auto_files(".", &memory, &mut sources);
    set(&mut inputs, &memory, &mut sources);
    let (values, found) = inputs.resolve(config.root(), &mut sources);
    diags.extend(found);
    assert_eq!(lines(&diags, &sources), expect);
    assert_eq!(values.get(name), value.as_ref());
}

fn option(text: &str) -> impl Fn(&mut InputVariables, &Memory, &mut Sources) {
    let text = text.to_owned();
    move |inputs, _, _| {
        assert!(inputs.option(&text).is_empty(), "{text}");
    }
}

fn nothing(_: &mut InputVariables, _: &Memory, _: &mut Sources) {}

#[test]
fn text_is_read_as_the_type_says() {
    check("", option("text=[1]"), "text", Some("[1]".into()), &[]);
    check("", option("number=5"), "number", Some(Value::int(5)), &[]);
    let list = Value::list(Type::String, vec!["a".into(), "1".into()]);
    check("", option("list=[\"a\", 1]"), "list", Some(list), &[]);
    check(
        "",
        option("any=[1]"),
        "any",
        Some(Value::tuple([Value::int(1)])),
        &[],
    );
    let object = Value::object([("name", "x".into()), ("port", Value::int(80))]);
    check(
        "",
        option("object={ name = \"x\" }"),
        "object",
        Some(object),
        &[],
    );
}

#[test]
fn defaults_and_marks_are_put_on() {
    check("", nothing, "text", Some("none".into()), &[]);
    let secret = Value::from("s").mark(Marks::SENSITIVE);
    check("", nothing, "secret", Some(secret), &[]);
    check(
        "--- terraform.tfvars\nfilled = null\n",
        nothing,
        "filled",
        Some("filled".into()),
        &[],
    );
}

#[test]
fn later_and_closer_sources_win() {
    let files = "--- terraform.tfvars\ntext = \"main\"\n--- a.auto.tfvars\ntext = \"a\"\n\
                 --- b.auto.tfvars.json\n{\"text\": \"${b}\"}\n--- x.tfvars\ntext = \"x\"\n";
    check(files, nothing, "text", Some("${b}".into()), &[]);
    let environment = |inputs: &mut InputVariables, _: &Memory, _: &mut Sources| {
        inputs.environment([
            ("TF_VAR_text".into(), "env".into()),
            ("HOME".into(), "/".into()),
        ]);
    };
    check("", environment, "text", Some("env".into()), &[]);
    check(files, environment, "text", Some("${b}".into()), &[]);
    let both = |inputs: &mut InputVariables, memory: &Memory, sources: &mut Sources| {
        assert!(inputs.option("text=line").is_empty());
        assert!(inputs.option_file("x.tfvars", memory, sources).is_empty());
    };
    check(files, both, "text", Some("x".into()), &[]);
}

#[test]
fn wrong_values_are_errors() {
    let wrong = "error main.tf:3 Invalid value for input variable";
    check("", option("number=x"), "number", None, &[wrong]);
    let unknown = "error <value for var.list>:1 Variables not allowed";
    check("", option("list=foo"), "list", None, &[unknown]);
    let function = "error terraform.tfvars:1 Function calls not allowed";
    check(
        "--- terraform.tfvars\ntext = upper(\"x\")\n",
        nothing,
        "text",
        Some("none".into()),
        &[function],
    );
    let required = "variable \"must\" {}\n";
    check(
        required,
        nothing,
        "must",
        None,
        &["error main.tf:28 No value for required variable"],
    );
    let strict = "variable \"strict\" {\n  type = list(string)\n  nullable = false\n}\n";
    check(
        strict,
        option("strict=null"),
        "strict",
        None,
        &["error main.tf:28 Required variable not set"],
    );
}

#[test]
fn undeclared_variables_depend_on_the_source() {
    check(
        "",
        option("nope=1"),
        "nope",
        None,
        &["error - Value for undeclared variable"],
    );
    let file = "--- terraform.tfvars\na = 1\nb = 1\nc = 1\n";
    let warnings = [
        "warning - Value for undeclared variable",
        "warning - Value for undeclared variable",
        "warning - Values for undeclared variables",
    ];
    check(file, nothing, "a", None, &warnings);
    let environment = |inputs: &mut InputVariables, _: &Memory, _: &mut Sources| {
        inputs.environment([("TF_VAR_nope".into(), "env".into())]);
    };
    check("", environment, "nope", None, &[]);
}

/// Details of what is wrong with the values that are set like this.
fn details(files: &str, set: impl Fn(&mut InputVariables, &Memory, &mut Sources)) -> Vec<String> {
    let memory = Memory::parse(&format!("{DECLARATIONS}{files}"));
    let mut sources = Sources::default();
    let (config, _) = load(".", &memory, &mut sources);
    let mut inputs = InputVariables::new();
    assert!(inputs.auto_files(".", &memory, &mut sources).is_empty());
    set(&mut inputs, &memory, &mut sources);
    let (_, found) = inputs.resolve(config.root(), &mut sources);
    found.iter().map(|d| d.detail.clone()).collect()
}

#[test]
fn errors_say_where_values_were_set() {
    let check =
        |files: &str, set: &dyn Fn(&mut InputVariables, &Memory, &mut Sources), expect: &str| {
            let found = details(files, set);
            assert!(
                matches!(&found[..], [one] if one.contains(expect)),
                "{expect}: {found:?}"
            );
        };
    let with_option = "is set with -var \"number=...\".";
    check("", &option("number=x"), with_option);
    check("", &option("number=[]"), with_option);
    let environment = |inputs: &mut InputVariables, _: &Memory, _: &mut Sources| {
        inputs.environment([("TF_VAR_number".into(), "x".into())]);
    };
    check(
        "",
        &environment,
        "is set by TF_VAR_number in the environment.",
    );
    let typed = |inputs: &mut InputVariables, _: &Memory, _: &mut Sources| {
        inputs.answer("filled", "");
        inputs.answer("number", "[]");
    };
    check("", &typed, "is set by the answer to the question for it.");
    let file = "--- terraform.tfvars\n\nnumber = []\n";
    check(file, &nothing, "is set in terraform.tfvars:2.");
    let undeclared = "--- a.auto.tfvars\n\n\nnope = 1\n";
    check(undeclared, &nothing, "a.auto.tfvars:3 sets \"nope\"");
    // Nobody has set what is missing.
    let found = details("variable \"must\" {}\n", nothing);
    assert!(!found[0].contains("is set"), "{found:?}");
}

#[test]
fn sensitive_values_are_not_quoted() {
    let declared = "variable \"hidden\" {\n  type = list(number)\n  sensitive = true\n}\n";
    let files = |rest: &str| format!("{declared}{rest}");
    let option = option("hidden=[hunter2]");
    let environment = |inputs: &mut InputVariables, _: &Memory, _: &mut Sources| {
        inputs.environment([("TF_VAR_hidden".into(), "[\"hunter2\"]".into())]);
    };
    let in_file = files("--- terraform.tfvars\nhidden = [\"hunter2\"]\n");
    for found in [
        details(declared, option),
        details(declared, environment),
        details(&in_file, nothing),
    ] {
        assert!(found[0].contains("is set "), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
    // The position is that of the declaration, whose lines have no secrets.
    let expect = "error main.tf:28 Invalid value for input variable";
    check(&in_file, nothing, "hidden", None, &[expect]);
}

#[test]
fn bad_options_and_files_are_errors() {
    let mut inputs = InputVariables::new();
    let mut sources = Sources::default();
    let memory = Memory::parse("--- bad.tfvars\nx = 1\nfoo {}\n");
    let found = inputs.option("novalue");
    assert_eq!(lines(&found, &sources), ["error - Invalid -var option"]);
    let found = inputs.option_file("gone.tfvars", &memory, &mut sources);
    assert_eq!(
        lines(&found, &sources),
        ["error - Failed to read variables file"]
    );
    let found = inputs.option_file("bad.tfvars", &memory, &mut sources);
    assert_eq!(
        lines(&found, &sources),
        ["error bad.tfvars:2 Unexpected \"foo\" block"]
    );
}

#[test]
fn values_are_also_told_as_they_were_given() {
    let memory = Memory::parse(
        "variable \"n\" { type = number }
variable \"l\" { type = list(string) }
variable \"d\" { default = 1 }
variable \"e\" {
  type      = string
  ephemeral = true
}
--- terraform.tfvars
l = [1, 2]
other = 1
",
    );
    let mut sources = Sources::default();
    let (config, _) = load(".", &memory, &mut sources);
    let mut inputs = InputVariables::new();
    inputs.auto_files(".", &memory, &mut sources);
    for text in ["n=5", "e=secret"] {
        option(text)(&mut inputs, &memory, &mut sources);
    }
    let found = inputs.as_given(config.root());
    let list = Value::tuple([Value::int(1), Value::int(2)]);
    let expect = [("l".into(), list), ("n".into(), "5".into())];
    assert_eq!(found, expect.into());
}
