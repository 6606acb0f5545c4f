//! What runs have made is destroyed again.

use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_lang::Diags;
use muster_plan::Mode;
use muster_planner::Options;
use muster_snapshot::{DeposedKey, Snapshot};

use crate::Runner;
use crate::run::Remains;
use crate::world::World;

/// Objects that could not be destroyed.
pub(crate) type Left = Vec<(InstanceAddr, Option<DeposedKey>)>;

/// Destroys everything in a state as the last run saw it, and gives what went wrong and what is
/// left.
pub(crate) async fn destroy(
    runner: &Runner<'_>,
    state: Snapshot,
    remains: &Remains<'_>,
) -> (Diags, Left) {
    let mut world = match World::open(runner, &remains.config, &state).await {
        Ok(world) => world,
        Err(diags) => return (diags, left(&state)),
    };
    world.equip_as(remains.settings.clone(), remains.stand_in.clone());
    let result = destroy_in(&world, state, remains).await;
    let mut diags = world.take_diags();
    world.close().await;
    let (found, left) = result;
    diags.extend(found);
    // Warnings were given when the objects were made.
    diags.0.retain(muster_lang::Diagnostic::is_error);
    (diags, left)
}

async fn destroy_in(world: &World, state: Snapshot, remains: &Remains<'_>) -> (Diags, Left) {
    let options = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    let variables = remains.variables.clone();
    let planned = muster_run::plan(&world.context, variables.clone(), state.clone(), options).await;
    let (plan, mut diags) = match planned {
        Ok(planned) => planned,
        Err(diags) => return (diags, left(&state)),
    };
    if plan.errored || diags.has_errors() {
        return (diags, left(&state));
    }
    let outcome = muster_run::apply(
        &world.context,
        Arc::new(plan),
        variables,
        muster_run::Keep::default(),
    )
    .await;
    diags.extend(outcome.diags);
    (diags, left(&outcome.state))
}

/// The objects of a state.
pub(crate) fn left(state: &Snapshot) -> Left {
    let mut all = Left::new();
    for (addr, resource) in &state.resources {
        for (key, instance) in &resource.instances {
            let addr = addr.instance(key.clone());
            if instance.current.is_some() {
                all.push((addr.clone(), None));
            }
            let deposed = instance.deposed.keys();
            all.extend(deposed.map(|key| (addr.clone(), Some(key.clone()))));
        }
    }
    all
}
