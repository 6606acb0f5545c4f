//! Recorded scenarios: configurations, commands, and what Terraform 1.11.4 left behind after each.
//!
//! `tests/scenarios/README.md` describes the files. `SCENARIO=NAME` runs only those whose name
//! contains NAME.

mod normal;
mod words;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use crate::harness::{Ran, Work, copy_all, root};
use words::Tokens;

#[test]
fn scenarios_go_as_recorded() {
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root().join("tests/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.to_string_lossy().contains(&wanted))
        .collect();
    folders.sort();
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // Runs wait for programs more than they compute.
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = Scenario::new(folder).run();
                    problems.lock().unwrap().extend(found);
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(!folders.is_empty(), "no scenario is called {wanted}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A scenario on its way.
struct Scenario<'a> {
    folder: &'a Path,
    work: Work,
    /// What the last step put into the directory.
    laid: Vec<PathBuf>,
    tokens: Tokens,
    /// Serial and lineage of each state when last looked at.
    serials: HashMap<PathBuf, (Value, Value)>,
}

impl<'a> Scenario<'a> {
    fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            work: Work::empty(),
            laid: Vec::new(),
            tokens: Tokens::default(),
            serials: HashMap::new(),
        }
    }

    /// Runs all steps; answers how each command that differs does.
    fn run(mut self) -> Vec<String> {
        let name = self.folder.file_name().unwrap_or_default().to_owned();
        let mut problems = Vec::new();
        let spec = read_json(&self.folder.join("scenario.json"));
        for (step, number) in items(&spec["steps"]).iter().zip(1..) {
            if let Some(config) = step["config"].as_str() {
                self.lay(config);
            }
            let golden = read_json(&self.folder.join(format!("expected/{number}.json")));
            for (command, golden) in items(&step["run"]).iter().zip(items(&golden)) {
                let Some((got, said)) = self.perform(command) else {
                    continue;
                };
                if let Some(difference) = differ(golden, &got) {
                    problems.push(format!(
                        "{} step {number}: {}\n{difference}\n{said}",
                        name.display(),
                        got["cmd"]
                    ));
                }
            }
        }
        problems
    }

    /// Replaces the files of the last step by those of another.
    fn lay(&mut self, config: &str) {
        for file in self.laid.drain(..) {
            std::fs::remove_file(file).unwrap();
        }
        self.laid = copy_all(&self.folder.join(config), self.work.path());
    }

    /// Carries out one command; those with something to compare answer what happened, and what the
    /// program said.
    fn perform(&mut self, command: &Value) -> Option<(Value, String)> {
        if command.get("cmd").is_some() {
            return Some(self.perform_program(command));
        }
        if let Some(write) = command.get("write") {
            self.work.write(text(&write["path"]), text(&write["text"]));
        } else if let Some(copy) = command.get("copy") {
            let path = |i: usize| self.work.path().join(text(&copy[i]));
            std::fs::copy(path(0), path(1)).unwrap();
        } else if let Some(patch) = command.get("patch_json") {
            self.patch(patch);
        } else {
            panic!("unknown command {command}");
        }
        None
    }

    fn patch(&self, patch: &Value) {
        let path = text(&patch["path"]);
        let mut document = read_json(&self.work.path().join(path));
        for (key, value) in patch["set"].as_object().into_iter().flatten() {
            document[key] = value.clone();
        }
        for (key, value) in patch["add"].as_object().into_iter().flatten() {
            document[key] = json!(document[key].as_i64().unwrap() + value.as_i64().unwrap());
        }
        self.work.write(path, document.to_string());
    }

    fn perform_program(&mut self, command: &Value) -> (Value, String) {
        let args: Vec<&str> = items(&command["cmd"]).iter().map(text).collect();
        let ran = self.exec(command, &args, command["stdin"].as_str());
        let mut result = Map::new();
        result.insert("cmd".to_owned(), args.join(" ").into());
        result.insert("exit".to_owned(), ran.code.into());
        for what in items(command.get("compare").unwrap_or(&json!([]))) {
            let seen = self.look(command, text(what), &ran);
            result.insert(text(what).to_owned(), seen);
        }
        (result.into(), format!("{}{}", ran.stdout, ran.stderr))
    }

    /// The part of what a command left behind that `what` names, in its normal form.
    fn look(&mut self, command: &Value, what: &str, ran: &Ran) -> Value {
        let (kind, file) = what.split_once(':').unwrap_or((what, ""));
        let parts = command.get("plan_parts").cloned().unwrap_or(json!([]));
        match kind {
            "plan" => {
                let file = if file.is_empty() { "tfplan" } else { file };
                let shown = self.exec(command, &["show", "-json", file], None);
                self.document(&shown.stdout, |plan| normal::plan(plan, &parts))
            }
            "json" => self.document(&ran.stdout, |value| normal::document(value, &parts)),
            "state" => {
                let state = std::fs::read_to_string(self.state_path(command, file));
                match state {
                    Ok(state) => self.document(&state, normal::state),
                    Err(_) => "no such file".into(),
                }
            }
            "serial" => self.serial(&self.state_path(command, file)),
            "diags" => self.tokens.value(&normal::diagnostics(&ran.stdout)),
            "events" => self.tokens.value(&normal::events(&ran.stdout)),
            "stdout" => self.lines(words::lines(&ran.stdout)),
            "summary" => self.lines(words::summary(&ran.stdout)),
            "errors" => self.lines(words::errors(&ran.stdout, &ran.stderr)),
            "file" | "file-sorted" | "file-code" => {
                let Ok(read) = std::fs::read_to_string(self.work.path().join(file)) else {
                    return "no such file".into();
                };
                let mut lines = words::lines(&read);
                match kind {
                    "file-sorted" => lines.sort(),
                    "file-code" => lines.retain(|l| !l.is_empty() && !l.starts_with('#')),
                    _ => (),
                }
                self.lines(lines)
            }
            _ => panic!("unknown comparison {what}"),
        }
    }

    fn document(&mut self, text: &str, normal: impl Fn(&Value) -> Value) -> Value {
        match serde_json::from_str(text) {
            Ok(value) => self.tokens.value(&normal(&normal::numbers(value))),
            Err(error) => format!("not readable: {error}").into(),
        }
    }

    fn lines(&mut self, lines: Vec<String>) -> Value {
        lines.iter().map(|line| self.tokens.text(line)).collect()
    }

    fn state_path(&self, command: &Value, file: &str) -> PathBuf {
        let file = if file.is_empty() {
            "terraform.tfstate"
        } else {
            file
        };
        self.directory(command).join(file)
    }

    fn directory(&self, command: &Value) -> PathBuf {
        self.work
            .path()
            .join(command["cwd"].as_str().unwrap_or_default())
    }

    /// How serial and lineage of a state are now, against when they were last looked at.
    fn serial(&mut self, path: &Path) -> Value {
        if !path.exists() {
            return "no such file".into();
        }
        let state = read_json(path);
        let now = (state["serial"].clone(), state["lineage"].clone());
        let Some(old) = self.serials.insert(path.to_owned(), now.clone()) else {
            return json!({"serial": "first", "lineage": "first"});
        };
        let serial = match now.0.as_i64().cmp(&old.0.as_i64()) {
            std::cmp::Ordering::Less => "shrank",
            std::cmp::Ordering::Equal => "same",
            std::cmp::Ordering::Greater => "grew",
        };
        let lineage = if now.1 == old.1 { "same" } else { "changed" };
        json!({"serial": serial, "lineage": lineage})
    }

    fn exec(&self, spec: &Value, args: &[&str], stdin: Option<&str>) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        self.work.prepare(&mut command, args);
        command
            .current_dir(self.directory(spec))
            .env_remove("NO_COLOR")
            .env("TF_IN_AUTOMATION", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(input(stdin.unwrap_or_default()));
        for (name, value) in spec["env"].as_object().into_iter().flatten() {
            command.env(name, text(value));
        }
        Ran::new(&command.output().unwrap())
    }
}

/// A file to read `text` from: unlike a pipe, nobody has to write to it meanwhile.
fn input(text: &str) -> std::fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file
}

/// A diff of two results; nothing when they say the same.
fn differ(golden: &Value, got: &Value) -> Option<String> {
    let golden = normal::without_positions(normal::numbers(golden.clone()));
    let got = normal::without_positions(got.clone());
    (golden != got).then(|| {
        let (golden, got) = (normal::pretty(golden), normal::pretty(got));
        let diff = similar::TextDiff::from_lines(&golden, &got);
        diff.unified_diff()
            .context_radius(2)
            .header("recorded", "now")
            .to_string()
    })
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[track_caller]
fn items(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
