//! `import`, of one object into the state.

use serde_json::{Value, json};

use crate::harness::Work;

fn document(work: &Work) -> Value {
    serde_json::from_str(&work.read("terraform.tfstate")).unwrap()
}

const CONFIG: &str = r#"
variable "v" {
  default = "value"
}
resource "terraform_data" "a" {}
resource "terraform_data" "b" {}
output "variable" {
  value = var.v
}
output "imported" {
  value     = { id = terraform_data.a.id }
  sensitive = true
}
output "pending" {
  value = terraform_data.b.output
}
output "partial" {
  value = [terraform_data.b.id, "x"]
}
"#;

/// Outputs are as the state says from then on, and null as far as it does not.
#[test]
fn writes_outputs() {
    let work = Work::with(CONFIG);
    work.run(&["init"]).code(0);
    work.run(&["import", "terraform_data.a", "given"]).code(0);
    let outputs = |pending: Value, partial: Value| {
        json!({
            "imported": {
                "value": {"id": "given"}, "type": ["object", {"id": "string"}], "sensitive": true,
            },
            "partial": {"value": [partial, "x"], "type": ["tuple", ["string", "string"]]},
            "pending": pending,
            "variable": {"value": "value", "type": "string"},
        })
    };
    let null = json!({"value": null, "type": "dynamic"});
    assert_eq!(
        document(&work)["outputs"],
        outputs(null.clone(), Value::Null)
    );
    work.run(&["import", "terraform_data.b", "other"]).code(0);
    assert_eq!(document(&work)["outputs"], outputs(null, "other".into()));
    work.run(&["import", "terraform_data.b", "other"])
        .code(1)
        .says(&["Error: Resource already managed by Terraform"]);
    work.run(&["import", "module.m.terraform_data.b", "other"])
        .code(1)
        .says(&["Error: Import to non-existent module", "call module.m."]);
    work.run(&["import", "data.terraform_remote_state.x", "other"])
        .code(1)
        .says(&["Error: A managed resource address is required. Importing into a data resource is not allowed."]);
}

#[test]
fn needs_a_configuration() {
    let work = Work::empty();
    work.run(&["import", "terraform_data.a", "x"])
        .code(1)
        .says(&["Error: No Terraform configuration files"]);
    work.run(&["providers"])
        .code(1)
        .says(&["Error: No configuration files"]);
    work.run(&["refresh"])
        .code(0)
        .says(&["Warning: Empty or non-existent state"]);
}
