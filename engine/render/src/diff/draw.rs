//! Draws changes the way people know them: a sign in front, then the name and the value.

mod value;

use std::fmt::Write as _;

use super::block::{Block, Body};
use super::stand_in::StandIn;
use super::{Act, Kind, Node};
use crate::strings::quote;
use crate::style::{Paint, Style};

/// What is written so far.
#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// Columns less than in plans, which leave room for signs.
    outdent: usize,
    /// Attributes by which objects are known are drawn though they do not change.
    identity: bool,
    /// Drawn in the place of the key of an instance.
    stand_in: Option<StandIn>,
}

/// How a part is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context {
    /// Parts that go are followed by `-> null`.
    pub(crate) null_suffix: bool,
    /// Unchanged parts are drawn, too.
    pub(crate) all: bool,
}

impl Canvas {
    pub(crate) fn new(style: Style) -> Self {
        Self {
            text: String::new(),
            style,
            outdent: 0,
            identity: true,
            stand_in: None,
        }
    }

    /// A canvas for what several instances have in common: nothing by which only one of them is
    /// known.
    pub(crate) fn common(style: Style, stand_in: Option<StandIn>) -> Self {
        Self {
            identity: false,
            stand_in,
            ..Self::new(style)
        }
    }

    /// A canvas for what does not change: without the room for signs.
    pub(crate) fn outdented(style: Style) -> Self {
        Self {
            outdent: 4,
            ..Self::new(style)
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn paint(&mut self, paint: Paint, text: &str) {
        self.style.paint(&mut self.text, paint, text);
    }

    fn spaces(&mut self, n: usize) {
        self.text
            .extend(std::iter::repeat_n(' ', n.saturating_sub(self.outdent)));
    }

    /// Begins a line at a level of indentation.
    pub(crate) fn start(&mut self, indent: usize, act: Act) {
        if act == Act::NoOp {
            return self.spaces(4 * indent + 4);
        }
        self.spaces(4 * indent + 2);
        match act {
            Act::NoOp => {}
            Act::Create => self.paint(Paint::Green, "+"),
            Act::Update => self.paint(Paint::Yellow, "~"),
            Act::Delete => self.paint(Paint::Red, "-"),
        }
        self.push(" ");
    }

    fn comment(&mut self, indent: usize, text: &str) {
        self.spaces(4 * indent + 4);
        self.paint(Paint::Dim, text);
        self.push("\n");
    }

    fn hidden(&mut self, indent: usize, count: usize, what: &str) {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            self.comment(
                indent,
                &format!("# ({count} unchanged {what}{plural} hidden)"),
            );
        }
    }

    fn arrow(&mut self) {
        self.push(" ");
        self.paint(Paint::Yellow, "->");
        self.push(" ");
    }

    fn forces(&mut self, replace: bool) {
        if replace {
            self.push(" ");
            self.paint(Paint::Red, "# forces replacement");
        }
    }

    fn null_suffix(&mut self, act: Act, context: Context) {
        if act == Act::Delete && context.null_suffix {
            self.push(" ");
            self.paint(Paint::Dim, "-> null");
        }
    }

    /// A name, an equals sign and a value on a line of its own.
    pub(crate) fn assignment(
        &mut self,
        name: &str,
        width: usize,
        node: &Node<'_>,
        indent: usize,
        context: Context,
    ) {
        if let Kind::Sensitive(Some(note)) = node.kind {
            self.comment(indent, note);
        }
        self.start(indent, node.act);
        let _ = write!(
            self.text,
            "{name}{:pad$} = ",
            "",
            pad = width.saturating_sub(len(name))
        );
        self.value(node, indent, context);
        self.push("\n");
    }

    /// Attributes and blocks of a body, without its braces.
    pub(crate) fn body(&mut self, block: &Block<'_>, indent: usize, context: Context) {
        let Body::Fields { attributes, blocks } = &block.body else {
            return;
        };
        let width = attributes
            .keys()
            .map(|key| len(key))
            .max()
            .unwrap_or_default();
        let mut hidden = 0;
        for (name, node) in attributes {
            let important = self.identity && matches!(&**name, "id" | "name" | "tags");
            if node.act == Act::NoOp && !context.all && !important {
                hidden += 1;
                continue;
            }
            self.assignment(
                name,
                width,
                node,
                indent,
                Context {
                    null_suffix: true,
                    ..context
                },
            );
        }
        self.hidden(indent, hidden, "attribute");
        let mut hidden = 0;
        for (name, group) in blocks {
            let mut first = !attributes.is_empty();
            for (label, block) in group {
                if block.act == Act::NoOp && !context.all {
                    hidden += 1;
                    continue;
                }
                if std::mem::take(&mut first) {
                    self.push("\n");
                }
                self.block(name, label.as_deref(), block, indent, context);
            }
        }
        if hidden > 0 {
            self.push("\n");
            self.hidden(indent, hidden, "block");
        }
    }

    fn block(
        &mut self,
        name: &str,
        label: Option<&str>,
        block: &Block<'_>,
        indent: usize,
        context: Context,
    ) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            self.start(indent, block.act);
            self.push(name);
            if let Some(label) = label {
                let _ = write!(self.text, " {}", quote(label));
            }
            match &block.body {
                Body::Unknown => self.push(" (known after apply)"),
                Body::Fields { attributes, blocks } => {
                    let empty = attributes.is_empty() && blocks.values().all(Vec::is_empty);
                    self.push(" {");
                    self.forces(block.replace);
                    if !empty {
                        self.push("\n");
                        self.body(block, indent + 1, context);
                        self.spaces(4 * indent + 4);
                    }
                    self.push("}");
                }
                Body::Sensitive => {
                    self.push(" {");
                    self.forces(block.replace);
                    self.push("\n");
                    self.comment(indent + 1, "# Something in this block is sensitive,");
                    self.comment(indent + 1, "# so that none of it is shown.");
                    self.spaces(4 * indent + 4);
                    self.push("}");
                }
            }
            self.push("\n");
        });
    }
}

fn len(text: &str) -> usize {
    text.chars().count()
}
