//! Functions for configurations, called as `provider::muster::NAME(...)`.

use muster_sdk::function::{Args, Function, FunctionError, Signature, result};
use muster_sdk::{Type, Value};

use crate::model::time::parse_duration;

/// `provider::muster::duration_seconds(text)`: a duration such as an RPO as a number.
pub(crate) struct DurationSeconds;

impl Function for DurationSeconds {
    fn signature(&self) -> Signature {
        Signature::returning(Type::Number)
            .param("duration", Type::String)
            .describe(
                "The length of a duration in seconds",
                "Takes durations as the resources write them, like `90s`, `5m`, `1h30m` or `2d`.",
            )
    }

    fn call(&self, args: Args<'_>) -> Result<Value, FunctionError> {
        let seconds = parse_duration(&args.get::<String>(0)?)
            .map_err(|why| FunctionError::argument(0, format!("The duration {why}.")))?;
        result(&seconds, &Type::Number)
    }
}

/// `provider::muster::fits(capacity, demand)`: whether a zone of some capacity could hold a
/// demand.
pub(crate) struct Fits;

impl Function for Fits {
    fn signature(&self) -> Signature {
        Signature::returning(Type::Bool)
            .param("capacity", Type::map(Type::Number))
            .param("demand", Type::map(Type::Number))
            .describe(
                "Whether a capacity covers a demand",
                "Both are maps from a resource (`cpu`, `gpu`, `memory_gb`, `storage_gb`) to an \
                 amount; what is left out of the capacity is none.",
            )
    }

    fn call(&self, args: Args<'_>) -> Result<Value, FunctionError> {
        let capacity = args.get::<Amounts>(0)?;
        let demand = args.get::<Amounts>(1)?;
        let covered = |(name, amount): (&String, &f64)| {
            *amount <= 0.0 || capacity.get(name).is_some_and(|there| there >= amount)
        };
        Ok(demand.iter().all(covered).into())
    }
}

type Amounts = std::collections::BTreeMap<String, f64>;
