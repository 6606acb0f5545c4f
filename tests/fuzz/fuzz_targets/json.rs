//! The JSON codec of values and types, `jsondecode` and `jsonencode`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Empty, TYPES, conforms};
use muster_lang::functions::{Call, FunctionError, lookup};
use muster_value::{
    Type, Value, implied_type, json_to_value, type_from_json, type_to_json, value_to_json,
};
use serde_json::Value as Json;

fn codec(json: &Json, ty: &Type) {
    let Ok(value) = json_to_value(json, ty) else {
        return;
    };
    conforms(&value, ty);
    match value_to_json(&value, ty) {
        Ok(written) => {
            let again = json_to_value(&written, ty).expect("what was written can be read");
            assert_eq!(again, value, "{ty}");
            assert_eq!(value_to_json(&again, ty).as_ref(), Ok(&written), "{ty}");
        }
        // Infinities, which only the text of a number can give.
        Err(_) => assert!(format!("{value:?}").contains("Inf"), "{value:?}"),
    }
}

fn call(name: &str, argument: Value) -> Result<Value, FunctionError> {
    let function = lookup(name).expect("a builtin function");
    (function.call)(&[argument], &Call { scope: &Empty })
}

fn functions(text: &str) {
    let Ok(value) = call("jsondecode", text.into()) else {
        return;
    };
    let encoded = call("jsonencode", value.clone()).expect("what was decoded can be encoded");
    let again = call("jsondecode", encoded).expect("what was encoded can be decoded");
    assert_eq!(again, value);
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    functions(text);
    let Ok(json) = serde_json::from_str::<Json>(text) else {
        return;
    };
    codec(&json, &TYPES[usize::from(*choice) % TYPES.len()]);
    codec(&json, &implied_type(&json));
    if let Ok(ty) = type_from_json(&json) {
        assert_eq!(type_from_json(&type_to_json(&ty)), Ok(ty));
    }
});
