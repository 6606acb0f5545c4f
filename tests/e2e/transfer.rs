//! Objects that are moved from one state to another, also where that is killed on the way.

mod server;

use rustix::process::Signal;

use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Ran, Work};
use server::{Mode, Server};

const CONFIG: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\nresource \"terraform_data\" \"b\" {\n  count = 2\n}\n";

fn applied() -> Work {
    let work = Work::with(CONFIG);
    work.run(&["apply", "-auto-approve"]).code(0);
    work
}

fn mv(work: &Work, args: &[&str]) -> Ran {
    work.run(&[&["state", "mv"], args].concat())
}

#[track_caller]
fn check(work: &Work, workspace: &str, expect: &[&str]) {
    let mut command = work.command(&["state", "list"]);
    command.env("TF_WORKSPACE", workspace);
    let ran = Ran::new(&command.output().unwrap());
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expect);
}

#[test]
fn to_another_workspace() {
    let work = applied();
    let to = "-to-workspace=staging";
    mv(&work, &[to, "terraform_data.a", "terraform_data.a"])
        .code(1)
        .says(&["Workspace does not exist", "staging"]);
    work.run(&["workspace", "new", "staging"]).code(0);
    work.run(&["workspace", "select", "default"]).code(0);
    mv(
        &work,
        &["-dry-run", to, "terraform_data.a", "terraform_data.c"],
    )
    .code(0)
    .says(&["Would move \"terraform_data.a\" to \"terraform_data.c\" in"]);
    check(&work, "staging", &[]);
    mv(&work, &[to, "terraform_data.a", "terraform_data.c"])
        .code(0)
        .says(&["Successfully moved 1 object(s).", "staging"]);
    check(&work, "staging", &["terraform_data.c"]);
    check(
        &work,
        "default",
        &["terraform_data.b[0]", "terraform_data.b[1]"],
    );
    // All instances, and nothing in the place of something else.
    mv(&work, &[to, "terraform_data.b", "terraform_data.d"])
        .code(0)
        .says(&[
            "Move \"terraform_data.b[0]\" to \"terraform_data.d[0]\" in ",
            "Move \"terraform_data.b[1]\" to \"terraform_data.d[1]\" in ",
            ", workspace staging)\nSuccessfully moved 2 object(s).",
        ]);
    work.run(&["apply", "-auto-approve"]).code(0);
    mv(&work, &[to, "terraform_data.a", "terraform_data.c"])
        .code(1)
        .says(&["Invalid target address"]);
    mv(
        &work,
        &[
            "-to-workspace=default",
            "terraform_data.a",
            "terraform_data.z",
        ],
    )
    .code(1)
    .says(&["Both are the same state"]);
    mv(&work, &[to, "terraform_data.nothing", "terraform_data.z"])
        .code(1)
        .says(&["Invalid source address"]);
    let records = std::fs::read_dir(work.path()).unwrap().flatten();
    let mut records = records.filter(|e| e.file_name().to_string_lossy().ends_with(".move"));
    assert!(records.next().is_none(), "nothing is left on record");
}

#[test]
fn to_another_directory_with_its_own_encryption() {
    let (work, other) = (applied(), Work::empty());
    let secret = "terraform {\n  encryption {\n    key_provider \"pbkdf2\" \"k\" {\n      passphrase = \"correct horse battery\"\n    }\n    method \"aes_gcm\" \"m\" {\n      keys = key_provider.pbkdf2.k\n    }\n    state {\n      method = method.aes_gcm.m\n    }\n  }\n}\n";
    other.write("main.tf", secret);
    let to = format!("-to-dir={}", other.path().display());
    mv(&work, &[&to, "terraform_data.a", "terraform_data.a"])
        .code(0)
        .says(&["Successfully moved 1 object(s)."]);
    check(&other, "default", &["terraform_data.a"]);
    assert!(other.read("terraform.tfstate").contains("encrypted_data"));
    assert!(work.read("terraform.tfstate").contains("terraform_data"));
    check(
        &work,
        "default",
        &["terraform_data.b[0]", "terraform_data.b[1]"],
    );
    // And back, which takes it out of the encryption.
    let to = format!("-to-dir={}", work.path().display());
    let back = [&*to, "terraform_data.a", "terraform_data.a"];
    for args in [&back[..], &[&["-dry-run"], &back[..]].concat()] {
        mv(&other, args)
            .code(1)
            .says(&["The other state is not encrypted", "-allow-unencrypted"]);
    }
    check(&other, "default", &["terraform_data.a"]);
    assert!(!work.read("terraform.tfstate").contains("\"a\""));
    mv(&other, &[&["-allow-unencrypted"], &back[..]].concat()).code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    check(&other, "default", &[]);
    mv(
        &work,
        &["-to-dir=nowhere", "terraform_data.a", "terraform_data.a"],
    )
    .code(1)
    .says(&["Failed to move objects between states"]);
}

