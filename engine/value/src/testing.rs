//! Pseudo-random types and values for the tests of this crate.

use std::collections::BTreeMap;

use crate::{Number, Refinement, Type, Value, convert, set_value};

/// A small generator of pseudo-random bits; enough to vary inputs.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `n`, which is not zero.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() >> 33).unwrap() % n
    }

    fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// A type without optional attributes; `Dynamic` only where every value can stand, which is
    /// not inside collections.
    pub(crate) fn ty(&mut self, depth: usize, dynamic: bool) -> Type {
        let kinds = if depth == 0 { 3 } else { 8 };
        match self.below(kinds + usize::from(dynamic)) {
            0 => Type::Bool,
            1 => Type::Number,
            2 => Type::String,
            n if n == kinds => Type::Dynamic,
            3 => Type::list(self.ty(depth - 1, false)),
            4 => Type::set(self.ty(depth - 1, false)),
            5 => Type::map(self.ty(depth - 1, false)),
            6 => {
                let len = self.below(4);
                Type::tuple(
                    (0..len)
                        .map(|_| self.ty(depth - 1, dynamic))
                        .collect::<Vec<_>>(),
                )
            }
            _ => {
                let len = self.below(4);
                Type::object((0..len).map(|i| (format!("a{i}"), self.ty(depth - 1, dynamic))))
            }
        }
    }

    /// A value of a type; with unknowns when `unknowns`.
    pub(crate) fn value(&mut self, ty: &Type, unknowns: bool) -> Value {
        if self.chance(12) {
            return Value::Null(ty.clone());
        }
        if unknowns && self.chance(12) {
            let refinement = if self.chance(2) {
                Refinement::not_null()
            } else {
                Refinement::default()
            };
            let refined = Value::refined(ty.clone(), refinement);
            return match ty {
                Type::Dynamic => Value::unknown(Type::Dynamic),
                _ => refined,
            };
        }
        let len = self.below(4);
        match ty {
            Type::Dynamic => {
                let ty = self.ty(2, false);
                self.value(&ty, unknowns)
            }
            Type::Bool => Value::Bool(self.chance(2)),
            Type::Number => Value::Number(self.number()),
            Type::String => {
                let texts = [
                    "",
                    "a",
                    "é",
                    "long text beyond thirty-two bytes",
                    "\"\u{1F600}",
                ];
                texts[self.below(texts.len())].into()
            }
            Type::List(t) => Value::list(
                (**t).clone(),
                (0..len).map(|_| self.value(t, unknowns)).collect(),
            ),
            Type::Set(t) => set_value(
                (**t).clone(),
                (0..len).map(|_| self.value(t, unknowns)).collect(),
            ),
            Type::Map(t) => {
                let entries = (0..len).map(|i| (format!("k{i}").into(), self.value(t, unknowns)));
                Value::map((**t).clone(), entries.collect::<BTreeMap<_, _>>())
            }
            Type::Tuple(ts) => Value::tuple(
                ts.iter()
                    .map(|t| self.value(t, unknowns))
                    .collect::<Vec<_>>(),
            ),
            Type::Object(o) => {
                let attributes = o.attributes.iter();
                Value::object(attributes.map(|(k, t)| (k.clone(), self.value(t, unknowns))))
            }
        }
    }

    fn number(&mut self) -> Number {
        match self.below(5) {
            0 => Number::from(self.bits()),
            1 => Number::from(i64::from(self.bits() as i8)),
            2 => Number::from(self.bits() as i64),
            3 => Number::from(self.bits() as i64)
                .div(&Number::parse("1024").unwrap())
                .unwrap(),
            _ => Number::parse(&format!("{}e-9", self.bits())).unwrap(),
        }
    }
}

#[test]
fn random_values_are_of_their_type() {
    let mut random = Random(7);
    for _ in 0..2000 {
        let ty = random.ty(3, true);
        let value = random.value(&ty, true);
        assert_eq!(convert(&value, &ty).as_ref(), Ok(&value), "{ty}");
    }
}
