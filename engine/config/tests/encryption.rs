//! What encryption blocks say.

mod support;

use muster_config::{Config, ConfigFiles, Encryption, EncryptionTarget, load};
use muster_lang::{Diags, Sources};
use muster_value::Value;
use support::{Memory, lines};

/// Files, and an environment that says something of encryption.
struct Surrounded(Memory, Option<&'static str>);

impl ConfigFiles for Surrounded {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        self.0.read(path)
    }

    fn list(&self, dir: &str) -> std::io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn encryption(&self) -> Option<(String, String)> {
        Some(("TF_ENCRYPTION".to_owned(), self.1?.to_owned()))
    }
}

fn loaded(files: &str, environment: Option<&'static str>) -> (Config, Vec<String>) {
    let mut sources = Sources::default();
    let files = Surrounded(Memory::parse(files), environment);
    let (config, diags): (Config, Diags) = load(".", &files, &mut sources);
    (config, lines(&diags, &sources))
}

fn encryption(files: &str, environment: Option<&'static str>) -> Encryption {
    let (config, diags) = loaded(files, environment);
    assert_eq!(diags, Vec::<String>::new());
    config
        .root()
        .encryption
        .clone()
        .expect("an encryption block")
}

/// The settings of all blocks, one a line.
fn told(found: &Encryption) -> String {
    let blocks = found.key_providers.iter().chain(&found.methods);
    let lines = blocks.flat_map(|((kind, name), block)| {
        block.settings.iter().map(move |(argument, setting)| {
            let value = match (&setting.refers_to, setting.value()) {
                (Some((kind, name)), _) => format!("-> {kind}.{name}"),
                (None, Ok(value)) => {
                    let value = value.unmark_deep();
                    value
                        .as_str()
                        .map_or("?".to_owned(), |text| text.to_string())
                }
                (None, Err(diags)) => diags.iter().map(|d| d.summary.to_string()).collect(),
            };
            format!("{kind}.{name} {argument} {value}\n")
        })
    });
    lines.collect()
}

/// The methods of a target and its fallbacks.
fn methods(target: Option<&EncryptionTarget>) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = target;
    while let Some(at) = next {
        let (kind, name) = at.method.clone().expect("a method");
        all.push(format!("{kind}.{name}"));
        next = at.fallback.as_deref();
    }
    all
}

const NATIVE: &str = r#"
variable "passphrase" {
  default   = "from a variable"
  sensitive = true
}
locals {
  passphrase = "${var.passphrase}, and a local"
}
terraform {
  encryption {
    key_provider "pbkdf2" "main" {
      passphrase = local.passphrase
    }
    key_provider "aws_kms" "cloud" {
      kms_key_id = "a"
      endpoints {
        kms = "http://localhost"
      }
    }
    method "aes_gcm" "main" {
      keys = key_provider.pbkdf2.main
    }
    method "unencrypted" "old" {}
    state {
      method   = method.aes_gcm.main
      enforced = true
      fallback {
        method = method.unencrypted.old
      }
    }
    remote_state_data_sources {
      default {
        method = method.aes_gcm.main
      }
      remote_state_data_source "net" {
        method = method.unencrypted.old
      }
    }
  }
}
"#;

#[test]
fn blocks_and_their_values() {
    let found = encryption(NATIVE, None);
    assert_eq!(
        told(&found),
        "aws_kms.cloud endpoints.kms http://localhost\n\
         aws_kms.cloud kms_key_id a\n\
         pbkdf2.main passphrase from a variable, and a local\n\
         aes_gcm.main keys -> pbkdf2.main\n"
    );
    assert_eq!(
        methods(found.state.as_ref()),
        ["aes_gcm.main", "unencrypted.old"]
    );
    assert!(found.state.as_ref().is_some_and(|state| state.enforced));
    assert!(found.plan.is_none());
    assert_eq!(methods(found.remote_default.as_ref()), ["aes_gcm.main"]);
    assert_eq!(methods(found.remote.get("net")), ["unencrypted.old"]);
}

#[test]
fn the_environment_goes_first() {
    let found = encryption(
        NATIVE,
        Some(
            r#"
key_provider "pbkdf2" "main" {
  passphrase = "of the environment"
}
key_provider "pbkdf2" "new" {
  chain = key_provider.pbkdf2.main
}
method "aes_gcm" "new" {
  keys = key_provider.pbkdf2.new
}
state {
  method   = method.aes_gcm.new
  enforced = false
}
plan {
  method = method.aes_gcm.new
}
"#,
        ),
    );
    let told = told(&found);
    for line in [
        "pbkdf2.main passphrase of the environment\n",
        "pbkdf2.new chain -> pbkdf2.main\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert_eq!(
        methods(found.state.as_ref()),
        ["aes_gcm.new", "unencrypted.old"]
    );
    assert!(found.state.as_ref().is_some_and(|state| state.enforced));
    assert_eq!(methods(found.plan.as_ref()), ["aes_gcm.new"]);
}

