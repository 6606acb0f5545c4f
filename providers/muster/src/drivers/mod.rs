//! One folder per driver.

pub mod sim;
