//! RSA decryption.

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The private key of a PEM text, in either of the two usual forms.
pub(super) fn private_key(pem: &str) -> Result<PrivateDecryptingKey, String> {
    let broken = || "the key is not a private RSA key in PEM form".to_owned();
    let start = pem.find("-----BEGIN ").ok_or_else(broken)?;
    let (label, rest) = pem[start + 11..].split_once("-----").ok_or_else(broken)?;
    let (body, _) = rest.split_once("-----END ").ok_or_else(broken)?;
    if body.contains("ENCRYPTED") || label.contains("ENCRYPTED") {
        return Err("the key is protected by a password".into());
    }
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| broken())?;
    let der = match label {
        "RSA PRIVATE KEY" => wrap(&der),
        "PRIVATE KEY" => der,
        _ => return Err(broken()),
    };
    PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| broken())
}

/// Decrypts a text with PKCS #1 v1.5 padding.
pub(super) fn decrypt(key: &PrivateDecryptingKey, cipher: &[u8]) -> Result<Vec<u8>, String> {
    let failed = || "the text was not encrypted for this key".to_owned();
    let key = Pkcs1PrivateDecryptingKey::new(key.clone()).map_err(|_| failed())?;
    let mut room = vec![0; key.min_output_size()];
    let plain = key.decrypt(cipher, &mut room).map_err(|_| failed())?;
    Ok(plain.to_vec())
}

/// A PKCS #1 key as PKCS #8.
fn wrap(key: &[u8]) -> Vec<u8> {
    /// Version 0 and the algorithm `rsaEncryption` without parameters.
    const HEAD: [u8; 18] = [
        2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0,
    ];
    const SEQUENCE: u8 = 0x30;
    const OCTETS: u8 = 4;
    let mut body = HEAD.to_vec();
    body.extend(element(OCTETS, key));
    element(SEQUENCE, &body)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    if content.len() >= 128 {
        out.push(0x80 | length.len() as u8);
    }
    out.extend_from_slice(length);
    out.extend_from_slice(content);
    out
}
