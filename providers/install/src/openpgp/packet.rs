//! Armor, and the packets that all OpenPGP data consists of.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::PgpError;

/// Tags of packets.
pub(super) const SIGNATURE: u8 = 2;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;

/// Line ends and a missing padding are no damage.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub tag: u8,
    pub body: &'a [u8],
}

/// Removes the armor of text; data that has none stays as it is. The contents of several blocks
/// are put together.
pub(super) fn dearmor(data: &[u8]) -> Result<Vec<u8>, PgpError> {
    let Some(text) = std::str::from_utf8(data)
        .ok()
        .filter(|text| text.trim_start().starts_with("-----BEGIN PGP "))
    else {
        return Ok(data.to_owned());
    };
    let mut out = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while lines
        .by_ref()
        .any(|line| line.starts_with("-----BEGIN PGP "))
    {
        let mut encoded = String::new();
        let mut ended = false;
        // Headers end with an empty line.
        for line in lines.by_ref().skip_while(|line| !line.is_empty()) {
            if line.starts_with("-----END PGP ") {
                ended = true;
                break;
            }
            // A line with `=` in front is a checksum, which protects from nothing.
            if !line.starts_with('=') {
                encoded.push_str(line);
            }
        }
        if !ended {
            return Err(PgpError::Malformed("the armor has no end"));
        }
        let decoded = ENGINE.decode(encoded);
        out.extend(decoded.map_err(|_| PgpError::Malformed("the armor is not base64"))?);
    }
    Ok(out)
}

/// The packets in some data.
pub(super) fn packets(data: &[u8]) -> Result<Vec<Packet<'_>>, PgpError> {
    let mut reader = Reader(data);
    let mut packets = Vec::new();
    while !reader.0.is_empty() {
        let first = reader.byte()?;
        if first & 0x80 == 0 {
            return Err(PgpError::Malformed("there is something that is no packet"));
        }
        let (tag, length) = if first & 0x40 == 0 {
            ((first >> 2) & 0x0f, old_length(&mut reader, first & 3)?)
        } else {
            (first & 0x3f, new_length(&mut reader)?)
        };
        let body = reader.take(length)?;
        packets.push(Packet { tag, body });
    }
    Ok(packets)
}

/// The length of a packet or subpacket in the newer form.
pub(super) fn new_length(reader: &mut Reader<'_>) -> Result<usize, PgpError> {
    let first = usize::from(reader.byte()?);
    match first {
        0..=191 => Ok(first),
        192..=223 => Ok(((first - 192) << 8) + usize::from(reader.byte()?) + 192),
        255 => reader.u32().map(|n| n as usize),
        _ => Err(PgpError::Malformed("a packet comes in parts")),
    }
}

fn old_length(reader: &mut Reader<'_>, kind: u8) -> Result<usize, PgpError> {
    match kind {
        0 => reader.byte().map(usize::from),
        1 => reader.u16().map(usize::from),
        2 => reader.u32().map(|n| n as usize),
        _ => Err(PgpError::Malformed("a packet has no length")),
    }
}

/// Reads numbers and parts from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], PgpError> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or(PgpError::Malformed("it ends too early"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, PgpError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, PgpError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, PgpError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A large number, without zeros in front.
    pub(super) fn mpi(&mut self) -> Result<&'a [u8], PgpError> {
        let bits = usize::from(self.u16()?);
        let bytes = self.take(bits.div_ceil(8))?;
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        Ok(&bytes[zeros..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_all_forms() {
        let check = |header: &[u8], body: usize| {
            let mut data = header.to_vec();
            data.extend(vec![7; body]);
            let found = packets(&data).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].tag, found[0].body.len()), (2, body));
        };
        check(&[0xc2, 5], 5);
        check(&[0xc2, 192, 0], 192);
        check(&[0xc2, 255, 0, 0, 1, 0], 256);
        check(&[0x88, 5], 5);
        check(&[0x89, 1, 0], 256);
        check(&[0x8a, 0, 0, 1, 0], 256);
    }

    #[test]
    fn damage_is_refused() {
        for data in [
            &[0x00, 1][..],
            &[0xc2],
            &[0xc2, 5, 1],
            &[0x8b, 1],
            &[0xc2, 230, 1],
            &[0xc2, 255, 255, 255, 255, 255],
        ] {
            assert!(packets(data).is_err(), "{data:?}");
        }
    }

    #[test]
    fn armor_is_removed() {
        let text = "-----BEGIN PGP SIGNATURE-----\nVersion: x\n\nAAEC\r\nAwQ=\n=abcd\n-----END PGP SIGNATURE-----\n";
        assert_eq!(dearmor(text.as_bytes()).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(dearmor(&text.repeat(2).into_bytes()).unwrap().len(), 10);
        assert_eq!(dearmor(&[0xc2, 1]).unwrap(), [0xc2, 1]);
        assert!(dearmor(b"-----BEGIN PGP SIGNATURE-----\n\nAAEC\n").is_err());
        assert!(
            dearmor(b"-----BEGIN PGP SIGNATURE-----\n\n!\n-----END PGP SIGNATURE-----").is_err()
        );
    }
}
