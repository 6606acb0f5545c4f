//! The simulator's file: one JSON document, exchanged as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::world::World;
use crate::driver::DriverError;

/// Where a simulated world is kept.
///
/// Every change holds a lock on a file beside it, so that processes take turns, and is written
/// to a new file that then takes the old one's place. A crash leaves the old world or the new
/// one, never half of each; for the same reason a look at it needs no lock, and touches nothing.
#[derive(Clone, Debug)]
pub(super) struct WorldFile {
    path: PathBuf,
}

impl WorldFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Looks at the world. A file that is not there yet is an empty world.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&World) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        look(&self.load()?)
    }

    /// Changes the world. Nothing is written when the change is refused, or is none.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let _lock = self.lock()?;
        self.remove_left_behind();
        let before = self.load()?;
        let mut world = before.clone();
        let result = change(&mut world)?;
        if world != before {
            world.serial += 1;
            self.save(&world)?;
        }
        Ok(result)
    }

    /// Waits for its turn. The lock goes with the file.
    fn lock(&self) -> Result<File, DriverError> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |error: io::Error| storage(&path, &error);
        if let Some(folder) = folder(&path) {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        Ok(file)
    }

    fn load(&self) -> Result<World, DriverError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(World::default()),
            Err(error) => return Err(storage(&self.path, &error)),
        };
        let world: World =
            serde_json::from_slice(&bytes).map_err(|error| DriverError::Storage {
                path: self.path.clone(),
                reason: format!("the file is not a simulated world: {error}"),
            })?;
        if world.version != World::VERSION {
            let reason = format!("version {} of the file is not supported", world.version);
            return Err(DriverError::Storage {
                path: self.path.clone(),
                reason,
            });
        }
        Ok(world)
    }

    fn save(&self, world: &World) -> Result<(), DriverError> {
        self.replace(world)
            .map_err(|error| storage(&self.path, &error))
    }

    /// Removes what processes were writing when they were killed. Nobody else writes, as long as
    /// the lock is held.
    fn remove_left_behind(&self) {
        let start = self.temporary();
        let entries = fs::read_dir(folder(&self.path).unwrap_or(Path::new(".")));
        for entry in entries.into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&start) {
                // The next one finds it again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// What the names of files start with that are being written.
    fn temporary(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        format!(".{}.new-", name.to_string_lossy())
    }

    fn replace(&self, world: &World) -> io::Result<()> {
        let folder = folder(&self.path).unwrap_or(Path::new("."));
        // Temporary files are made with mode 0600: a world holds access tokens.
        let mut file = tempfile::Builder::new()
            .prefix(&self.temporary())
            .tempfile_in(folder)?;
        let mut text = serde_json::to_vec_pretty(world)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
}

fn storage(path: &Path, error: &io::Error) -> DriverError {
    DriverError::Storage {
        path: path.into(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, WorldFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = WorldFile::new(folder.path().join("deep/sim.json"));
        (folder, file)
    }

    #[test]
    fn a_refused_change_leaves_no_trace() {
        let (_folder, file) = file();
        let refused = file.write(|world| {
            world.serial = 99;
            Err::<(), _>(DriverError::Refused("no".into()))
        });
        assert!(refused.is_err());
        assert_eq!(file.read(|world| Ok(world.serial)), Ok(0));
        assert!(!file.path.exists());
    }

    #[test]
    fn changes_are_on_disk_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, file) = file();
        file.write(|world| {
            world.next = 7;
            Ok(())
        })
        .unwrap();
        let again = WorldFile::new(file.path.clone());
        assert_eq!(
            again.read(|world| Ok((world.next, world.serial))),
            Ok((7, 1))
        );
        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_broken_file_is_told_and_kept() {
        let (folder, _) = file();
        let path = folder.path().join("sim.json");
        fs::write(&path, "{ not json").unwrap();
        let file = WorldFile::new(path.clone());
        let error = file.write(|_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("not a simulated world"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{ not json");
    }

    #[test]
    fn a_look_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sim.json");
        let text = serde_json::to_string(&World::default()).unwrap();
        fs::write(&path, &text).unwrap();
        let file = WorldFile::new(path.clone());
        assert_eq!(file.read(|world| Ok(world.serial)), Ok(0));
        assert_eq!(fs::read_to_string(path).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_left_behind_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let file = WorldFile::new(path("sim.json"));
        let change = |world: &mut World| {
            world.next += 1;
            Ok(())
        };
        file.write(change).unwrap();
        fs::write(path(".sim.json.new-k1ll3d"), "{ half").unwrap();
        fs::write(path(".other.json.new-k1ll3d"), "theirs").unwrap();
        file.write(change).unwrap();
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            [".other.json.new-k1ll3d", "sim.json", "sim.json.lock"]
        );
    }

    #[test]
    fn writers_take_turns() {
        let (_folder, file) = file();
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                std::thread::spawn(move || {
                    for _ in 0..5 {
                        file.write(|world| {
                            world.next += 1;
                            Ok(())
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(file.read(|world| Ok(world.next)), Ok(41));
    }
}
