//! Function calls.

use muster_value::{Marks, Type, Value, convert};

use super::{Evaluated, Evaluator, Failure};
use crate::functions::{Call, Function, FunctionError, Param};
use crate::{NodeId, Span, Str};

/// The arguments of a call.
enum Args {
    /// All of them.
    Known(Vec<Value>),
    /// The list behind `...` is not known yet, so nobody knows how many there are.
    Undecided(Marks),
}

impl Evaluator<'_> {
    pub(super) fn call(
        &mut self,
        id: NodeId,
        function: &'static Function,
        args: &[NodeId],
        expand: bool,
    ) -> Evaluated {
        if matches!(function.name, "try" | "can") {
            return self.attempt(id, function, args, expand);
        }
        let values = match self.arguments(id, args, expand)? {
            Args::Known(values) => values,
            Args::Undecided(marks) => return Ok(Value::unknown(Type::Dynamic).mark(marks)),
        };
        self.check_count(id, function, args, values.len())?;
        let mut taken = Vec::with_capacity(values.len());
        let mut failures: Option<Failure> = None;
        for (at, value) in values.iter().enumerate() {
            let Some(param) = function.param(at) else {
                continue;
            };
            match converted(param, value) {
                Ok(value) => taken.push(value),
                Err(reason) => {
                    let error = FunctionError::argument(at, reason);
                    let failure = self.failed(id, function, args, &error);
                    match &mut failures {
                        Some(first) => first.extend(failure),
                        None => failures = Some(failure),
                    }
                }
            }
        }
        if let Some(failures) = failures {
            return Err(failures);
        }
        apply(function, taken, &Call { scope: self.scope })
            .map_err(|e| self.failed(id, function, args, &e))
    }

    pub(super) fn provider_call(
        &mut self,
        id: NodeId,
        (provider, function): (&Str, &Str),
        args: &[NodeId],
        expand: bool,
    ) -> Evaluated {
        match self.arguments(id, args, expand)? {
            Args::Known(values) => {
                let span = self.expr.node_span(id);
                Ok(self
                    .scope
                    .call_provider(provider, function, &values, span)?)
            }
            Args::Undecided(marks) => Ok(Value::unknown(Type::Dynamic).mark(marks)),
        }
    }

    fn arguments(&mut self, id: NodeId, args: &[NodeId], expand: bool) -> Result<Args, Failure> {
        let mut values = self.all(args)?;
        if !expand {
            return Ok(Args::Known(values));
        }
        let Some((last, &node)) = values.pop().zip(args.last()) else {
            return Ok(Args::Known(values));
        };
        let marks = last.marks();
        let span = self.expr.node_span(node);
        let summary = "Invalid expanding argument value";
        match last.peel() {
            Value::Null(_) => {
                let detail = "The argument before ... is null.";
                Err(self.error_at(id, span, summary, detail))
            }
            Value::Unknown(u)
                if matches!(
                    u.ty,
                    Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_)
                ) =>
            {
                let before = values.iter().fold(marks, |m, v| m | v.marks_deep());
                Ok(Args::Undecided(before))
            }
            Value::List(_) | Value::Set(_) | Value::Tuple(_) => {
                let items = last.as_slice().unwrap_or_default();
                values.extend(items.iter().map(|v| v.clone().mark(marks)));
                Ok(Args::Known(values))
            }
            _ => {
                let detail = "The argument before ... must be a list, a set or a tuple.";
                Err(self.error_at(id, span, summary, detail))
            }
        }
    }

    fn check_count(
        &self,
        id: NodeId,
        function: &Function,
        args: &[NodeId],
        count: usize,
    ) -> Result<(), Failure> {
        let needed = function.params.len();
        let call = self.expr.node_span(id);
        if count < needed {
            let missing = function.params[count].name;
            let detail = format!(
                "Function {} takes {needed} arguments{}, but {count} are given: \"{missing}\" is missing.",
                function.name,
                if function.variadic.is_some() {
                    " or more"
                } else {
                    ""
                },
            );
            // The parenthesis before which it is missing.
            let start = call.end.saturating_sub(1).max(call.start);
            let span = Span { start, ..call };
            let error = self.error_at(id, span, "Not enough function arguments", detail);
            return Err(error.calling(function.name));
        }
        if count > needed && function.variadic.is_none() {
            let detail = format!(
                "Function {} takes {needed} arguments, but {count} are given.",
                function.name
            );
            let first = args.get(needed).or(args.last());
            let span = first.map_or(call, |arg| self.start(*arg));
            let error = self.error_at(id, span, "Too many function arguments", detail);
            return Err(error.calling(function.name));
        }
        Ok(())
    }

    fn failed(
        &self,
        id: NodeId,
        function: &Function,
        args: &[NodeId],
        error: &FunctionError,
    ) -> Failure {
        let reason = &error.reason;
        match error
            .argument
            .and_then(|at| Some((at, function.param(at)?)))
        {
            Some((at, param)) => {
                let node = args.get(at).or(args.last()).copied().unwrap_or(id);
                let detail = format!(
                    "Function {} does not take this value for \"{}\": {reason}.",
                    function.name, param.name
                );
                let span = self.start(node);
                self.error_at(id, span, "Invalid function argument", detail)
            }
            None => {
                let detail = format!("Function {} failed: {reason}.", function.name);
                self.error_at(id, self.start(id), "Error in function call", detail)
            }
        }
        .calling(function.name)
    }

    /// Calls of `try` and `can`, which evaluate their arguments themselves. Those that come from
    /// a list cannot fail any more.
    fn attempt(
        &mut self,
        id: NodeId,
        function: &Function,
        args: &[NodeId],
        expand: bool,
    ) -> Evaluated {
        let (written, given) = match args.split_last() {
            Some((last, before)) if expand => (before, self.arguments(id, &[*last], true)?),
            _ => (args, Args::Known(Vec::new())),
        };
        if function.name == "try" {
            return self.try_each(id, written, given);
        }
        if let Args::Known(values) = &given {
            self.check_count(id, function, args, written.len() + values.len())?;
        }
        match (written.first(), given) {
            (_, Args::Undecided(marks)) => Ok(Value::unknown(Type::Dynamic).mark(marks)),
            (Some(&arg), Args::Known(_)) => Ok(self.can(arg)),
            (None, Args::Known(_)) => Ok(Value::Bool(true)),
        }
    }

    /// The first argument that does not fail, or else the first of the `given` values.
    fn try_each(&mut self, id: NodeId, args: &[NodeId], given: Args) -> Evaluated {
        let mut given = match given {
            Args::Known(values) => values,
            Args::Undecided(marks) => return Ok(Value::unknown(Type::Dynamic).mark(marks)),
        };
        let mut reasons = Vec::new();
        for &arg in args {
            match self.node(arg) {
                // What the unknown parts turn out to be may still make it fail.
                Ok(value) if !value.is_wholly_known() => return Ok(Value::unknown(Type::Dynamic)),
                Ok(value) => return Ok(value),
                Err(failure) if failure.diags.is_empty() => return Err(failure),
                Err(failure) => reasons.extend(failure.diags.into_iter().map(|d| d.detail)),
            }
        }
        if !given.is_empty() {
            return Ok(given.swap_remove(0));
        }
        let detail = match args.len() {
            0 => "Function try needs at least one argument.".into(),
            _ => format!(
                "Function try failed, because all of its arguments do: {}",
                reasons.join(" ")
            ),
        };
        Err(self.error(id, "Error in function call", detail))
    }

    fn can(&mut self, arg: NodeId) -> Value {
        match self.node(arg) {
            Ok(value) if !value.is_wholly_known() => Value::unknown_not_null(Type::Bool),
            result => Value::Bool(result.is_ok()),
        }
    }
}

