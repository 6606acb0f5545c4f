//! States and plans that only those can read who have the key.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::harness::{Ran, Work};

const SECRET: &str = "correct-horse-battery";
const PASSPHRASE: &str = "the passphrase of these tests";

const CONFIG: &str = r#"
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "a" {
  input = { password = var.secret }
}
resource "terraform_data" "b" {
  input = terraform_data.a.output
}
output "password" {
  value     = terraform_data.b.output.password
  sensitive = true
}
"#;

/// An encryption block; `fallback` is what states are read with as well.
fn block(passphrase: &str, fallback: &str) -> String {
    format!(
        r#"
terraform {{
  encryption {{
    key_provider "pbkdf2" "main" {{
      passphrase = "{passphrase}"
      iterations = 200000
    }}
    key_provider "pbkdf2" "old" {{
      passphrase               = "{PASSPHRASE}"
      iterations               = 200000
      encrypted_metadata_alias = "key_provider.pbkdf2.main"
    }}
    method "aes_gcm" "main" {{
      keys = key_provider.pbkdf2.main
    }}
    method "aes_gcm" "old" {{
      keys = key_provider.pbkdf2.old
    }}
    method "unencrypted" "plain" {{}}
    state {{
      method = method.aes_gcm.main
      {fallback}
    }}
    plan {{
      method   = method.aes_gcm.main
      enforced = true
    }}
  }}
}}
"#
    )
}

fn fallback(method: &str) -> String {
    format!("fallback {{\n method = method.{method}\n }}")
}

fn encrypted() -> Work {
    let work = Work::with(CONFIG);
    work.write("encryption.tf", block(PASSPHRASE, ""));
    work
}

fn run(work: &Work, args: &[&str]) -> Ran {
    let mut command = work.command(args);
    command.env("TF_VAR_secret", SECRET);
    Ran::new(&command.output().unwrap())
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => all.extend(files(&path)),
            kind if kind.is_file() => all.push(path),
            _ => {}
        }
    }
    all
}

/// Files that tell a secret.
fn telling(work: &Work) -> Vec<PathBuf> {
    let tells = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes())
    };
    files(work.path()).into_iter().filter(tells).collect()
}

