//! The files of all workspaces.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::LocalStore;
use crate::{Backend, Codec, Store, StoreError, os};

/// What the folders of deleted workspaces begin with until they are gone. No workspace can have
/// such a name.
const DELETED: &str = ".deleted#";

/// States in local files: one file for the default workspace, and for each other one a file in a
/// folder of its own.
#[derive(Clone, Debug)]
pub struct LocalBackend {
    /// The state of the default workspace.
    pub path: PathBuf,
    /// The folder with a folder for each other workspace.
    pub workspace_dir: PathBuf,
    /// How states become bytes.
    pub codec: Codec,
}

impl Default for LocalBackend {
    fn default() -> Self {
        Self {
            path: "terraform.tfstate".into(),
            workspace_dir: "terraform.tfstate.d".into(),
            codec: Codec::default(),
        }
    }
}

/// Two backends are the same if their files are.
impl PartialEq for LocalBackend {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.workspace_dir) == (&other.path, &other.workspace_dir)
    }
}

impl LocalBackend {
    /// The state file of a workspace.
    pub fn state_path(&self, workspace: &str) -> PathBuf {
        if workspace == crate::DEFAULT_WORKSPACE {
            return self.path.clone();
        }
        self.workspace_dir.join(workspace).join("terraform.tfstate")
    }

    /// The store of a workspace.
    pub fn store(&self, workspace: &str) -> LocalStore {
        LocalStore::new(self.state_path(workspace)).with_codec(self.codec.clone())
    }
}

impl Backend for LocalBackend {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        let mut names = vec![crate::DEFAULT_WORKSPACE.to_owned()];
        let entries = match std::fs::read_dir(&self.workspace_dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(StoreError::io("read", &self.workspace_dir))?,
        };
        let folders = entries.flatten().filter(|e| e.path().is_dir());
        let folders = folders.map(|e| e.file_name().to_string_lossy().into_owned());
        names.extend(folders.filter(|name| !name.starts_with(DELETED)));
        names[1..].sort();
        names.dedup();
        Ok(names)
    }

    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        let path = self.state_path(workspace);
        let folder = path.parent().unwrap_or(&self.workspace_dir);
        self.tidy();
        std::fs::create_dir_all(folder).map_err(StoreError::io("make", folder))
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.store(workspace)))
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        let path = self.state_path(workspace);
        let folder = path.parent().unwrap_or(&self.workspace_dir);
        // Under its name there is all of it or nothing: whoever waits for the lock, which is one
        // on a file in there, cannot put anything into what is being removed.
        let gone = self
            .workspace_dir
            .join(format!("{DELETED}{}", crate::random_id()));
        std::fs::rename(folder, &gone).map_err(StoreError::io("remove", folder))?;
        let _ = os::sync_folder(&self.workspace_dir);
        match std::fs::remove_dir_all(&gone) {
            // Over a network, files that are open stay for as long as they are. Or somebody else
            // is tidying up.
            Err(error)
                if [ErrorKind::DirectoryNotEmpty, ErrorKind::NotFound].contains(&error.kind()) =>
            {
                Ok(())
            }
            removed => removed.map_err(StoreError::io("remove", gone)),
        }
    }

    fn tidy(&self) {
        let entries = std::fs::read_dir(&self.workspace_dir).into_iter().flatten();
        let is_deleted = |name: &OsStr| name.to_string_lossy().starts_with(DELETED);
        for entry in entries.flatten().filter(|e| is_deleted(&e.file_name())) {
            // Whoever tidies up next tries again.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