#[test]
fn to_a_directory_without_a_configuration() {
    let (work, other) = (applied(), Work::empty());
    let to = format!("-to-dir={}", other.path().display());
    let args = [&*to, "terraform_data.a", "terraform_data.a"];
    mv(&work, &args).code(1).says(&[
        "No configuration files",
        &other.path().display().to_string(),
        "-state-out",
    ]);
    assert!(!other.path().join("terraform.tfstate").exists());
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .never_says(&["was interrupted"]);
    // One that has a state is known to somebody.
    other.write("main.tf", "resource \"terraform_data\" \"z\" {}\n");
    other.run(&["apply", "-auto-approve"]).code(0);
    std::fs::remove_file(other.path().join("main.tf")).unwrap();
    let place = format!("(directory {}", other.path().display());
    mv(&work, &args).code(0).says(&[&place]);
    check(&other, "default", &["terraform_data.a", "terraform_data.z"]);
}

/// Moves `terraform_data.a` and kills everything as soon as the server has got a state.
fn killed(server: &Server, mode: Mode, from: &Work, to: &Work) {
    server.set(mode);
    let before = server.sent();
    let to = format!("-to-dir={}", to.path().display());
    let args = ["state", "mv", &to, "terraform_data.a", "terraform_data.a"];
    let mut run = Running::muster(from, &args);
    wait_until("the state", || server.sent() > before);
    let all: Vec<u32> = run.plugins().into_iter().chain([run.pid()]).collect();
    assert_eq!(all.len(), 3);
    // None of them sees the end of another one.
    for kind in [Signal::STOP, Signal::KILL] {
        for process in &all {
            signal(*process, kind);
        }
    }
    wait_until("their end", || !all.iter().any(|process| lives(*process)));
    run.end().code(-1);
    server.set(Mode::Answer);
}

#[test]
fn killed_before_anything_is_written() {
    let server = Server::start();
    let (work, other) = (applied(), server.work(""));
    killed(&server, Mode::Ignore, &work, &other);
    // Who only looks is told.
    work.run(&["state", "list"]).code(0);
    work.run(&["output"])
        .says(&["Interrupted move between states"]);
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .says(&["was interrupted. Nothing had been moved yet"]);
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .never_says(&["was interrupted"]);
    other
        .run(&["plan", "-detailed-exitcode"])
        .code(0)
        .never_says(&["was interrupted"]);
    assert!(server.stored().is_empty());
}

#[test]
fn killed_when_the_object_is_in_both_states() {
    let server = Server::start();
    let a = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";
    // The next command is one on the old state, or one on the new state.
    for old in [true, false] {
        let server = match old {
            true => &server,
            false => &Server::start(),
        };
        let (work, other) = (applied(), server.work(a));
        killed(server, Mode::Store, &work, &other);
        assert_eq!(server.stored(), ["terraform_data.a"]);
        check(
            &work,
            "default",
            &[
                "terraform_data.a",
                "terraform_data.b[0]",
                "terraform_data.b[1]",
            ],
        );
        let next = if old { &work } else { &other };
        next.run(&["plan"]).code(0).says(&[
            "terraform_data.a",
            "was interrupted. The move was finished just now",
        ]);
        // It is in one of them now, and managed there as before.
        check(
            &work,
            "default",
            &["terraform_data.b[0]", "terraform_data.b[1]"],
        );
        other
            .run(&["plan", "-detailed-exitcode"])
            .code(0)
            .never_says(&["was interrupted"]);
        work.run(&["plan"])
            .code(0)
            .says(&["1 to add"])
            .never_says(&["was interrupted"]);
    }
}

