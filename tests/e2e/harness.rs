//! A working directory and the program in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory with a configuration; removed when this is dropped.
pub(crate) struct Work {
    dir: tempfile::TempDir,
}

/// What a run of the program left behind.
pub(crate) struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that all of it was printed, wherever.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        for part in parts {
            assert!(all.contains(part), "{part:?} is not in:\n{all}");
        }
        self
    }

    /// Asserts that nothing of it was printed.
    #[track_caller]
    pub(crate) fn never_says(self, parts: &[&str]) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        for part in parts {
            assert!(!all.contains(part), "{part:?} is in:\n{all}");
        }
        self
    }
}

impl Work {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cli.tfrc"), "").unwrap();
        Self { dir }
    }

    /// A directory with one configuration file.
    pub(crate) fn with(config: &str) -> Self {
        let work = Self::empty();
        work.write("main.tf", config);
        work
    }

    /// A copy of an example.
    pub(crate) fn example(name: &str) -> Self {
        let work = Self::empty();
        copy(&root().join("examples").join(name), work.path());
        work
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The program, ready to run here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        self.prepare(&mut command, args);
        command
    }

    /// Any program, with the same surroundings.
    pub(crate) fn prepare(&self, command: &mut Command, args: &[&str]) {
        command
            .args(args)
            .current_dir(self.path())
            .env("TF_CLI_CONFIG_FILE", self.path().join("cli.tfrc"))
            // Schemas of large plugins are shared by all tests.
            .env("XDG_CACHE_HOME", cache())
            .env("NO_COLOR", "1")
            .env_remove("TF_WORKSPACE")
            .env_remove("TF_DATA_DIR")
            .env_remove("TF_CLI_ARGS")
            .env_remove("TF_INPUT")
            .stdin(Stdio::null());
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::new(&self.command(args).output().unwrap())
    }

    /// Runs the program to its end, with these answers at its standard input.
    pub(crate) fn answer(&self, args: &[&str], answers: &str) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who asks for nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(answers.as_bytes());
        Ran::new(&child.wait_with_output().unwrap())
    }

    /// The JSON document that the program prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(args).code(0);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stdout))
    }

    /// What is in the state, one address per line.
    pub(crate) fn state_list(&self) -> Vec<String> {
        let ran = self.run(&["state", "list"]);
        ran.stdout.lines().map(str::to_owned).collect()
    }
}

/// Says why a test does nothing here. Where everything must be tested, it fails instead.
pub(crate) fn skip(reason: &str) {
    let strict = std::env::var_os("CI_STRICT").is_some_and(|v| v == "1");
    assert!(!strict, "{reason}, and CI_STRICT wants every test");
    // What cannot be said is no reason to fail.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// Whether the closing of a terminal reaches what this process begins. Under `nohup` it does not,
/// and a test of it is skipped.
pub(crate) fn hangs_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangs_up = ignored.is_none_or(|mask| mask & 1 == 0);
    if !hangs_up {
        skip("hangups are ignored here");
    }
    hangs_up
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        // What a run by hand left behind is not part of the example.
        if text.starts_with('.') || text.contains("tfstate") {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(&name));
        } else {
            std::fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

/// Copies all files of a directory; answers the copies.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copies.extend(copy_all(&entry.path(), &target));
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            copies.push(target);
        }
    }
    copies
}
