//! States that people change by hand, and that other configurations look into.

use crate::harness::Work;

const APPLY: &[&str] = &["apply", "-auto-approve"];

const TWO: &str = "
resource \"terraform_data\" \"a\" {
  input = 1
}

resource \"terraform_data\" \"b\" {
  count = 2
}

output \"o\" {
  value = terraform_data.a.output
}
";

#[test]
fn objects_are_moved_marked_and_let_go_of() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.run(&["state", "mv", "terraform_data.a", "terraform_data.z"])
        .code(0)
        .says(&["Successfully moved 1 object(s)."]);
    assert_eq!(
        work.state_list(),
        [
            "terraform_data.b[0]",
            "terraform_data.b[1]",
            "terraform_data.z"
        ]
    );
    work.run(&["state", "mv", "terraform_data.z", "terraform_data.b[0]"])
        .code(1)
        .says(&["Invalid target address"]);
    work.run(&["state", "mv", "terraform_data.z", "terraform_data.a"])
        .code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);

    work.run(&["taint", "terraform_data.b[1]"]).code(0);
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["is tainted, so must be replaced"]);
    work.run(&["untaint", "terraform_data.b[1]"]).code(0);
    work.run(&["untaint", "terraform_data.b[1]"]).code(1);
    work.run(&["taint", "terraform_data.nope"]).code(1);
    work.run(&["plan", "-detailed-exitcode"]).code(0);

    work.run(&["state", "rm", "-dry-run", "terraform_data.b"])
        .code(0)
        .says(&["Would remove terraform_data.b[0]"]);
    work.run(&["state", "rm", "terraform_data.b"])
        .code(0)
        .says(&["Successfully removed 2 resource instance(s)."]);
    assert_eq!(work.state_list(), ["terraform_data.a"]);
}

#[test]
fn older_and_foreign_states_are_not_pushed() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.write("old.tfstate", work.read("terraform.tfstate"));
    work.run(&["state", "rm", "terraform_data.b"]).code(0);
    let now = work.read("terraform.tfstate");
    work.run(&["state", "push", "old.tfstate"])
        .code(1)
        .says(&["The stored state is newer"]);
    assert_eq!(work.read("terraform.tfstate"), now);
    work.run(&["state", "push", "-force", "old.tfstate"])
        .code(0);
    assert_eq!(work.state_list().len(), 3);
    work.write("broken.tfstate", "{");
    work.run(&["state", "push", "broken.tfstate"]).code(1);
    assert_eq!(work.state_list().len(), 3);
}

#[test]
fn workspaces_have_states_of_their_own() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    work.run(&["workspace", "new", "blue"]).code(0);
    work.run(&["workspace", "new", "blue"]).code(1);
    work.run(&["plan"]).code(0).says(&["3 to add"]);
    work.run(APPLY).code(0);
    work.run(&["workspace", "select", "default"]).code(0);
    work.run(&["workspace", "list"])
        .code(0)
        .says(&["* default", "  blue"]);
    work.run(&["workspace", "delete", "blue"])
        .code(1)
        .says(&["is not empty"]);
    work.run(&["workspace", "delete", "-force", "blue"]).code(0);
    work.run(&["workspace", "select", "blue"]).code(1);
    assert_eq!(work.state_list().len(), 3);
}

#[test]
fn another_configuration_reads_the_outputs() {
    let work = Work::with(TWO);
    work.run(APPLY).code(0);
    let path = work.path().join("terraform.tfstate");
    let reader = |path: &str| {
        format!(
            "data \"terraform_remote_state\" \"other\" {{\n  backend = \"local\"\n  config  = {{ path = {path:?} }}\n}}\n\noutput \"seen\" {{\n  value = data.terraform_remote_state.other.outputs.o + 41\n}}\n"
        )
    };
    let other = Work::with(&reader(&path.to_string_lossy()));
    other.run(APPLY).code(0).says(&["seen = 42"]);
    other.write("main.tf", reader("nowhere.tfstate"));
    other
        .run(APPLY)
        .code(1)
        .says(&["Unable to find remote state"]);
}
