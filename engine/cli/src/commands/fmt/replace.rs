//! How a file gets a new content.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Puts a new content into a file. Permissions, owner and every other name of the file stay.
///
/// Where it can be, another file takes its place at once, so that an end at any moment leaves the old content
/// or the new one. A file with several names, of somebody else or with attributes that would be
/// lost is written in place.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link stays a link.
    let path = path.canonicalize()?;
    // Who may not write the file may not replace it either.
    let mut file = File::options().read(true).write(true).open(&path)?;
    let found = file.metadata()?;
    if found.nlink() == 1
        && found.is_file()
        && !has_attributes(&file)
        && swap(&path, &found, content)?
    {
        return Ok(());
    }
    write_in_place(&mut file, content)
}

/// Whether it has an access list or the like. Labels are given to new files as well.
fn has_attributes(file: &File) -> bool {
    let mut names = [0u8; 4096];
    match rustix::fs::flistxattr(file, &mut names[..]) {
        Ok(len) => names[..len]
            .split(|byte| *byte == 0)
            .any(|name| !name.is_empty() && name != b"security.selinux"),
        // They are not known where there can be none.
        Err(error) => error == rustix::io::Errno::RANGE,
    }
}

/// Puts a new file in the place of one, if it can be made to look the same.
fn swap(path: &Path, found: &Metadata, content: &[u8]) -> io::Result<bool> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let Ok(mut new) = tempfile::NamedTempFile::new_in(dir) else {
        return Ok(false);
    };
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid(), made.dev()) != (found.uid(), found.gid(), found.dev()) {
        return Ok(false);
    }
    new.write_all(content)?;
    new.as_file().set_permissions(found.permissions())?;
    Ok(new.persist(path).is_ok())
}

/// Writes over a file. When that fails, the old content is put back as far as it can be.
pub(super) fn write_in_place(file: &mut impl InPlace, content: &[u8]) -> io::Result<()> {
    let mut old = Vec::new();
    file.read_to_end(&mut old)?;
    let written = overwrite(file, content);
    if written.is_err() {
        // The first error is the one to tell.
        let _ = overwrite(file, &old);
    }
    written
}

fn overwrite(file: &mut impl InPlace, content: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(content)?;
    file.cut(content.len() as u64)
}

/// What can be written over.
pub(super) trait InPlace: Read + Write + Seek {
    /// Makes it so many bytes long.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl InPlace for File {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}
