//! YAML.

use muster_value::Value;

use super::string::text;
use super::{Function, FunctionError, Param, Returns};

mod decode;
mod encode;
mod scalar;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "yamldecode",
        "The value that a YAML text stands for.",
        &[Param::string("src")],
        Returns::ANY_OR_NULL,
        |a, _| decode::decode(text(a, 0)).map_err(FunctionError::from),
    ),
    Function::new(
        "yamlencode",
        "A value as YAML text.",
        &[Param::any("value").null()],
        Returns::STRING,
        |a, _| {
            encode::encode(&a[0])
                .map(Value::from)
                .map_err(FunctionError::from)
        },
    ),
];
