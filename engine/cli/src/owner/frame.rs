//! What the process that carries out a run and the processes that show it say to each other: a
//! byte for the kind, four bytes for the length (the lowest first), then as many bytes. What is
//! too long for that is sent in parts, of which only the last one has the kind.

use std::io::{self, Read, Write};

/// The most bytes that one frame carries.
const MOST: usize = 1 << 20;

/// Output is sent in pieces of so many bytes.
pub(super) const PIECE: usize = 1 << 16;

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Output, from the run.
    Text(Stream, Vec<u8>),
    /// The screen is to put a question to whoever is there, and send back the answer. With
    /// `hidden`, the answer is kept off the screen.
    Ask { question: Vec<u8>, hidden: bool },
    /// The run has said something before that is not kept any more.
    Gap,
    /// The arguments are not those of a run: the screen is to do what they say by itself.
    Declined,
    /// The run is over, with this exit code. The screen learns that from the process itself.
    Ended(u8),
    /// A JSON document about the run, for those who attach.
    About(Vec<u8>),
    /// The line that was typed, without its end; `None` when there is none. From the screen.
    Answer(Option<String>),
    /// The screen got this signal.
    Signal(u8),
}

const OUT: u8 = 1;
const ERR: u8 = 2;
const ASK: u8 = 3;
const ASK_HIDDEN: u8 = 4;
const DECLINED: u8 = 5;
const ENDED: u8 = 6;
const ABOUT: u8 = 7;
const ANSWER: u8 = 8;
const NO_ANSWER: u8 = 9;
const SIGNAL: u8 = 10;
/// The beginning, or some of the middle, of what the next frame ends.
const PART: u8 = 11;
const GAP: u8 = 12;

impl Frame {
    /// The frame as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Text(stream, text) => encode_text(*stream, text),
            Self::Ask { question, hidden } => {
                encode(if *hidden { ASK_HIDDEN } else { ASK }, question)
            }
            Self::Gap => encode(GAP, &[]),
            Self::Declined => encode(DECLINED, &[]),
            Self::Ended(code) => encode(ENDED, &[*code]),
            Self::About(document) => encode(ABOUT, document),
            Self::Answer(Some(line)) => encode(ANSWER, line.as_bytes()),
            Self::Answer(None) => encode(NO_ANSWER, &[]),
            Self::Signal(number) => encode(SIGNAL, &[*number]),
        }
    }

    /// Sends the frame at once.
    ///
    /// # Errors
    /// Nobody takes it.
    pub(super) fn send(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(&self.encode())
    }

    /// The next frame; `None` at an end between two frames.
    ///
    /// # Errors
    /// Nothing can be read, or what is there is no frame.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let mut header = [0; 5];
            if !fill(from, &mut header)? {
                return match bytes.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            let [kind, length @ ..] = header;
            let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
            if length > MOST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let before = bytes.len();
            bytes.resize(before + length, 0);
            from.read_exact(&mut bytes[before..])?;
            if kind != PART {
                return Self::decode(kind, bytes).map(Some);
            }
        }
    }

    fn decode(kind: u8, bytes: Vec<u8>) -> io::Result<Self> {
        Ok(match kind {
            OUT => Self::Text(Stream::Out, bytes),
            ERR => Self::Text(Stream::Err, bytes),
            ASK | ASK_HIDDEN => Self::Ask {
                question: bytes,
                hidden: kind == ASK_HIDDEN,
            },
            GAP => Self::Gap,
            DECLINED => Self::Declined,
            ENDED => Self::Ended(single(&bytes)?),
            ABOUT => Self::About(bytes),
            ANSWER => Self::Answer(Some(String::from_utf8_lossy(&bytes).into_owned())),
            NO_ANSWER => Self::Answer(None),
            SIGNAL => Self::Signal(single(&bytes)?),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

/// A piece of output as a frame.
pub(super) fn encode_text(stream: Stream, text: &[u8]) -> Vec<u8> {
    let kind = match stream {
        Stream::Out => OUT,
        Stream::Err => ERR,
    };
    encode(kind, text)
}

fn encode(kind: u8, mut bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(5 * (1 + bytes.len() / MOST) + bytes.len());
    while let Some((part, rest)) = bytes
        .split_at_checked(MOST)
        .filter(|(_, rest)| !rest.is_empty())
    {
        put(&mut frame, PART, part);
        bytes = rest;
    }
    put(&mut frame, kind, bytes);
    frame
}

/// Adds a frame of bytes that are not too many for it.
fn put(to: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    to.push(kind);
    to.extend(length.to_le_bytes());
    to.extend(bytes);
}

fn single(bytes: &[u8]) -> io::Result<u8> {
    match bytes {
        [byte] => Ok(*byte),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Fills the buffer; false when there is nothing at all any more.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) if got == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were() {
        let frames = [
            Frame::Text(Stream::Out, b"a\n\xff".to_vec()),
            Frame::Text(Stream::Err, Vec::new()),
            Frame::Ask {
                question: b"What?".to_vec(),
                hidden: true,
            },
            Frame::Ask {
                question: Vec::new(),
                hidden: false,
            },
            Frame::Gap,
            Frame::Declined,
            Frame::Ended(3),
            Frame::About(b"{}".to_vec()),
            Frame::Answer(Some("yes".to_owned())),
            Frame::Answer(None),
            Frame::Signal(15),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let mut from = bytes.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut from).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from).unwrap(), None);
    }

    #[test]
    fn long_answers_come_in_parts() {
        let check = |length: usize, frames: usize| {
            // A character of two bytes is cut where the first byte is an odd one.
            let line = "a".to_owned() + &"\u{e9}".repeat(length / 2);
            let line = line[..line.floor_char_boundary(length)].to_owned();
            let bytes = Frame::Answer(Some(line.clone())).encode();
            assert_eq!(bytes.len(), line.len() + 5 * frames, "{length}");
            let mut from = bytes.as_slice();
            let found = Frame::read(&mut from).unwrap();
            assert!(found == Some(Frame::Answer(Some(line))), "{length}");
            assert!(from.is_empty(), "{length}");
        };
        check(0, 1);
        check(MOST - 1, 1);
        check(MOST + 1, 2);
        check(3 * MOST + 1, 4);
        let exactly = Frame::Text(Stream::Out, vec![b'a'; MOST]);
        let bytes = exactly.encode();
        assert_eq!(bytes.len(), MOST + 5);
        assert!(Frame::read(&mut bytes.as_slice()).unwrap() == Some(exactly));
    }

    #[test]
    fn what_is_no_frame() {
        let check = |bytes: &[u8], expect: io::ErrorKind| {
            let mut from = bytes;
            let error = Frame::read(&mut from).unwrap_err();
            assert_eq!(error.kind(), expect, "{bytes:?}");
        };
        check(&[OUT, 1], io::ErrorKind::UnexpectedEof);
        check(&[OUT, 2, 0, 0, 0, b'a'], io::ErrorKind::UnexpectedEof);
        check(&[OUT, 0, 0, 0, 255], io::ErrorKind::InvalidData);
        check(&[PART, 1, 0, 0, 0, b'a'], io::ErrorKind::UnexpectedEof);
        check(&[0, 0, 0, 0, 0], io::ErrorKind::InvalidData);
        check(&[ENDED, 0, 0, 0, 0], io::ErrorKind::InvalidData);
    }
}
