//! Where JSON documents go.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::put;

/// Takes the documents of a command.
#[derive(Clone, Debug, Default)]
pub(super) enum Documents {
    /// Nobody wants any.
    #[default]
    Nowhere,
    /// Standard output, in the place of what is for people.
    Stdout,
    /// A file, beside what people see.
    File(Arc<Target>),
}

/// An open file.
#[derive(Debug)]
pub(super) struct Target {
    file: Mutex<File>,
    broken: AtomicBool,
}

impl Documents {
    /// A file that is for its owner only; what was in it goes. It may be a pipe: then this waits
    /// for somebody to read from it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn file(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        restrict(&file);
        Ok(Self::File(Arc::new(Target {
            file: Mutex::new(file),
            broken: AtomicBool::new(false),
        })))
    }

    /// Whether anybody wants documents.
    pub(super) fn are_wanted(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// Adds text to the documents.
    pub(super) fn put(&self, text: &str) {
        match self {
            Self::Nowhere => {}
            Self::Stdout => put(text),
            Self::File(_) => self.write(|out| out.write_all(text.as_bytes())),
        }
    }

    /// Adds what somebody writes to the documents.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        match self {
            Self::Nowhere => {}
            Self::Stdout => {
                let mut out = io::BufWriter::new(super::output::out());
                super::output::note_loss(&write(&mut out).and_then(|()| out.flush()));
            }
            Self::File(target) => {
                let file = target.file.lock().unwrap_or_else(|e| e.into_inner());
                let mut out = io::BufWriter::new(&*file);
                let written = write(&mut out).and_then(|()| out.flush());
                if let Err(error) = written {
                    target.tell(&error);
                }
            }
        }
    }
}

impl Target {
    /// Says once that documents are lost; a run goes on without them. A reader that goes away
    /// early has seen enough.
    fn tell(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::BrokenPipe && !self.broken.swap(true, Ordering::Relaxed) {
            errln!("The file of -json-into is not complete: {error}.");
        }
    }
}

/// Takes a file away from all but its owner. Somebody else's file stays as it is, and so does
/// what is no file.
fn restrict(file: &File) {
    #[cfg(unix)]
    if file.metadata().is_ok_and(|m| m.is_file()) {
        use std::os::unix::fs::PermissionsExt;
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
    }
    #[cfg(not(unix))]
    let _ = file;
}
