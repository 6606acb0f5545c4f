//! Compares the configuration of plans with what Terraform printed for the same files. Each
//! directory of `cases/configuration` holds a configuration and the recorded document.
#![expect(
    clippy::unwrap_used,
    reason = "a record that cannot be read fails the test"
)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_addr::ProviderAddr;
use muster_config::{Config, ConfigFiles};
use muster_lang::Sources;
use muster_plan::Plan;
use muster_provider::{Builtin, Provider, Schemas};
use muster_render::PlanJson;
use muster_schema::{Attribute, Block, NestedBlock, Nesting, ProviderSchema, Schema};
use muster_value::{Type, Value};
use serde_json::Value as Json;

struct Files(PathBuf);

impl ConfigFiles for Files {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.0.join(dir))?;
        entries
            .map(|entry| Ok(entry?.file_name().into_string().unwrap()))
            .collect()
    }
}

fn load(case: &Path) -> Config {
    let mut sources = Sources::default();
    let (config, diags) = muster_config::load(".", &Files(case.to_owned()), &mut sources);
    assert!(!diags.has_errors(), "{diags:?}");
    config
}

/// The document of a plan without any changes.
fn document(plan: &Plan, config: &Config) -> Json {
    let mut schemas = Schemas::default();
    schemas.insert(ProviderAddr::builtin(), Builtin::default().schema());
    let sim = NestedBlock {
        block: Block::default(),
        nesting: Nesting::Single,
        min_items: 0,
        max_items: 1,
    };
    let mut muster = ProviderSchema::default();
    Arc::make_mut(&mut muster.provider)
        .block
        .blocks
        .insert("sim".into(), sim);
    let names = ["name", "type", "location", "capacity"];
    let attribute = |name: &str| (name.into(), Attribute::new(Type::Dynamic));
    let zone = Block {
        attributes: names.into_iter().map(attribute).collect(),
        ..Block::default()
    };
    let zone = Schema {
        version: 0,
        block: zone,
    };
    muster.resources.insert("muster_zone", Arc::new(zone));
    schemas.insert(ProviderAddr::new("muster", "muster"), Arc::new(muster));
    let options = PlanJson {
        terraform_version: "1.11.4",
        configuration: Some(config),
    };
    let mut out = Vec::new();
    muster_render::plan_json(plan, &schemas, options, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn case(name: &str) -> PathBuf {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/configuration");
    cases.join(name)
}

#[track_caller]
fn check(name: &str) {
    let case = case(name);
    let expect = std::fs::read_to_string(case.join("configuration.json")).unwrap();
    let expect: Json = serde_json::from_str(&expect).unwrap();
    let found = &document(&Plan::default(), &load(&case))["configuration"];
    let (found, expect) = (format!("{found:#}"), format!("{expect:#}"));
    for (i, (found, expect)) in found.lines().zip(expect.lines()).enumerate() {
        assert_eq!(found, expect, "{name}, line {}", i + 1);
    }
    assert_eq!(found.lines().count(), expect.lines().count(), "{name}");
}

#[test]
fn everything_that_a_configuration_holds() {
    check("everything");
}

#[test]
fn references_in_both_syntaxes() {
    check("references");
}

#[test]
fn providers_are_found_where_modules_have_them() {
    check("providers");
    check("empty_providers");
}

#[test]
fn variables_that_are_not_stored_have_their_defaults() {
    let config = load(&case("empty_providers"));
    let mut plan = Plan::default();
    let sensitive = Value::object([("a", "s".into())]);
    plan.variables.insert("sens".into(), sensitive);
    let expect = serde_json::json!({
        "e1": { "value": "d" },
        "e3": { "value": "d" },
        "sens": { "value": { "a": "s" } },
        "unset": { "value": null },
    });
    assert_eq!(document(&plan, &config)["variables"], expect);
}
