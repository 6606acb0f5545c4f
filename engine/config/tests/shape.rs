//! What a configuration without errors becomes.

mod support;

use muster_addr::ModulePath;
use muster_config::{Config, IgnoreChanges, Repetition, load};
use muster_lang::Sources;
use muster_value::{Type, Value};
use support::{Memory, lines};

fn config(files: &str) -> Config {
    let mut sources = Sources::default();
    let (config, diags) = load(".", &Memory::parse(files), &mut sources);
    assert_eq!(lines(&diags, &sources), Vec::<String>::new());
    config
}

/// The provider configuration of a resource in a module given as `a.b`.
fn check_provider(config: &Config, module: &str, resource: &str, expect: &str) {
    let names = module
        .split('.')
        .filter(|name| !name.is_empty())
        .map(Into::into);
    let module = config
        .find(&ModulePath(names.collect()))
        .expect("the module");
    let found = module
        .resources
        .values()
        .find(|r| r.id.to_string() == resource)
        .expect("it");
    assert_eq!(found.provider.to_string(), expect, "{resource}");
}

#[test]
fn variables_have_types_and_defaults() {
    let config = config(
        r#"
variable "plain" {}
variable "deep" {
  type = map(object({ port = optional(number, 80), tags = optional(set(string)) }))
  default = { web = {}, api = { port = "8080" } }
  sensitive = true
}
variable "nothing" {
  type = string
  default = null
}
"#,
    );
    let variables = &config.root().variables;
    let plain = &variables["plain"];
    assert_eq!(
        (&plain.ty, &plain.default, plain.literal_input),
        (&Type::Dynamic, &None, true)
    );
    let deep = &variables["deep"];
    let port = |name: &str| deep.default.as_ref()?.get(name)?.get("port").cloned();
    assert_eq!(port("web"), Some(Value::int(80)));
    assert_eq!(port("api"), Some(Value::int(8080)));
    assert!(deep.sensitive && !deep.literal_input);
    assert_eq!(
        variables["nothing"].default,
        Some(Value::Null(Type::String))
    );
}

#[test]
fn resources_have_their_meta_arguments_taken_out() {
    let config = config(
        r#"
resource "terraform_data" "a" {
  for_each   = { x = 1 }
  input      = each.key
  depends_on = [terraform_data.b]
  lifecycle {
    create_before_destroy = true
    prevent_destroy       = true
    ignore_changes        = [input, triggers_replace["k"][0]]
    replace_triggered_by  = [terraform_data.b]
    postcondition {
      condition     = self.output != ""
      error_message = "empty"
    }
  }
}
resource "terraform_data" "b" {
  count = 2
  lifecycle {
    ignore_changes = all
  }
}
"#,
    );
    let mut resources = config.root().resources.values();
    let (a, b) = (resources.next().expect("a"), resources.next().expect("b"));
    assert!(matches!(a.repetition, Repetition::ForEach(_)));
    assert!(matches!(b.repetition, Repetition::Count(_)));
    assert_eq!(a.depends_on.len(), 1);
    assert_eq!(a.references.len(), 1);
    let (attributes, diags) = a.body.just_attributes();
    assert_eq!(
        attributes.iter().map(|a| &*a.name).collect::<Vec<_>>(),
        ["input"]
    );
    assert!(diags.is_empty());
    assert_eq!(a.lifecycle.create_before_destroy, Some(true));
    assert!(a.lifecycle.prevent_destroy.is_some());
    assert_eq!(a.lifecycle.replace_triggered_by.len(), 1);
    assert_eq!(a.lifecycle.postconditions.len(), 1);
    let IgnoreChanges::Paths(paths) = &a.lifecycle.ignore_changes else {
        panic!("paths are expected");
    };
    let paths: Vec<_> = paths.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, [".input", ".triggers_replace[\"k\"][0]"]);
    assert!(matches!(b.lifecycle.ignore_changes, IgnoreChanges::All));
}

