//! What an explanation consists of.

use muster_addr::{InstanceAddr, ModuleInstance};
use muster_lang::Span;
use muster_plan::{Action, Reason};
use muster_value::{Marks, Value};

/// One link of a chain.
#[derive(Clone, Debug)]
pub struct Cause {
    /// A full address, or what a part of a block is called.
    pub name: String,
    /// The module that the name belongs to.
    pub scope: ModuleInstance,
    /// The module that the causes are written in.
    pub within: ModuleInstance,
    /// The object that it is, or that it is a part of.
    pub object: Option<InstanceAddr>,
    /// As many others are like this one.
    pub more: usize,
    /// What the plan says of it.
    pub finding: Finding,
    /// Where the source says so.
    pub span: Option<Span>,
    /// The expression that gives it its value.
    pub expr: Option<Span>,
    /// It is told elsewhere in the same tree what it comes from.
    pub repeated: bool,
    /// What it comes from. What was told before is left out where something else is left.
    pub causes: Vec<Cause>,
    /// Of what the plan says nothing about: whether it may be another value than before.
    pub(crate) may_move: bool,
    /// Its declaration says that it is sensitive.
    pub(crate) is_secret: bool,
}

impl Drop for Cause {
    /// A chain may be longer than the stack is deep.
    fn drop(&mut self) {
        let mut rest = std::mem::take(&mut self.causes);
        while let Some(mut cause) = rest.pop() {
            rest.append(&mut cause.causes);
        }
    }
}

/// What a plan says of something.
#[derive(Clone, Debug)]
pub enum Finding {
    /// An object and what is done to it.
    Object(Fate),
    /// A part of an object before and after. Marked.
    Attribute {
        /// Null when there was none.
        before: Value,
        /// Unknown when only the apply can tell.
        after: Value,
        /// The object gives way to a new one because of it.
        forces_replacement: bool,
    },
    /// An output of the root module before and after. Marked.
    Output {
        /// Null when there was none.
        before: Value,
        /// Unknown when only the apply can tell.
        after: Value,
    },
    /// A variable of the root module.
    Given {
        /// Its value. Marked.
        value: Value,
        /// Nobody gave it another one than the declaration.
        is_default: bool,
    },
    /// A name for an expression.
    Named,
    /// What decides how many instances there are.
    Repetition,
    /// The provider alone decides about it.
    Provider,
    /// An object is not what the state says of it: somebody else changed it.
    ChangedOutside,
    /// A part of an object is not what the state says of it. Marked.
    Drift {
        /// What the state says.
        stored: Value,
        /// What there is.
        found: Value,
    },
    /// A data source that was read when the plan was made.
    Read,
    /// A part of such a data source.
    ReadPart,
    /// All instances of a resource, or of what is in a module.
    Several {
        /// How many there are.
        instances: usize,
        /// How many of them something is done to. Only these are among the causes, and what was
        /// read.
        changing: usize,
    },
}

/// What is done to an object, and why.
#[derive(Clone, Debug)]
pub struct Fate {
    /// What is done.
    pub action: Action,
    /// Why, in the words of plans.
    pub reason: Reason,
    /// What plans have no word for.
    pub because: Option<Because>,
    /// Where it was before it was moved.
    pub previous: Option<InstanceAddr>,
    /// It is brought under management.
    pub is_import: bool,
    /// A dependent that has `create_before_destroy`, which makes the new one first.
    pub first_for: Option<InstanceAddr>,
}

/// Why something is done to an object, where plans have no word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The state has no object of the address.
    New,
    /// The state has one, but it was deleted by somebody else.
    DeletedOutside,
    /// The plan destroys everything.
    DestroyMode,
    /// The plan destroys some things, and this one depends on them.
    DestroyedWith,
    /// A `removed` block says so.
    RemovedBlock,
    /// The module has other instances than this one.
    NoModuleInstance,
    /// It was replaced earlier, and could not be destroyed then.
    Deposed,
}

impl Cause {
    /// Something that has a name, and of which nothing else is known yet.
    pub(crate) fn new(name: String, scope: &ModuleInstance, finding: Finding) -> Self {
        Self {
            name,
            scope: scope.clone(),
            within: scope.clone(),
            object: None,
            more: 0,
            finding,
            span: None,
            expr: None,
            repeated: false,
            causes: Vec::new(),
            // Somebody may have edited what refers to nothing.
            may_move: true,
            is_secret: false,
        }
    }

    /// As many others are like it.
    pub(crate) fn and_more(mut self, more: usize) -> Self {
        self.more = more;
        self
    }

    /// Without the expressions of sensitive values and of all that these come from: a secret may
    /// stand in the source, in a place that does not know that it is one.
    pub(crate) fn without_secrets(mut self) -> Self {
        let mut open = vec![(&mut self, false)];
        while let Some((cause, is_below)) = open.pop() {
            let is_secret = is_below || cause.is_sensitive();
            if is_secret {
                cause.expr = None;
            }
            open.extend(cause.causes.iter_mut().map(|inner| (inner, is_secret)));
        }
        self
    }

    fn is_sensitive(&self) -> bool {
        let is_secret = |value: &Value| value.marks_deep().contains(Marks::SENSITIVE);
        match &self.finding {
            _ if self.is_secret => true,
            Finding::Attribute { before, after, .. } | Finding::Output { before, after } => {
                is_secret(before) || is_secret(after)
            }
            Finding::Drift { stored, found } => is_secret(stored) || is_secret(found),
            Finding::Given { value, .. } => is_secret(value),
            _ => false,
        }
    }

    /// Whether a plan changes something, or it comes from outside and may have changed.
    pub(crate) fn is_moving(&self) -> bool {
        match &self.finding {
            Finding::Object(fate) => fate.action != Action::NoOp,
            Finding::Attribute { before, after, .. } | Finding::Output { before, after } => {
                !before.same(after)
            }
            Finding::Given { .. }
            | Finding::Provider
            | Finding::Read
            | Finding::ReadPart
            | Finding::ChangedOutside
            | Finding::Several { .. }
            | Finding::Drift { .. } => true,
            Finding::Named | Finding::Repetition => self.may_move,
        }
    }
}
