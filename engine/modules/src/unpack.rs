//! Unpacks archives. Nothing in an archive can reach outside of the directory that it is unpacked
//! into: neither by its name nor through a link.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::archive::Kind;

mod xz;

/// More is no module.
const MOST_FILES: usize = 100_000;

/// More bytes in all are no module.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The target of a link is a path.
const LONGEST_TARGET: u64 = 4096;

/// An archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is damaged, or of another kind.
    #[error("it is not a valid archive: {0}")]
    Archive(String),
    /// A file would be put outside the directory.
    #[error("it holds \"{0}\", which is not a name of a file inside of it")]
    Name(String),
    /// A link leads outside the directory.
    #[error("it holds the link \"{0}\", which leads out of it")]
    Link(String),
    /// It has more files or bytes than a module has.
    #[error("it is far larger than any module")]
    Size,
    /// Unpacking it takes too much memory.
    #[error(
        "it needs {wanted} MiB of memory to be unpacked, and more than {most} MiB are refused. Pack it with a smaller dictionary: xz -9 takes one of 64 MiB"
    )]
    Memory {
        /// Its window, in MiB.
        wanted: u64,
        /// The largest that is allowed, in MiB.
        most: u64,
    },
    /// A file cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Unpacks an archive into a directory, which should not be there yet.
pub(crate) fn unpack(archive: &Path, kind: Kind, dir: &Path) -> Result<(), UnpackError> {
    let file = File::open(archive).map_err(damaged)?;
    let mut target = Target::new(dir)?;
    let mut reader = BufReader::new(file);
    match kind {
        Kind::Zip => unzip(reader, &mut target)?,
        Kind::Tar => untar(reader, &mut target)?,
        Kind::TarGzip => untar(flate2::bufread::MultiGzDecoder::new(reader), &mut target)?,
        Kind::TarBzip2 => untar(bzip2::bufread::MultiBzDecoder::new(reader), &mut target)?,
        Kind::TarXz => {
            xz::check(&mut reader)?;
            reader.rewind().map_err(damaged)?;
            untar(lzma_rust2::XzReader::new(reader, true), &mut target)?;
        }
    }
    target.finish()
}

/// The directory that is filled.
struct Target {
    dir: PathBuf,
    files: usize,
    left: u64,
    /// Links are made when all files are there, so that no file is written through one.
    links: Vec<(PathBuf, String)>,
}

fn unzip(reader: BufReader<File>, target: &mut Target) -> Result<(), UnpackError> {
    let wrong = |e: ZipError| UnpackError::Archive(e.to_string());
    let mut archive = ZipArchive::new(reader).map_err(wrong)?;
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(wrong)?;
        let name = entry.name().map_err(wrong)?.into_owned();
        if entry.is_dir() {
            target.directory(&name)?;
        } else if entry.is_symlink() {
            let mut to = String::new();
            let limited = &mut entry.by_ref().take(LONGEST_TARGET);
            limited.read_to_string(&mut to).map_err(damaged)?;
            target.link(&name, &to)?;
        } else {
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            target.file(&name, &mut entry, executable)?;
        }
    }
    Ok(())
}

fn untar(reader: impl Read, target: &mut Target) -> Result<(), UnpackError> {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry.link_name_bytes();
        let link = link.map(|to| String::from_utf8_lossy(&to).into_owned());
        let kind = entry.header().entry_type();
        match (kind, link) {
            // What an archive says about itself is no file.
            (tar::EntryType::XGlobalHeader, _) => {}
            (tar::EntryType::Directory, _) => target.directory(&name)?,
            (tar::EntryType::Symlink, Some(to)) => target.link(&name, &to)?,
            (tar::EntryType::Link, Some(to)) => target.copy(&name, &to)?,
            (tar::EntryType::Regular | tar::EntryType::Continuous, _) => {
                let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
                target.file(&name, &mut entry, executable)?;
            }
            _ => return Err(UnpackError::Name(escaped(&name))),
        }
    }
    Ok(())
}

