//! Repositories, through the program git.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::address::{hide, take};
use crate::{ModuleError, shown};

/// A repository that takes longer is not coming any more.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Surroundings of a hook, which would lead git to the repository of the hook.
const OF_HOOKS: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// A repository, and what of it is wanted.
struct Repository {
    /// As git wants it.
    url: String,
    /// A branch, tag or commit.
    reference: Option<String>,
    /// So many commits, and not all.
    depth: Option<u32>,
    /// A private key for ssh, in base64.
    key: Option<String>,
}

/// Puts the files of a repository into a directory that is not there yet. `interactive` says
/// whether git may ask for passwords.
pub(crate) async fn fetch(address: &str, dir: &Path, interactive: bool) -> Result<(), ModuleError> {
    let repository = Repository::parse(address)?;
    let key = repository.key_file(address)?;
    let git = Git {
        address,
        interactive,
        key: key.as_ref().map(|file| file.path()),
    };
    match repository.depth {
        Some(depth) => repository.some(&git, dir, depth).await?,
        None => repository.all(&git, dir).await?,
    }
    if dir.join(".gitmodules").exists() {
        let depth = repository.depth.map(|n| format!("--depth={n}"));
        let mut args = vec!["submodule", "update", "--init", "--recursive"];
        args.extend(depth.as_deref());
        let what = "Getting the submodules of";
        git.run(what, Some(dir), &args).await?;
    }
    Ok(())
}

impl Repository {
    fn parse(address: &str) -> Result<Self, ModuleError> {
        let (url, [reference, depth, key]) = take(address, ["ref", "depth", "sshkey"]);
        let wrong = |reason: &str| Err(ModuleError::address(address, reason));
        if url.starts_with('-') {
            return wrong("it begins with a dash");
        }
        let reference = reference.filter(|name| !name.is_empty());
        if reference.as_ref().is_some_and(|name| name.starts_with('-')) {
            return wrong("no branch, tag or commit begins with a dash");
        }
        let depth = match depth.as_deref() {
            None | Some("") => None,
            Some(text) => match text.parse() {
                Ok(depth) if depth > 0 => Some(depth),
                _ => return wrong("the depth is a number of commits"),
            },
        };
        Ok(Self {
            url,
            reference,
            depth,
            key: key.filter(|key| !key.is_empty()),
        })
    }

    /// The whole history.
    async fn all(&self, git: &Git<'_>, dir: &Path) -> Result<(), ModuleError> {
        let place = dir.to_string_lossy();
        let args = ["clone", "--quiet", "--", &self.url, &place];
        git.run("Cloning", None, &args).await?;
        let Some(name) = &self.reference else {
            return Ok(());
        };
        let args = ["checkout", "--quiet", name, "--"];
        let checkout = git.run("Checking out", Some(dir), &args).await;
        checkout.map_err(|error| self.unknown(name, error))
    }

    /// The last commits.
    async fn some(&self, git: &Git<'_>, dir: &Path, depth: u32) -> Result<(), ModuleError> {
        let place = dir.to_string_lossy();
        git.run("Preparing", None, &["init", "--quiet", "--", &place])
            .await?;
        // Submodules may have addresses relative to this one.
        let args = ["remote", "add", "origin", &self.url];
        git.run("Preparing", Some(dir), &args).await?;
        let depth = format!("--depth={depth}");
        let name = self.reference.as_deref().unwrap_or("HEAD");
        let args = ["fetch", "--quiet", &depth, "origin", name];
        let fetched = git.run("Fetching", Some(dir), &args).await;
        fetched.map_err(|error| match &self.reference {
            Some(name) => self.unknown(name, error),
            None => error,
        })?;
        let args = ["checkout", "--quiet", "FETCH_HEAD", "--"];
        git.run("Checking out", Some(dir), &args).await
    }

    /// Says so when git knows no such reference.
    fn unknown(&self, name: &str, error: ModuleError) -> ModuleError {
        match error {
            ModuleError::Git { output, .. } if output.contains(name) => ModuleError::Reference {
                address: shown(&self.url),
                name: name.to_owned(),
                output,
            },
            other => other,
        }
    }

    /// The private key in a file that only its owner can read.
    fn key_file(&self, address: &str) -> Result<Option<tempfile::NamedTempFile>, ModuleError> {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let key = STANDARD.decode(key.replace(' ', "+"));
        let key = key.map_err(|_| ModuleError::address(address, "sshkey is not base64"))?;
        let temp = std::env::temp_dir();
        let file = tempfile::NamedTempFile::new().map_err(ModuleError::file(&temp))?;
        std::fs::write(file.path(), key).map_err(ModuleError::file(file.path()))?;
        Ok(Some(file))
    }
}

/// How git is run.
struct Git<'a> {
    /// Whose secrets are not to be shown.
    address: &'a str,
    interactive: bool,
    key: Option<&'a Path>,
}

impl Git<'_> {
    async fn run(
        &self,
        what: &'static str,
        dir: Option<&Path>,
        args: &[&str],
    ) -> Result<(), ModuleError> {
        let mut command = Command::new("git");
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(dir) = dir {
            command.current_dir(dir);
        }
        for name in OF_HOOKS {
            command.env_remove(name);
        }
        self.surround(&mut command);
        let output = tokio::time::timeout(LONGEST, command.output()).await;
        let output = output.map_err(|_| ModuleError::Slow {
            address: shown(self.address),
            seconds: LONGEST.as_secs(),
        })?;
        let output = output.map_err(ModuleError::NoGit)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(ModuleError::Git {
            what,
            address: shown(self.address),
            output: hide(said.trim(), self.address),
        })
    }

    /// Nobody can answer a question where nobody sits, and a server that falls silent is left.
    fn surround(&self, command: &mut Command) {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        if !is_set("GIT_HTTP_LOW_SPEED_LIMIT") && !is_set("GIT_HTTP_LOW_SPEED_TIME") {
            command
                .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
                .env("GIT_HTTP_LOW_SPEED_TIME", "60");
        }
        if !self.interactive && !is_set("GIT_TERMINAL_PROMPT") {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        let mut ssh = std::env::var("GIT_SSH_COMMAND").unwrap_or_default();
        if ssh.is_empty() && (self.key.is_some() || !self.interactive) {
            ssh = "ssh".to_owned();
            if !self.interactive {
                ssh.push_str(" -oBatchMode=yes");
            }
        }
        if let Some(key) = self.key {
            ssh = format!("{ssh} -oIdentitiesOnly=yes -i '{}'", key.display());
        }
        // Without one of its own the program that the settings of git name is used.
        if !ssh.is_empty() && (self.key.is_some() || !is_set("GIT_SSH")) {
            command.env("GIT_SSH_COMMAND", ssh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_is_wanted() {
        let repository = Repository::parse("https://e.com/r?x=y&ref=a%2Fb&depth=3").unwrap();
        assert_eq!(repository.url, "https://e.com/r?x=y");
        assert_eq!(repository.reference.as_deref(), Some("a/b"));
        assert_eq!(repository.depth, Some(3));
        for wrong in [
            "--upload-pack=x",
            "https://e.com/r?ref=--x",
            "https://e.com/r?depth=0",
            "https://e.com/r?depth=-1",
        ] {
            let error = Repository::parse(wrong).err().unwrap();
            assert!(matches!(error, ModuleError::Address { .. }), "{wrong}");
        }
    }
}
