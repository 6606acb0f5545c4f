//! The order in which moves are made.

use foldhash::HashMap;
use muster_addr::{ModulePath, ResourceId};
use muster_lang::{Diagnostic, Diags};
use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::Statement;

/// An order in which what moves on does so after it arrived, what is inside a module moves before
/// the module does, and what is inside the place where a module arrives moves afterwards.
pub(super) fn order(statements: &[Statement]) -> Result<Vec<usize>, Diags> {
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..statements.len()).map(|i| graph.add_node(i)).collect();
    // By the place they move from: few share one, so the work grows with their number.
    let mut by_from: HashMap<(ModulePath, Option<&ResourceId>), Vec<usize>> = HashMap::default();
    let mut by_to: HashMap<ModulePath, Vec<usize>> = HashMap::default();
    for (i, statement) in statements.iter().enumerate() {
        by_from.entry(statement.from.place()).or_default().push(i);
        if let (path, None) = statement.to.place() {
            by_to.entry(path).or_default().push(i);
        }
    }
    for (i, statement) in statements.iter().enumerate() {
        for later in by_from.get(&statement.to.place()).into_iter().flatten() {
            if statement.to.overlaps(&statements[*later].from) {
                graph.add_edge(nodes[i], nodes[*later], ());
            }
        }
        for side in [&statement.from, &statement.to] {
            for depth in 1..=side.steps.len() {
                let names = side.steps[..depth].iter().map(|(name, _)| name.clone());
                let place = (ModulePath(names.collect()), None);
                for outer in by_from.get(&place).into_iter().flatten() {
                    if *outer != i && side.may_lie_in(&statements[*outer].from) {
                        graph.add_edge(nodes[i], nodes[*outer], ());
                    }
                }
                for outer in by_to.get(&place.0).into_iter().flatten() {
                    let Statement { from, to, .. } = &statements[*outer];
                    // A module that only gets another key may do so before or after.
                    let leaves = statement.from.may_lie_in(from) || statement.to.may_lie_in(from);
                    if *outer != i && side.may_lie_in(to) && !leaves {
                        graph.add_edge(nodes[*outer], nodes[i], ());
                    }
                }
            }
        }
    }
    match toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().map(|n| graph[n]).collect()),
        Err(_) => Err(cycles(statements, &graph)),
    }
}

fn cycles(statements: &[Statement], graph: &DiGraph<usize, ()>) -> Diags {
    let mut diags = Diags::new();
    for group in kosaraju_scc(graph).into_iter().filter(|g| g.len() > 1) {
        let mut list: Vec<String> = group
            .iter()
            .map(|n| &statements[graph[*n]])
            .map(|s| format!("  - {} to {}", s.from.shown(), s.to.shown()))
            .collect();
        list.sort();
        let detail = format!(
            "These blocks move in a circle, so nobody can say where things end up:\n{}",
            list.join("\n")
        );
        diags.push(Diagnostic::error(
            "Cyclic dependency in move statements",
            detail,
        ));
    }
    diags
}
