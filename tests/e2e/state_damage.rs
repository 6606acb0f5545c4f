//! Damage that does not show by itself, and what is told of runs that were killed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use rustix::process::Signal;

use crate::background::{lives, signal, wait_until};
use crate::harness::Work;
use crate::kill::{CHAIN, finish, in_the_middle};

const APPLY: &[&str] = &["apply", "-auto-approve"];
const ONE: &str = "resource \"terraform_data\" \"a\" {\n  input = \"one\"\n}\n";
const STATE: &str = "terraform.tfstate";
const QUICK: &[&str] = &["-var", "latency=0s"];

/// A directory whose state was stored twice.
fn twice() -> Work {
    let work = Work::with(ONE);
    work.run(APPLY).code(0);
    work.write("main.tf", ONE.replace("one", "two"));
    work.run(APPLY).code(0);
    work
}

#[test]
fn a_state_that_was_edited_without_a_word_is_refused() {
    let work = twice();
    let whole = work.read(STATE);
    // One bit of a text.
    let edited = whole.replace("\"two\"", "\"twn\"");
    assert_ne!(whole, edited);
    work.write(STATE, &edited);
    let says = [
        STATE,
        "`muster state restore 2`",
        "`muster state push -force`",
    ];
    for args in [&["plan"], APPLY, &["state", "list"], &["show"]] {
        work.run(args).code(1).says(&says);
    }
    assert_eq!(work.read(STATE), edited);
    work.run(&["state", "restore", "-auto-approve", "2"])
        .code(0)
        .says(&["is not counted, and will be gone", "Restored"]);
    assert!(work.read(STATE).contains("\"two\""));
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    // It is taken as it is by those who say so.
    let edited = work.read(STATE).replace("\"two\"", "\"by hand\"");
    work.write(STATE, &edited);
    work.run(&["state", "push", STATE]).code(1);
    work.run(&["state", "push", "-force", STATE]).code(0);
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["by hand"]);
    // So is what has a number of its own.
    let edited = work.read(STATE).replace("\"by hand\"", "\"again\"");
    let serial = |n: u32| format!("\"serial\": {n},");
    assert!(edited.contains(&serial(3)), "{edited}");
    work.write(STATE, edited.replace(&serial(3), &serial(4)));
    work.run(&["plan", "-detailed-exitcode"])
        .code(2)
        .says(&["again"]);
}

#[test]
fn a_damaged_state_names_the_way_back() {
    let work = twice();
    work.write(STATE, "{\"version\": 4, \"ser");
    work.run(&["plan"])
        .code(1)
        .says(&["`muster state history`", "`muster state restore`"]);
}

#[test]
fn a_state_of_a_gigabyte_is_read_and_one_that_was_cut_off_is_refused() {
    const OBJECTS: usize = 1024;
    let work = Work::with(ONE);
    let path = work.path().join(STATE);
    let mut file = BufWriter::new(File::create(&path).unwrap());
    let large = "x".repeat(1 << 20);
    write!(
        file,
        r#"{{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"l","outputs":{{}},"resources":[
        {{"mode":"managed","type":"terraform_data","name":"r",
        "provider":"provider[\"terraform.io/builtin/terraform\"]","instances":["#
    )
    .unwrap();
    for n in 0..OBJECTS {
        let comma = if n > 0 { "," } else { "" };
        write!(
            file,
            r#"{comma}{{"index_key":{n},"schema_version":0,"attributes":{{"id":"{n}","input":null,
            "output":null,"triggers_replace":{{"value":"{large}","type":"string"}}}}}}"#
        )
        .unwrap();
    }
    write!(file, r#"]}}],"check_results":null}}"#).unwrap();
    drop(file.into_inner().unwrap());
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length > 1 << 30);
    let list = work.run(&["state", "list"]).code(0);
    assert_eq!(list.stdout.lines().count(), OBJECTS);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(length - 1).unwrap();
    work.run(&["state", "list"])
        .code(1)
        .says(&["terraform.tfstate"]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), length - 1);
}

#[test]
fn a_damaged_history_is_told() {
    let work = twice();
    let path = work.path().join(".terraform.tfstate.history");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let ran = work.run(&["state", "history", "-json"]).code(0);
    assert!(ran.stderr.contains("states are missing"), "{}", ran.stderr);
    serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap();
}

