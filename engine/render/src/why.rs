//! Why something is planned as it is, as a tree in which each step has one line.

mod json;
mod lines;
mod words;

use std::collections::{HashMap, HashSet};

use muster_addr::{InstanceAddr, ModuleInstance};
use muster_lang::Sources;
use muster_why::{Cause, Finding};

use crate::Style;
use crate::style::Paint;
pub use json::why_json;
use lines::Lines;

/// Branches of a tree are indented no further than by so many bytes: nobody follows them there.
const MOST_INDENT: usize = 120;

/// The tree for people: what it is about first, what it comes from below. A step that comes from
/// a single other one is not indented further.
pub fn why_text(cause: &Cause, sources: &Sources, style: Style) -> String {
    let mut tree = Tree {
        out: String::new(),
        lines: Lines::new(sources),
        style,
        shared: shared(cause),
    };
    let from = Place {
        module: &ModuleInstance::root(),
        object: None,
    };
    let last = tree.line("", cause, &from);
    tree.branches("", &last.causes, &Place::below(last));
    tree.out
}

/// Where something is told, which names are relative to.
struct Place<'a> {
    module: &'a ModuleInstance,
    object: Option<&'a InstanceAddr>,
}

impl<'a> Place<'a> {
    fn below(cause: &'a Cause) -> Self {
        Self {
            module: &cause.within,
            object: cause.object.as_ref(),
        }
    }

    /// A name as it is written here, but whole where other modules have another thing of the name.
    fn name<'c>(&self, cause: &'c Cause, shared: &HashSet<&str>) -> &'c str {
        let name = cause.name.as_str();
        let own = self
            .object
            .filter(|own| cause.object.as_ref() == Some(*own));
        let part = own.and_then(|own| name.strip_prefix(&own.to_string()));
        let is_part = matches!(
            cause.finding,
            Finding::Attribute { .. } | Finding::Drift { .. }
        );
        if let Some(part) = part.filter(|part| is_part && !part.is_empty()) {
            return part.strip_prefix('.').unwrap_or(part);
        }
        let is_shared = || shared.contains(own_name(cause));
        if self.module.is_root() || !cause.scope.starts_with(self.module) || is_shared() {
            return name;
        }
        let inner = name.strip_prefix(&self.module.to_string());
        inner.and_then(|n| n.strip_prefix('.')).unwrap_or(name)
    }
}

/// A name as its own module has it.
fn own_name(cause: &Cause) -> &str {
    let name = cause.name.as_str();
    let inner = match cause.scope.is_root() {
        true => None,
        false => name.strip_prefix(&cause.scope.to_string()),
    };
    inner.and_then(|n| n.strip_prefix('.')).unwrap_or(name)
}

/// The names in a tree that stand for something else in each of several modules.
fn shared(cause: &Cause) -> HashSet<&str> {
    let mut scopes: HashMap<&str, &ModuleInstance> = HashMap::new();
    let mut shared = HashSet::new();
    let mut open = vec![cause];
    while let Some(cause) = open.pop() {
        let name = own_name(cause);
        if *scopes.entry(name).or_insert(&cause.scope) != &cause.scope {
            shared.insert(name);
        }
        open.extend(&cause.causes);
    }
    shared
}

struct Tree<'s, 'c> {
    out: String,
    lines: Lines<'s>,
    style: Style,
    shared: HashSet<&'c str>,
}

impl Tree<'_, '_> {
    /// What some things come from, each with a branch of its own.
    fn branches(&mut self, indent: &str, causes: &[Cause], from: &Place<'_>) {
        for (i, cause) in causes.iter().enumerate() {
            let (branch, below) = match i + 1 == causes.len() {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            let mut last = self.line(&format!("{indent}{branch}"), cause, from);
            let indent = match indent.len() < MOST_INDENT {
                true => format!("{indent}{below}"),
                false => indent.to_owned(),
            };
            while let [only] = &*last.causes {
                last = self.line(&indent, only, &Place::below(last));
            }
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                self.branches(&indent, &last.causes, &Place::below(last));
            });
        }
    }

    /// One step. Gives the one whose causes are still to be told: what follows at once from what
    /// is done to its object shares a line with it.
    fn line<'c>(&mut self, indent: &str, cause: &'c Cause, from: &Place<'_>) -> &'c Cause {
        let whole = match &*cause.causes {
            [whole] if words::is_decided(cause, whole) => Some(whole),
            _ => None,
        };
        let last = whole.unwrap_or(cause);
        self.out.push_str(indent);
        let name = self
            .style
            .painted(Paint::Bold, from.name(cause, &self.shared));
        self.out.push_str(&name);
        let expr = cause.expr.and_then(|span| self.lines.text(span));
        self.out.push_str(&words::of(cause, expr));
        if let Some(whole) = whole {
            self.out.push_str(&words::following(whole));
        }
        if last.repeated {
            self.out.push_str(", see above");
        }
        if let Some((file, line)) = cause.span.and_then(|span| self.lines.place(span)) {
            let place = format!("{file}:{line}");
            let place = self.style.painted(Paint::Dim, &place);
            self.out.push_str(&format!("  {place}"));
        }
        self.out.push('\n');
        last
    }
}
