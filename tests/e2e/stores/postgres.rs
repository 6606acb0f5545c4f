//! States in PostgreSQL.

use super::*;

#[path = "../../../state/postgres/tests/stores/support.rs"]
#[expect(
    dead_code,
    reason = "the tests of the store itself need more of the server"
)]
mod server;

/// A configuration with a schema of its own.
fn in_postgres(kind: &str, server: &server::Server) -> String {
    let settings = server.settings();
    let settings = settings.iter();
    let lines: String = settings.map(|(k, v)| format!("{k} = {v}\n")).collect();
    in_backend(kind, &lines)
}

#[test]
fn states_in_postgresql() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    let config = in_postgres("pg", &server);
    let work = Work::empty();
    take_turns(&work, &config);
    // Workspaces are those of both engines.
    work.run(&["workspace", "new", "dev"]).code(0);
    work.run(&["plan"]).code(0).says(&["1 to add"]);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["workspace", "list"])
        .code(0)
        .says(&["  default\n* dev\n"]);
    if let Some(ran) = terraform(&work, &["workspace", "list"]) {
        ran.code(0).says(&["  default\n* dev\n"]);
    }
    // To the rows and back to files, with all workspaces.
    work.write("main.tf", in_postgres("postgres", &server));
    work.run(&["plan"]).code(1).says(&[REQUIRED]);
    work.run(&["init", "-migrate-state"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.run(&["workspace", "select", "default"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.write("main.tf", one(1));
    work.run(&["init", "-migrate-state"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    assert!(work.path().join("terraform.tfstate").exists());
    let dev = work
        .path()
        .join("terraform.tfstate.d/dev/terraform.tfstate");
    assert!(dev.exists());
    // The old places are as they were.
    work.write("main.tf", config);
    work.run(&["init", "-reconfigure"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.run(&["workspace", "delete", "dev"])
        .code(1)
        .says(&["is not empty"]);
    work.run(&["workspace", "delete", "-force", "dev"]).code(0);
    work.run(&["workspace", "list"])
        .code(0)
        .never_says(&["dev"]);
}
