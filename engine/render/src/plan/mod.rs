//! Plans for people and for tools.

mod checks;
mod comment;
mod configuration;
mod group;
mod json;
mod relevant;
mod text;

pub(crate) use checks::write_checks;
pub use json::{PlanJson, plan_json};
pub use text::{plan_text, write_plan_text};

#[cfg(test)]
pub(crate) mod tests;
