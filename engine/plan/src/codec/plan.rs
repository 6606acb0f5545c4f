//! Plans, changes and steps as bytes.

use muster_provider::ImportBy;
use muster_snapshot::{DeposedKey, Snapshot};

use super::DecodeError;
use super::addrs::{
    read_config, read_instance, read_module, read_provider, read_target, write_config,
    write_instance, write_module, write_provider, write_target,
};
use super::checks::{read_checks, write_checks};
use super::values::{read_entries, read_path, read_value, write_entries, write_path, write_value};
use super::wire::{Reader, Result, Writer, invalid};
use crate::{
    Action, Change, Mode, OutputChange, Plan, Reason, RelevantAttribute, Step, StepId, StepKind,
};

const ACTIONS: [Action; 8] = [
    Action::NoOp,
    Action::Create,
    Action::Read,
    Action::Update,
    Action::DeleteThenCreate,
    Action::CreateThenDelete,
    Action::Delete,
    Action::Forget,
];

const REASONS: [Reason; 15] = [
    Reason::None,
    Reason::ReplaceBecauseTainted,
    Reason::ReplaceByRequest,
    Reason::ReplaceBecauseCannotUpdate,
    Reason::ReplaceByTriggers,
    Reason::DeleteBecauseNoResourceConfig,
    Reason::DeleteBecauseWrongRepetition,
    Reason::DeleteBecauseCountIndex,
    Reason::DeleteBecauseEachKey,
    Reason::DeleteBecauseEnabledFalse,
    Reason::DeleteBecauseNoModule,
    Reason::DeleteBecauseNoMoveTarget,
    Reason::ReadBecauseConfigUnknown,
    Reason::ReadBecauseDependencyPending,
    Reason::ReadBecauseCheckNested,
];

const MODES: [Mode; 3] = [Mode::Normal, Mode::Destroy, Mode::RefreshOnly];

fn write_one<T: PartialEq>(out: &mut Writer, all: &[T], one: &T) {
    // The lists above hold every variant, which the tests check.
    out.uint(all.iter().position(|x| x == one).unwrap_or_default() as u64);
}

fn read_one<T: Copy>(input: &mut Reader<'_>, all: &[T]) -> Result<T> {
    let n = input.uint()?;
    match usize::try_from(n).ok().and_then(|n| all.get(n)) {
        Some(found) => Ok(*found),
        None => invalid(format!("unknown kind {n}")),
    }
}

pub(super) fn write(out: &mut Writer, plan: &Plan) {
    write_one(out, &MODES, &plan.mode);
    out.str(&plan.timestamp);
    write_entries(out, &plan.variables, write_value);
    write_entries(out, &plan.given, write_value);
    out.list(&plan.changes, write_change);
    out.list(&plan.drift, write_change);
    write_entries(out, &plan.outputs, write_output);
    out.list(&plan.steps, write_step);
    let prior = (plan.prior != Snapshot::default()).then(|| muster_snapshot::encode(&plan.prior));
    out.option(prior, |out, bytes| out.blob(&bytes));
    out.list(&plan.reads, write_config);
    out.list(&plan.targets, write_target);
    out.list(&plan.excludes, write_target);
    out.list(&plan.relevant, |out, relevant| {
        write_instance(out, &relevant.resource);
        write_path(out, &relevant.path);
    });
    out.bool(plan.errored);
    write_checks(out, &plan.checks);
    out.list(&plan.resolved, write_instance);
}

pub(super) fn read(input: &mut Reader<'_>) -> Result<Plan> {
    let plan = Plan {
        mode: read_one(input, &MODES)?,
        timestamp: input.str()?,
        variables: read_entries(input, read_value)?,
        given: read_entries(input, read_value)?,
        changes: input.list(read_change)?,
        drift: input.list(read_change)?,
        outputs: read_entries(input, read_output)?,
        steps: input.list(read_step)?,
        prior: input.option(read_snapshot)?.unwrap_or_default(),
        reads: input.list(read_config)?.into_iter().collect(),
        targets: input.list(read_target)?,
        excludes: input.list(read_target)?,
        relevant: input.list(|input| {
            Ok(RelevantAttribute {
                resource: read_instance(input)?,
                path: read_path(input)?,
            })
        })?,
        errored: input.bool()?,
        checks: read_checks(input)?,
        resolved: input.list(read_instance)?,
    };
    check(&plan)?;
    Ok(plan)
}

fn read_snapshot(input: &mut Reader<'_>) -> Result<Snapshot> {
    muster_snapshot::decode(input.blob()?).map_err(DecodeError::State)
}

/// Steps name changes and earlier steps by number; an apply relies on that.
fn check(plan: &Plan) -> Result<()> {
    for (i, step) in plan.steps.iter().enumerate() {
        if step
            .kind
            .change()
            .is_some_and(|c| c as usize >= plan.changes.len())
        {
            return invalid(format!("step {i} is about a change that is not there"));
        }
        if step.after.iter().any(|id| id.0 as usize >= i) {
            return invalid(format!(
                "step {i} waits for a step that does not come before it"
            ));
        }
    }
    Ok(())
}

fn write_change(out: &mut Writer, change: &Change) {
    write_instance(out, &change.addr);
    out.option(change.previous.as_ref(), write_instance);
    out.option(change.deposed.as_ref(), |out, key| out.str(key.as_str()));
    write_provider(out, &change.provider);
    write_one(out, &ACTIONS, &change.action);
    write_one(out, &REASONS, &change.reason);
    write_value(out, &change.before);
    write_value(out, &change.after);
    out.list(&change.replace_paths, write_path);
    out.blob(&change.private);
    out.option(change.importing.as_ref(), write_import);
    out.option(change.generated_config.as_deref(), |out, text| {
        out.str(text)
    });
    out.list(change.dependencies.iter(), write_config);
    out.bool(change.create_before_destroy);
    out.bool(change.resumes);
}

