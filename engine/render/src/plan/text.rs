//! The plan as people know it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use muster_plan::{Action, Change, Counts, Mode, OutputChange, Plan};
use muster_provider::Schemas;
use muster_schema::Schema;
use muster_value::{Marks, Value};

use super::comment;
use super::group::{Drawn, Group, groups};
use super::relevant::Relevant;
use crate::diff::{
    Act, Block, Canvas, Context, Forced, Node, Shape, StandIn, diff, diff_block, diff_untyped,
};
use crate::order::listed;
use crate::strings::quote;
use crate::style::{Paint, Style, wrap};

/// Columns when nobody says how wide the terminal is.
const WIDTH: usize = 78;

/// A plan for people: a legend, every change with its reason, the summary line and the changes
/// of outputs.
pub fn plan_text(plan: &Plan, schemas: &Schemas, style: Style) -> String {
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = write_plan_text(plan, schemas, style, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// As [`plan_text`], change by change, so that a long plan takes no memory.
///
/// # Errors
/// The sink fails.
pub fn write_plan_text(
    plan: &Plan,
    schemas: &Schemas,
    style: Style,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let writer = TextWriter {
        plan,
        schemas,
        style,
    };
    writer.write(out)
}

struct TextWriter<'p> {
    plan: &'p Plan,
    schemas: &'p Schemas,
    style: Style,
}

impl TextWriter<'_> {
    fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let changes: Vec<&Change> = listed(&self.plan.changes)
            .into_iter()
            .filter(|c| is_shown(c))
            .collect();
        let outputs = self.outputs();
        let idle = changes.is_empty() && outputs.is_empty();
        let drift = (!idle || self.plan.mode == Mode::RefreshOnly) && self.write_drift(out)?;
        if idle {
            if self.plan.errored {
                return self.paragraph(
                    out,
                    "\nPlanning failed: an error was found before the plan was complete.",
                );
            }
            return self.write_nothing(out, drift);
        }
        if drift {
            writeln!(out, "\n{}", self.rule())?;
        }
        if !changes.is_empty() {
            self.write_legend(out, &changes)?;
            let intro = if self.plan.errored {
                "Muster planned the following actions, but then encountered a problem:"
            } else {
                "Planned, in the order of addresses:"
            };
            self.paragraph(out, &format!("\n{intro}"))?;
            for group in groups(&changes, |change| self.drawn(change)) {
                out.write_all(self.group(&group).as_bytes())?;
            }
            writeln!(out, "\n{}", self.summary(self.plan.counts()))?;
        }
        self.write_outputs(out, &outputs)?;
        if changes.is_empty() && !self.plan.errored {
            self.paragraph(
                out,
                "\nApplying this plan only saves these output values in the state; no real \
                 object is changed.",
            )?;
        }
        Ok(())
    }

    fn paragraph(&self, out: &mut dyn io::Write, text: &str) -> io::Result<()> {
        writeln!(
            out,
            "{}",
            wrap(text, Some(self.style.width.unwrap_or(WIDTH)))
        )
    }

    fn rule(&self) -> String {
        let rule = "─".repeat(self.style.width.unwrap_or(WIDTH).saturating_sub(1));
        self.style.painted(Paint::Dim, &rule)
    }

    fn write_nothing(&self, out: &mut dyn io::Write, drift: bool) -> io::Result<()> {
        let (title, why) = match self.plan.mode {
            Mode::RefreshOnly if drift => {
                return self.paragraph(
                    out,
                    "\nThis plan only refreshes the state: muster will not undo these changes. \
                     Apply it to record them in the state without changing any real object.",
                );
            }
            Mode::Normal => (
                " Your infrastructure matches the configuration.",
                "Every object is as the configuration says, so there is nothing to do.",
            ),
            Mode::RefreshOnly => (
                " Your infrastructure still matches the configuration.",
                "Every object is as the state remembers it, so there is nothing to record.",
            ),
            Mode::Destroy => (
                " No objects need to be destroyed.",
                "Either nothing has been created yet, or all of it is already gone.",
            ),
        };
        let head = self.style.painted(Paint::Green, "No changes.");
        let head = self.style.painted(Paint::Bold, &head);
        writeln!(out, "\n{head}{}\n", self.style.painted(Paint::Bold, title))?;
        self.paragraph(out, why)
    }

    fn write_legend(&self, out: &mut dyn io::Write, changes: &[&Change]) -> io::Result<()> {
        let words = [
            (Action::Create, "create"),
            (Action::Update, "update in-place"),
            (Action::Delete, "destroy"),
            (
                Action::DeleteThenCreate,
                "destroy and then create replacement",
            ),
            (
                Action::CreateThenDelete,
                "create replacement and then destroy",
            ),
            (Action::Read, "read (data resources)"),
        ];
        let planned = |action| changes.iter().any(|c| c.action == action);
        // Imports and moves alone have no symbols.
        if !words.iter().any(|(action, _)| planned(*action)) {
            return self.paragraph(out, "\nThis is what apply will do to each object.");
        }
        self.paragraph(
            out,
            "\nThis is what apply will do to each object. The symbols mean:",
        )?;
        for (action, word) in words {
            if planned(action) {
                writeln!(out, "{} {word}", self.symbol(action))?;
            }
        }
        Ok(())
    }

    /// The sign of an action, three columns wide.
    fn symbol(&self, action: Action) -> String {
        let plus = || self.style.painted(Paint::Green, "+");
        let minus = || self.style.painted(Paint::Red, "-");
        match action {
            Action::NoOp => "   ".to_owned(),
            Action::Create => format!("  {}", plus()),
            Action::Update => format!("  {}", self.style.painted(Paint::Yellow, "~")),
            Action::Delete => format!("  {}", minus()),
            Action::DeleteThenCreate => format!("{}/{}", minus(), plus()),
            Action::CreateThenDelete => format!("{}/{}", plus(), minus()),
            Action::Read => format!(" {}", self.style.painted(Paint::Cyan, "<=")),
            Action::Forget => format!(" {}", self.style.painted(Paint::Red, ".")),
        }
    }

    /// A change with its comment lines, an empty line first.
    fn change(&self, change: &Change, comment: &str) -> String {
        self.block(Canvas::new(self.style), change, comment)
    }

    /// Changes that are shown together.
    fn group(&self, group: &Group<'_>) -> String {
        let [change, _, ..] = group.changes[..] else {
            let each =
                |change: &&Change| self.change(change, &comment::planned(change, self.style));
            return group.changes.iter().map(each).collect();
        };
        let stand_in = match group.keyed {
            true => StandIn::new(&change.addr.key),
            false => None,
        };
        let width = self.style.width.unwrap_or(WIDTH);
        let comment = comment::grouped(&group.changes, self.style, width);
        self.block(Canvas::common(self.style, stand_in), change, &comment)
    }

    /// What several instances may have in common with this one.
    fn drawn(&self, change: &Change) -> Drawn {
        self.with_diff(change, |block| {
            let draw = |stand_in: Option<StandIn>| {
                let mut canvas = Canvas::common(Style::PLAIN, stand_in);
                canvas.body(block, 1, Context::default());
                canvas.text
            };
            Drawn {
                plain: draw(None),
                keyed: StandIn::new(&change.addr.key).map(|stand_in| draw(Some(stand_in))),
            }
        })
    }

    /// The comment lines of a change, an empty line first, and its body.
    fn block(&self, mut canvas: Canvas, change: &Change, comment: &str) -> String {
        let id = &change.addr.resource.resource;
        let keyword = if id.mode == muster_addr::Mode::Data {
            "data"
        } else {
            "resource"
        };
        let _ = writeln!(
            canvas.text,
            "\n{comment}{} {keyword} {} {} {{",
            self.symbol(change.action),
            quote(&id.type_name),
            quote(&id.name)
        );
        self.with_diff(change, |block| canvas.body(block, 1, Context::default()));
        canvas.text.push_str("    }\n");
        canvas.text
    }

    /// Hands over what changes.
    fn with_diff<R>(&self, change: &Change, then: impl FnOnce(&Block<'_>) -> R) -> R {
        let id = &change.addr.resource.resource;
        let schema = self
            .schemas
            .resource(&change.provider.provider, id.mode, &id.type_name);
        // What is dropped from the state stays as it is.
        let after = if change.action == Action::Forget {
            &change.before
        } else {
            &change.after
        };
        let (before, after) = (Some(&change.before), Some(after));
        match schema {
            Some(schema) => then(&diff_schema(&schema, before, after, change)),
            None => then(&diff_untyped(before, after)),
        }
    }

    /// Tells whether there was anything to tell.
    fn write_drift(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        let relevant = match self.plan.mode {
            Mode::RefreshOnly => None,
            // Only what the plan can be traced to is told.
            Mode::Normal | Mode::Destroy => Some(Relevant::new(&self.plan.relevant)),
        };
        let drift: Vec<Cow<'_, Change>> = listed(&self.plan.drift)
            .into_iter()
            .filter_map(|change| match &relevant {
                Some(relevant) => relevant.part_of(change).map(Cow::Owned),
                None => Some(Cow::Borrowed(change)),
            })
            .collect();
        if drift.is_empty() {
            return Ok(false);
        }
        let title = self
            .style
            .painted(Paint::Bold, "Objects have changed outside of muster");
        let note = self.style.painted(Paint::Cyan, "Note:");
        writeln!(
            out,
            "\n{} {title}\n",
            self.style.painted(Paint::Bold, &note)
        )?;
        self.paragraph(
            out,
            "Muster found these changes, made outside of it since the last apply, which may \
             have an effect on this plan:",
        )?;
        for change in drift {
            out.write_all(
                self.change(&change, &comment::drifted(&change, self.style))
                    .as_bytes(),
            )?;
        }
        if self.plan.mode != Mode::RefreshOnly {
            self.paragraph(
                out,
                "\n\nUnless the configuration was changed in the same way, or ignore_changes \
                 covers what changed, the following plan may undo or answer these changes.",
            )?;
        }
        Ok(true)
    }

    fn summary(&self, counts: Counts) -> String {
        let import = match counts.import {
            0 => String::new(),
            n => format!("{n} to import, "),
        };
        format!(
            "{} {import}{} to add, {} to change, {} to destroy.",
            self.style.painted(Paint::Bold, "Plan:"),
            counts.add,
            counts.change,
            counts.destroy
        )
    }

    fn outputs(&self) -> Vec<(&str, Node<'static>)> {
        let changed = self
            .plan
            .outputs
            .iter()
            .filter(|(_, o)| o.action != Action::NoOp);
        changed
            .map(|(name, output)| (&**name, output_node(output)))
            .collect()
    }

    fn write_outputs(
        &self,
        out: &mut dyn io::Write,
        outputs: &[(&str, Node<'_>)],
    ) -> io::Result<()> {
        if outputs.is_empty() {
            return Ok(());
        }
        let mut canvas = Canvas::new(self.style);
        // Names line up with those of unchanged outputs, too.
        let names = self.plan.outputs.keys();
        let width = names
            .map(|name| name.chars().count())
            .max()
            .unwrap_or_default();
        let context = Context {
            null_suffix: true,
            all: false,
        };
        for (name, node) in outputs {
            canvas.assignment(name, width, node, 0, context);
        }
        write!(out, "\nChanges to Outputs:\n{}", canvas.text)
    }
}

fn diff_schema<'s>(
    schema: &'s Schema,
    before: Option<&Value>,
    after: Option<&Value>,
    change: &Change,
) -> Block<'s> {
    let hide = |value: &Value| value.mark_paths(&schema.block.sensitive_paths(value));
    let (before, after) = (before.map(hide), after.map(hide));
    let forced = Forced::new(&change.replace_paths);
    diff_block(before.as_ref(), after.as_ref(), &schema.block, &forced)
}

fn is_shown(change: &Change) -> bool {
    change.action != Action::NoOp || change.previous.is_some() || change.importing.is_some()
}

fn output_node(output: &OutputChange) -> Node<'static> {
    let mark = |value: &Value| match output.sensitive {
        true => value.clone().mark(Marks::SENSITIVE),
        false => value.clone(),
    };
    let (before, after) = (mark(&output.before), mark(&output.after));
    let side = |value: &Value, absent: Action| (output.action != absent).then(|| value.clone());
    let before = side(&before, Action::Create);
    let after = side(&after, Action::Delete);
    let mut node = diff(
        before.as_ref(),
        after.as_ref(),
        Shape::ANY,
        &Forced::default(),
    );
    node.act = match output.action {
        Action::Create => Act::Create,
        Action::Delete => Act::Delete,
        _ => node.act,
    };
    node
}