#[test]
fn no_file_tells_a_secret() {
    let work = encrypted();
    run(&work, &["apply", "-auto-approve"]).code(0);
    run(&work, &["plan", "-out=tfplan", "-replace=terraform_data.a"]).code(0);
    run(&work, &["show", "tfplan"])
        .code(0)
        .says(&["terraform_data.a"]);
    run(&work, &["apply", "tfplan"]).code(0);
    run(
        &work,
        &["apply", "-auto-approve", "-replace=terraform_data.b"],
    )
    .code(0);
    run(
        &work,
        &["state", "mv", "terraform_data.b", "terraform_data.c"],
    )
    .code(0);
    for name in ["terraform.tfstate", "terraform.tfstate.backup", "tfplan"] {
        let text = work.read(name);
        assert!(
            text.contains(r#""encryption_version":"v0""#),
            "{name}: {text}"
        );
        let mode = std::fs::metadata(work.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
    let output = run(&work, &["output", "-raw", "password"]).code(0);
    assert_eq!(output.stdout, SECRET);
    assert_eq!(run(&work, &["state", "list"]).stdout.lines().count(), 2);
}

#[test]
fn without_the_key_nothing_is_read_or_changed() {
    let work = encrypted();
    run(&work, &["apply", "-auto-approve"]).code(0);
    run(&work, &["taint", "terraform_data.a"]).code(0);
    assert!(work.path().join("terraform.tfstate.backup").exists());
    run(&work, &["plan", "-out=tfplan"]).code(0);
    let before = work.read("terraform.tfstate");
    work.write("encryption.tf", block("another passphrase", ""));
    for args in [
        &["apply", "-auto-approve"][..],
        &["state", "rm", "terraform_data.a"],
        &["output"],
        &["show", "tfplan"],
    ] {
        run(&work, args)
            .code(1)
            .says(&["The key is not the right one"])
            .never_says(&["another passphrase", SECRET]);
    }
    work.write("encryption.tf", "");
    run(&work, &["apply", "tfplan"])
        .code(1)
        .says(&["encrypted"]);
    // Only the key is missing, which an earlier state would need, too.
    for args in [&["apply", "-auto-approve"][..], &["output"]] {
        run(&work, args)
            .code(1)
            .says(&[
                "encrypted",
                "takes the key and the settings",
                "TF_ENCRYPTION",
            ])
            .never_says(&[".backup", "restore"]);
    }
    assert_eq!(work.read("terraform.tfstate"), before);
}

#[test]
fn no_earlier_state_takes_the_place_of_one_whose_key_is_missing() {
    let work = Work::with(CONFIG);
    run(&work, &["apply", "-auto-approve"]).code(0);
    work.write(
        "encryption.tf",
        block(PASSPHRASE, &fallback("unencrypted.plain")),
    );
    run(
        &work,
        &["apply", "-auto-approve", "-replace=terraform_data.a"],
    )
    .code(0);
    let encrypted = work.read("terraform.tfstate");
    assert!(encrypted.contains("encrypted_data"), "{encrypted}");
    work.write("encryption.tf", "");
    run(&work, &["state", "restore", "-auto-approve", "1"])
        .code(1)
        .says(&["It is encrypted", "TF_ENCRYPTION"])
        .never_says(&["Restored"]);
    run(&work, &["state", "diff", "1"])
        .code(1)
        .says(&["It is encrypted"]);
    assert_eq!(work.read("terraform.tfstate"), encrypted);
}

#[test]
fn no_key_is_fetched_before_the_place_is_known() {
    let work = Work::with(
        r#"
terraform {
  backend "http" {
    address = "http://127.0.0.1:1/"
  }
  encryption {
    key_provider "external" "main" {
      command = ["touch", "fetched"]
    }
    method "aes_gcm" "main" {
      keys = key_provider.external.main
    }
    state {
      method = method.aes_gcm.main
    }
  }
}
"#,
    );
    for args in [&["plan"][..], &["state", "list"], &["workspace", "list"]] {
        work.run(args)
            .code(1)
            .says(&["Error: Backend initialization required"]);
    }
    assert!(!work.path().join("fetched").exists());
}

#[test]
fn encryption_begins_moves_on_and_ends() {
    let work = Work::with(CONFIG);
    run(&work, &["apply", "-auto-approve"]).code(0);
    work.write("encryption.tf", block(PASSPHRASE, ""));
    run(&work, &["plan"])
        .code(1)
        .says(&["plain text", "unencrypted"]);
    work.write(
        "encryption.tf",
        block(PASSPHRASE, &fallback("unencrypted.plain")),
    );
    run(&work, &["plan"]).code(0);
    assert!(!telling(&work).is_empty());
    run(&work, &["state", "rekey"]).code(0).says(&["encrypted"]);
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
    work.write(
        "encryption.tf",
        block("a newer passphrase", &fallback("aes_gcm.old")),
    );
    run(&work, &["state", "rekey"]).code(0);
    work.write("encryption.tf", block("a newer passphrase", ""));
    run(&work, &["plan", "-detailed-exitcode"]).code(0);
    let end = block("a newer passphrase", &fallback("aes_gcm.main")).replacen(
        "method = method.aes_gcm.main",
        "method = method.unencrypted.plain",
        1,
    );
    work.write("encryption.tf", end);
    run(&work, &["state", "rekey"])
        .code(0)
        .says(&["plain text"]);
    work.write("encryption.tf", "");
    run(&work, &["plan", "-detailed-exitcode"]).code(0);
    run(&work, &["state", "rekey"])
        .code(1)
        .says(&["Encryption is not set up"]);
}

#[test]
fn a_key_is_kept_until_the_state_is_rekeyed() {
    let work = encrypted();
    let made_from = || {
        let state: serde_json::Value =
            serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
        state["meta"].clone()
    };
    run(&work, &["apply", "-auto-approve"]).code(0);
    let first = made_from();
    let again = ["apply", "-auto-approve", "-replace=terraform_data.b"];
    run(&work, &again).code(0).says(&["1 destroyed"]);
    assert_eq!(made_from(), first);
    run(&work, &["state", "rekey"]).code(0);
    let second = made_from();
    assert_ne!(second, first);
    run(&work, &again).code(0);
    assert_eq!(made_from(), second);
    // What was written before is read as well.
    run(&work, &["state", "diff", "1", "2"])
        .code(0)
        .says(&["terraform_data.b"]);
}

#[test]
fn the_environment_says_how() {
    let work = Work::with(CONFIG);
    let inside = format!(
        r#"{{"key_provider": {{"pbkdf2": {{"main": {{"passphrase": "{PASSPHRASE}", "iterations": 200000}}}}}},
            "method": {{"aes_gcm": {{"main": {{"keys": "${{key_provider.pbkdf2.main}}"}}}}}},
            "state": {{"method": "${{method.aes_gcm.main}}"}}}}"#
    );
    let run = |args: &[&str]| {
        let mut command = work.command(args);
        command
            .env("TF_VAR_secret", SECRET)
            .env("TF_ENCRYPTION", &inside);
        Ran::new(&command.output().unwrap())
    };
    run(&["apply", "-auto-approve"]).code(0);
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
    assert_eq!(run(&["output", "-raw", "password"]).stdout, SECRET);
    work.run(&["output"]).code(1).says(&["encrypted"]);
}

#[test]
fn wrong_settings_are_pointed_at() {
    let check = |from: &str, to: &str, expect: &[&str]| {
        let work = encrypted();
        let text = block(PASSPHRASE, "").replacen(from, to, 1);
        work.write("encryption.tf", text);
        run(&work, &["plan"]).code(1).says(expect);
    };
    check(
        PASSPHRASE,
        "short",
        &["passphrase is too short", "encryption.tf"],
    );
    check(
        "\"pbkdf2\" \"main\"",
        "\"pbkdf\" \"main\"",
        &["There is no key provider of type"],
    );
    check(
        "iterations",
        "iteration",
        &["Unsupported argument", "encryption.tf line 6"],
    );
    check("= 200000", "= \"x\"", &["iterations"]);
    check(
        "method.aes_gcm.main",
        "method.aes_gcm.lost",
        &["no method", "lost"],
    );
}

#[test]
fn edited_plans_are_refused() {
    let work = Work::with(CONFIG);
    run(&work, &["plan", "-out=tfplan"]).code(0);
    let plan = std::fs::read(work.path().join("tfplan")).unwrap();
    let key = work.path().join(".terraform/plan.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let step = plan.len() / 8;
    for at in (0..plan.len()).step_by(step.max(1)) {
        let mut edited = plan.clone();
        edited[at] ^= 4;
        work.write("tfplan", edited);
        run(&work, &["apply", "tfplan"]).code(1);
    }
    // Whoever edits a plan can mend its checksum, but not its code.
    let other = Work::with(CONFIG);
    run(&other, &["plan", "-out=tfplan"]).code(0);
    work.write(
        "tfplan",
        std::fs::read(other.path().join("tfplan")).unwrap(),
    );
    run(&work, &["apply", "tfplan"])
        .code(1)
        .says(&["was changed"]);
    work.write("tfplan", &plan);
    // Nothing brings a plan in plain text to where plans are encrypted.
    work.write("encryption.tf", block(PASSPHRASE, ""));
    run(&work, &["apply", "tfplan"])
        .code(1)
        .says(&["plans are to be encrypted here", "Make a new plan"])
        .never_says(&["fallback"]);
    work.write("encryption.tf", "");
    run(&work, &["apply", "tfplan"]).code(0);
}

#[test]
fn plans_travel_with_a_shared_key() {
    let (here, there) = (Work::with(CONFIG), Work::with(CONFIG));
    let run_with = |work: &Work, key: &str, args: &[&str]| {
        let mut command = work.command(args);
        command
            .env("TF_VAR_secret", SECRET)
            .env("MUSTER_PLAN_KEY", key);
        Ran::new(&command.output().unwrap())
    };
    let key = "0123456789abcdef";
    run_with(&here, key, &["plan", "-out=tfplan"]).code(0);
    there.write("tfplan", std::fs::read(here.path().join("tfplan")).unwrap());
    run_with(&there, "another key of them", &["show", "tfplan"]).code(1);
    run_with(&there, "short", &["show", "tfplan"])
        .code(1)
        .says(&["too short"]);
    run(&there, &["show", "tfplan"]).code(0);
    run_with(&there, key, &["apply", "tfplan"])
        .code(0)
        .never_says(&["cannot be authenticated"]);
}

#[test]
fn a_killed_run_leaves_no_secret() {
    let work = encrypted();
    let kill = r#"
resource "terraform_data" "kill" {
  input = terraform_data.b.output
  provisioner "local-exec" {
    command = "kill -9 $PPID"
  }
}
"#;
    work.write("kill.tf", kill);
    run(&work, &["apply", "-auto-approve"])
        .code(1)
        .says(&["The process that carried out the run is gone"]);
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
    let left = files(work.path());
    let is_journal = |path: &&PathBuf| path.to_string_lossy().contains("journal");
    let journals: Vec<_> = left.iter().filter(is_journal).collect();
    assert_eq!(journals.len(), 1, "{left:?}");
    // What was done is known all the same.
    run(&work, &["state", "list"])
        .code(0)
        .says(&["terraform_data.a", "terraform_data.b"]);
}

#[test]
fn states_of_others_are_read_with_their_keys() {
    let other = encrypted();
    run(&other, &["apply", "-auto-approve"]).code(0);
    let path = other.path().join("terraform.tfstate");
    let work = Work::with(&format!(
        r#"
data "terraform_remote_state" "other" {{
  backend = "local"
  config  = {{ path = "{}" }}
}}
output "password" {{
  value     = data.terraform_remote_state.other.outputs.password
  sensitive = true
}}
"#,
        path.display()
    ));
    run(&work, &["apply", "-auto-approve"])
        .code(1)
        .says(&["encrypted"]);
    let with_remote = |passphrase: &str| {
        let remote = "remote_state_data_sources {
          default {
            method = method.aes_gcm.main
          }
        }
        plan {";
        block(passphrase, "").replacen("plan {", remote, 1)
    };
    work.write("encryption.tf", with_remote("another passphrase"));
    run(&work, &["apply", "-auto-approve"])
        .code(1)
        .says(&["The key is not the right one"]);
    work.write("encryption.tf", with_remote(PASSPHRASE));
    run(&work, &["apply", "-auto-approve"]).code(0);
    assert_eq!(run(&work, &["output", "-raw", "password"]).stdout, SECRET);
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
}

#[test]
fn remote_states_are_encrypted_as_their_data_sources_are_called() {
    let (other, plain) = (
        encrypted(),
        Work::with("output \"o\" {\n  value = \"plain\"\n}\n"),
    );
    run(&other, &["apply", "-auto-approve"]).code(0);
    run(&plain, &["apply", "-auto-approve"]).code(0);
    let reading = |name: &str, repeat: &str, from: &Work| {
        let path = from.path().join("terraform.tfstate");
        format!(
            "data \"terraform_remote_state\" \"{name}\" {{\n  {repeat}\n  backend = \"local\"\n  config = {{ path = \"{}\" }}\n}}\n",
            path.display()
        )
    };
    let work = Work::with(&format!(
        "{}{}module \"m\" {{\n  source = \"./m\"\n}}\noutput \"o\" {{\n  value = data.terraform_remote_state.plain.outputs.o\n}}\n",
        reading("other", "", &other),
        reading("plain", "", &plain)
    ));
    work.write("m/m.tf", reading("other", "count = 2", &other));
    run(&work, &["init"]).code(0);
    let with = |names: &[&str]| {
        let target = "method = method.aes_gcm.main";
        let named = names
            .iter()
            .map(|name| format!("remote_state_data_source {name:?} {{\n{target}\n}}\n"));
        let named: String = named.collect();
        let remote = format!("remote_state_data_sources {{\n{named}}}\nplan {{");
        block(PASSPHRASE, "").replacen("plan {", &remote, 1)
    };
    // Each of those that are encrypted has to be named, and nothing is said of the plain one.
    for names in [&["m.other"][..], &["other"], &["other", "m.other[1]"]] {
        work.write("encryption.tf", with(names));
        run(&work, &["apply", "-auto-approve"])
            .code(1)
            .says(&["Error loading state", "encrypted"]);
    }
    for names in [
        &["other", "m.other"][..],
        &["other", "m.other[0]", "m.other[1]"],
    ] {
        work.write("encryption.tf", with(names));
        run(&work, &["apply", "-auto-approve"]).code(0);
    }
    assert_eq!(run(&work, &["output", "-raw", "o"]).stdout, "plain");
    // What is named is not read as plain text.
    work.write("encryption.tf", with(&["other", "m.other", "plain"]));
    run(&work, &["apply", "-auto-approve"])
        .code(1)
        .says(&["remote_state_data_source.plain", "plain text"]);
}

#[test]
fn copies_of_an_encrypted_state_are_pushed_and_pulled() {
    let work = encrypted();
    run(&work, &["apply", "-auto-approve"]).code(0);
    let plain = run(&work, &["state", "pull"]).code(0).stdout;
    assert!(plain.contains(SECRET));
    work.write("copy", work.read("terraform.tfstate"));
    run(&work, &["state", "push", "copy"]).code(0);
    let elsewhere = Work::empty();
    elsewhere.write("plain", plain);
    run(
        &work,
        &[
            "state",
            "push",
            elsewhere.path().join("plain").to_str().unwrap(),
        ],
    )
    .code(0);
    assert_eq!(telling(&work), Vec::<PathBuf>::new());
    work.write("encryption.tf", "");
    run(&work, &["state", "push", "copy"])
        .code(1)
        .says(&["encrypted"]);
}

/// What gives the key to whoever asks, as long as it is there.
const KEYS: &str = r#"
echo '{"magic":"OpenTofu-External-Key-Provider","version":1}'
key=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=
echo "{\"keys\":{\"encryption_key\":\"$key\",\"decryption_key\":\"$key\"},\"meta\":{\"external_data\":{}}}"
"#;

#[test]
fn a_key_service_that_goes_away_during_a_run_loses_nothing() {
    let (work, gate) = crate::attach::gated();
    let block = r#"
terraform {
  encryption {
    key_provider "external" "k" {
      command = ["sh", "keys.sh"]
    }
    method "aes_gcm" "m" {
      keys = key_provider.external.k
    }
    state {
      method   = method.aes_gcm.m
      enforced = true
    }
  }
}
"#;
    work.write("encryption.tf", block);
    work.write("keys.sh", KEYS);
    let mut run = crate::attach::at_the_gate(&work, &gate, &[]);
    let (here, away) = (work.path().join("keys.sh"), work.path().join("away.sh"));
    std::fs::rename(&here, &away).unwrap();
    // Without it nobody begins anything.
    work.run(&["plan", "-lock=false", "-var=latency=0s"])
        .code(1)
        .says(&["Key provider external.k"]);
    gate.open();
    run.end()
        .code(0)
        .says(&["3 added, 0 changed, 0 destroyed."]);
    let state: serde_json::Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    assert!(state["encrypted_data"].is_string(), "{state}");
    std::fs::rename(&away, &here).unwrap();
    crate::kill::finish(&work, "0 added, 0 changed, 0 destroyed.");
}
