//! Draws values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use muster_value::{Str, Value};
use similar::{ChangeTag, TextDiff};

use super::super::{Act, Kind, Node, expand};
use super::{Canvas, Context, len};
use crate::strings::{key_text, quote};

impl Canvas {
    /// A value, continued on further lines when it is long.
    pub(crate) fn value(&mut self, node: &Node<'_>, indent: usize, context: Context) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.draw(node, indent, context));
    }

    fn draw(&mut self, node: &Node<'_>, indent: usize, context: Context) {
        let bare = Context {
            null_suffix: false,
            ..context
        };
        match &node.kind {
            Kind::Same(value, shape) => {
                let kind = expand(value, *shape);
                let shown = Node {
                    act: Act::NoOp,
                    replace: node.replace,
                    kind,
                };
                self.draw(
                    &shown,
                    indent,
                    Context {
                        null_suffix: false,
                        all: true,
                    },
                );
            }
            Kind::Scalar(before, after) => self.scalar(node, before, after, indent, context),
            Kind::Text {
                function,
                inner,
                whitespace,
            } => {
                self.push(function);
                self.push("(");
                if *whitespace {
                    self.push(" # whitespace changes");
                }
                self.forces(node.replace);
                self.push("\n");
                let sign = if inner.act == Act::Update {
                    Act::Update
                } else {
                    Act::NoOp
                };
                self.start(indent + 1, sign);
                self.value(inner, indent + 1, bare);
                self.push("\n");
                self.spaces(4 * indent + 4);
                self.push(")");
                self.null_suffix(node.act, context);
            }
            Kind::Unknown(before) => {
                if let Some(before) = before {
                    self.value(before, indent, bare);
                    self.push(" -> ");
                }
                self.push("(known after apply)");
                self.forces(node.replace);
            }
            Kind::Sensitive(_) => {
                self.push("(sensitive value)");
                self.null_suffix(node.act, context);
                self.forces(node.replace);
            }
            Kind::WriteOnly => {
                self.push("(write-only attribute)");
                self.null_suffix(node.act, context);
            }
            Kind::Replaced(before, after) => {
                self.value(before, indent, bare);
                self.arrow();
                self.value(after, indent, bare);
                self.forces(node.replace);
            }
            Kind::List(items) | Kind::Set(items) => self.items(node, items, indent, context),
            Kind::Object(entries) | Kind::Map(entries) => {
                self.entries(node, entries, indent, context);
            }
        }
    }

    fn scalar(
        &mut self,
        node: &Node<'_>,
        before: &Value,
        after: &Value,
        indent: usize,
        context: Context,
    ) {
        let lines = |v: &Value| v.as_str().is_some_and(|s| s.contains('\n'));
        let texts = |v: &Value| v.as_str().is_some() || v.is_null();
        if (lines(before) || lines(after)) && texts(before) && texts(after) {
            return self.heredoc(node, before, after, indent, context);
        }
        match node.act {
            Act::Update => {
                self.push(&self.scalar_text(before));
                self.arrow();
                self.push(&self.scalar_text(after));
            }
            Act::Delete => self.push(&self.scalar_text(before)),
            Act::Create | Act::NoOp => self.push(&self.scalar_text(after)),
        }
        self.null_suffix(node.act, context);
        self.forces(node.replace);
    }

    fn scalar_text(&self, value: &Value) -> String {
        match value.peel() {
            Value::Bool(b) => b.to_string(),
            Value::Number(n) => n.to_string(),
            Value::String(s) => quote(&self.common_text(s)),
            _ => "null".to_owned(),
        }
    }

