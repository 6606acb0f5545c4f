//! What commands come to: plans, states, outputs.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use muster_addr::InstanceAddr;
use muster_applier::Counts;
use muster_config::Config;
use muster_lang::{DiagnosticKind, Diags, Sources};
use muster_plan::{Mode, Plan};
use muster_provider::Schemas;
use muster_render::DiagnosticRenderer;
use muster_snapshot::{OutputValue, Snapshot, Str};

use super::documents::Documents;
use super::{Ending, View};

/// The outputs of the root module, by their names.
type Outputs = BTreeMap<Str, OutputValue>;

impl View {
    /// Shows a plan.
    pub(crate) fn plan(&self, plan: &Plan, schemas: &Schemas) {
        let says_nothing = plan.changes.is_empty() && plan.outputs.is_empty();
        if self.ending == Ending::Refresh || self.unasked && plan.errored && says_nothing {
            return;
        }
        let plan = &*as_shown(plan);
        if self.documents.are_wanted() {
            for line in muster_render::plan_stream(plan) {
                self.tell(&line);
            }
        }
        if self.people {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Shows what was reported about a plan. Where it is applied without a question, the apply
    /// says what it finds out again.
    pub(crate) fn plan_diags(&self, plan: &Plan, mut diags: Diags, sources: &Sources) {
        if self.unasked && plan.mode == Mode::Normal && !plan.errored {
            diags.0.retain(|d| d.kind != DiagnosticKind::Check);
        }
        self.diags(&diags, sources);
    }

    /// Tells machines what a saved plan is about to do; people have seen it when it was made.
    pub(crate) fn saved_plan(&self, plan: &Plan) {
        if self.documents.are_wanted() {
            for line in muster_render::planned_changes(&as_shown(plan), false) {
                self.tell(&line);
            }
        }
    }

    /// Says where configuration was written.
    pub(crate) fn generated(&self, path: &Path) {
        self.say(&format!(
            "\nWrote configuration for the imported objects to {}. Review it, and edit it as you like,\nbefore you keep it.\n",
            path.display()
        ));
    }

    /// Says where a plan was saved.
    pub(crate) fn saved(&self, path: &Path) {
        let path = path.display();
        self.say(&format!("\nSaved the plan to: {path}\n"));
        self.hint(&format!(
            "\nTo perform exactly these actions, run:\n    muster apply \"{path}\"\n"
        ));
    }

    /// Shows a plan that was saved.
    pub(crate) fn show_plan(&self, plan: &Plan, config: &Config, schemas: &Schemas) {
        let found = without_generated(config, plan);
        let plan = &*as_shown(plan);
        let options = muster_render::PlanJson {
            terraform_version: crate::session::TERRAFORM_VERSION,
            configuration: Some(found.as_ref().unwrap_or(config)),
        };
        self.documents
            .write(|out| muster_render::plan_json(plan, schemas, options, out));
        if self.people {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Shows what an apply has done.
    pub(crate) fn applied(&self, plan: &Plan, counts: Counts, outputs: &Outputs) {
        if self.documents.are_wanted() {
            self.applied_documents(counts, outputs);
        }
        let mut parts = Vec::new();
        if counts.imported > 0 {
            parts.push(format!("{} imported", counts.imported));
        }
        let destroyed = counts.destroyed;
        parts.extend([
            format!("{} added", counts.added),
            format!("{} changed", counts.changed),
            format!("{destroyed} destroyed"),
        ]);
        match self.ending {
            Ending::Destroy => self.say(&format!(
                "\nDestroy complete! Resources: {destroyed} destroyed.\n"
            )),
            Ending::Apply => self.say(&format!(
                "\nApply complete! Resources: {}.\n",
                parts.join(", ")
            )),
            Ending::Refresh => {}
        }
        if !outputs.is_empty() && plan.mode != Mode::Destroy {
            self.say(&format!(
                "\nOutputs:\n\n{}",
                muster_render::outputs_text(outputs)
            ));
        }
    }

    fn applied_documents(&self, counts: Counts, outputs: &Outputs) {
        let Counts {
            added,
            changed,
            destroyed,
            imported,
            ..
        } = counts;
        let (operation, message) = match self.ending {
            Ending::Destroy => (
                "destroy",
                format!("Destroy complete! Resources: {destroyed} destroyed."),
            ),
            Ending::Apply | Ending::Refresh => {
                let imports = match imported {
                    0 => String::new(),
                    n => format!("{n} imported, "),
                };
                let rest = format!("{added} added, {changed} changed, {destroyed} destroyed.");
                (
                    "apply",
                    format!("Apply complete! Resources: {imports}{rest}"),
                )
            }
        };
        if self.ending != Ending::Refresh {
            let changes = serde_json::json!({
                "add": added, "change": changed, "import": imported, "remove": destroyed, "operation": operation,
            });
            let summary = muster_render::document("change_summary", &message, "changes", changes);
            self.tell(&summary);
        }
        if self.ending != Ending::Destroy {
            self.tell(&muster_render::outputs_document(outputs));
        }
    }

    /// Shows what validation found.
    pub(crate) fn validation(&self, diags: &Diags, sources: &Sources) {
        let sources = crate::encryption::presentable(sources);
        let renderer = DiagnosticRenderer::new(&sources, self.style);
        if self.documents.are_wanted() {
            self.documents.put(&renderer.validate_json(diags));
        }
        if !self.people {
            return;
        }
        self.diags_for_people(diags, &renderer);
        if !diags.has_errors() {
            let note = match diags.is_empty() {
                true => "",
                false => ", but there were some validation warnings as shown above",
            };
            let success = self.style().success("Success!");
            outln!("{success} The configuration is valid{note}.\n");
        }
    }

    /// There is no state to show.
    pub(crate) fn no_state(&self) {
        self.tell("{\"format_version\":\"1.0\"}");
        self.say("No state.\n");
    }

    /// Shows a state.
    pub(crate) fn show_state(&self, state: &Snapshot, schemas: &Schemas) {
        let version = crate::session::TERRAFORM_VERSION;
        self.documents
            .write(|out| muster_render::state_json(state, schemas, version, out));
        if self.people {
            let style = self.style;
            Documents::Stdout
                .write(|out| muster_render::write_state_text(state, schemas, style, out));
        }
    }

    /// Shows one instance.
    pub(crate) fn show_instance(&self, state: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) {
        self.say(&muster_render::instance_text(state, addr, schemas));
    }

    /// Shows all outputs.
    pub(crate) fn outputs(&self, state: &Snapshot) {
        if self.documents.are_wanted() {
            self.tell(muster_render::outputs_json(&state.outputs).trim_end());
        }
        match state.outputs.is_empty() {
            true => self.say(
                "The state has no outputs. They are there once they are declared and an apply has run.\n",
            ),
            false => self.say(&muster_render::outputs_text(&state.outputs)),
        }
    }

    /// Shows one output.
    pub(crate) fn output(&self, output: &OutputValue) {
        if self.documents.are_wanted() {
            self.tell(&muster_render::output_json(output));
        }
        if self.people {
            outln!("{}", muster_render::value_text(&output.value, true));
        }
    }
}

/// A plan without what nobody asks for: where everything is destroyed, what has moved.
fn as_shown(plan: &Plan) -> Cow<'_, Plan> {
    let has_moved = plan.changes.iter().any(|c| c.previous.is_some());
    if plan.mode != Mode::Destroy || !has_moved {
        return Cow::Borrowed(plan);
    }
    let mut shown = plan.clone();
    for change in &mut shown.changes {
        change.previous = None;
    }
    Cow::Owned(shown)
}

/// The configuration before blocks were written for imports; `None` when none were.
fn without_generated(config: &Config, plan: &Plan) -> Option<Config> {
    let generated = plan.changes.iter().filter(|c| c.generated_config.is_some());
    let generated: HashSet<_> = generated.map(|c| &c.addr.resource.resource).collect();
    if generated.is_empty() {
        return None;
    }
    let mut found = config.clone();
    // Blocks are written for the root module only.
    let root = found.modules.first_mut()?;
    root.resources.retain(|id, _| !generated.contains(id));
    Some(found)
}