fn read_change(input: &mut Reader<'_>) -> Result<Change> {
    Ok(Change {
        addr: read_instance(input)?,
        previous: input.option(read_instance)?,
        deposed: input.option(read_deposed)?,
        provider: read_provider(input)?,
        action: read_one(input, &ACTIONS)?,
        reason: read_one(input, &REASONS)?,
        before: read_value(input)?,
        after: read_value(input)?,
        replace_paths: input.list(read_path)?,
        private: input.blob()?.into(),
        importing: input.option(read_import)?,
        generated_config: input.option(Reader::str)?,
        dependencies: input.list(read_config)?.into(),
        create_before_destroy: input.bool()?,
        resumes: input.bool()?,
    })
}

fn write_import(out: &mut Writer, by: &ImportBy) {
    match by {
        ImportBy::Id(id) => {
            out.byte(0);
            out.str(id);
        }
        ImportBy::Identity(identity) => {
            out.byte(1);
            write_value(out, identity);
        }
    }
}

fn read_import(input: &mut Reader<'_>) -> Result<ImportBy> {
    match input.byte()? {
        0 => Ok(ImportBy::Id(input.str()?)),
        1 => Ok(ImportBy::Identity(read_value(input)?)),
        other => invalid(format!("unknown kind of import {other}")),
    }
}

fn read_deposed(input: &mut Reader<'_>) -> Result<DeposedKey> {
    let text = input.text()?;
    match DeposedKey::parse(text) {
        Some(key) => Ok(key),
        None => invalid(format!("{text:?} is no key of a deposed object")),
    }
}

fn write_output(out: &mut Writer, output: &OutputChange) {
    write_one(out, &ACTIONS, &output.action);
    write_value(out, &output.before);
    write_value(out, &output.after);
    out.bool(output.sensitive);
}

fn read_output(input: &mut Reader<'_>) -> Result<OutputChange> {
    Ok(OutputChange {
        action: read_one(input, &ACTIONS)?,
        before: read_value(input)?,
        after: read_value(input)?,
        sensitive: input.bool()?,
    })
}

fn write_step(out: &mut Writer, step: &Step) {
    out.byte(match step.kind {
        StepKind::Create { depose: false, .. } => 0,
        StepKind::Create { depose: true, .. } => 1,
        StepKind::Update { .. } => 2,
        StepKind::Delete { .. } => 3,
        StepKind::DeleteDeposed { .. } => 4,
        StepKind::Read { .. } => 5,
        StepKind::Forget { .. } => 6,
        StepKind::Join => 7,
        StepKind::CheckVariable { .. } => 8,
        StepKind::CheckOutput { .. } => 9,
        StepKind::CheckBlock { .. } => 10,
        StepKind::OpenEphemeral { .. } => 11,
        StepKind::CloseEphemeral { .. } => 12,
    });
    if let Some(addr) = step.kind.ephemeral() {
        write_instance(out, addr);
    }
    if let StepKind::OpenEphemeral { provider, .. } = &step.kind {
        write_provider(out, provider);
    }
    if let Some((module, name)) = step.kind.check() {
        write_module(out, module);
        out.str(name);
    }
    if let Some(change) = step.kind.change() {
        out.uint(change.into());
    }
    out.list(&step.after, |out, id| out.uint(id.0.into()));
}

fn read_step(input: &mut Reader<'_>) -> Result<Step> {
    let kind = match input.byte()? {
        0 => StepKind::Create {
            change: input.u32()?,
            depose: false,
        },
        1 => StepKind::Create {
            change: input.u32()?,
            depose: true,
        },
        2 => StepKind::Update {
            change: input.u32()?,
        },
        3 => StepKind::Delete {
            change: input.u32()?,
        },
        4 => StepKind::DeleteDeposed {
            change: input.u32()?,
        },
        5 => StepKind::Read {
            change: input.u32()?,
        },
        6 => StepKind::Forget {
            change: input.u32()?,
        },
        7 => StepKind::Join,
        8 => StepKind::CheckVariable {
            module: read_module(input)?,
            name: input.str()?,
        },
        9 => StepKind::CheckOutput {
            module: read_module(input)?,
            name: input.str()?,
        },
        10 => StepKind::CheckBlock {
            module: read_module(input)?,
            name: input.str()?,
        },
        11 => StepKind::OpenEphemeral {
            addr: read_instance(input)?,
            provider: read_provider(input)?,
        },
        12 => StepKind::CloseEphemeral {
            addr: read_instance(input)?,
        },
        other => return invalid(format!("unknown kind of step {other}")),
    };
    Ok(Step {
        kind,
        after: input.list(|input| Ok(StepId(input.u32()?)))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_number() {
        for (i, action) in ACTIONS.iter().enumerate() {
            assert_eq!(*action as usize, i);
        }
        for (i, reason) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, i);
        }
        for (i, mode) in MODES.iter().enumerate() {
            assert_eq!(*mode as usize, i);
        }
        assert_eq!(Reason::ReadBecauseCheckNested as usize + 1, REASONS.len());
        assert_eq!(Action::Forget as usize + 1, ACTIONS.len());
    }
}