#[test]
fn json_gives_the_same() {
    let config = config(
        r#"--- main.tf.json
{
  "variable": {"x": {"type": "list(string)", "default": ["a"]}},
  "module": {"m": {"source": "./m", "providers": {"aws": "aws.west"}}},
  "provider": {"aws": [{"alias": "west"}]},
  "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
  "resource": {"terraform_data": {
    "a": {
      "input": "${var.x}",
      "depends_on": ["terraform_data.b"],
      "lifecycle": {"ignore_changes": ["input"], "replace_triggered_by": ["terraform_data.b"]}
    },
    "b": {"lifecycle": {"ignore_changes": "all"}}
  }},
  "moved": [{"from": "terraform_data.x", "to": "terraform_data.a"}]
}
--- m/main.tf
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "aws_vpc" "v" {}
"#,
    );
    let root = config.root();
    assert_eq!(root.variables["x"].ty, Type::list(Type::String));
    let a = root.resources.values().next().expect("a");
    assert_eq!((a.depends_on.len(), a.references.len()), (1, 1));
    assert!(matches!(&a.lifecycle.ignore_changes, IgnoreChanges::Paths(p) if p.len() == 1));
    assert_eq!(a.lifecycle.replace_triggered_by.len(), 1);
    assert_eq!(
        (&root.moved[0].from, &root.moved[0].to),
        (
            &"terraform_data.x".parse().expect("an address"),
            &"terraform_data.a".parse().expect("an address")
        )
    );
    check_provider(
        &config,
        "m",
        "aws_vpc.v",
        "provider[\"registry.terraform.io/hashicorp/aws\"].west",
    );
}

#[test]
fn provider_configurations_are_passed_and_inherited() {
    let aws = "provider[\"registry.terraform.io/hashicorp/aws\"]";
    let config = config(
        r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}
provider "aws" { region = "a" }
provider "aws" {
  alias  = "west"
  region = "b"
}
resource "aws_vpc" "plain" {}
resource "aws_vpc" "west" { provider = aws.west }
resource "google_thing" "implied" {}
module "inherits" { source = "./child" }
module "passed" {
  source    = "./child"
  providers = { aws = aws.west }
}
module "aliased" {
  source    = "./aliased"
  providers = { aws.peer = aws.west }
}
--- child/main.tf
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 4" }
  }
}
resource "aws_vpc" "v" {}
module "deeper" { source = "../deeper" }
--- deeper/main.tf
resource "aws_vpc" "v" {}
--- aliased/main.tf
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", configuration_aliases = [aws.peer] }
  }
}
resource "aws_vpc" "own" {}
resource "aws_vpc" "peer" { provider = aws.peer }
"#,
    );
    let west = format!("{aws}.west");
    check_provider(&config, "", "aws_vpc.plain", aws);
    check_provider(&config, "", "aws_vpc.west", &west);
    let google = "provider[\"registry.terraform.io/hashicorp/google\"]";
    check_provider(&config, "", "google_thing.implied", google);
    check_provider(&config, "inherits", "aws_vpc.v", aws);
    check_provider(&config, "inherits.deeper", "aws_vpc.v", aws);
    check_provider(&config, "passed", "aws_vpc.v", &west);
    check_provider(&config, "passed.deeper", "aws_vpc.v", &west);
    check_provider(&config, "aliased", "aws_vpc.own", aws);
    check_provider(&config, "aliased", "aws_vpc.peer", &west);

    let providers = config.providers();
    let versions = |name: &str| -> Vec<String> {
        let found = providers.iter().find(|(addr, _)| &*addr.type_name == name);
        found
            .map(|(_, r)| r.iter().map(|r| r.version.to_string()).collect())
            .unwrap_or_default()
    };
    let mut aws = versions("aws");
    aws.sort();
    assert_eq!(aws, ["", "", "", ">= 4", ">= 4", "~> 5.0"]);
    assert_eq!(versions("google"), [""]);
}

