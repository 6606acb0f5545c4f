use std::path::PathBuf;
use std::sync::Arc;

use muster_config::Backend;
use muster_lang::{FileId, Sources, Span, syntax};
use muster_store::LocalBackend;

use super::place::Place;
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