const JSON: &str = r#"{
  "key_provider": {"pbkdf2": {"main": {"passphrase": "written as JSON"}}},
  "method": {"aes_gcm": {"main": {"keys": "${key_provider.pbkdf2.main}"}}},
  "state": {"method": "method.aes_gcm.main"},
  "plan": {"method": "${method.aes_gcm.main}", "enforced": true}
}"#;

#[test]
fn json_says_the_same() {
    let block = format!("--- main.tf.json\n{{\"terraform\": {{\"encryption\": {JSON}}}}}");
    for found in [encryption("", Some(JSON)), encryption(&block, None)] {
        assert_eq!(
            told(&found),
            "pbkdf2.main passphrase written as JSON\naes_gcm.main keys -> pbkdf2.main\n"
        );
        assert_eq!(methods(found.state.as_ref()), ["aes_gcm.main"]);
        assert_eq!(methods(found.plan.as_ref()), ["aes_gcm.main"]);
    }
}

#[test]
fn what_is_wrong() {
    let check = |inside: &str, expect: &[&str]| {
        let (_, found) = loaded(
            &format!("terraform {{\nencryption {{\n{inside}\n}}\n}}\n"),
            None,
        );
        assert_eq!(found, expect, "{inside}");
    };
    let invalid = "error main.tf:3 Invalid encryption configuration";
    check(
        "state {\nmethod = var.x\n}",
        &["error main.tf:4 Invalid encryption configuration"],
    );
    check("method \"aes_gcm\" \"a\" { keys = method.x.y }", &[invalid]);
    check("method \"aes_gcm\" \"a\" { keys = \"a\" }", &[invalid]);
    check("states {}", &["error main.tf:3 Unsupported block type"]);
    check(
        "state {}\nstate {}",
        &["error main.tf:4 Duplicate encryption configuration"],
    );
    check(
        "method \"unencrypted\" \"a\" {}\nmethod \"unencrypted\" \"a\" {}",
        &["error main.tf:4 Duplicate encryption configuration"],
    );
    check(
        "key_provider \"pbkdf2\" {}",
        &["error main.tf:3 Missing name for key_provider"],
    );
    let (_, found) = loaded("", Some("state {"));
    assert!(
        found.iter().all(|line| line.contains("TF_ENCRYPTION")) && !found.is_empty(),
        "{found:?}"
    );
}

#[test]
fn values_that_are_known_too_late() {
    let found = encryption(
        "resource \"terraform_data\" \"a\" {}\nterraform {\nencryption {\nkey_provider \"pbkdf2\" \"a\" {\npassphrase = terraform_data.a.id\n}\n}\n}\n",
        None,
    );
    assert_eq!(told(&found), "pbkdf2.a passphrase Variables not allowed\n");
    let given = found
        .key_providers
        .values()
        .next()
        .map(|block| &block.settings["passphrase"]);
    assert!(given.is_some_and(|setting| setting.value() != Ok(Value::string("x"))));
}

#[test]
fn only_the_root_module_counts() {
    let files =
        "module \"a\" {\nsource = \"./a\"\n}\n--- a/main.tf\nterraform {\nencryption {}\n}\n";
    let (config, found) = loaded(files, None);
    assert_eq!(
        found,
        ["warning a/main.tf:2 Encryption configuration ignored"]
    );
    assert!(config.root().encryption.is_none());
}

#[test]
fn a_missing_passphrase_is_to_be_set_in_the_environment() {
    let check = |sensitive: &str, advises_file: bool| {
        let files = NATIVE
            .replace("  default   = \"from a variable\"\n", "")
            .replace("sensitive = true", sensitive);
        let found = encryption(&files, None);
        let mut settings = found
            .key_providers
            .values()
            .flat_map(|b| b.settings.values());
        let diags = settings.find_map(|setting| setting.value().err());
        let detail = diags.expect("nothing is set").0[0].detail.to_string();
        assert!(detail.contains("Set it as TF_VAR_passphrase"), "{detail}");
        let file = "A value that is no secret may stand in terraform.tfvars";
        assert_eq!(detail.contains(file), advises_file, "{detail}");
        assert_eq!(detail.contains("tfvars"), advises_file, "{detail}");
    };
    check("sensitive = true", false);
    check("sensitive = false", true);
}
