//! What the console shows, recorded from Terraform.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_config::{Config, Module};
use muster_eval::Settings;
use muster_run::DiskFiles;

use super::*;

fn console() -> Console {
    let config = Config {
        modules: vec![Module::default()],
    };
    let settings = Settings {
        impure_now: true,
        ..Settings::default()
    };
    let eval = Evaluator::new(
        Arc::new(config),
        Arc::default(),
        BTreeMap::new(),
        Arc::new(DiskFiles::new(".")),
        settings,
    );
    Console {
        eval,
        sources: Sources::default(),
    }
}

fn summary(diags: &Diags) -> &str {
    diags.0.first().map_or("", |d| &d.summary)
}

#[test]
fn values_are_shown_as_recorded() {
    let mut console = console();
    let mut wrong = Vec::new();
    for line in include_str!("recorded.jsonl").lines() {
        let case: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
        let result = console.evaluate(&case["expr"]);
        let right = match (&result, case.get("shows"), case.get("error")) {
            (Ok(text), Some(shows), None) => text == shows,
            (Err(diags), None, Some(error)) => summary(diags) == error,
            _ => false,
        };
        if !right {
            wrong.push(format!("{line}\n  is {result:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_last_line_is_shown() {
    let check = |input: &str, expect: Result<Option<&str>, &str>| {
        let result = console().lines(input.as_bytes());
        let result = result.as_ref().map(Option::as_deref);
        assert_eq!(result.map_err(summary), expect, "{input:?}");
    };
    check("", Ok(Some("")));
    check("1\n2\n", Ok(Some("2")));
    check("1\r\n", Ok(Some("1")));
    check("1\n\n", Ok(Some("")));
    check("1\nexit\nnonsense", Ok(None));
    check("1\n[\n1]\n", Err("Missing expression"));
    check("nope\n1", Err("Invalid reference"));
    check("\"[\"\n", Ok(Some("\"[\"")));
}

#[test]
fn lines_that_go_on_are_one_expression() {
    let check = |text: &str, expect: &str| {
        let result = console().evaluate(text);
        assert_eq!(
            result.map_err(|d| summary(&d).to_owned()),
            Ok(expect.to_owned())
        );
    };
    check("[\n1,\n]", "[\n  1,\n]");
    check("<<EOT\na\nEOT", "<<EOT\na\n\nEOT");
}
