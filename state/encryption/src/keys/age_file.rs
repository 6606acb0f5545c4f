//! The file format of age, version 1, for keys: one chunk, wrapped to X25519 recipients. What is
//! written here can be decrypted with `age -d`.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, EphemeralPrivateKey, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::Bech32;
use bech32::primitives::decode::CheckedHrpstring;
use muster_store::SealError;
use zeroize::Zeroizing;

use super::damaged;
use crate::Secret;
use crate::secret::fill;

const VERSION: &str = "age-encryption.org/v1";
const WRAP_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";
/// Bytes of one chunk. Keys never need two.
const CHUNK: usize = 64 * 1024;

type Key = Zeroizing<[u8; 32]>;

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipient([u8; 32]);

/// A private key.
pub(super) struct Identity {
    private: PrivateKey,
    public: [u8; 32],
}

impl Recipient {
    /// Reads `age1...`.
    pub(super) fn parse(text: &str) -> Result<Self, SealError> {
        let key = bech32_key(text, RECIPIENT);
        let key = key.map(|key| Self(*key));
        // What it is instead is not shown: it may be secret.
        key.ok_or_else(|| {
            SealError(match has_identity(text) {
                true => "It is a secret key. A recipient is the public half, which begins with \
                         \"age1\"; age-keygen -y tells it."
                    .to_owned(),
                false => "It is not an X25519 recipient of age.".to_owned(),
            })
        })
    }
}

