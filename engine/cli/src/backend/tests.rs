use std::path::PathBuf;
use std::sync::Arc;

use muster_config::Backend;
use muster_lang::{FileId, Sources, Span, syntax};
use muster_store::LocalBackend;

use super::kinds::Kind;
use super::place::Place;
use super::settings;
use crate::error::Failure;

fn read(type_name: &str, text: &str) -> Result<Place, Failure> {
    let mut sources = Sources::default();
    let text: Arc<str> = text.into();
    let file: FileId = sources.add("main.tf", Arc::clone(&text));
    let (body, diags) = syntax::parse_native(file, &text);
    assert!(!diags.has_errors());
    Place::of(Some(&Backend {
        type_name: type_name.into(),
        body,
        early: Default::default(),
        span: Span {
            file,
            start: 0,
            end: 0,
        },
    }))
}

fn local(text: &str) -> Result<LocalBackend, Failure> {
    read("local", text).map(|place| place.local().unwrap())
}

#[test]
fn paths_of_workspaces() {
    let check = |text: &str, default: &str, other: &str| {
        let local = local(text).unwrap();
        let found = ["default", "dev"].map(|w| local.state_path(w));
        assert_eq!(found, [default, other].map(PathBuf::from), "{text}");
    };
    let usual = [
        "terraform.tfstate",
        "terraform.tfstate.d/dev/terraform.tfstate",
    ];
    check("", usual[0], usual[1]);
    check("path = null\nworkspace_dir = null\n", usual[0], usual[1]);
    check("path = \"a/b\"\n", "a/b", usual[1]);
    check("path = \"${\"a\"}/${5}\"\n", "a/5", usual[1]);
    check(
        "workspace_dir = \"w\"\n",
        usual[0],
        "w/dev/terraform.tfstate",
    );
    check("path = 5\n", "5", usual[1]);
}

#[test]
fn what_terraform_refuses() {
    let check = |text: &str, expect: &[&str]| {
        let diags = local(text).unwrap_err().diags;
        let found: Vec<_> = diags.iter().map(|d| &*d.summary).collect();
        assert_eq!(found, expect, "{text}");
        assert!(diags.iter().all(|d| d.subject.is_some()), "{text}");
    };
    check("path = var.x\n", &["Variables not allowed"]);
    check("path = upper(\"x\")\n", &["Function calls not allowed"]);
    check("path = []\n", &["Incorrect attribute value type"]);
    check("path = \"\"\n", &["Invalid local state file path"]);
    check(
        "workspace_dir = \"\"\n",
        &["Invalid local workspace directory path"],
    );
    check("pth = \"\"\n", &["Unsupported argument"]);
    check("x {\n}\n", &["Unsupported block type"]);
    check(
        "pth = \"\"\npath = var.x\n",
        &["Unsupported argument", "Variables not allowed"],
    );
}

#[test]
fn kinds_that_are_not_there() {
    let check = |name: &str, part: &str| {
        let diags = read(name, "").unwrap_err().diags;
        assert_eq!(diags.0[0].summary, "Unsupported backend type");
        assert!(diags.0[0].detail.contains(part), "{}", diags.0[0].detail);
        assert!(diags.0[0].subject.is_some());
    };
    check("consul", "are not supported");
    check("nope", "There is no backend type named \"nope\"");
}

/// As `terraform init` records it.
const S3: &str = r#"
bucket = "bbb"
key = "a/k"
region = "us-east-1"
access_key = "x"
secret_key = "y"
skip_credentials_validation = true
skip_requesting_account_id = "false"
use_path_style = true
max_retries = "2"
forbidden_account_ids = ["223456789012", "123456789011"]
endpoints = { s3 = "http://127.0.0.1:50999", sts = "http://127.0.0.1:50999", iam = "http://127.0.0.1:50999" }
assume_role = { role_arn = "arn:aws:iam::123456789012:role/x", tags = { b = "\u00e9\n", a = "<x>" } }
"#;

#[test]
fn records_are_those_of_terraform() {
    let record = read("s3", S3).unwrap().record();
    assert_eq!(record.hash, 2_126_826_405);
    assert_eq!(record.config.len(), 45);
    assert_eq!(record.config["max_retries"], 2);
    assert_eq!(record.config["skip_requesting_account_id"], false);
    assert!(record.config["acl"].is_null());
    let role = record.config["assume_role"].as_object().unwrap();
    assert_eq!(role.len(), 9);
    assert!(role["policy"].is_null());
    assert_eq!(role["tags"]["b"], "\u{e9}\n");

    let text = "address = \"http://127.0.0.1:8899/s\"\nlock_address = \"http://127.0.0.1:8899/l\"\nunlock_address = \"http://127.0.0.1:8899/l\"\nusername = \"u\"\nretry_max = 3\nskip_cert_verification = true\n";
    let record = read("http", text).unwrap().record();
    assert_eq!(record.hash, 4_248_763_946);
    // What Terraform does not know would keep it from reading the record.
    assert_eq!(record.config.len(), 15);
    let record = read("http", "token = \"x\"\n").unwrap().record();
    assert_eq!(record.config["token"], "x");
}

#[test]
fn values_that_do_not_fit() {
    let check = |name: &str, text: &str, expect: &[(&str, &str)]| {
        let diags = read(name, text).unwrap_err().diags;
        assert_eq!(diags.iter().count(), expect.len(), "{text}");
        for (diagnostic, (summary, detail)) in diags.iter().zip(expect) {
            assert_eq!(diagnostic.summary, *summary, "{text}");
            assert!(diagnostic.detail.contains(detail), "{}", diagnostic.detail);
            assert!(diagnostic.subject.is_some(), "{text}");
        }
    };
    let wrong = "Incorrect attribute value type";
    check(
        "http",
        "retry_max = \"x\"\n",
        &[(wrong, "a number is required")],
    );
    check("http", "retry_max = true\n", &[(wrong, "number required")]);
    check("s3", "endpoints = \"a\"\n", &[(wrong, "object required")]);
    check(
        "s3",
        "assume_role = { role_arn = [1] }\nencrypt = 5\n",
        &[(wrong, "role_arn"), (wrong, "\"encrypt\"")],
    );
    check(
        "s3",
        "assume_role {\n  role_arn = \"x\"\n}\n",
        &[("Unsupported block type", "assume_role")],
    );
    check(
        "http",
        "addres = \"x\"\n",
        &[("Unsupported argument", "address")],
    );
}

#[test]
fn settings_of_options() {
    let options = |options: &[&str]| {
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        settings::of_options(Kind::find("s3").unwrap(), &options, &mut Sources::default())
    };
    let given = options(&[
        "bucket=a",
        "",
        "key=x=y",
        "encrypt=true",
        "max_retries=7",
        "bucket=b",
        "endpoints={ s3 = \"http://h\" }",
    ]);
    let given = given.unwrap();
    let expect = serde_json::json!({ "bucket": "b", "encrypt": true, "endpoints": { "s3": "http://h", "dynamodb": null, "iam": null, "sso": null, "sts": null }, "key": "x=y", "max_retries": 7 });
    assert_eq!(serde_json::Value::Object(given), expect);
    let check = |option: &str, summary: &str| {
        let diags = options(&[option]).unwrap_err();
        assert_eq!(diags.0[0].summary, summary, "{option}");
    };
    check("bukket=a", "Invalid backend configuration argument");
    check("max_retries=many", "Invalid backend configuration value");
    check("endpoints=5", "Invalid backend configuration value");
    check("endpoints={", "Missing expression");
    check("no-such-file.hcl", "Failed to read file");
}
