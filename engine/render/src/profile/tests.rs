use std::time::Duration;

use muster_addr::ProviderAddr;
use muster_plan::{Action, Change, Operation, Plan, Step, StepId, StepKind};

use super::path::critical_path;
use super::{Kept, Order, Profile, Span};
use crate::Style;
use crate::plan::tests::{change, object};

/// Objects by letter, with begin and end in seconds.
fn spans(all: &[(char, u64, u64)]) -> Vec<Span> {
    let span = |(letter, begin, end): &(char, u64, u64)| Span {
        addr: format!("x_y.{letter}").parse().unwrap(),
        deposed: None,
        provider: ProviderAddr::new("hashicorp", "x"),
        operation: Operation::Create,
        begin: Duration::from_secs(*begin),
        end: Duration::from_secs(*end),
    };
    all.iter().map(span).collect()
}

/// A plan that creates objects, each after some others; `_` for a step that only waits.
fn plan(steps: &[(char, &[u32])]) -> Plan {
    let mut plan = Plan::default();
    for (letter, after) in steps {
        let kind = match letter {
            '_' => StepKind::Join,
            letter => {
                plan.changes.push(Change {
                    addr: format!("x_y.{letter}").parse().unwrap(),
                    ..change(Action::Create, object(&[]), object(&[]))
                });
                StepKind::Create {
                    change: u32::try_from(plan.changes.len() - 1).unwrap(),
                    depose: false,
                }
            }
        };
        plan.steps.push(Step {
            kind,
            after: after.iter().map(|id| StepId(*id)).collect(),
        });
    }
    plan
}

/// The critical path as `object waited took`.
fn check(steps: &[(char, &[u32])], times: &[(char, u64, u64)], expect: &str) {
    let spans = spans(times);
    let path = critical_path(&spans, &Order::of_steps(&plan(steps), &spans));
    let shown = path.iter().map(|link| {
        let addr = link.addr.trim_start_matches("x_y.");
        format!("{addr} {} {}", link.waited.as_secs(), link.took.as_secs())
    });
    assert_eq!(shown.collect::<Vec<_>>().join(", "), expect);
}

#[test]
fn the_critical_path_is_what_was_waited_for() {
    let diamond: &[(char, &[u32])] = &[('a', &[]), ('b', &[0]), ('c', &[0]), ('d', &[1, 2])];
    check(
        diamond,
        &[('a', 0, 1), ('b', 1, 5), ('c', 1, 2), ('d', 6, 7)],
        "a 0 1, b 0 4, d 1 1",
    );
    check(
        diamond,
        &[('a', 0, 1), ('b', 1, 2), ('c', 2, 9)],
        "a 0 1, c 1 7",
    );
    check(diamond, &[], "");
    check(
        &[('a', &[]), ('_', &[0]), ('b', &[1])],
        &[('b', 4, 5), ('a', 1, 3)],
        "a 1 2, b 1 1",
    );
    check(
        &[('a', &[])],
        &[('z', 0, 9), ('a', 0, 1), ('a', 2, 11)],
        "a 0 1, a 1 9",
    );
    // What was still going on is no reason to wait.
    check(
        &[('a', &[]), ('b', &[0]), ('c', &[1])],
        &[('a', 0, 1), ('b', 1, 5), ('c', 3, 6)],
        "a 0 1, c 2 3",
    );
}

#[test]
fn the_longest_chain_counts_what_is_done() {
    let check = |steps: &[(char, &[u32])], expect: &str, count: usize| {
        let (chain, steps) = super::steps::longest_chain(&plan(steps));
        let names = chain.iter().map(|s| s.addr.trim_start_matches("x_y."));
        assert_eq!((names.collect::<String>().as_str(), steps), (expect, count));
    };
    check(&[], "", 0);
    check(&[('a', &[]), ('b', &[]), ('c', &[1]), ('d', &[0])], "bc", 4);
    check(
        &[
            ('a', &[]),
            ('_', &[0]),
            ('_', &[1]),
            ('b', &[0]),
            ('c', &[3]),
        ],
        "abc",
        3,
    );
}

