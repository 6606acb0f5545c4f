use std::io::Read;

use crate::functions::tests::check;

/// What Terraform 1.11.4 gives.
#[test]
fn same_bytes() {
    for (text, expect) in [
        ("", "H4sIAAAAAAAA/wAAAP//AQAA//8AAAAAAAAAAA=="),
        ("a", "H4sIAAAAAAAA/0oEAAAA//8BAAD//0O+t+gBAAAA"),
        (
            "hello hello hello hello",
            "H4sIAAAAAAAA/8pIzcnJV8AgAQAAAP//AQAA///jUT2NFwAAAA==",
        ),
        (
            "héllo wörld",
            "H4sIAAAAAAAA/8o4vDInJ1+h/PC2opwUAAAAAP//AQAA//+5Xx0VDQAAAA==",
        ),
    ] {
        check(&format!("base64gzip(\"{text}\")"), &format!("\"{expect}\""));
    }
}

/// Digests of what Terraform 1.11.4 gives: blocks with codes of their own, stored ones, several
/// blocks, more text than the window holds.
#[test]
fn same_bytes_of_long_texts() {
    for (text, expect) in [
        (
            "join(\",\", range(1000))",
            "88f948630999eee17b83d0f959b603f3767853df323659b33279f4925fe81bb8",
        ),
        (
            "join(\",\", [for i in range(300) : join(\"-\", [for j in range(300) : i * j])])",
            "73f08b59ed1d42727bcaa1aebd72344657d6f3a723bc3f2216788042c0cdfe78",
        ),
        (
            "join(\"\", [for i in range(1000) : sha512(i)])",
            "cef7d0c9c849786630600a8b218e01239ee26fd480a4d29cbb4ed4076302b7f9",
        ),
        (
            "join(\"\", [for i in range(1024) : join(\"\", [for j in range(1024) : \"ab\"])])",
            "0a4e7a07d0d0520c40e0ecdd7a7259b6c2a33a189c934dbf24e21db028518918",
        ),
        (
            "join(\"\", [for i in range(700) : base64sha512(i)])",
            "7603f3c4d24f63ed0d63459e69b05fde4552a5f21a069362a8a2ed52bb8b96a6",
        ),
        (
            "join(\"\", [for i in range(60) : \"${substr(sha256(i), 0, 1)}yz\"])",
            "246ebeb474cd11dd4a034c27eef9690c39265b556be9a178265ae66f36a5cdfe",
        ),
    ] {
        check(
            &format!("sha256(base64gzip({text}))"),
            &format!("\"{expect}\""),
        );
    }
}

/// Bytes that look random, from `alphabet` different ones.
fn noise(len: usize, alphabet: u64) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        ((state >> 33) % alphabet) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn unpacks_to_what_it_was() {
    for len in [0, 1, 3, 4, 5, 261, 262, 263, 65535, 65536, 65537, 200_000] {
        for alphabet in [1, 2, 7, 256] {
            let input = noise(len, alphabet);
            let packed = super::compress(&input);
            let mut output = Vec::new();
            let read = flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut output);
            assert_eq!(read.ok(), Some(len), "{len} of {alphabet}");
            assert!(output == input, "{len} of {alphabet}");
        }
    }
}