#[test]
fn killed_when_all_is_done_but_the_records() {
    let server = Server::start();
    let (other, work) = (Work::empty(), server.work(CONFIG));
    other.write(
        "main.tf",
        "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    killed(&server, Mode::Store, &work, &other);
    check(&other, "default", &["terraform_data.a"]);
    assert_eq!(server.stored(), ["terraform_data.b"]);
    other
        .run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["The move was finished just now", "0 added, 0 changed"]);
    work.run(&["plan"])
        .code(0)
        .says(&["1 to add"])
        .never_says(&["was interrupted"]);
}

#[test]
fn the_old_state_cannot_be_written() {
    let server = Server::start();
    let a = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";
    let (other, work) = (Work::with(a), server.work(CONFIG));
    work.run(&["apply", "-auto-approve"]).code(0);
    server.set(Mode::Refuse);
    let to = format!("-to-dir={}", other.path().display());
    mv(&work, &[&to, "terraform_data.a", "terraform_data.a"])
        .code(1)
        .says(&["500"])
        .never_says(&["Successfully moved"]);
    // It is in both states, and nothing else is done before that is settled.
    let both = ["terraform_data.a", "terraform_data.b"];
    check(&other, "default", &both[..1]);
    assert_eq!(server.stored(), both);
    for side in [&work, &other] {
        side.run(&["apply", "-auto-approve"])
            .code(1)
            .says(&["Interrupted move between states"])
            .never_says(&["Apply complete!"]);
    }
    server.set(Mode::Answer);
    other
        .run(&["plan", "-detailed-exitcode"])
        .code(0)
        .says(&["The move was finished just now"]);
    assert_eq!(server.stored(), both[1..]);
    work.run(&["plan"])
        .code(0)
        .says(&["1 to add"])
        .never_says(&["was interrupted"]);
}

#[test]
fn the_move_cannot_be_recorded_at_the_old_place() {
    let server = Server::start();
    let (other, work) = (Work::with("# Nothing yet.\n"), server.work(CONFIG));
    work.run(&["apply", "-auto-approve"]).code(0);
    // There is nothing in it, and nothing can be put there.
    let journals = work.path().join(".terraform/journals");
    let _ = std::fs::remove_dir(&journals);
    std::os::unix::fs::symlink("nowhere/at/all", &journals).unwrap();
    let to = format!("-to-dir={}", other.path().display());
    let args = [&*to, "terraform_data.a", "terraform_data.a"];
    mv(&work, &args)
        .code(1)
        .says(&["journals"])
        .never_says(&["Successfully moved"]);
    // The new place, where it was recorded first, knows nothing of it any more.
    assert!(!other.path().join(RECORD).exists());
    check(&other, "default", &[]);
    assert_eq!(server.stored(), ["terraform_data.a", "terraform_data.b"]);
    std::fs::remove_file(&journals).unwrap();
    for side in [&work, &other] {
        side.run(&["plan", "-detailed-exitcode"])
            .code(0)
            .never_says(&["was interrupted"]);
    }
    mv(&work, &args).code(0);
    assert_eq!(server.stored(), ["terraform_data.b"]);
}

/// The record of a move of a state in a file.
const RECORD: &str = ".terraform.tfstate.move";

/// The record of a move of a state that is elsewhere.
fn record_elsewhere(work: &Work) -> std::path::PathBuf {
    let journals = std::fs::read_dir(work.path().join(".terraform/journals")).unwrap();
    let mut paths = journals.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|end| end == "move"))
        .unwrap()
}