fn profile() -> Profile {
    let plan = plan(&[('a', &[]), ('b', &[0])]);
    let spans = spans(&[('a', 0, 1), ('b', 2, 5)]);
    let mut profile = Profile::default();
    let order = Order::of_steps(&plan, &spans);
    profile.phase("apply", Duration::from_millis(5500), &spans, &order);
    profile.chain(&plan);
    profile
}

#[test]
fn people_get_tables() {
    assert_eq!(
        profile().text(Style::PLAIN),
        "
Profile: apply took 5.500s

Critical path of the apply:

 Object     | Operation | Waited |   Took 
------------+-----------+--------+--------
 x_y.a      | create    | 0.000s | 1.000s 
 x_y.b      | create    | 1.000s | 3.000s 
 (the rest) |           |        | 0.500s 
 Total      |           |        | 5.500s 

Time of providers:

 Provider    | Operation | Calls |  Total |   Mean |    Max 
-------------+-----------+-------+--------+--------+--------
 hashicorp/x | create    |     2 | 4.000s | 2.000s | 3.000s 

Longest chain of the plan's 2 steps, each of which waits for the one above:

   | Object | Operation 
---+--------+-----------
 1 | x_y.a  | create    
 2 | x_y.b  | create    
"
    );
}

/// A run of six seconds.
fn with_state() -> Profile {
    let mut profile = profile();
    profile.kept(Kept {
        records: 4,
        bytes: 1234,
        writes: 3,
        writing: Duration::from_millis(40),
        syncs: 2,
        syncing: Duration::from_millis(60),
        snapshot: Duration::from_millis(700),
        on_the_way: Duration::from_millis(200),
    });
    profile
}

#[test]
fn what_the_state_takes_is_a_part_of_the_run() {
    let text = with_state().text(Style::PLAIN);
    let (_, text) = text.split_once("hashicorp/x").unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    let (table, _) = text.split_once("\nLongest").unwrap();
    assert_eq!(
        table,
        "
Time of the state, 13.3% of the run:

 Part                 | Records | Bytes | Writes |   Took 
----------------------+---------+-------+--------+--------
 journal              |       4 |  1234 |      3 | 0.040s 
 waiting for the disk |         |       |      2 | 0.060s 
 snapshot             |         |       |        | 0.700s 
"
    );
    let document: serde_json::Value = serde_json::from_str(&with_state().document()).unwrap();
    let expect = serde_json::json!({
        "journal_records": 4,
        "journal_bytes": 1234,
        "journal_writes": 3,
        "journal_seconds": 0.04,
        "syncs": 2,
        "sync_seconds": 0.06,
        "snapshot_seconds": 0.7,
        "share": 0.1333,
    });
    assert_eq!(document["profile"]["state"], expect);
    assert_eq!(Profile::default().share(&Kept::default()), 0.0);
}

#[test]
fn tools_get_one_document() {
    let document: serde_json::Value = serde_json::from_str(&profile().document()).unwrap();
    assert_eq!(document["type"], "profile");
    assert_eq!(document["@message"], "Profile: apply took 5.500s");
    let expect = serde_json::json!({
        "phases": [{
            "phase": "apply",
            "seconds": 5.5,
            "critical_path": [
                { "addr": "x_y.a", "operation": "create", "waited_seconds": 0.0, "seconds": 1.0 },
                { "addr": "x_y.b", "operation": "create", "waited_seconds": 1.0, "seconds": 3.0 },
            ],
            "rest_seconds": 0.5,
        }],
        "operations": [{
            "provider": "hashicorp/x",
            "operation": "create",
            "calls": 2,
            "total_seconds": 4.0,
            "mean_seconds": 2.0,
            "max_seconds": 3.0,
        }],
        "longest_chain": [
            { "addr": "x_y.a", "operation": "create" },
            { "addr": "x_y.b", "operation": "create" },
        ],
        "steps": 2,
    });
    let number = |v: &serde_json::Value| v.to_string().replace(".0,", ",").replace(".0}", "}");
    assert_eq!(number(&document["profile"]), number(&expect));
}
