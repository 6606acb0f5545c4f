//! Function calls.

use muster_value::{Marks, Type, Value, convert};

use super::{Evaluated, Evaluator, Failure};
use crate::expr::Node;
use crate::functions::{Call, Function, FunctionError, INDIRECT_TEMPLATE, Param};
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
        name: (u32, u32),
    ) -> Evaluated {
        let name = Span {
            file: self.expr.0.file,
            start: name.0,
            end: name.1,
        };
        match function.name {
            "try" | "can" => return self.attempt(id, function, args, expand, name),
            "templatestring" => self.direct_template(id, args)?,
            _ => {}
        }
        let values = match self.arguments(id, args, expand)? {
            Args::Known(values) => values,
            Args::Undecided(marks) => return Ok(Value::unknown(Type::Dynamic).mark(marks)),
        };
        self.check_count(id, function, values.len(), name)?;
        let mut taken = Vec::with_capacity(values.len());
        let mut marks = Marks::NONE;
        for (at, value) in values.iter().enumerate() {
            let taken_as = function.param(at).map(|p| accept(p, value, &mut marks));
            match taken_as {
                Some(Ok(value)) => taken.push(value),
                Some(Err(e)) => {
                    let e = FunctionError::argument(at, e);
                    return Err(self.failed(id, function, args, &e));
                }
                None => {}
            }
        }
        if taken_of_no_type(function, &taken) {
            let all = taken.iter().fold(marks, |m, v| m | v.marks_deep());
            return Ok(Value::unknown(Type::Dynamic).mark(all));
        }
        let undecided = taken.iter().enumerate().any(|(at, value)| {
            let takes = function.param(at).is_some_and(|p| p.allow_unknown);
            !takes && !value.is_wholly_known()
        });
        if undecided {
            return Ok(unknown_result(function, &taken).mark(marks));
        }
        (function.call)(&taken, &Call { scope: self.scope })
            .map(|result| result.mark(marks))
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
        count: usize,
        name: Span,
    ) -> Result<(), Failure> {
        let needed = function.params.len();
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
            return Err(self.error_at(id, name, "Not enough function arguments", detail));
        }
        if count > needed && function.variadic.is_none() {
            let detail = format!(
                "Function {} takes {needed} arguments, but {count} are given.",
                function.name
            );
            return Err(self.error_at(id, name, "Too many function arguments", detail));
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
                let span = self.expr.node_span(node);
                self.error_at(id, span, "Invalid function argument", detail)
            }
            None => {
                let detail = format!("Function {} failed: {reason}.", function.name);
                self.error(id, "Error in function call", detail)
            }
        }
    }

    /// Calls of `try` and `can`, which evaluate their arguments themselves. Those that come from
    /// a list cannot fail any more.
    fn attempt(
        &mut self,
        id: NodeId,
        function: &Function,
        args: &[NodeId],
        expand: bool,
        name: Span,
    ) -> Evaluated {
        let (args, given) = match args.split_last() {
            Some((last, before)) if expand => (before, self.arguments(id, &[*last], true)?),
            _ => (args, Args::Known(Vec::new())),
        };
        if function.name == "try" {
            return self.try_each(id, args, given);
        }
        if let Args::Known(values) = &given {
            self.check_count(id, function, args.len() + values.len(), name)?;
        }
        match (args.first(), given) {
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
            if self.depends_on_unknown(arg) {
                return Ok(Value::unknown(Type::Dynamic));
            }
            match self.node(arg) {
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
        if self.depends_on_unknown(arg) {
            return Value::unknown_not_null(Type::Bool);
        }
        Value::Bool(self.node(arg).is_ok())
    }

    /// A template must be a reference, so that nobody builds one from text by mistake.
    fn direct_template(&self, id: NodeId, args: &[NodeId]) -> Result<(), Failure> {
        let Some(&template) = args.first() else {
            return Ok(());
        };
        let mut at = template;
        loop {
            match self.expr.node(at) {
                Node::Reference(_) | Node::Slot(_) => return Ok(()),
                Node::GetAttr(inner, _) | Node::Index(inner, _) => at = *inner,
                _ => break,
            }
        }
        let span = self.expr.node_span(template);
        Err(self.error_at(id, span, "Invalid function argument", INDIRECT_TEMPLATE))
    }
}

/// An argument as its parameter wants it; marks that are taken off are added to `marks`.
fn accept(param: &Param, value: &Value, marks: &mut Marks) -> Result<Value, String> {
    let ty = (param.ty)();
    let mut value = match ty {
        Type::Dynamic => value.clone(),
        _ => convert(value, &ty).map_err(|e| {
            if e.path.is_root() {
                e.reason
            } else {
                format!("{}: {}", e.path, e.reason)
            }
        })?,
    };
    if !param.allow_marked {
        *marks |= value.marks_deep();
        value = value.unmark_deep();
    }
    if value.is_null() && !param.allow_null {
        return Err("it must not be null".into());
    }
    Ok(value)
}

/// Functions that make something of arguments of which not even the type is known.
const TYPED: [&str; 14] = [
    "coalesce",
    "coalescelist",
    "issensitive",
    "jsonencode",
    "length",
    "lookup",
    "merge",
    "tobool",
    "tolist",
    "tomap",
    "tonumber",
    "toset",
    "tostring",
    "yamlencode",
];

/// Whether an argument that may be anything is not known, not even its type. Most functions leave
/// the type of their result open then.
fn taken_of_no_type(function: &Function, taken: &[Value]) -> bool {
    let open = |(at, value): (usize, &Value)| {
        let any = function
            .param(at)
            .is_some_and(|p| (p.ty)() == Type::Dynamic);
        any && !value.is_known() && value.ty() == Type::Dynamic
    };
    !TYPED.contains(&function.name) && taken.iter().enumerate().any(open)
}

fn unknown_result(function: &Function, args: &[Value]) -> Value {
    let ty = (function.returns.ty)(args);
    if function.returns.not_null {
        Value::unknown_not_null(ty)
    } else {
        Value::unknown(ty)
    }
}
