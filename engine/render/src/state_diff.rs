//! What is different between two states.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use muster_addr::{InstanceAddr, Mode};
use muster_provider::Schemas;
use muster_snapshot::{DeposedKey, OutputValue, Snapshot};
use muster_value::{Marks, Value};

use crate::Style;
use crate::diff::{Act, Canvas, Context, Forced, Shape, diff, diff_block, diff_untyped};
use crate::json::JsonWriter;
use crate::modules::write_instance_name;
use crate::state::{Item, items};
use crate::strings::quote;
use crate::style::Paint;

/// What is different between two states, object by object.
#[derive(Debug)]
pub struct StateDiff<'s> {
    from: &'s Snapshot,
    to: &'s Snapshot,
    changes: Vec<Change<'s>>,
    /// Names of outputs.
    outputs: Vec<&'s str>,
}

/// An object that only one of the states has, or that is another one in each.
#[derive(Debug)]
struct Change<'s> {
    before: Option<Item<'s>>,
    after: Option<Item<'s>>,
}

impl<'s> StateDiff<'s> {
    /// What makes `to` of `from`.
    pub fn new(from: &'s Snapshot, to: &'s Snapshot) -> Self {
        let mut old: BTreeMap<_, _> = items(from).into_iter().map(|i| (key(&i), i)).collect();
        let mut changes = Vec::new();
        for after in items(to) {
            let before = old.remove(&key(&after));
            let is_same = before.as_ref().is_some_and(|before| {
                before.object == after.object && before.resource.provider == after.resource.provider
            });
            if !is_same {
                let after = Some(after);
                changes.push(Change { before, after });
            }
        }
        changes.extend(old.into_values().map(|before| Change {
            before: Some(before),
            after: None,
        }));
        let names: BTreeSet<&str> = from
            .outputs
            .keys()
            .chain(to.outputs.keys())
            .map(|n| &**n)
            .collect();
        let differs = |name: &&str| from.outputs.get(*name) != to.outputs.get(*name);
        let outputs = names.into_iter().filter(differs).collect();
        Self {
            from,
            to,
            changes,
            outputs,
        }
    }

    /// Whether objects and outputs are the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.outputs.is_empty()
    }

    /// How many objects were added, changed and removed.
    fn counts(&self) -> [usize; 3] {
        let count = |act| self.changes.iter().filter(|c| c.act() == act).count();
        [Act::Create, Act::Update, Act::Delete].map(count)
    }

    /// `1 added, 2 changed, 0 removed`
    pub fn summary(&self) -> String {
        let [added, changed, removed] = self.counts();
        format!("{added} added, {changed} changed, {removed} removed")
    }

    /// Writes a line for each object and output that is different, without their values.
    ///
    /// # Errors
    /// The sink fails.
    pub fn write_list(&self, style: Style, out: &mut dyn io::Write) -> io::Result<()> {
        for change in &self.changes {
            writeln!(out, "  {} {}", sign(change.act(), style), change.title())?;
        }
        for name in &self.outputs {
            let (before, after) = (self.from.outputs.get(*name), self.to.outputs.get(*name));
            let act = act(before.is_some(), after.is_some());
            writeln!(out, "  {} output.{name}", sign(act, style))?;
        }
        Ok(())
    }

    /// Writes everything that is different for people, in the way of plans. What is sensitive is
    /// not shown.
    ///
    /// # Errors
    /// The sink fails.
    pub fn write_text(
        &self,
        schemas: &Schemas,
        style: Style,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        for change in &self.changes {
            writeln!(out, "{}", change.text(schemas, style))?;
        }
        if !self.outputs.is_empty() {
            writeln!(out, "Outputs:\n{}", self.outputs_text(style))?;
        }
        Ok(())
    }

    fn outputs_text(&self, style: Style) -> String {
        let mut canvas = Canvas::new(style);
        let names = self.outputs.iter().map(|name| name.chars().count());
        let width = names.max().unwrap_or_default();
        let context = Context {
            null_suffix: true,
            all: false,
        };
        for name in &self.outputs {
            let before = self.from.outputs.get(*name).map(output);
            let after = self.to.outputs.get(*name).map(output);
            let node = diff(
                before.as_ref(),
                after.as_ref(),
                Shape::ANY,
                &Forced::default(),
            );
            canvas.assignment(name, width, &node, 0, context);
        }
        canvas.text
    }

    /// Writes everything that is different as a JSON document on one line, which the caller
    /// ends. Its `resource_changes` and `output_changes` are like those of plans, but what is
    /// sensitive is null.
    ///
    /// # Errors
    /// The sink fails.
    pub fn write_json(&self, schemas: &Schemas, out: &mut dyn io::Write) -> io::Result<()> {
        let mut w = JsonWriter::new(out);
        w.object(|w| {
            w.key("format_version").string("1.0");
            for (name, state) in [("from", self.from), ("to", self.to)] {
                w.key(name).object(|w| {
                    w.key("serial").uint(state.serial);
                    w.key("lineage").string(&state.lineage);
                });
            }
            w.key("resource_changes").array(|w| {
                for change in &self.changes {
                    w.object(|w| change.write_json(w, schemas));
                }
            });
            w.key("output_changes").object(|w| {
                for name in &self.outputs {
                    let before = self.from.outputs.get(*name).map(output);
                    let after = self.to.outputs.get(*name).map(output);
                    w.key(name)
                        .object(|w| write_values(w, before.as_ref(), after.as_ref()));
                }
            });
        });
        w.finish()
    }
}

