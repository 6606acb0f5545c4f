//! Which resources need each other.

use muster_addr::{Mode, ModulePath, ResourceId};
use muster_config::Config;
use muster_planner::{Graph, Node};

use super::dag::Dag;
use super::draw::quoted;

const EMPTY: &str = "  /* This configuration does not contain any resources.         */\n  /* For a more detailed graph, try: muster graph -type=plan    */\n";

/// A resource in the order that it is shown in.
struct Shown<'a> {
    /// How its module prints: modules are in the order of that.
    module_name: String,
    mode: u8,
    id: &'a ResourceId,
    module: &'a ModulePath,
    node: usize,
}

impl Shown<'_> {
    fn name(&self) -> String {
        match self.module.is_root() {
            true => quoted(&self.id.to_string()),
            false => quoted(&format!("{}.{}", self.module_name, self.id)),
        }
    }
}

/// The graph, as Terraform prints it.
pub(super) fn text(config: &Config, graph: &Graph) -> String {
    let mut all = Dag::default();
    for needs in &graph.needs {
        all.push(needs.clone());
    }
    let is_resource = |node: usize| matches!(graph.nodes[node], Node::Resource(..));
    let (resources, old) = all.reduced().kept(is_resource);
    let resources = resources.reduced();
    let shown = shown(config, graph, &old);
    let mut text =
        "digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n"
            .to_owned();
    if shown.is_empty() {
        text += EMPTY;
    }
    nodes(&shown, &mut text);
    edges(&shown, &resources, &mut text);
    text + "}\n"
}

fn shown<'a>(config: &'a Config, graph: &'a Graph, old: &[usize]) -> Vec<Shown<'a>> {
    let resources = old.iter().enumerate().filter_map(|(node, &old)| {
        let Node::Resource(module, id) = &graph.nodes[old] else {
            return None;
        };
        let module = &config.module(*module).path;
        Some(Shown {
            module_name: module.to_string(),
            mode: rank(id.mode),
            id,
            module,
            node,
        })
    });
    let mut shown: Vec<Shown<'_>> = resources.collect();
    shown.sort_by(|a, b| key(a).cmp(&key(b)));
    shown
}

fn key<'a>(shown: &'a Shown<'_>) -> (&'a str, u8, &'a str, &'a str) {
    let id = shown.id;
    (&shown.module_name, shown.mode, &id.type_name, &id.name)
}

/// Data sources come first.
fn rank(mode: Mode) -> u8 {
    match mode {
        Mode::Data => 0,
        Mode::Managed => 1,
        Mode::Ephemeral => 2,
    }
}

fn nodes(shown: &[Shown<'_>], text: &mut String) {
    for group in shown.chunk_by(|a, b| a.module == b.module) {
        let Some(first) = group.first() else { continue };
        let indent = match first.module.is_root() {
            true => "  ",
            false => "    ",
        };
        if !first.module.is_root() {
            let cluster = quoted(&format!("cluster_{}", first.module_name));
            let label = quoted(&first.module_name);
            *text += &format!(
                "  subgraph {cluster} {{\n    label = {label}\n    fontname = \"sans-serif\"\n"
            );
        }
        for resource in group {
            let label = quoted(&resource.id.to_string());
            *text += &format!("{indent}{} [label={label}];\n", resource.name());
        }
        if !first.module.is_root() {
            *text += "  }\n";
        }
    }
}

fn edges(shown: &[Shown<'_>], resources: &Dag, text: &mut String) {
    let mut place = vec![0; shown.len()];
    for (at, resource) in shown.iter().enumerate() {
        place[resource.node] = at;
    }
    for resource in shown {
        let mut needs: Vec<usize> = resources.needs(resource.node).to_vec();
        needs.sort_unstable_by_key(|&need| place[need]);
        for need in needs {
            let to = shown[place[need]].name();
            *text += &format!("  {} -> {to};\n", resource.name());
        }
    }
}
