//! The keys and signatures in `testdata/openpgp` were made with GnuPG 2.2.

use super::*;

fn read(name: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/openpgp");
    std::fs::read(format!("{dir}/{name}")).unwrap()
}

fn verify_files(key: &str, signature: &str) -> Result<Signer, PgpError> {
    let keys = read_keys(&read(&format!("{key}.asc"))).unwrap();
    verify(
        &keys,
        &read("SHA256SUMS"),
        &read(&format!("{signature}.sig")),
    )
}

#[test]
fn signatures_of_all_kinds_are_good() {
    for name in [
        "rsa", "rsa512", "ed25519", "p256", "p384", "p521", "subkey", "ended",
    ] {
        let keys = read_keys(&read(&format!("{name}.asc"))).unwrap();
        let signer = verify_files(name, name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(signer.fingerprint, keys[0].fingerprint(), "{name}");
        let primary = signer.fingerprint[12..] == signer.key.0;
        assert_eq!(primary, name != "subkey", "{name}");
    }
}

#[test]
fn every_key_of_a_file_is_tried() {
    let all = [read("rsa.asc"), read("ed25519.asc")].concat();
    let keys = read_keys(&all).unwrap();
    assert_eq!(keys.len(), 2);
    assert!(verify(&keys, &read("SHA256SUMS"), &read("ed25519.sig")).is_ok());
    let both = [read("p256.sig"), read("rsa.sig")].concat();
    assert!(verify(&keys, &read("SHA256SUMS"), &both).is_ok());
}

#[test]
fn signatures_that_do_not_count_are_refused() {
    let check = |key: &str, signature: &str, expect: PgpError| {
        let error = verify_files(key, signature).unwrap_err();
        assert_eq!(error, expect, "{signature} with {key}");
    };
    check("rsa", "ed25519", PgpError::UnknownKey);
    check("revoked", "revoked", PgpError::Revoked);
    check("late", "late", PgpError::Expired);
    check(
        "rsa",
        "sha1",
        PgpError::Unsupported("signatures with SHA-1"),
    );
    check(
        "rsa",
        "text",
        PgpError::Unsupported("signatures of another kind than of files"),
    );
}

#[test]
fn other_data_does_not_fit() {
    for name in ["rsa", "ed25519", "p256", "subkey"] {
        let keys = read_keys(&read(&format!("{name}.asc"))).unwrap();
        let mut data = read("SHA256SUMS");
        data[0] ^= 1;
        let error = verify(&keys, &data, &read(&format!("{name}.sig"))).unwrap_err();
        assert_eq!(error, PgpError::Invalid, "{name}");
    }
}

#[test]
fn a_subkey_needs_the_word_of_its_primary_key() {
    // The signatures of the primary key are left out.
    let raw = dearmor(&read("subkey.asc")).unwrap();
    let mut packets = packets(&raw).unwrap();
    packets.retain(|p| p.tag != SIGNATURE);
    let keys = Certificate::parse_all(&packets).unwrap();
    let error = verify(&keys, &read("SHA256SUMS"), &read("subkey.sig")).unwrap_err();
    assert_eq!(error, PgpError::Invalid);
}

#[test]
fn no_byte_can_be_changed_to_a_good_signature_of_other_data() {
    let other = b"other data\n";
    for name in ["rsa", "ed25519", "subkey"] {
        let (keys, signature) = (
            dearmor(&read(&format!("{name}.asc"))).unwrap(),
            dearmor(&read(&format!("{name}.sig"))).unwrap(),
        );
        for at in 0..signature.len() {
            let mut damaged = signature.clone();
            damaged[at] ^= 0x41;
            assert!(verify(&read_keys(&keys).unwrap(), other, &damaged).is_err());
            damaged.truncate(at);
            assert!(verify(&read_keys(&keys).unwrap(), other, &damaged).is_err());
        }
        for at in 0..keys.len() {
            let mut damaged = keys.clone();
            damaged[at] ^= 0x41;
            if let Ok(keys) = read_keys(&damaged) {
                assert!(verify(&keys, other, &signature).is_err());
            }
            damaged.truncate(at);
            let _ = read_keys(&damaged);
        }
    }
}
