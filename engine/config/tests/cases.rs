//! Configurations with the diagnostics they get. Each case of `cases/*.txt` starts with
//! `=== NAME`; the lines after `>>>` are what is expected, in any order.

mod support;

use muster_config::load;
use muster_lang::Sources;
use support::{Memory, lines};

/// The lines of all cases that differ, so that one run shows everything.
fn check(cases: &str) {
    let mut wrong = String::new();
    let mut count = 0;
    for case in cases.split("\n=== ").filter(|c| !c.trim().is_empty()) {
        let (name, rest) = case
            .trim_start_matches("=== ")
            .split_once('\n')
            .expect("a name");
        let (files, expect) = rest.split_once(">>>").expect("what is expected");
        let mut sources = Sources::default();
        let (_, diags) = load(".", &Memory::parse(files), &mut sources);
        let mut found = lines(&diags, &sources);
        found.sort();
        let mut expect: Vec<_> = expect.lines().filter(|l| !l.is_empty()).collect();
        expect.sort_unstable();
        if found != expect {
            for line in found.iter().filter(|l| !expect.contains(&l.as_str())) {
                wrong += &format!("{name}: + {line}\n");
            }
            for line in expect.iter().filter(|l| !found.iter().any(|f| f == *l)) {
                wrong += &format!("{name}: - {line}\n");
            }
            if found.len() != expect.len() {
                wrong += &format!("{name}: {expect:#?} expected, {found:#?} found\n");
            }
        }
        count += 1;
    }
    assert!(count > 0, "no cases");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn declarations() {
    check(include_str!("cases/declarations.txt"));
}

#[test]
fn additions_of_opentofu() {
    check(include_str!("cases/additions.txt"));
}

#[test]
fn json() {
    check(include_str!("cases/json.txt"));
}

#[test]
fn references() {
    check(include_str!("cases/references.txt"));
}

#[test]
fn modules_and_providers() {
    check(include_str!("cases/modules.txt"));
}

#[test]
fn overrides_and_json() {
    check(include_str!("cases/overrides.txt"));
}
