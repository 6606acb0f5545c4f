//! Tests of a configuration: `.tftest.hcl` and `.tftest.json` files, and the `.tfmock.hcl` and
//! `.tfmock.json` files that they name.

mod decode;
mod load;
mod mock;
mod modules;
mod run;
mod types;

pub use load::{TestPlace, load_tests};
pub use modules::{module_key, run_module, survey_tests, test_modules};
pub use types::{
    During, Expected, ExpectedObject, Mock, MockDefaults, Override, PassedProvider, TestCommand,
    TestFile, TestModule, TestPlanOptions, TestProvider, TestRun, run_reference,
};
