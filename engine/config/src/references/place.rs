//! Where an expression stands.

use muster_lang::Subject;

use crate::Repetition;

/// What an expression may use besides the objects of its module.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) count: bool,
    pub(super) each: bool,
    pub(super) this: bool,
    /// The `check` block it stands in.
    pub(super) check: Option<&'a str>,
}

impl Place<'_> {
    pub(super) fn of(repetition: &Repetition) -> Self {
        Self {
            count: matches!(repetition, Repetition::Count(_)),
            each: matches!(repetition, Repetition::ForEach(_)),
            this: false,
            check: None,
        }
    }

    /// Summary and detail for something that is not known here.
    pub(super) fn refuses(&self, subject: &Subject) -> Option<(&'static str, String)> {
        const ONLY: &str = "known only inside of resource, data and module blocks that set";
        let (summary, detail) = match subject {
            Subject::EachValue if !self.each => {
                let summary = "each.value cannot be used in this context";
                (summary, format!("each is {ONLY} for_each."))
            }
            Subject::EachKey if !self.each => {
                let summary = "Reference to \"each\" in context without for_each";
                (summary, format!("each is {ONLY} for_each."))
            }
            Subject::CountIndex if !self.count => {
                let summary = "Reference to \"count\" in non-counted context";
                (summary, format!("count is {ONLY} count."))
            }
            Subject::SelfObject if !self.this => {
                let detail = "self is known only in postconditions and provisioners. Elsewhere, refer \
                              to the object by its address.";
                ("Invalid \"self\" reference", detail.into())
            }
            Subject::Path(name) if !matches!(&**name, "module" | "root" | "cwd") => {
                let detail = "there are only path.module, path.root and path.cwd.";
                (
                    "Invalid \"path\" attribute",
                    format!("There is no path.{name}: {detail}"),
                )
            }
            Subject::Terraform(name) if !matches!(&**name, "workspace" | "applying") => {
                let detail = "there are only terraform.workspace and terraform.applying.";
                (
                    "Invalid \"terraform\" attribute",
                    format!("There is no terraform.{name}: {detail}"),
                )
            }
            Subject::Output(_) => {
                let detail = "Outputs of the module itself can be referred to in tests only.";
                ("Invalid reference", detail.into())
            }
            _ => return None,
        };
        Some((summary, detail))
    }
}