/// A directory with an apply that was killed: it has made a zone, and was making another one.
fn killed() -> Work {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "10m");
    let plugins = run.plugins();
    wait_until("the first zone", || {
        work.state_list() == ["muster_zone.first"]
    });
    signal(run.engine(), Signal::KILL);
    wait_until("the end of the plugins", || {
        !plugins.iter().any(|plugin| lives(*plugin))
    });
    run.end();
    work
}

#[test]
fn commands_that_only_show_the_state_tell_of_interrupted_runs() {
    let work = killed();
    let hint = "\nWarning: An earlier run was interrupted\n\nIt was the apply that ";
    let shows: [&[&str]; 5] = [
        &["show"],
        &["output"],
        &["state", "list"],
        &["show", "-json"],
        &["output", "-json"],
    ];
    for args in shows {
        let ran = work.run(args).code(0);
        let told = ran.stderr;
        assert!(told.starts_with(hint), "{told:?}");
        assert_eq!(told.matches("interrupted").count(), 1, "{told:?}");
        assert!(told.contains("One call was never answered"), "{told:?}");
        if args.contains(&"-json") {
            serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap();
        }
    }
    let plan = [&["plan", "-lock=false"], QUICK].concat();
    work.run(&plan).code(0).says(&[
        "An earlier run was interrupted",
        "create muster_zone.second",
    ]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
    let quiet = work.run(&["show"]).code(0);
    assert_eq!(quiet.stderr, "");
}

/// The journal of a run that was killed.
fn journal(work: &Work) -> PathBuf {
    let names = std::fs::read_dir(work.path()).unwrap();
    let mut paths = names.map(|entry| entry.unwrap().path());
    let is_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(".terraform.tfstate.journal")
    };
    paths.find(is_journal).unwrap()
}

#[test]
fn a_journal_that_is_damaged_inside_is_refused_until_it_is_adopted() {
    let work = killed();
    let path = journal(&work);
    let mut bytes = std::fs::read(&path).unwrap();
    let sign = b"\"Objects\"";
    let at = bytes.windows(sign.len()).position(|w| w == sign).unwrap();
    bytes[at + 3] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let advice = format!("muster recover -adopt {name}");
    let plan = [&["plan"], QUICK].concat();
    for args in [&plan, &["show"][..]] {
        work.run(args)
            .code(1)
            .says(&["whole records follow", &advice]);
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let adopt = [&["recover", "-adopt", name], QUICK].concat();
    work.run(&adopt).code(0).says(&[
        "The journal is kept as",
        "cannot be read",
        "create muster_zone.first",
        "create muster_zone.second",
    ]);
    // The first zone is there; its creation is repeated, and finds it.
    finish(&work, "3 added, 0 changed, 0 destroyed.");
}

#[test]
fn what_cannot_be_reached_is_not_recorded() {
    let backend = "terraform {\n  backend \"http\" {\n    address   = \"http://127.0.0.1:9/state\"\n    retry_max = 0\n  }\n}\n";
    let work = Work::with(backend);
    work.run(&["init"])
        .code(1)
        .says(&["127.0.0.1:9"])
        .never_says(&["The state is kept in the backend"]);
    assert!(!work.path().join(".terraform/terraform.tfstate").exists());
}

/// A state that is encrypted with this passphrase, an expression.
fn encrypted(passphrase: &str) -> Work {
    Work::with(&format!(
        "variable \"passphrase\" {{\n  type = string\n}}\nterraform {{\n  encryption {{\n    key_provider \"pbkdf2\" \"main\" {{\n      passphrase = {passphrase}\n    }}\n    method \"aes_gcm\" \"main\" {{\n      keys = key_provider.pbkdf2.main\n    }}\n    state {{\n      method = method.aes_gcm.main\n    }}\n  }}\n}}\n"
    ))
}

#[test]
fn blocks_of_encryption_are_validated() {
    encrypted("\"short\"")
        .run(&["validate"])
        .code(1)
        .says(&["passphrase is too short"]);
    let work = encrypted("\"long enough for everybody\"");
    work.run(&["validate"]).code(0);
    let other = work.read("main.tf");
    work.write(
        "main.tf",
        other.replacen("method.aes_gcm.main", "method.aes_gcm.other", 1),
    );
    work.run(&["validate"]).code(1).says(&["no method"]);
    // Nobody has to know the passphrase for that.
    let work = encrypted("var.passphrase");
    work.run(&["validate"]).code(0);
    work.run(&["state", "list"])
        .code(1)
        .says(&["TF_VAR_passphrase"])
        .never_says(&["Set it with -var"]);
}