#[test]
fn recorded_at_the_new_place_only() {
    let server = Server::start();
    let (work, other) = (applied(), server.work(""));
    killed(&server, Mode::Ignore, &work, &other);
    std::fs::remove_file(work.path().join(RECORD)).unwrap();
    other.write("more.tf", "resource \"terraform_data\" \"a\" {}\n");
    // The new state gains nothing before the record is gone.
    other
        .run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["Nothing had been moved yet", "1 added"]);
    work.run(&["plan", "-detailed-exitcode"])
        .code(0)
        .never_says(&["was interrupted"]);
}

#[test]
fn another_object_at_the_new_address_is_not_what_was_moved() {
    let server = Server::start();
    let (work, other) = (applied(), server.work(""));
    killed(&server, Mode::Ignore, &work, &other);
    std::fs::remove_file(record_elsewhere(&other)).unwrap();
    other.write("more.tf", "resource \"terraform_data\" \"a\" {}\n");
    other
        .run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 added"]);
    work.run(&["apply", "-auto-approve"])
        .code(1)
        .says(&[
            "Interrupted move between states",
            "terraform_data.a",
            "recover -drop-move",
        ])
        .never_says(&["Apply complete!"]);
    work.run(&["recover", "-drop-move"])
        .code(0)
        .says(&["this state has terraform_data.a"]);
    // Both have kept what is theirs.
    for side in [&work, &other] {
        side.run(&["plan", "-detailed-exitcode"])
            .code(0)
            .never_says(&["was interrupted"]);
    }
    work.run(&["recover", "-drop-move"])
        .code(1)
        .says(&["Nothing to recover"]);
}

#[test]
fn what_was_moved_and_is_gone_by_now() {
    let server = Server::start();
    let (other, work) = (Work::with("# Nothing yet.\n"), server.work(CONFIG));
    work.run(&["apply", "-auto-approve"]).code(0);
    killed(&server, Mode::Store, &work, &other);
    // The new state was settled and worked on before the old one was.
    std::fs::remove_file(other.path().join(RECORD)).unwrap();
    other.run(&["state", "rm", "terraform_data.a"]).code(0);
    work.run(&["plan"])
        .code(0)
        .says(&["They are in neither of the two states any more", "1 to add"]);
    work.run(&["plan"]).code(0).never_says(&["was interrupted"]);
}

#[test]
fn a_directory_with_another_name_settles_its_own_end() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let (work, other) = (applied(), server.work(""));
    killed(&server, Mode::Store, &work, &other);
    let renamed = folder.path().join("renamed");
    std::fs::rename(work.path(), &renamed).unwrap();
    let run = |args: &[&str]| {
        let mut command = other.command(args);
        command.current_dir(&renamed);
        Ran::new(&command.output().unwrap())
    };
    // From the other side it cannot be found.
    let said = work.path().display().to_string();
    other.run(&["plan"]).code(1).says(&[
        "Interrupted move between states",
        "cannot be worked in",
        &said,
    ]);
    run(&["plan"])
        .code(0)
        .says(&["The move was finished just now", "1 to add"]);
    other.run(&["plan"]).never_says(&["was interrupted"]);
    // Where it was, for who removes it.
    std::fs::rename(&renamed, work.path()).unwrap();
}

#[test]
fn what_cannot_be_settled_holds_everything_up() {
    let server = Server::start();
    let (work, other) = (applied(), server.work(""));
    killed(&server, Mode::Store, &work, &other);
    let folder = other.path().to_owned();
    drop(other);
    assert!(!folder.exists());
    work.run(&["apply", "-auto-approve"])
        .code(1)
        .says(&[
            "Interrupted move between states",
            "terraform_data.a",
            &folder.display().to_string(),
            "recover -drop-move",
        ])
        .never_says(&["Apply complete!"]);
    work.run(&["state", "rm", "terraform_data.b"])
        .code(1)
        .says(&["Interrupted move between states"]);
    // After a look.
    work.run(&["recover", "-drop-move"])
        .code(0)
        .says(&["The move is given up here", "terraform_data.a"]);
    work.run(&["state", "rm", "terraform_data.a"]).code(0);
}
