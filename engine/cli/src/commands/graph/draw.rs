//! Graphs of operations in the language of Graphviz.

use std::fmt;

use muster_addr::ProviderConfigAddr;

use super::dag::Dag;

/// A graph with the names of its nodes.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    dag: Dag,
    nodes: Vec<Shown>,
}

/// How a node is shown.
#[derive(Debug)]
struct Shown {
    name: String,
    /// Label and shape; nodes without show in their edges only.
    look: Option<(String, &'static str)>,
}

impl Drawing {
    /// Adds a node that shows in its edges only.
    pub(super) fn plain(&mut self, name: impl Into<String>, needs: Vec<usize>) -> usize {
        self.push(name.into(), None, needs)
    }

    /// Adds a node of a resource.
    pub(super) fn resource(
        &mut self,
        name: impl Into<String>,
        label: impl Into<String>,
        needs: Vec<usize>,
    ) -> usize {
        self.push(name.into(), Some((label.into(), "box")), needs)
    }

    /// Adds a variable of the root module.
    pub(super) fn variable(&mut self, name: String, needs: Vec<usize>) -> usize {
        self.push(name.clone(), Some((name, "note")), needs)
    }

    /// Adds a provider configuration.
    pub(super) fn provider(&mut self, addr: &ProviderConfigAddr, needs: Vec<usize>) -> usize {
        let name = addr.to_string();
        self.push(name.clone(), Some((name, "diamond")), needs)
    }

    /// Adds the end of a provider configuration's work.
    pub(super) fn closed(&mut self, addr: &ProviderConfigAddr, needs: Vec<usize>) -> usize {
        self.plain(format!("{addr} (close)"), needs)
    }

    fn push(
        &mut self,
        name: String,
        look: Option<(String, &'static str)>,
        needs: Vec<usize>,
    ) -> usize {
        self.nodes.push(Shown { name, look });
        self.dag.push(needs)
    }
}

/// Prints in the order of names, without the edges that others imply.
impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dag = self.dag.reduced();
        let name = |node: usize| quoted(&format!("[root] {}", self.nodes[node].name));
        let mut nodes: Vec<String> = Vec::new();
        let mut edges: Vec<String> = Vec::new();
        for (node, shown) in self.nodes.iter().enumerate() {
            if let Some((label, shape)) = &shown.look {
                let label = quoted(label);
                nodes.push(format!(
                    "{} [label = {label}, shape = \"{shape}\"]",
                    name(node)
                ));
            }
            for &need in dag.needs(node) {
                edges.push(format!("{} -> {}", name(node), name(need)));
            }
        }
        nodes.sort();
        edges.sort();
        f.write_str("digraph {\n\tcompound = \"true\"\n\tnewrank = \"true\"\n")?;
        f.write_str("\tsubgraph \"root\" {\n")?;
        for line in nodes.iter().chain(&edges) {
            writeln!(f, "\t\t{line}")?;
        }
        f.write_str("\t}\n}\n")
    }
}

/// A text as Graphviz reads it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
