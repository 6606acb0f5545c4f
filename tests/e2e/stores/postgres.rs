//! States in PostgreSQL.

use super::*;
use crate::attach::Gate;
use crate::background::{Running, wait_until};
use crate::kill::{CHAIN, finish};

#[path = "../../../state/postgres/tests/stores/support.rs"]
#[expect(
    dead_code,
    reason = "the tests of the store itself need more of the server"
)]
mod server;

/// The chain, whose second and third zone are in worlds of their own, each behind a gate.
fn behind_gates() -> String {
    let slow = "sim { latency = var.latency }";
    let last = "provider \"muster\" {\n  alias = \"last\"\n  sim { path = \"last.json\" }\n}\n";
    let third = "resource \"muster_zone\" \"third\" {";
    let chain = CHAIN
        .replace(slow, "sim { path = \"slow.json\" }")
        .replace(third, &format!("{third}\n  provider = muster.last"));
    chain + last
}

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

#[test]
fn a_run_that_loses_its_lock() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    for (taken, says) in [
        (false, "or was taken away"),
        (true, "and somebody@else holds one now"),
    ] {
        let settings = server.settings();
        let lines: String = (settings.iter().map(|(k, v)| format!("{k} = {v}\n"))).collect();
        let backend = format!("terraform {{\n  backend \"postgres\" {{\n{lines}  }}\n}}\n");
        let work = Work::with(&(backend + &behind_gates()));
        work.run(&["init"]).code(0);
        let gate = Gate::new(&work, "slow.json");
        let last = Gate::new(&work, "last.json");
        let args = ["apply", "-auto-approve", "-var", "latency=0s"];
        let mut run = Running::muster(&work, &args);
        run.wait_for("muster_zone.second: Creating...");
        gate.wait_for(&run);
        let schema = settings["schema_name"].as_str().unwrap();
        let locks = format!("\"{schema}\".locks");
        let instances = format!("SELECT count(*) FROM \"{schema}\".instances");
        let is_stored = || server::query(&settings, &instances) != "0";
        if taken {
            wait_until("the first zone in the store", is_stored);
        }
        server::query(
            &settings,
            &match taken {
                false => format!("DELETE FROM {locks}"),
                true => format!(
                    "UPDATE {locks} SET id = 'theirs', writes = NULL, reads = NULL,
                     info = '{{\"ID\":\"theirs\",\"Who\":\"somebody@else\"}}',
                     expires = clock_timestamp() + interval '1 hour'"
                ),
            },
        );
        // It is noticed when the state is to be stored next. On a slow machine the first zone is
        // there already in the other case as well: then it is so some time after the second one.
        if is_stored() {
            gate.open();
            run.wait_for("the lock has ended");
        } else {
            run.wait_for("the lock has ended");
            gate.open();
        }
        last.open();
        let ran = run.end().code(1).says(&[
            "cannot write workspace",
            says,
            "Everything that was done is recorded in",
        ]);
        // What was on its way is waited for; nothing is begun after that.
        let third = ran.stdout.contains("muster_zone.third: Creating...");
        let (left, added) = match third {
            true => ("No changes.", "0 added, 0 changed, 0 destroyed."),
            false => ("1 to add", "1 added, 0 changed, 0 destroyed."),
        };
        ran.never_says(&["panicked", "Apply complete!"]);
        if taken {
            work.run(&args).code(1).says(&["somebody@else"]);
            server::query(&settings, &format!("DELETE FROM {locks}"));
        }
        // What was done is brought in by whoever has the lock next.
        work.run(&["plan", "-var", "latency=0s"])
            .code(0)
            .says(&["An earlier run was interrupted", left]);
        finish(&work, added);
    }
}