/// What makes an object the same in both states.
fn key<'s>(item: &Item<'s>) -> (InstanceAddr, Option<&'s DeposedKey>) {
    (item.addr.clone(), item.deposed)
}

fn output(output: &OutputValue) -> Value {
    match output.sensitive {
        true => output.value.clone().mark(Marks::SENSITIVE),
        false => output.value.clone(),
    }
}

fn act(before: bool, after: bool) -> Act {
    match (before, after) {
        (true, true) => Act::Update,
        (false, true) => Act::Create,
        (true, false) => Act::Delete,
        (false, false) => Act::NoOp,
    }
}

fn sign(act: Act, style: Style) -> String {
    match act {
        Act::Create => style.painted(Paint::Green, "+"),
        Act::Update => style.painted(Paint::Yellow, "~"),
        Act::Delete => style.painted(Paint::Red, "-"),
        Act::NoOp => " ".to_owned(),
    }
}

impl Change<'_> {
    fn act(&self) -> Act {
        act(self.before.is_some(), self.after.is_some())
    }

    /// The object in one of the states: the later one if it is there.
    fn item(&self) -> Option<&Item<'_>> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// The address, with the key of a deposed object.
    fn title(&self) -> String {
        let Some(item) = self.item() else {
            return String::new();
        };
        match item.deposed {
            Some(key) => format!("{} (deposed object {key})", item.addr),
            None => item.addr.to_string(),
        }
    }

    /// What is different beside the attributes.
    fn notes(&self, is_same_value: bool) -> Vec<String> {
        let mut notes = Vec::new();
        let (Some(before), Some(after)) = (&self.before, &self.after) else {
            return notes;
        };
        let (old, new) = (&before.resource.provider, &after.resource.provider);
        if old != new {
            notes.push(format!("the provider was {old}, and is {new}"));
        }
        match (before.object.is_tainted(), after.object.is_tainted()) {
            (false, true) => notes.push("it is tainted now".into()),
            (true, false) => notes.push("it is not tainted any more".into()),
            _ => {}
        }
        if before.object.dependencies != after.object.dependencies {
            notes.push("it depends on other resources".into());
        }
        if notes.is_empty() && is_same_value {
            notes.push("only what its provider keeps beside the attributes is different".into());
        }
        notes
    }

    fn values(&self, schemas: &Schemas) -> (Option<Value>, Option<Value>) {
        let value = |item: &Option<Item<'_>>| item.as_ref().map(|item| item.value(schemas));
        (value(&self.before), value(&self.after))
    }

    fn text(&self, schemas: &Schemas, style: Style) -> String {
        let mut canvas = Canvas::new(style);
        let Some(item) = self.item() else {
            return canvas.text;
        };
        let (before, after) = self.values(schemas);
        let verb = match self.act() {
            Act::Create => "added",
            Act::Delete => "removed",
            Act::Update | Act::NoOp => "changed",
        };
        let title = style.painted(Paint::Bold, &format!("  # {}", self.title()));
        let _ = writeln!(canvas.text, "{title} was {verb}");
        for note in self.notes(before == after) {
            let _ = writeln!(canvas.text, "  # {note}");
        }
        let id = &item.addr.resource.resource;
        let keyword = match id.mode {
            Mode::Data => "data",
            _ => "resource",
        };
        let (sign, kind, name) = (
            sign(self.act(), style),
            quote(&id.type_name),
            quote(&id.name),
        );
        let _ = writeln!(canvas.text, "  {sign} {keyword} {kind} {name} {{");
        let provider = &item.resource.provider.provider;
        let schema = schemas.resource(provider, id.mode, &id.type_name);
        let (before, after) = (before.as_ref(), after.as_ref());
        let block = match &schema {
            Some(schema) => diff_block(before, after, &schema.block, &Forced::default()),
            None => diff_untyped(before, after),
        };
        canvas.body(&block, 1, Context::default());
        canvas.text.push_str("    }\n");
        canvas.text
    }

    fn write_json(&self, w: &mut JsonWriter<'_>, schemas: &Schemas) {
        let Some(item) = self.item() else {
            return;
        };
        write_instance_name(w, &item.addr.to_string(), &item.addr);
        if let Some(key) = item.deposed {
            w.key("deposed").string(key.as_str());
        }
        w.key("provider_name")
            .string(&item.resource.provider.provider.to_string());
        let (before, after) = self.values(schemas);
        let notes = self.notes(before == after);
        w.key("change")
            .object(|w| write_values(w, before.as_ref(), after.as_ref()));
        if !notes.is_empty() {
            w.key("notes").strings(notes.iter().map(String::as_str));
        }
    }
}

/// The members of a change, sensitive values left out.
fn write_values(w: &mut JsonWriter<'_>, before: Option<&Value>, after: Option<&Value>) {
    let action = match (before, after) {
        (None, _) => "create",
        (_, None) => "delete",
        _ => "update",
    };
    w.key("actions").strings([action]);
    let null = Value::NULL;
    let (before, after) = (before.unwrap_or(&null), after.unwrap_or(&null));
    w.key("before").harmless(before);
    w.key("after").harmless(after);
    w.key("before_sensitive").sensitive(before);
    w.key("after_sensitive").sensitive(after);
}

#[cfg(test)]
mod tests;
