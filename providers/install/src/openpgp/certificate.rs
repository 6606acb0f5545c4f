//! A primary key with its subkeys and what it says about itself.

use super::key::{KeyId, PublicKey};
use super::packet::{PUBLIC_KEY, PUBLIC_SUBKEY, Packet, SIGNATURE, USER_ATTRIBUTE, USER_ID};
use super::signature::{
    DIRECT_KEY, KEY_REVOCATION, PRIMARY_BINDING, SUBKEY_BINDING, SUBKEY_REVOCATION, Signature,
};
use super::{PgpError, packet};

/// A key that signatures are checked with.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    primary: Component,
    subkeys: Vec<Component>,
}

/// The primary key or a subkey.
#[derive(Clone, Debug)]
struct Component {
    key: PublicKey,
    revoked: bool,
    /// Whether the primary key vouches for it, and it may sign data.
    usable: bool,
    /// Seconds after its creation at which it ends.
    lifetime: Option<u32>,
    /// When the statement was made that the two above are from.
    stated: u32,
}

/// What the signatures that follow are about.
enum Subject<'a> {
    Primary,
    User(Packet<'a>),
    Subkey,
    /// Something that does not matter.
    Other,
}

impl Certificate {
    pub(super) fn parse_all(packets: &[Packet<'_>]) -> Result<Vec<Self>, PgpError> {
        let mut all: Vec<Self> = Vec::new();
        let mut subject = Subject::Other;
        for packet in packets {
            let current = all.last_mut();
            match (packet.tag, current) {
                (PUBLIC_KEY, _) => {
                    all.push(Self::new(PublicKey::parse(packet.body)?));
                    subject = Subject::Primary;
                }
                (PUBLIC_SUBKEY, Some(current)) => match PublicKey::parse(packet.body) {
                    Ok(key) => {
                        current.subkeys.push(Component::new(key, false));
                        subject = Subject::Subkey;
                    }
                    Err(_) => subject = Subject::Other,
                },
                (USER_ID | USER_ATTRIBUTE, _) => subject = Subject::User(*packet),
                (SIGNATURE, Some(current)) => {
                    // Signatures of others, and kinds that are not known, have no say.
                    if let Ok(signature) = Signature::parse(packet.body) {
                        let _ = current.take(&subject, &signature);
                    }
                }
                _ => subject = Subject::Other,
            }
        }
        if all.is_empty() {
            return Err(PgpError::Malformed("there is no public key"));
        }
        Ok(all)
    }

    fn new(key: PublicKey) -> Self {
        Self {
            primary: Component::new(key, true),
            subkeys: Vec::new(),
        }
    }

    /// The fingerprint of the primary key.
    pub(super) fn fingerprint(&self) -> [u8; 20] {
        self.primary.key.fingerprint
    }

    /// The key with an id.
    pub(super) fn find(&self, id: KeyId) -> Option<&PublicKey> {
        self.component(id).map(|component| &component.key)
    }

    /// Checks that a key was allowed to make a signature at the time of the signature.
    pub(super) fn check(
        &self,
        key: &PublicKey,
        signature: &Signature<'_>,
        now: u64,
    ) -> Result<(), PgpError> {
        let component = self.component(key.id).ok_or(PgpError::UnknownKey)?;
        if component.revoked || self.primary.revoked {
            return Err(PgpError::Revoked);
        }
        if !component.usable {
            return Err(PgpError::Invalid);
        }
        let at = u64::from(signature.created);
        // A day of difference between clocks is no reason to refuse.
        let begun = at <= now.saturating_add(24 * 60 * 60);
        let lasts = signature
            .lifetime
            .filter(|n| *n != 0)
            .is_none_or(|n| now < at + u64::from(n));
        if begun && lasts && component.covers(at) && self.primary.covers(at) {
            Ok(())
        } else {
            Err(PgpError::Expired)
        }
    }

    fn component(&self, id: KeyId) -> Option<&Component> {
        std::iter::once(&self.primary)
            .chain(&self.subkeys)
            .find(|c| c.key.id == id)
    }

    /// Learns what a signature says, if the primary key made it.
    fn take(&mut self, subject: &Subject<'_>, signature: &Signature<'_>) -> Result<(), PgpError> {
        let primary = self.primary.key.clone();
        match (subject, signature.kind) {
            (Subject::Primary, KEY_REVOCATION) => {
                signature.verify(&primary, &[&primary.covered])?;
                self.primary.revoked = true;
            }
            (Subject::Primary, DIRECT_KEY) => {
                signature.verify(&primary, &[&primary.covered])?;
                self.primary.state(signature, true);
            }
            (Subject::User(user), 0x10..=0x13) => {
                signature.verify(&primary, &[&primary.covered, &prefix(user), user.body])?;
                self.primary.state(signature, true);
            }
            (Subject::Subkey, SUBKEY_BINDING | SUBKEY_REVOCATION) => {
                let Some(subkey) = self.subkeys.last_mut() else {
                    return Ok(());
                };
                let data = [&primary.covered[..], &subkey.key.covered];
                signature.verify(&primary, &data)?;
                if signature.kind == SUBKEY_REVOCATION {
                    subkey.revoked = true;
                } else {
                    let agreed = subkey.agrees(&data, signature);
                    subkey.state(signature, agreed);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Component {
    fn new(key: PublicKey, usable: bool) -> Self {
        Self {
            key,
            revoked: false,
            usable,
            lifetime: None,
            stated: 0,
        }
    }

    /// Takes over what the newest statement says.
    fn state(&mut self, signature: &Signature<'_>, agreed: bool) {
        if signature.created >= self.stated {
            self.stated = signature.created;
            self.lifetime = signature.key_lifetime.filter(|n| *n != 0);
            self.usable = agreed && signature.may_sign.unwrap_or(true);
        }
    }

    /// Whether a subkey that may sign says itself that it belongs to the primary key.
    fn agrees(&self, data: &[&[u8]], binding: &Signature<'_>) -> bool {
        let embedded = binding
            .embedded
            .and_then(|body| Signature::parse(body).ok());
        embedded.is_some_and(|s| s.kind == PRIMARY_BINDING && s.verify(&self.key, data).is_ok())
    }

    fn covers(&self, time: u64) -> bool {
        let created = u64::from(self.key.created);
        let end = self.lifetime.map(|n| created + u64::from(n));
        created <= time && end.is_none_or(|end| time < end)
    }
}

/// What stands in front of a user in the data that is signed.
fn prefix(user: &packet::Packet<'_>) -> Vec<u8> {
    let mark = if user.tag == USER_ID { 0xb4 } else { 0xd1 };
    let mut prefix = vec![mark];
    prefix.extend((user.body.len() as u32).to_be_bytes());
    prefix
}
