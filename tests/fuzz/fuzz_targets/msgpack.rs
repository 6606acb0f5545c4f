//! Any bytes decoded as values of several types.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{TYPES, conforms};
use muster_value::{Type, from_msgpack, to_msgpack};

fn check(bytes: &[u8], ty: &Type) {
    let Ok(value) = from_msgpack(bytes, ty) else {
        return;
    };
    conforms(&value, ty);
    let encoded = to_msgpack(&value, ty).expect("what was decoded can be encoded");
    let again = from_msgpack(&encoded, ty).expect("what was encoded can be decoded");
    assert!(again.same(&value), "{again:?} {value:?}");
    // Of what is said about unknown values, not all is written.
    if value.is_wholly_known() {
        assert_eq!(again, value, "{ty}");
    }
    assert_eq!(to_msgpack(&again, ty).as_ref(), Ok(&encoded), "{ty}");
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    check(bytes, &TYPES[usize::from(*choice) % TYPES.len()]);
});
