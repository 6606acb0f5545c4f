//! Evaluation of lowered expressions. Skeleton to be replaced.
use muster_value::Value;

use crate::{Diags, Diagnostic, Expr, Reference, Span, Str};

/// What the names in an expression mean.
pub trait Scope {
    /// The whole value of a reference's subject (`aws_vpc.main` as an object, a tuple for
    /// `count`, an object for `for_each`). An empty `Diags` in the error means that the
    /// failure was reported already: the caller stays silent.
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags>;

    /// Calls a function of a provider.
    fn call_provider(&self, provider: &str, function: &str, args: &[Value], span: Span) -> Result<Value, Diags> {
        let _ = (args, span);
        Err(Diagnostic::error("Call to unknown function", format!("There is no function provider::{provider}::{function}.")).into())
    }

    /// Where functions such as `file` read from.
    fn files(&self) -> &dyn Files;

    /// Directory that relative paths of file functions start from; as `path.module` is for
    /// `templatefile("${path.module}/x")`, paths are relative to the working directory.
    /// Instant for `plantimestamp`, RFC 3339; `None` when not planning yet.
    fn plan_timestamp(&self) -> Option<Str> { None }

    /// Whether functions that give another result each time (`timestamp`, `uuid`, `bcrypt`)
    /// run now. Before apply they give unknown values.
    fn impure_now(&self) -> bool { false }
}

/// Files as functions see them. The implementation sets limits and does the I/O.
pub trait Files: Send + Sync {
    /// Whole content of a file, path relative to the working directory or absolute.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Whether a regular file is there.
    fn exists(&self, path: &str) -> Result<bool, String>;
    /// All regular files below a directory, relative, with `/`, sorted.
    fn walk(&self, dir: &str) -> Result<Vec<String>, String>;
    /// Home directory and working directory, for `pathexpand` and `abspath`.
    fn home(&self) -> Option<String>;
    /// The working directory.
    fn cwd(&self) -> String;
}

/// Evaluates an expression. `slots` are the values of the iteration variables of enclosing
/// `dynamic` blocks, outermost first.
pub fn eval(expr: &Expr, scope: &dyn Scope, slots: &[Value]) -> Result<Value, Diags> {
    let _ = (expr, scope, slots);
    Ok(Value::NULL)
}
