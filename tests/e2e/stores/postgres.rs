//! States in PostgreSQL.

use super::*;
use crate::background::Running;
use crate::kill::finish;
use muster_store::Settings;

#[path = "../../../state/postgres/tests/stores/support.rs"]
#[expect(
    dead_code,
    reason = "the tests of the store itself need more of the server"
)]
mod server;

/// The chain, whose second zone is in a world behind a gate.
fn behind_a_gate() -> String {
    let slow = "sim { latency = var.latency }";
    CHAIN.replace(slow, "sim { path = \"slow.json\" }")
}

/// The backend with these settings.
fn backend(kind: &str, settings: &Settings) -> String {
    let lines: String = settings
        .iter()
        .map(|(k, v)| format!("{k} = {v}\n"))
        .collect();
    format!("terraform {{\n  backend \"{kind}\" {{\n{lines}  }}\n}}\n")
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
    work.run(&["plan"])
        .code(1)
        .says(&["Backend initialization required: "]);
    work.answer(&["init", "-migrate-state"], "yes\n").code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.run(&["workspace", "select", "default"]).code(0);
    work.run(&["plan"]).code(0).says(&["No changes."]);
    work.write("main.tf", one(1));
    work.answer(&["init", "-migrate-state"], "yes\n").code(0);
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
        (true, "and somebody@else holds one now on muster_zone."),
    ] {
        let settings = server.settings();
        let work = Work::with(&(backend("postgres", &settings) + &behind_a_gate()));
        work.run(&["init"]).code(0);
        let gate = Gate::new(&work, "slow.json");
        let args = ["apply", "-auto-approve", "-var", "latency=0s"];
        let mut run = Running::muster(&work, &args);
        run.wait_for("muster_zone.second: Creating...");
        gate.wait_for(&run);
        let schema = settings["schema_name"].as_str().unwrap();
        let locks = format!("\"{schema}\".locks");
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
        // It is noticed although the second zone takes its time.
        run.wait_for_error("The state lock was lost");
        run.wait_for_error(says);
        gate.open();
        let ran = run.end().code(1).says(&[
            "the lock on workspace",
            says,
            "nothing more is begun",
            "Everything that was done is recorded in",
        ]);
        // What was on its way is waited for; nothing is begun after that.
        ran.says(&["muster_zone.second: Creation complete"])
            .never_says(&["muster_zone.third: Creating", "panicked", "Apply complete!"]);
        if taken {
            work.run(&args).code(1).says(&["somebody@else"]);
            server::query(&settings, &format!("DELETE FROM {locks}"));
        }
        // What was done is brought in by whoever has the lock next.
        work.run(&["plan", "-var", "latency=0s"])
            .code(0)
            .says(&["An earlier run was interrupted", "1 to add"]);
        finish(&work, "1 added, 0 changed, 0 destroyed.");
    }
}

#[test]
fn a_lock_that_a_killed_run_has_left_behind_ends() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    let settings = server.settings();
    let work = Work::with(&(backend("postgres", &settings) + &behind_a_gate()));
    work.run(&["init"]).code(0);
    let gate = Gate::new(&work, "slow.json");
    let mut run = at_the_gate(&work, &gate, &[]);
    let engine = run.engine();
    signal(engine, Signal::KILL);
    run.end();
    wait_until("the end of the engine", || !lives(engine));
    // Longer than this test takes, whatever the machine is at.
    let schema = settings["schema_name"].as_str().unwrap();
    let lease = |end: &str| {
        let end = format!("UPDATE \"{schema}\".locks SET expires = clock_timestamp() + {end}");
        server::query(&settings, &end);
    };
    lease("interval '1 hour'");
    for args in [&["plan"][..], &["apply", "-auto-approve"]] {
        work.run(&[args, &["-var", "latency=0s"]].concat())
            .code(1)
            .says(&[
                "Error: Error acquiring the state lock",
                "left behind by a run that was killed, and whose journal is here",
                "It ends by itself `lock_lease` seconds after",
            ])
            .never_says(&["force-unlock", "has to be waited for", "Another run holds"]);
    }
    lease("interval '2 seconds'");
    gate.open();
    work.run(&["plan", "-var", "latency=0s", "-lock-timeout=5m"])
        .code(0)
        .says(&["An earlier run was interrupted"]);
}

