//! `prevent_destroy`: what a plan must not destroy.

use std::sync::Arc;

use muster_addr::{InstanceAddr, shell_word};
use muster_config::Resource;
use muster_lang::{Diagnostic, Diags, Expr, eval};
use muster_plan::Mode;
use muster_value::{Type, convert};

use crate::task::Task;
use crate::{Options, Planner};

impl Planner {
    /// Lets the plan fail where `prevent_destroy` does not let the object go. What would happen is
    /// planned all the same, so that it can be seen; nothing that needs the object is.
    pub(crate) fn refuse_to_destroy(&mut self, task: &Task) {
        if !self.may_destroy(task) {
            self.note_failure(task.node, task.goal);
        }
    }

    /// Whether `prevent_destroy` lets the object go.
    fn may_destroy(&mut self, task: &Task) -> bool {
        if task.deposed.is_some() {
            return true;
        }
        let Some((_, expr)) = self.protection(&task.addr) else {
            return true;
        };
        // A destroy plan reads nothing before its objects, so what the values come from may
        // still be on its way.
        if self.is_destroying() && !expr.references().is_empty() {
            self.protected.push(task.addr.clone());
            return true;
        }
        self.is_let_go(&task.addr)
    }

    /// Looks at everything whose protection could not be decided before all else was done.
    pub(crate) fn finish_protected(&mut self) {
        for addr in std::mem::take(&mut self.protected) {
            self.is_let_go(&addr);
        }
    }

    /// The resource of an instance and its `prevent_destroy`.
    fn protection(&self, addr: &InstanceAddr) -> Option<(Arc<Resource>, Expr)> {
        let module = self.eval.config().find(&addr.resource.module.path())?;
        let resource = module.resources.get(&addr.resource.resource)?;
        let expr = resource.lifecycle.prevent_destroy.clone()?;
        Some((resource.clone(), expr))
    }

    fn is_let_go(&mut self, addr: &InstanceAddr) -> bool {
        let Some((resource, expr)) = self.protection(addr) else {
            return true;
        };
        let found = match self.is_protected(addr, &expr) {
            Ok(false) => return true,
            Ok(true) => {
                let detail = format!(
                    "{addr} has lifecycle.prevent_destroy set, but the plan would destroy it. {}, or take prevent_destroy away if it may go.",
                    self.way_out(addr)
                );
                Diagnostic::error("Instance cannot be destroyed", detail)
                    .at(resource.span)
                    .into()
            }
            Err(diags) => diags,
        };
        self.diags.extend(found);
        false
    }

    /// What keeps an object from being destroyed, as the beginning of a sentence.
    fn way_out(&self, addr: &InstanceAddr) -> String {
        let Options {
            mode,
            targets,
            replace,
            ..
        } = &self.options;
        if replace.contains(addr) {
            return "Do not ask for its replacement with -replace".to_owned();
        }
        let first = match mode {
            Mode::Destroy => "",
            Mode::Normal | Mode::RefreshOnly => "Change the configuration so that it stays, ",
        };
        let second = match targets.is_empty() {
            true => format!("leave it alone with {}", exclude(addr)),
            false => "name with -target only what does not lead to it".to_owned(),
        };
        let text = format!("{first}{second}");
        let mut chars = text.chars();
        let initial = chars.next().map(|c| c.to_ascii_uppercase());
        initial.into_iter().chain(chars).collect()
    }

    fn is_protected(&self, addr: &InstanceAddr, expr: &Expr) -> Result<bool, Diags> {
        let error = |detail: String| -> Diags {
            Diagnostic::error("Invalid prevent_destroy argument", detail)
                .at(expr.span())
                .into()
        };
        if expr.references().is_empty() {
            let anywhere = self.eval.scope(muster_eval::ModuleInst::ROOT, None);
            return Ok(eval(expr, &anywhere, &[])?.peel().as_bool() == Some(true));
        }
        let module = &addr.resource.module;
        let Some(inst) = self.eval.find_module(module)? else {
            return Err(error(format!(
                "The plan would destroy {addr}, but the values that say whether it may are those of {module}, which the configuration does not have any more. Write false here if the object may go."
            )));
        };
        let value = eval(expr, &self.eval.scope(inst, None), &[])?;
        let value = convert(value.peel(), &Type::Bool)
            .map_err(|e| error(format!("The value does not fit: {e}.")))?;
        if !value.is_known() {
            return Err(error(format!(
                "The plan would destroy {addr}, but whether it may depends on something that is only known after apply. Use values that are known while planning."
            )));
        }
        value
            .as_bool()
            .ok_or_else(|| error("The value is null; it has to be true or false.".to_owned()))
    }
}

/// The option that leaves an object alone, as a shell takes it.
fn exclude(addr: &InstanceAddr) -> String {
    format!("-exclude={}", shell_word(&addr.to_string()))
}
