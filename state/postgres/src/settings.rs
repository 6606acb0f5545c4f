//! What both backends take from their blocks and the environment.

use muster_store::{Settings, StoreError};
use serde_json::Value;

use crate::address::Address;

/// The arguments of a block, and the environment for those that are not given.
pub(crate) struct Given<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Given<'_> {
    /// The database of `conn_str`.
    pub(crate) fn address(&self) -> Result<Address, StoreError> {
        let text = self.text("conn_str", "PG_CONN_STR")?;
        Address::new(&text.unwrap_or_default(), self.env)
    }

    pub(crate) fn text(
        &self,
        name: &'static str,
        variable: &str,
    ) -> Result<Option<String>, StoreError> {
        match self.settings.get(name) {
            None | Some(Value::Null) => Ok((self.env)(variable).filter(|v| !v.is_empty())),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(wrong(name, "is not a text")),
        }
    }

    pub(crate) fn flag(&self, name: &'static str, variable: &str) -> Result<bool, StoreError> {
        let text = match self.settings.get(name) {
            Some(Value::Bool(flag)) => return Ok(*flag),
            Some(Value::String(text)) => Some(text.clone()),
            None | Some(Value::Null) => (self.env)(variable).filter(|v| !v.is_empty()),
            Some(_) => return Err(wrong(name, "is neither true nor false")),
        };
        match text.as_deref() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(_) => Err(wrong(name, "is neither true nor false")),
        }
    }

    /// A number of seconds.
    pub(crate) fn seconds(&self, name: &'static str, usual: u64) -> Result<u64, StoreError> {
        let number = match self.settings.get(name) {
            None | Some(Value::Null) => Some(usual),
            Some(Value::Number(number)) => number.to_string().parse().ok(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| wrong(name, "is not a whole number of seconds above zero"))
    }

    /// The name of a schema.
    pub(crate) fn schema(&self, variable: Option<&str>, usual: &str) -> Result<Schema, StoreError> {
        let name = self.text("schema_name", variable.unwrap_or_default())?;
        let name = name.unwrap_or_else(|| usual.to_owned());
        match name.is_empty() || name.contains('\0') {
            true => Err(wrong("schema_name", "is not a name that a schema can have")),
            false => Ok(Schema(name)),
        }
    }
}

fn wrong(name: &'static str, reason: &str) -> StoreError {
    StoreError::Setting {
        name,
        reason: reason.to_owned(),
    }
}

/// The environment of this process. No variable has an empty name.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The name of a schema.
#[derive(Clone, Debug)]
pub(crate) struct Schema(pub(crate) String);

impl Schema {
    /// The name as it stands in a statement.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(settings: Value, expect: Result<(&str, bool, u64), &str>) {
        let settings = settings.as_object().unwrap();
        let env = |name: &str| (name == "FLAG").then(|| "1".to_owned());
        let given = Given {
            settings,
            env: &env,
        };
        let found = given.schema(None, "usual").and_then(|schema| {
            let flag = given.flag("flag", "FLAG")?;
            Ok((schema.quoted(), flag, given.seconds("lease", 60)?))
        });
        let found = found.map_err(|e| e.to_string());
        match (&found, expect) {
            (Ok((schema, flag, lease)), Ok(expect)) => {
                assert_eq!((&**schema, *flag, *lease), expect);
            }
            (Err(error), Err(expect)) => assert!(error.contains(expect), "{error}"),
            _ => panic!("{found:?} is not {expect:?}"),
        }
    }

    #[test]
    fn arguments_come_before_the_environment() {
        check(json!({}), Ok(("\"usual\"", true, 60)));
        check(
            json!({"flag": false, "lease": 5}),
            Ok(("\"usual\"", false, 5)),
        );
        check(
            json!({"schema_name": "a\"b", "flag": null}),
            Ok(("\"a\"\"b\"", true, 60)),
        );
        check(json!({"schema_name": ""}), Err("\"schema_name\""));
        check(json!({"schema_name": 1}), Err("is not a text"));
        check(
            json!({"flag": "maybe"}),
            Err("\"flag\" of the backend is neither"),
        );
        check(
            json!({"lease": -1}),
            Err("is not a whole number of seconds above zero"),
        );
        check(
            json!({"lease": 1.5}),
            Err("is not a whole number of seconds above zero"),
        );
    }
}
