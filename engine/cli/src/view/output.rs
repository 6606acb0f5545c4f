//! Where what is shown goes.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::owner;

/// Prints. A reader that goes away early has seen enough.
pub(crate) fn put(text: &str) {
    put_bytes(text.as_bytes());
}

/// As [`put`], whatever the bytes are.
pub(crate) fn put_bytes(bytes: &[u8]) {
    let mut out = out();
    note_loss(&out.write_all(bytes).and_then(|()| out.flush()));
}

/// Standard output; where another process shows what this one says, that one's.
pub(super) fn out() -> Box<dyn Write> {
    match owner::is_owner() {
        true => Box::new(Said),
        false => Box::new(std::io::stdout().lock()),
    }
}

/// Takes what another process shows.
struct Said;

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        owner::say(owner::Stream::Out, bytes, true);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Standard output could not be written, though somebody is there to read it.
static OUTPUT_IS_LOST: AtomicBool = AtomicBool::new(false);

/// Remembers when output is lost, and says so once. A reader that goes away early has seen enough.
pub(super) fn note_loss(written: &std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !OUTPUT_IS_LOST.swap(true, Ordering::Relaxed)
    {
        errln!("Error: the output cannot be written: {error}");
    }
}

/// Whether some of the output could not be written.
pub(crate) fn output_is_lost() -> bool {
    OUTPUT_IS_LOST.load(Ordering::Relaxed)
}

/// Prints to standard error. Nobody may be reading there any more, which must not keep a run from
/// recording what it did.
pub(crate) fn put_err(text: &str) {
    put_err_bytes(text.as_bytes());
}

/// As [`put_err`], whatever the bytes are.
pub(crate) fn put_err_bytes(bytes: &[u8]) {
    if !owner::say(owner::Stream::Err, bytes, true) {
        write_err(bytes);
    }
}

/// As [`put_err`], for what is no part of what a command shows.
pub(crate) fn put_log(text: &str) {
    if !owner::say(owner::Stream::Err, text.as_bytes(), false) {
        write_err(text.as_bytes());
    }
}

fn write_err(bytes: &[u8]) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(bytes).and_then(|()| err.flush());
}