    /// A text, with what stands for the key of the instance.
    fn common_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.stand_in {
            Some(stand_in) => stand_in.put(text),
            None => Cow::Borrowed(text),
        }
    }

    fn heredoc(
        &mut self,
        node: &Node<'_>,
        before: &Value,
        after: &Value,
        indent: usize,
        context: Context,
    ) {
        let text = |v: &Value| v.as_str().map(|s| self.common_text(s).into_owned());
        let (before, after) = (text(before), text(after));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let trim = |s: &str| s.strip_suffix('\n').unwrap_or(s).to_owned();
        let (before, after) = (trim(&before), trim(&after));
        self.push("<<-EOT");
        self.forces(node.replace);
        self.push("\n");
        let mut line = |act: Act, text: &str| {
            self.start(indent + 1, act);
            self.push(text.strip_suffix('\n').unwrap_or(text));
            self.push("\n");
        };
        match node.act {
            Act::Update => {
                let (before, after) = (format!("{before}\n"), format!("{after}\n"));
                let timeout = std::time::Duration::from_millis(500);
                let diff = TextDiff::configure()
                    .timeout(timeout)
                    .diff_lines(&before, &after);
                for change in diff.iter_all_changes() {
                    let act = match change.tag() {
                        ChangeTag::Equal => Act::NoOp,
                        ChangeTag::Delete => Act::Delete,
                        ChangeTag::Insert => Act::Create,
                    };
                    line(act, change.value());
                }
            }
            Act::Delete => before.split('\n').for_each(|text| line(Act::NoOp, text)),
            _ => after.split('\n').for_each(|text| line(Act::NoOp, text)),
        }
        self.spaces(4 * indent + 4);
        self.push("EOT");
        self.null_suffix(node.act, context);
    }

    fn close(&mut self, node: &Node<'_>, indent: usize, bracket: &str, context: Context) {
        self.spaces(4 * indent + 4);
        self.push(bracket);
        self.null_suffix(node.act, context);
    }

    fn items(&mut self, node: &Node<'_>, items: &[Node<'_>], indent: usize, context: Context) {
        if items.is_empty() {
            self.push("[]");
            self.null_suffix(node.act, context);
            return self.forces(node.replace);
        }
        self.push("[");
        self.forces(node.replace);
        self.push("\n");
        let in_order = matches!(node.kind, Kind::List(_));
        let changed = |i: usize| items.get(i).is_some_and(|item| item.act != Act::NoOp);
        let mut hidden = 0;
        for (i, item) in items.iter().enumerate() {
            // One unchanged element on each side tells where in the list a change is.
            let beside = in_order && (changed(i + 1) || i > 0 && changed(i - 1));
            if item.act == Act::NoOp && !context.all && !beside {
                hidden += 1;
                continue;
            }
            if in_order {
                self.hidden(indent + 1, std::mem::take(&mut hidden), "element");
            }
            self.start(indent + 1, item.act);
            self.value(
                item,
                indent + 1,
                Context {
                    null_suffix: false,
                    ..context
                },
            );
            self.push(",\n");
        }
        self.hidden(indent + 1, hidden, "element");
        self.close(node, indent, "]", context);
    }

    fn entries(
        &mut self,
        node: &Node<'_>,
        entries: &BTreeMap<Str, Node<'_>>,
        indent: usize,
        context: Context,
    ) {
        if entries.is_empty() {
            self.push("{}");
            self.null_suffix(node.act, context);
            return self.forces(node.replace);
        }
        self.push("{");
        self.forces(node.replace);
        self.push("\n");
        let is_map = matches!(node.kind, Kind::Map(_));
        let name = |key| match is_map {
            true => Cow::Owned(quote(key)),
            false => key_text(key),
        };
        let width = entries
            .keys()
            .map(|key| len(&name(key)))
            .max()
            .unwrap_or_default();
        let inner = Context {
            null_suffix: is_map && node.act == Act::Update,
            ..context
        };
        let mut hidden = 0;
        for (key, value) in entries {
            if value.act == Act::NoOp && !context.all {
                hidden += 1;
                continue;
            }
            self.assignment(&name(key), width, value, indent + 1, inner);
        }
        self.hidden(
            indent + 1,
            hidden,
            if is_map { "element" } else { "attribute" },
        );
        self.close(node, indent, "}", context);
    }
}
