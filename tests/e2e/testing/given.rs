//! Which value a variable of a test gets.

use crate::harness::Work;

#[test]
fn files_beside_tests_count_more_than_the_command_line() {
    let work = Work::with(
        "variable \"a\" { default = \"none\" }\n\
         variable \"b\" { default = \"none\" }\n\
         variable \"c\" { default = \"none\" }\n\
         output \"all\" { value = \"${var.a} ${var.b} ${var.c}\" }\n",
    );
    let test = "variables {\n  c = \"test\"\n}\nrun \"r\" {\n  command = plan\n  assert {\n    condition = output.all == \"\"\n    error_message = \"it is: ${output.all}.\"\n  }\n}\n";
    work.write("root.tftest.hcl", test);
    work.write("tests/below.tftest.hcl", test);
    work.write(
        "terraform.tfvars",
        "a = \"file\"\nb = \"file\"\nc = \"file\"\n",
    );
    work.write("tests/terraform.tfvars", "b = \"below\"\nc = \"below\"\n");
    work.write("given.tfvars", "b = \"given\"\n");
    for option in ["-var=b=given", "-var-file=given.tfvars"] {
        work.run(&["test", option])
            .code(1)
            .says(&["it is: file given test.", "it is: file below test."]);
    }
}

#[test]
fn the_command_line_is_read_once_and_says_where_modules_are() {
    let work = Work::with("variable \"src\" {}\nmodule \"m\" {\n  source = var.src\n}\n");
    work.write("m/main.tf", "");
    work.write("t.tftest.hcl", "run \"r\" {\n}\n");
    work.run(&["init", "-var=src=./m"]).code(0);
    work.run(&["test", "-var=src=./m"]).code(0);
    let ran = work.run(&["test", "-var-file=none"]).code(1);
    let told = ran.stderr.matches("The variables file none").count();
    assert_eq!(told, 1, "{}", ran.stderr);
}