/// Whether a text has a private key in it, be it a valid one or not.
pub(super) fn has_identity(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // Those of plugins are called differently, and those of SSH are blocks.
    ["age-secret-key-", "age-plugin-", "private key-----"]
        .iter()
        .any(|mark| text.contains(mark))
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-1...`.
    pub(super) fn parse(text: &str) -> Result<Self, SealError> {
        let wrong = || SealError("An identity is not an X25519 key of age.".to_owned());
        let key = bech32_key(text, IDENTITY).ok_or_else(wrong)?;
        let private = PrivateKey::from_private_key(&X25519, &key[..]).map_err(|_| wrong())?;
        let public = private.compute_public_key().map_err(|_| wrong())?;
        let public = public.as_ref().try_into().map_err(|_| wrong())?;
        Ok(Self { private, public })
    }
}

fn bech32_key(text: &str, prefix: &str) -> Option<Key> {
    let parsed = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if parsed.hrp().to_lowercase() != prefix {
        return None;
    }
    let mut key = Key::default();
    let mut bytes = parsed.byte_iter();
    for slot in key.iter_mut() {
        *slot = bytes.next()?;
    }
    bytes.next().is_none().then_some(key)
}

/// Encrypts to all recipients.
pub(super) fn encrypt(plain: &Secret, recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    let file_key = Secret::random(16)?;
    let mut header = format!("{VERSION}\n");
    for recipient in recipients {
        let (share, body) = wrap(&file_key, recipient)?;
        let [share, body] = [&share[..], &body].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        header.push_str(&format!("-> X25519 {share}\n{body}\n"));
    }
    header.push_str("---");
    let mac = hmac::sign(&mac_key(&file_key)?, header.as_bytes());
    let mut file = format!("{header} {}\n", STANDARD_NO_PAD.encode(mac)).into_bytes();
    let mut nonce = [0; 16];
    fill(&mut nonce)?;
    file.extend_from_slice(&nonce);
    let payload_key = derive(file_key.bytes(), &nonce, b"payload")?;
    file.extend(seal(&payload_key, chunk_nonce(), plain.bytes())?);
    Ok(file)
}

/// Decrypts with whichever identity fits.
pub(super) fn decrypt(file: &[u8], identities: &[Identity]) -> Result<Secret, SealError> {
    let parsed = File::parse(file)?;
    let found = parsed.stanzas.iter().find_map(|stanza| {
        let mut identities = identities.iter();
        identities.find_map(|identity| unwrap(stanza, identity))
    });
    let Some(file_key) = found else {
        let detail = "None of the identities belongs to a recipient that it was encrypted to.";
        return Err(SealError(detail.to_owned()));
    };
    hmac::verify(&mac_key(&file_key)?, parsed.header, &parsed.mac)
        .map_err(|_| damaged("the header of the age file was changed"))?;
    let changed = || damaged("the content of the age file was changed");
    let (nonce, body) = parsed
        .payload
        .split_first_chunk::<16>()
        .ok_or_else(changed)?;
    if body.len() > CHUNK {
        return Err(damaged("the age file is too long for a key"));
    }
    let payload_key = derive(file_key.bytes(), nonce, b"payload")?;
    open(&payload_key, chunk_nonce(), body).ok_or_else(changed)
}

/// The parts of a file.
struct File<'a> {
    /// What is authenticated.
    header: &'a [u8],
    stanzas: Vec<Stanza>,
    mac: Vec<u8>,
    payload: &'a [u8],
}

/// The file key for one X25519 recipient.
struct Stanza {
    share: [u8; 32],
    body: Vec<u8>,
}

impl<'a> File<'a> {
    fn parse(file: &'a [u8]) -> Result<Self, SealError> {
        let wrong = || damaged("it is not an age file");
        let mut rest = file;
        let mut line = || -> Result<&'a str, SealError> {
            let end = rest.iter().position(|b| *b == b'\n').ok_or_else(wrong)?;
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            std::str::from_utf8(line).map_err(|_| wrong())
        };
        if line()? != VERSION {
            return Err(wrong());
        }
        let mut stanzas = Vec::new();
        let mut next = line()?;
        let mac = loop {
            if let Some(mac) = next.strip_prefix("--- ") {
                break mac;
            }
            let arguments = next.strip_prefix("-> ").ok_or_else(wrong)?;
            let mut body = Vec::new();
            // The last line of a body is shorter than the others.
            loop {
                let text = line()?;
                body.extend(decode(text).ok_or_else(wrong)?);
                if text.len() < 64 {
                    break;
                }
            }
            let share = arguments.strip_prefix("X25519 ").map(decode);
            if let Some(share) = share {
                let share = share.and_then(|share| share.try_into().ok());
                let share = share.ok_or_else(wrong)?;
                stanzas.push(Stanza { share, body });
            }
            next = line()?;
        };
        let mac = decode(mac).ok_or_else(wrong)?;
        // The line of the code and its end are not authenticated, but for the dashes.
        let end = file.len() - rest.len() - (next.len() + 1) + "---".len();
        let header = file.get(..end);
        Ok(Self {
            header: header.ok_or_else(wrong)?,
            stanzas,
            mac,
            payload: rest,
        })
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// The file key for a recipient: an ephemeral public key, and the wrapped key.
fn wrap(file_key: &Secret, recipient: &Recipient) -> Result<([u8; 32], Vec<u8>), SealError> {
    let wrong = || SealError("A key cannot be wrapped to a recipient of age.".to_owned());
    let ephemeral = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new());
    let ephemeral = ephemeral.map_err(|_| wrong())?;
    let share = ephemeral.compute_public_key().map_err(|_| wrong())?;
    let share: [u8; 32] = share.as_ref().try_into().map_err(|_| wrong())?;
    let salt = [share, recipient.0].concat();
    let peer = UnparsedPublicKey::new(&X25519, recipient.0);
    let key = agreement::agree_ephemeral(ephemeral, peer, wrong(), |shared| {
        derive(shared, &salt, WRAP_INFO)
    })?;
    Ok((share, seal(&key, [0; 12], file_key.bytes())?))
}

/// The file key, where the identity is the one that it was wrapped to.
fn unwrap(stanza: &Stanza, identity: &Identity) -> Option<Secret> {
    let salt = [stanza.share, identity.public].concat();
    let peer = UnparsedPublicKey::new(&X25519, stanza.share);
    let key = agreement::agree(&identity.private, peer, (), |shared| {
        derive(shared, &salt, WRAP_INFO).map_err(|_| ())
    });
    let file_key = open(&key.ok()?, [0; 12], &stanza.body)?;
    (file_key.bytes().len() == 16).then_some(file_key)
}

fn mac_key(file_key: &Secret) -> Result<hmac::Key, SealError> {
    let key = derive(file_key.bytes(), b"", b"header")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key[..]))
}

/// HKDF with SHA-256.
fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Key, SealError> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, salt);
    let pseudorandom = salt.extract(secret);
    let mut key = Key::default();
    let info = [info];
    let filled = pseudorandom
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key[..]));
    filled.map_err(|_| SealError("A key cannot be derived.".to_owned()))?;
    Ok(key)
}

/// The nonce of a first chunk that is also the last one.
fn chunk_nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[11] = 1;
    nonce
}

fn seal(key: &Key, nonce: [u8; 12], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let wrong = |_| SealError("A key cannot be encrypted.".to_owned());
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).map_err(wrong)?;
    let mut bytes = plain.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut bytes,
        )
        .map_err(wrong)?;
    Ok(bytes)
}

fn open(key: &Key, nonce: [u8; 12], sealed: &[u8]) -> Option<Secret> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).ok()?;
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let len = LessSafeKey::new(key)
        .open_in_place(nonce, Aad::empty(), &mut bytes)
        .ok()?
        .len();
    bytes.truncate(len);
    Some(Secret::wiped(bytes))
}
