//! Sorting steps: each after those that it waits for.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use petgraph::Direction::Incoming;
use petgraph::graph::{DiGraph, NodeIndex};

/// The nodes of `before -> after` edges in an order in which nothing comes before what it waits
/// for. What could come next comes in the order in which it was added.
///
/// # Errors
/// There is no such order: a node that would have to wait for itself.
pub(super) fn sort<N>(graph: &DiGraph<N, ()>) -> Result<Vec<NodeIndex>, NodeIndex> {
    let incoming = |node| graph.edges_directed(node, Incoming).count();
    let mut waiting: Vec<usize> = graph.node_indices().map(incoming).collect();
    let ready = graph.node_indices().filter(|n| waiting[n.index()] == 0);
    let mut ready: BinaryHeap<Reverse<NodeIndex>> = ready.map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for next in graph.neighbors(node) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    match graph.node_indices().find(|n| waiting[n.index()] > 0) {
        None => Ok(order),
        Some(stuck) => Err(on_cycle(graph, &waiting, stuck)),
    }
}

/// A node of a cycle: what waits for ever waits for something that does.
fn on_cycle<N>(graph: &DiGraph<N, ()>, waiting: &[usize], stuck: NodeIndex) -> NodeIndex {
    let (mut node, mut seen) = (stuck, HashSet::new());
    while seen.insert(node) {
        let mut before = graph.neighbors_directed(node, Incoming);
        match before.find(|n| waiting[n.index()] > 0) {
            Some(before) => node = before,
            None => break,
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sorts `count` nodes; the order, or a node of a cycle.
    fn check(count: usize, edges: &[(u32, u32)], expect: Result<&[usize], usize>) {
        let mut graph = DiGraph::new();
        for _ in 0..count {
            graph.add_node(());
        }
        for &(before, after) in edges {
            graph.add_edge(before.into(), after.into(), ());
        }
        let found = sort(&graph);
        let found = found.map(|order| order.iter().map(|n| n.index()).collect::<Vec<_>>());
        assert_eq!(
            found.as_deref().map_err(|node| node.index()),
            expect.as_ref().map(|order| *order).map_err(|node| *node)
        );
    }

    #[test]
    fn what_is_free_keeps_its_order() {
        check(0, &[], Ok(&[]));
        check(3, &[], Ok(&[0, 1, 2]));
        // Everything waits for the first; edges in any order, and twice.
        check(4, &[(0, 3), (0, 1), (0, 2), (0, 1)], Ok(&[0, 1, 2, 3]));
    }

    #[test]
    fn what_waits_comes_as_soon_as_it_can() {
        check(4, &[(2, 0), (3, 1)], Ok(&[2, 0, 3, 1]));
        check(5, &[(0, 4), (4, 1), (2, 1)], Ok(&[0, 2, 3, 4, 1]));
    }

    #[test]
    fn what_waits_for_itself() {
        check(1, &[(0, 0)], Err(0));
        // Those after the cycle are not of it.
        check(4, &[(0, 1), (1, 0), (1, 2), (2, 3)], Err(0));
        check(4, &[(3, 2), (2, 3), (2, 1), (1, 0)], Err(2));
    }
}
