use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::files::*;
use super::replace::{InPlace, replace, write_in_place};

#[track_caller]
fn check_ignored(name: &str, expect: bool) {
    assert_eq!(is_ignored(name.as_ref()), expect, "{name}");
}

#[test]
fn hidden_files_and_copies_are_passed_over() {
    check_ignored(".terraform", true);
    check_ignored("main.tf~", true);
    check_ignored("#main.tf#", true);
    check_ignored("main.tf", false);
    check_ignored("#main.tf", false);
}

#[test]
fn endings() {
    let sources = ["a.tf", "a.auto.tfvars", "a.tftest.hcl", "a.tfmock.hcl"];
    assert!(sources.iter().all(|name| is_source(Path::new(name))));
    let others = ["a.tf.json", "a.hcl", "tf", "a.tf/b"];
    assert!(!others.iter().any(|name| is_source(Path::new(name))));
}

#[test]
fn names_are_relative() {
    let here = std::env::current_dir().unwrap();
    let check = |path: &Path, expect: &str| assert_eq!(shown(path), expect);
    check(Path::new("./a/../b.tf"), "b.tf");
    check(&here.join("x/y.tf"), "x/y.tf");
    check(Path::new("../up.tf"), "../up.tf");
    check(Path::new("."), ".");
}

#[test]
fn a_replaced_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("a.tf"), dir.path().join("b.tf"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("a.tf", &link).unwrap();
    replace(&link, b"new").unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

/// Files whose place no other file can take are written over, whether the text grows or shrinks.
#[test]
fn a_file_with_two_names_keeps_both() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("a.tf"), dir.path().join("b.tf"));
    std::fs::write(&one, "old").unwrap();
    std::fs::hard_link(&one, &other).unwrap();
    for content in ["longer than it was", "short"] {
        replace(&one, content.as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), content);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_file_of_somebody_else_stays_theirs() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.tf");
    std::fs::write(&file, "old").unwrap();
    if let Err(error) = std::os::unix::fs::chown(&file, Some(4321), Some(4321)) {
        errln!("skipped: only the superuser can give files away, and here: {error}");
        return;
    }
    replace(&file, b"new").unwrap();
    let found = std::fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.gid()), (4321, 4321));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
}

#[test]
fn a_file_with_attributes_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tf");
    std::fs::write(&path, "old").unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    if let Err(error) = rustix::fs::setxattr(&path, "user.note", b"mine", flags) {
        errln!("skipped: not every file system has attributes, and here: {error}");
        return;
    }
    replace(&path, b"new").unwrap();
    let mut value = [0u8; 16];
    let len = rustix::fs::getxattr(&path, "user.note", &mut value[..]).unwrap();
    assert_eq!(&value[..len], b"mine");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
}

/// A file on a disk that is full once so many bytes were written; what is there can be written
/// over.
struct Full {
    file: Cursor<Vec<u8>>,
    room: usize,
    /// Whether a file can be made shorter or longer.
    cuts: bool,
}

impl Read for Full {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.saturating_sub(self.file.position() as usize);
        match bytes.len().min(room) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            len => self.file.write(&bytes[..len]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl InPlace for Full {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        if !self.cuts {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.file.get_mut().resize(len as usize, 0);
        Ok(())
    }
}

#[test]
fn a_file_that_cannot_be_written_over_keeps_its_content() {
    let check = |cuts, content: &str, expect: Result<&str, io::ErrorKind>| {
        let mut disk = Full {
            file: Cursor::new(b"what was there".to_vec()),
            room: 20,
            cuts,
        };
        let written = write_in_place(&mut disk, content.as_bytes()).map_err(|e| e.kind());
        assert_eq!(written, expect.map(|_| ()), "{content}");
        let there = String::from_utf8(disk.file.into_inner()).unwrap();
        assert_eq!(there, expect.unwrap_or("what was there"), "{content}");
    };
    check(true, "new", Ok("new"));
    check(
        true,
        "twenty bytes, no more",
        Err(io::ErrorKind::StorageFull),
    );
    // What comes behind a shorter text cannot be taken away: the first error is told.
    check(false, "new", Err(io::ErrorKind::PermissionDenied));
}