#[test]
fn modules_know_their_place() {
    let config = config(
        r#"
module "a" {
  source = "./mods/a"
  name   = "x"
}
module "far" { source = "vendor/far/any" }
--- mods/a/main.tf
variable "name" {}
variable "other" { default = 1 }
module "b" { source = "../b" }
output "o" { value = var.name }
--- mods/b/main.tf
output "o" { value = 1 }
--- .terraform/modules/modules.json
{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"far","Source":"registry.terraform.io/vendor/far/any","Version":"1.0.0","Dir":".terraform/modules/far"}]}
--- .terraform/modules/far/main.tf
output "o" { value = 1 }
"#,
    );
    let places: Vec<_> = config
        .modules
        .iter()
        .map(|m| (m.path.to_string(), &*m.dir))
        .collect();
    let expect = [
        ("", "."),
        ("module.a", "mods/a"),
        ("module.far", ".terraform/modules/far"),
        ("module.a.module.b", "mods/b"),
    ];
    assert_eq!(places, expect.map(|(path, dir)| (path.to_owned(), dir)));
    let call = &config.root().calls["a"];
    assert_eq!(
        call.arguments.keys().map(|k| &**k).collect::<Vec<_>>(),
        ["name"]
    );
    assert_eq!(&*call.source, "./mods/a");
}

#[test]
fn overrides_replace_arguments() {
    let config = config(
        r#"
variable "x" {
  type    = number
  default = 1
}
locals {
  a = 1
  b = 2
}
resource "terraform_data" "r" {
  count            = 2
  input            = "base"
  triggers_replace = "kept"
  lifecycle {
    prevent_destroy       = true
    create_before_destroy = true
  }
}
--- r_override.tf
variable "x" { default = "5" }
locals { b = "over" }
resource "terraform_data" "r" {
  for_each = {}
  input    = "over"
  lifecycle { prevent_destroy = false }
}
"#,
    );
    let root = config.root();
    assert_eq!(root.variables["x"].default, Some(Value::int(5)));
    assert_eq!(root.locals.len(), 2);
    let resource = root.resources.values().next().expect("r");
    assert!(matches!(resource.repetition, Repetition::ForEach(_)));
    assert!(resource.lifecycle.prevent_destroy.is_none());
    assert_eq!(resource.lifecycle.create_before_destroy, Some(true));
    let (attributes, _) = resource.body.just_attributes();
    let mut values: Vec<_> = attributes
        .iter()
        .map(|a| {
            (
                &*a.name,
                a.expr.as_literal().and_then(|v| v.as_str().cloned()),
            )
        })
        .collect();
    values.sort();
    let expect = [("input", "over"), ("triggers_replace", "kept")];
    assert_eq!(
        values,
        expect.map(|(name, value)| (name, Some(value.into())))
    );
}

#[test]
fn a_hundred_thousand_resources_take_linear_time() {
    let time = |count: usize| {
        let text: String = (0..count)
            .map(|i| format!("resource \"terraform_data\" \"r{i}\" {{\n  input = terraform_data.r{}.id\n}}\n", i / 2))
            .collect();
        let start = std::time::Instant::now();
        assert_eq!(config(&text).root().resources.len(), count);
        start.elapsed()
    };
    let (small, large) = (time(10_000), time(100_000));
    // Ten times the work; quadratic would be a hundred times.
    assert!(
        large < small * 40,
        "{small:?} for a tenth of what took {large:?}"
    );
}

/// The diagnostics of a single file.
fn check_file(content: impl Into<Vec<u8>>, expect: &[&str]) {
    let memory = Memory([("main.tf".to_owned(), content.into())].into());
    let mut sources = Sources::default();
    let (_, diags) = load(".", &memory, &mut sources);
    assert_eq!(lines(&diags, &sources), expect);
}

#[test]
fn bad_bytes_and_depths_are_errors() {
    check_file(
        b"locals {\n  a = \"\xff\"\n}\n",
        &[
            "error main.tf:2 Invalid character encoding",
            "error main.tf:2 Unterminated template string",
        ],
    );
    check_file(b"# \xff\nlocals {\n  a = 1 /* \xfe */\n}\n", &[]);
    let depth = 5000;
    let deep = format!("{}string{}", "list(".repeat(depth), ")".repeat(depth));
    let text = format!("variable \"x\" {{ type = {deep} }}\n");
    check_file(text, &["error main.tf:1 Invalid type specification"]);
    let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    check_file(format!("variable \"x\" {{ default = {deep} }}\n"), &[]);
}