/// An argument of the type that its parameter has.
fn converted(param: &Param, value: &Value) -> Result<Value, String> {
    let ty = (param.ty)();
    if ty == Type::Dynamic {
        return Ok(value.clone());
    }
    convert(value, &ty).map_err(|e| match e.path.is_root() {
        true => e.reason,
        false => format!("{}: {}", e.path, e.reason),
    })
}

/// The result for arguments of the right types. Marks that a parameter does not take are taken
/// off and put on the result.
fn apply(
    function: &Function,
    mut args: Vec<Value>,
    call: &Call<'_>,
) -> Result<Value, FunctionError> {
    let mut marks = Marks::NONE;
    let params: Vec<&Param> = (0..args.len())
        .filter_map(|at| function.param(at))
        .collect();
    for (arg, param) in args.iter_mut().zip(&params) {
        if !param.allow_marked {
            marks |= arg.marks_deep();
            *arg = arg.unmark_deep();
        }
    }
    for (at, (arg, param)) in args.iter().zip(&params).enumerate() {
        if arg.is_null() && !param.allow_null {
            return Err(FunctionError::argument(at, "it must not be null"));
        }
        // What comes behind this is not looked at before its type is known.
        if !param.allow_untyped && !arg.is_known() && arg.ty() == Type::Dynamic {
            let all = args.iter().fold(marks, |m, v| m | v.marks_deep());
            return Ok(Value::unknown(Type::Dynamic).mark(all));
        }
    }
    if let Some(check) = function.check {
        check(&args)?;
    }
    let mut both = args.iter().zip(&params);
    if both.any(|(arg, param)| !param.allow_unknown && !arg.is_wholly_known()) {
        return Ok(unknown_result(function, &args).mark(marks));
    }
    (function.call)(&args, call).map(|result| result.mark(marks))
}

fn unknown_result(function: &Function, args: &[Value]) -> Value {
    let ty = (function.returns.ty)(args);
    if function.returns.not_null {
        Value::unknown_not_null(ty)
    } else {
        Value::unknown(ty)
    }
}
