//! Where changes come from.

use crate::harness::Work;

const MAIN: &str = "variable \"v\" {
  default = 1
}

variable \"names\" {
  type    = set(string)
  default = [\"a\", \"b\"]
}

variable \"secret\" {
  default   = \"hidden\"
  sensitive = true
}

locals {
  label = \"n-${var.v * 2}\"
}

resource \"terraform_data\" \"a\" {
  triggers_replace = local.label
}

resource \"terraform_data\" \"b\" {
  for_each = var.names
  input    = [terraform_data.a.id, var.secret]
}
";

fn applied() -> Work {
    let work = Work::with(MAIN);
    work.run(&["apply", "-auto-approve"]).code(0);
    work
}

#[test]
fn a_replacement_is_traced_to_a_variable() {
    let work = applied();
    let answer = work.run(&["why", "-var=v=2", "terraform_data.a"]).code(0);
    assert_eq!(
        answer.stdout,
        "terraform_data.a must be replaced: this cannot be changed in place  main.tf:19
└─ terraform_data.a.triggers_replace: \"n-2\" -> \"n-4\", forces replacement  main.tf:20
   └─ local.label  main.tf:16
      └─ var.v = \"2\"  main.tf:1
"
    );
}

#[test]
fn an_unknown_is_traced_through_other_objects_and_secrets_stay_hidden() {
    let work = applied();
    let answer = work
        .run(&["why", "-var=v=2", "terraform_data.b[\"a\"]", "input[0]"])
        .code(0)
        .says(&[
            "-> (known after apply)",
            "terraform_data.a must be replaced",
            "var.v = \"2\"",
            "var.secret = (sensitive value)",
        ]);
    assert!(!answer.stdout.contains("hidden"), "{}", answer.stdout);
    let json = work.json(&[
        "why",
        "-json",
        "-var=v=2",
        "terraform_data.b[\"a\"]",
        "input",
    ]);
    assert!(!json.to_string().contains("hidden"), "{json}");
    assert_eq!(json["before_sensitive"], true);
}

#[test]
fn an_instance_that_goes_is_traced_to_its_keys() {
    let work = applied();
    work.run(&["plan", "-out=tfplan", "-var=names=[\"a\"]"])
        .code(0);
    work.run(&["why", "-plan=tfplan", "terraform_data.b[\"b\"]"])
        .code(0)
        .says(&[
            "will be destroyed: the key is not in for_each",
            "for_each  main.tf:24",
            "var.names = [\"a\"]",
        ]);
}

#[test]
fn what_a_plan_does_not_speak_of_is_refused() {
    let work = applied();
    work.run(&["why", "terraform_data.b"])
        .code(1)
        .says(&["Unknown resource instance", "terraform_data.b[\"a\"]"]);
    work.run(&["why", "terraform_data.a", "nope"])
        .code(1)
        .says(&["Unsupported attribute"]);
    work.run(&["why", "terraform_data.a", "[x"])
        .code(1)
        .says(&["Invalid attribute path"]);
    work.run(&["why", "not an address"])
        .code(1)
        .says(&["Invalid address"]);
}