#[test]
fn a_lock_that_is_lost_is_noticed_before_there_is_anything_to_store() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    let settings = server.settings();
    let gated = behind_a_gate().replace(
        "provider \"muster\" {}",
        "provider \"muster\" {\n  sim { path = \"slow.json\" }\n}",
    );
    let work = Work::with(&(backend("postgres", &settings) + &gated));
    work.run(&["init"]).code(0);
    let gate = Gate::new(&work, "slow.json");
    let args = ["apply", "-auto-approve", "-var", "latency=0s"];
    let mut run = Running::muster(&work, &args);
    run.wait_for("muster_zone.first: Creating...");
    gate.wait_for(&run);
    let schema = settings["schema_name"].as_str().unwrap();
    server::query(&settings, &format!("DELETE FROM \"{schema}\".locks"));
    run.wait_for_error("The state lock was lost");
    gate.open();
    run.end()
        .code(1)
        .says(&["muster_zone.first: Creation complete"])
        .never_says(&["muster_zone.second: Creating", "panicked"]);
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .says(&["An earlier run was interrupted", "2 to add"]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
}

/// Ends all sessions of the engine with a database of its own.
fn end_sessions(settings: &Settings) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server::query(settings, end);
}

#[test]
fn runs_whose_sessions_are_ended_go_on() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    for kind in ["postgres", "pg"] {
        let settings = server.database();
        let work = Work::with(&(backend(kind, &settings) + &behind_a_gate()));
        work.run(&["init"]).code(0);
        let gate = Gate::new(&work, "slow.json");
        let args = ["apply", "-auto-approve", "-var", "latency=0s"];
        let mut run = Running::muster(&work, &args);
        run.wait_for("muster_zone.second: Creating...");
        gate.wait_for(&run);
        end_sessions(&settings);
        gate.open();
        run.end()
            .code(0)
            .says(&["3 added, 0 changed, 0 destroyed."])
            .never_says(&["lock"]);
        finish(&work, "0 added, 0 changed, 0 destroyed.");
    }
}

#[test]
fn a_run_that_loses_its_lock_to_a_session_of_somebody_else() {
    let Some(server) = server::Server::start() else {
        return skip("there is no PostgreSQL");
    };
    let settings = server.database();
    let backend = backend("pg", &settings);
    let work = Work::with(&(backend.clone() + "output \"o\" {\n  value = 1\n}\n"));
    work.run(&["init"]).code(0);
    // From now on there is a row, whose number is the lock.
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", backend + &behind_a_gate());
    work.run(&["init"]).code(0);
    let gate = Gate::new(&work, "slow.json");
    let args = ["apply", "-auto-approve", "-var", "latency=0s"];
    let mut run = Running::muster(&work, &args);
    run.wait_for("muster_zone.second: Creating...");
    gate.wait_for(&run);
    // Waits for the lock as Terraform takes it, and has it when the session ends that had it.
    let schema = settings["schema_name"].as_str().unwrap();
    let take = format!("\\o /dev/null\nSELECT pg_advisory_lock(id) FROM \"{schema}\".states");
    let locks = "FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let waits = format!("SELECT count(*) {locks} AND NOT granted");
    let end = format!("SELECT pg_terminate_backend(pid) {locks} AND granted");
    let mut other = server::Session::start(&settings);
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| other.run(&take));
        wait_until("the one who waits", || {
            server::query(&settings, &waits) == "1"
        });
        server::query(&settings, &end);
        taking.join().unwrap();
    });
    run.wait_for_error("The state lock was lost");
    gate.open();
    run.end()
        .code(1)
        .says(&[
            "tester@",
            "psql) holds it now",
            "Everything that was done is recorded in",
        ])
        .says(&["muster_zone.second: Creation complete"])
        .never_says(&["muster_zone.third: Creating", "panicked"]);
    work.run(&args).code(1).says(&["tester@"]);
    drop(other);
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .says(&["An earlier run was interrupted", "1 to add"]);
    finish(&work, "1 added, 0 changed, 0 destroyed.");
}
