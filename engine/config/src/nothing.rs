//! A scope with nothing in it.

use muster_lang::{Diags, Files, Reference, Scope};
use muster_value::Value;

/// The scope of what is worked out from its own text alone: it has no names, and no files can be
/// read.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Scope for Nothing {
    fn resolve(&self, _: &Reference) -> Result<Value, Diags> {
        Err(Diags::new())
    }

    fn files(&self) -> &dyn Files {
        self
    }
}

impl Files for Nothing {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no files can be read here".into())
    }

    fn exists(&self, _: &str) -> Result<bool, String> {
        Err("no files can be read here".into())
    }

    fn walk(&self, _: &str) -> Result<Vec<String>, String> {
        Err("no files can be read here".into())
    }

    fn home(&self) -> Option<String> {
        None
    }

    fn cwd(&self) -> String {
        ".".into()
    }
}