impl Target {
    fn new(dir: &Path) -> Result<Self, UnpackError> {
        create_dir(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            files: 0,
            left: MOST_BYTES,
            links: Vec::new(),
        })
    }

    fn count(&mut self) -> Result<(), UnpackError> {
        self.files += 1;
        match self.files > MOST_FILES {
            true => Err(UnpackError::Size),
            false => Ok(()),
        }
    }

    fn directory(&mut self, name: &str) -> Result<(), UnpackError> {
        self.count()?;
        create_dir(&self.dir.join(plain(name)?))
    }

    fn file(
        &mut self,
        name: &str,
        content: &mut impl Read,
        executable: bool,
    ) -> Result<(), UnpackError> {
        self.count()?;
        let path = self.place(name)?;
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(if executable { 0o755 } else { 0o644 });
        }
        #[cfg(not(unix))]
        let _ = executable;
        let mut file = options.open(&path).map_err(unwritable(&path))?;
        let mut limited = content.take(self.left.saturating_add(1));
        // Reading fails when the archive is wrong, writing when there is no space.
        let size = match io::copy(&mut limited, &mut file) {
            Ok(size) => size,
            Err(e) if e.raw_os_error().is_some() => return Err(unwritable(&path)(e)),
            Err(e) => return Err(damaged(e)),
        };
        self.left = self.left.checked_sub(size).ok_or(UnpackError::Size)?;
        Ok(())
    }

    /// A hard link: another name for a file that is there already.
    fn copy(&mut self, name: &str, to: &str) -> Result<(), UnpackError> {
        self.count()?;
        let from = self.dir.join(plain(to)?);
        let path = self.place(name)?;
        let size = std::fs::metadata(&from).map_err(|_| UnpackError::Link(escaped(name)))?;
        self.left = self.left.checked_sub(size.len()).ok_or(UnpackError::Size)?;
        std::fs::copy(&from, &path).map_err(unwritable(&path))?;
        Ok(())
    }

    fn link(&mut self, name: &str, to: &str) -> Result<(), UnpackError> {
        self.count()?;
        let place = plain(name)?;
        let refused = || UnpackError::Link(escaped(name));
        let mut parts: Vec<&str> = Vec::new();
        let parent = place.parent().unwrap_or(Path::new(""));
        parts.extend(parent.iter().filter_map(|part| part.to_str()));
        if to.starts_with('/') || to.contains(['\\', '\0']) {
            return Err(refused());
        }
        for part in to.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop().ok_or_else(refused)?),
                part => parts.push(part),
            }
        }
        self.links.push((self.dir.join(place), to.to_owned()));
        Ok(())
    }

    /// The place of a file, whose directory is made.
    fn place(&self, name: &str) -> Result<PathBuf, UnpackError> {
        let path = self.dir.join(plain(name)?);
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        Ok(path)
    }

    /// Makes the links. One that leads through another could lead anywhere, and is refused.
    fn finish(self) -> Result<(), UnpackError> {
        let places: std::collections::HashSet<&Path> =
            self.links.iter().map(|(at, _)| at.as_path()).collect();
        for (at, to) in &self.links {
            let below = at.ancestors().skip(1).any(|part| places.contains(part));
            if below || crosses(at, to, &places) {
                let name = at.strip_prefix(&self.dir).unwrap_or(at);
                return Err(UnpackError::Link(escaped(&name.to_string_lossy())));
            }
            if let Some(parent) = at.parent() {
                create_dir(parent)?;
            }
            symlink(to, at).map_err(unwritable(at))?;
        }
        Ok(())
    }
}

/// Whether the way to the end of a link passes another one.
fn crosses(at: &Path, to: &str, places: &std::collections::HashSet<&Path>) -> bool {
    let mut way = at.parent().map(Path::to_owned).unwrap_or_default();
    let parts: Vec<&str> = to.split('/').collect();
    for part in &parts[..parts.len().saturating_sub(1)] {
        match *part {
            "" | "." => {}
            ".." => drop(way.pop()),
            part => way.push(part),
        }
        if places.contains(way.as_path()) {
            return true;
        }
    }
    false
}

/// The path of an entry. Only plain parts are allowed, on every system.
fn plain(name: &str) -> Result<PathBuf, UnpackError> {
    let refused = || UnpackError::Name(escaped(name));
    let name = name.strip_prefix("./").unwrap_or(name);
    let trimmed = name.trim_end_matches('/');
    if name.starts_with('/') {
        return Err(refused());
    }
    let parts = trimmed.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut path = PathBuf::new();
    for part in parts {
        if part == ".." || part.contains(['\\', ':', '\0', '\n']) {
            return Err(refused());
        }
        path.push(part);
    }
    Ok(path)
}

fn escaped(name: &str) -> String {
    name.escape_debug().to_string()
}

fn damaged(error: io::Error) -> UnpackError {
    UnpackError::Archive(error.to_string())
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> UnpackError {
    let path = path.to_owned();
    |source| UnpackError::Write { path, source }
}

fn create_dir(path: &Path) -> Result<(), UnpackError> {
    std::fs::create_dir_all(path).map_err(unwritable(path))
}

#[cfg(unix)]
fn symlink(to: &str, at: &Path) -> io::Result<()> {
    match std::fs::remove_file(at) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::os::unix::fs::symlink(to, at)
}

/// Links need a privilege elsewhere.
#[cfg(not(unix))]
fn symlink(to: &str, at: &Path) -> io::Result<()> {
    let target = at.parent().unwrap_or(Path::new("")).join(to);
    std::fs::copy(target, at).map(|_| ())
}

#[cfg(test)]
mod tests;
