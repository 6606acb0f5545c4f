//! The data sources, one file each.

mod capacity;
mod placement;

pub(crate) use capacity::CapacityData;
pub(crate) use placement::PlacementData;
