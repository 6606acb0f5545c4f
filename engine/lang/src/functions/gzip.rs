//! Gzip, byte for byte as Terraform writes it, so that a value that both engines compute does not
//! look changed to either.
//!
//! DEFLATE leaves open which matches are used, where blocks end and how long codes are. The
//! choices here are those of the compressor in Go's standard library at its default level.

mod bits;
mod huffman;
mod matches;

use bits::Bits;
use matches::Matcher;

/// Text of any length as a gzip file of one member, without a name or a time.
pub(super) fn compress(input: &[u8]) -> Vec<u8> {
    /// Magic, the method, no flags, no time, no hint and a system that is "unknown".
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut out = Bits::new(HEADER.to_vec());
    Matcher::new(input).run(&mut out);
    // What is written so far is flushed before the end is.
    out.stored_header(0, false);
    out.stored_header(0, true);
    let mut bytes = out.finish();
    let mut sum = flate2::Crc::new();
    sum.update(input);
    bytes.extend(sum.sum().to_le_bytes());
    // The length is kept modulo 2^32, as the format has it.
    bytes.extend((input.len() as u32).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests;
