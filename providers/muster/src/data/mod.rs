//! The data sources, one file each.

mod capacity;
mod placement;

pub use capacity::CapacityData;
pub use placement::PlacementData;
