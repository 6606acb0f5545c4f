//! Values as plans and states keep them.

use crate::{Number, Path, PathStep, Value};

impl Value {
    /// The value as it is after it was written to a plan and read back: whatever a number was
    /// made of, it has the least precision of machine integers, machine floats and the language
    /// that holds it. An infinity, which no state can hold, is an error: the path to it, or to the
    /// set around it.
    pub fn as_stored(&self) -> Result<Self, Path> {
        let mut walk = Walk::default();
        let value = walk.value(self);
        walk.infinite.map_or(Ok(value), Err)
    }
}

#[derive(Default)]
struct Walk {
    path: Path,
    /// Where the first infinity is.
    infinite: Option<Path>,
}

impl Walk {
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::Number(n) => self.number(n),
            other => stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                other.map_children(|step, part| self.part(step, part))
            }),
        }
    }

    fn part(&mut self, step: Option<PathStep>, part: &Value) -> Value {
        let depth = self.path.0.len();
        self.path.0.extend(step);
        let stored = self.value(part);
        self.path.0.truncate(depth);
        stored
    }

    fn number(&mut self, n: &Number) -> Value {
        if n.is_infinite() {
            self.infinite.get_or_insert_with(|| self.path.clone());
        }
        Value::Number(n.as_stored())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Number, Path, Type, Value, set_value};

    fn float(f: f64) -> Value {
        Value::Number(Number::from_f64(f).expect("it is a number"))
    }

    #[track_caller]
    fn check(value: Value, expect: &str) {
        let stored = value.as_stored().expect("nothing is infinite");
        assert_eq!(stored, value);
        let Some(n) = stored.as_number() else {
            panic!("{stored:?} is not a number")
        };
        assert_eq!(n.to_string(), expect);
    }

    #[test]
    fn numbers_keep_their_value_but_not_their_precision() {
        let third = Number::parse("0.1").expect("it is a number");
        check(third.into(), "0.1");
        let product = Number::from_f64(2.9999999999999996)
            .and_then(|n| n.mul(&Number::parse("1")?))
            .expect("it is a number");
        assert_ne!(product.to_string(), "2.9999999999999996");
        check(product.into(), "2.9999999999999996");
        check(Value::int(-7), "-7");
        check(float(-0.5), "-0.5");
    }

    #[test]
    fn infinities_are_found() {
        #[track_caller]
        fn refused(value: &Value, at: &str) {
            let path = value.as_stored().expect_err("there is an infinity");
            assert_eq!(path.to_string(), at);
        }
        let infinite = float(f64::INFINITY);
        refused(&infinite, "");
        let list = Value::list(Type::Number, vec![Value::int(1), infinite.clone()]);
        refused(&Value::object([("a", list)]), ".a[1]");
        let set = set_value(Type::Number, vec![infinite]);
        refused(&Value::tuple([set]), "[0]");
        assert_eq!(Value::NULL.as_stored(), Ok(Value::NULL));
        assert_eq!(Path::root().to_string(), "");
    }
}
