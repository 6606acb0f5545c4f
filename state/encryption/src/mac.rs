//! Codes that tell whether bytes are those that somebody wrote who has a key.

use aws_lc_rs::hmac;

use crate::Secret;

/// Bytes of a code.
pub const CODE_LEN: usize = 32;

/// The code of bytes: HMAC with SHA-256. What the bytes are for is a part of it.
pub fn authenticate(key: &Secret, purpose: &str, bytes: &[u8]) -> [u8; CODE_LEN] {
    let tag = context(key, purpose, bytes).sign();
    let mut code = [0; CODE_LEN];
    code.copy_from_slice(tag.as_ref());
    code
}

/// Whether a code is the one of these bytes, in a time that tells nothing about it.
pub fn is_authentic(key: &Secret, purpose: &str, bytes: &[u8], code: &[u8]) -> bool {
    let expect = authenticate(key, purpose, bytes);
    aws_lc_rs::constant_time::verify_slices_are_equal(&expect, code).is_ok()
}

fn context(key: &Secret, purpose: &str, bytes: &[u8]) -> hmac::Context {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(purpose.as_bytes());
    context.update(&[0]);
    context.update(bytes);
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's `hmac.digest(b"key", b"plan\0" + b"bytes", "sha256")`.
    #[test]
    fn a_vector() {
        let code = authenticate(&Secret::from("key"), "plan", b"bytes");
        assert_eq!(
            &code[..8],
            &[0x0b, 0xbe, 0xcb, 0xa0, 0x5c, 0x9a, 0x83, 0x5b]
        );
    }

    #[test]
    fn changes_are_noticed() {
        let key = Secret::from("key");
        let code = authenticate(&key, "plan", b"bytes");
        assert!(is_authentic(&key, "plan", b"bytes", &code));
        assert!(!is_authentic(&key, "plan", b"byteS", &code));
        assert!(!is_authentic(&key, "state", b"bytes", &code));
        assert!(!is_authentic(&Secret::from("kez"), "plan", b"bytes", &code));
        assert!(!is_authentic(&key, "plan", b"bytes", &code[..31]));
        let mut other = code;
        other[31] ^= 1;
        assert!(!is_authentic(&key, "plan", b"bytes", &other));
    }
}
