use muster_sdk::function::{Args, Function, FunctionError, Signature};
use muster_sdk::{Type, Value};

/// `provider::memo::slug(title)`: the id that a memo of this title has.
pub(crate) struct Slug;

impl Function for Slug {
    fn signature(&self) -> Signature {
        Signature::returning(Type::String)
            .param("title", Type::String)
            .describe(
                "The id of a memo",
                "Letters and digits in lower case, joined by dashes.",
            )
    }

    fn call(&self, args: Args<'_>) -> Result<Value, FunctionError> {
        let id = slug(&args.get::<String>(0)?);
        if id.is_empty() {
            return Err(FunctionError::argument(
                0,
                "A title needs at least one letter or digit.",
            ));
        }
        Ok(id.into())
    }
}

/// Letters and digits in lower case, joined by dashes.
pub(crate) fn slug(title: &str) -> String {
    let words = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Hello, World!"), "hello-world");
        assert_eq!(slug(" -- "), "");
    }
}
