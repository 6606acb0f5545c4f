//! Saved plans: the plan, the configuration it was made from, and the state it fits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use muster_addr::shell_word;
use muster_config::{ConfigFiles, DATA_DIR, InputVariables};
use muster_lang::{Diags, Sources};
use muster_plan::{Plan, PlanFile};
use muster_snapshot::Snapshot;
use serde::de::IgnoredAny;

use crate::commands::plan::Planned;
use crate::error::{Failure, Outcome};
use crate::session::{Session, data_dir, workspace};
use crate::{encryption, fit, plan_seal};

/// Which modules were installed, and where to: below the data directory.
const MODULES: &str = "modules/modules.json";
/// What archives begin with.
const ARCHIVE: [u8; 2] = *b"PK";
/// What journals and histories of states begin with.
const KEPT: &[u8] = b"mustr";
const SUMMARY: &str = "Failed to read plan file";

/// A plan read from a file.
pub(crate) struct Loaded {
    pub plan: Plan,
    pub lineage: String,
    pub serial: u64,
    /// Of each stored resource that the plan rests on the address and a digest.
    pub digests: fit::Digests,
}

impl Loaded {
    /// Fits the plan to the state as it is now. What the plan neither changes nor is made from
    /// may be another one than it was.
    pub(crate) fn rebase(&mut self, stored: &Snapshot) -> Outcome<()> {
        let stale = |detail: String| Err(Failure::new("Saved plan is stale", detail));
        if stored.lineage != self.lineage {
            return stale("The state is another one than the plan was made for: it belongs to another history. Make a new plan.".to_owned());
        }
        if stored.serial == self.serial {
            return Ok(());
        }
        fit::rebase(&mut self.plan, &self.digests, stored).or_else(|changed| {
            stale(format!(
                "Since the plan was made, the state of these resources has changed, and the plan rests on them: {}. Make a new plan.",
                changed.join(", ")
            ))
        })
    }
}

/// Whether a file looks like a saved plan.
pub(crate) fn is_plan(path: &Path) -> bool {
    let mut start = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read(&mut start));
    read.is_ok_and(|len| begins_like_plan(&start[..len]))
}

/// Whether a file is an archive, as Terraform saves plans.
pub(crate) fn is_archive(path: &Path) -> bool {
    let mut start = [0; ARCHIVE.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == ARCHIVE
}

fn begins_like_plan(bytes: &[u8]) -> bool {
    PlanFile::is_plan_file(bytes) || plan_seal::begins(bytes)
}

/// Saves a plan. The file holds what the plan holds, secrets included, so that only its owner may
/// read it.
pub(crate) fn write(path: &Path, planned: &Planned, session: &Session) -> Outcome<()> {
    let file = PlanFile {
        plan: planned.plan.clone(),
        config_sources: config_sources(session)?,
        muster_version: env!("CARGO_PKG_VERSION").to_owned(),
        workspace: workspace(),
        prior_lineage: planned.stored.lineage.clone(),
        prior_serial: planned.stored.serial,
        prior_digests: fit::digests(&planned.stored, &planned.plan),
        providers: Vec::new(),
    };
    let bytes = plan_seal::seal(file.encode())?;
    save(path, &bytes).map_err(|error| {
        let detail = format!("{} cannot be written: {error}.", path.display());
        Failure::new("Failed to write plan file", detail)
    })
}

fn config_sources(session: &Session) -> Outcome<Vec<(String, String)>> {
    let files = session.sources.files().iter();
    let mut sources: Vec<(String, String)> = files
        .filter(|f| is_config(&f.name))
        .map(|f| (f.name.to_string(), f.text.to_string()))
        .collect();
    // A plan has one form, wherever the data directory was when it was made.
    let path = data_dir().join(MODULES);
    match std::fs::read_to_string(&path) {
        Ok(text) => sources.push((format!("{DATA_DIR}/{MODULES}"), text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            let detail = format!("{} cannot be read: {error}.", path.display());
            return Err(Failure::new("Failed to write plan file", detail));
        }
    }
    Ok(sources)
}

fn is_config(name: &str) -> bool {
    muster_config::is_config_file(name.rsplit('/').next().unwrap_or(name))
}

/// Where nothing or a file is, the whole plan comes into its place at once. Anything else, such as
/// a pipe or a device, stays what it is and is written into.
fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_state(path) {
        let why = "it is a state, or belongs to one. Name another file with -out";
        return Err(io::Error::other(why));
    }
    match replaceable(path)? {
        Some(file) => replace(&file, bytes),
        None => write_into(path, bytes),
    }
}

/// Whether a file is a state, encrypted or not, or the journal or the history of one. A plan that
/// is encrypted has no serial number.
fn is_state(path: &Path) -> bool {
    #[derive(serde::Deserialize)]
    struct State {
        #[serde(rename = "lineage")]
        _lineage: IgnoredAny,
        #[serde(rename = "serial")]
        _serial: IgnoredAny,
    }
    if !path.is_file() {
        return false;
    }
    let Ok(mut file) = File::open(path).map(BufReader::new) else {
        return false;
    };
    let kept = file.fill_buf().is_ok_and(|start| start.starts_with(KEPT));
    kept || serde_json::from_reader::<_, State>(file).is_ok()
}

/// The file that a plan at this path replaces, behind symbolic links; `None` where none can be.
fn replaceable(path: &Path) -> io::Result<Option<PathBuf>> {
    let here = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(path.to_owned()));
        }
        found => found?,
    };
    if !here.is_symlink() {
        return Ok(here.is_file().then(|| path.to_owned()));
    }
    // Links to nothing yet have no place that can be told; writing through them finds it.
    let behind_is_file = path.metadata().is_ok_and(|found| found.is_file());
    Ok(path.canonicalize().ok().filter(|_| behind_is_file))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // It is for its owner only, and stays so when it is renamed. Errors are those of the system,
    // without the name of the file, which nobody has given.
    let mut options = File::options();
    let options = options.write(true).create_new(true).mode(0o600);
    let file = tempfile::Builder::new().make_in(folder, |path| options.open(path));
    let mut file = file.map_err(|error| match error.kind() {
        kind @ io::ErrorKind::NotFound if !folder.is_dir() => {
            io::Error::new(kind, format!("there is no directory {}", folder.display()))
        }
        _ => error,
    })?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

fn write_into(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    match file.metadata()?.is_file() {
        true => file.sync_all(),
        // What keeps nothing cannot be synced.
        false => Ok(()),
    }
}

/// Reads a saved plan and the configuration in it.
pub(crate) fn load(path: &Path) -> Result<(Session, Loaded), (Failure, Sources)> {
    let plain = |failure| (failure, Sources::default());
    let (file, warnings) = read(path).map_err(plain)?;
    if file.workspace != workspace() {
        let detail = format!(
            "The plan was made in the workspace \"{}\", and this is \"{}\". Change to the one it was made in.",
            file.workspace,
            workspace()
        );
        return Err(plain(Failure::new("Workspace is another one", detail)));
    }
    let files = Embedded(
        file.config_sources
            .into_iter()
            .map(|(n, t)| (plain_name(&n), t))
            .collect(),
        InputVariables::known(file.plan.variables.clone()),
    );
    let mut session = Session::load_from(&files, Sources::default())?;
    session.warnings.extend(warnings);
    encryption::remember_if_unknown(session.config.root());
    let loaded = Loaded {
        plan: file.plan,
        lineage: file.prior_lineage,
        serial: file.prior_serial,
        digests: file.prior_digests,
    };
    Ok((session, loaded))
}

/// Also gives what is to be said about the file.
fn read(path: &Path) -> Outcome<(PlanFile, Diags)> {
    let shown = path.display();
    let summary = format!("Failed to load \"{shown}\" as a plan file");
    let bytes = std::fs::read(path).map_err(|error| {
        let detail = match error.kind() {
            io::ErrorKind::IsADirectory => format!(
                "{shown} is a directory. To work on the configuration in it, use -chdir={}; plan -out makes plan files.",
                shell_word(&shown.to_string())
            ),
            _ => format!("The file cannot be read: {error}. plan -out makes plan files."),
        };
        Failure::new(&summary, detail)
    })?;
    if !begins_like_plan(&bytes) {
        let detail = match bytes.starts_with(&ARCHIVE) {
            true => format!(
                "{shown} is an archive, as Terraform saves plans, which only Terraform can apply. Make a new plan with plan -out."
            ),
            false => format!("{shown} is no saved plan. plan -out makes such files."),
        };
        return Err(Failure::new(&summary, detail));
    }
    let (bytes, warnings) = plan_seal::open(bytes)?;
    let file = PlanFile::decode(&bytes).map_err(|error| {
        let detail = format!(
            "{shown} is not a plan that can be applied: {error}. Make a new plan with plan -out."
        );
        Failure::new(&summary, detail)
    })?;
    check_version(&file.muster_version)?;
    Ok((file, warnings))
}

/// What a step means may differ between versions even where the form of the file does not.
fn check_version(made_by: &str) -> Outcome<()> {
    let this = env!("CARGO_PKG_VERSION");
    if made_by == this {
        return Ok(());
    }
    let detail = format!(
        "The plan was made by muster {made_by}, and this is muster {this}. Use the version that made it, or make a new plan with this one."
    );
    Err(Failure::new(SUMMARY, detail))
}

/// The configuration inside a saved plan, and the values of its variables.
struct Embedded(BTreeMap<String, String>, InputVariables);

fn plain_name(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

impl ConfigFiles for Embedded {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let text = self.0.get(&plain_name(path));
        text.map(|t| t.clone().into_bytes())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// A directory without files may be a module, too: the configuration was loaded when the plan
    /// was made, so that every directory it asks for was there.
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let dir = plain_name(dir);
        let inside = |name: &str| -> Option<String> {
            let rest = match dir.as_str() {
                "" => name,
                dir => name.strip_prefix(dir)?.strip_prefix('/')?,
            };
            (!rest.contains('/')).then(|| rest.to_owned())
        };
        Ok(self.0.keys().filter_map(|name| inside(name)).collect())
    }

    /// Keys are not in plans, so that those count that are given now.
    fn encryption(&self) -> Option<(String, String)> {
        encryption::from_environment()
    }

    /// What was given when the plan was made, whatever is given now.
    fn inputs(&self, _: &mut Sources) -> (InputVariables, Diags) {
        (self.1.clone(), Diags::new())
    }

    /// Where modules were is in the plan.
    fn local_anyway(&self) -> bool {
        !self.0.contains_key(&format!("{DATA_DIR}/{MODULES}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_files_are_found_as_on_disk() {
        let names = [
            "main.tf",
            "modules/web/main.tf",
            "modules/web/deep/x.tf",
            "/modules/web/absolute.tf",
            "../shared/up.tf",
        ];
        let files = Embedded(
            names
                .iter()
                .map(|n| (plain_name(n), String::new()))
                .collect(),
            InputVariables::new(),
        );
        let check = |dir: &str, expect: &[&str]| assert_eq!(files.list(dir).unwrap(), expect);
        check(".", &["main.tf"]);
        check("modules/web", &["main.tf"]);
        check("./modules/web/", &["main.tf"]);
        check("/modules/web", &["absolute.tf"]);
        check("../shared", &["up.tf"]);
        check("modules/void", &[]);
        assert!(files.read("./main.tf").is_ok());
        assert!(files.read("other.tf").is_err());
    }

    #[test]
    fn a_plan_does_not_take_the_place_of_a_state() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        let states = [
            r#"{"version":4,"serial":1,"lineage":"l","resources":[]}"#,
            r#"{"serial":1,"lineage":"l","meta":{},"encrypted_data":"AA==","encryption_version":"v0"}"#,
            "mustrj1\n",
            "mustrh1\nbytes",
        ];
        for state in states {
            std::fs::write(&path, state).unwrap();
            let error = save(&path, b"plan").unwrap_err().to_string();
            assert!(error.contains("it is a state"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), state);
        }
        let others = [
            "",
            "old plan",
            r#"{"meta":{},"encrypted_data":"AA==","encryption_version":"v0"}"#,
        ];
        for other in others {
            std::fs::write(&path, other).unwrap();
            save(&path, b"plan").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"plan");
        }
    }

    #[test]
    fn errors_name_what_was_given() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("file"), "").unwrap();
        let check = |name: &str, expect: &str| {
            let error = save(&home.path().join(name), b"plan")
                .unwrap_err()
                .to_string();
            assert_eq!(
                error,
                expect.replace("HOME", &home.path().to_string_lossy())
            );
        };
        check("nodir/p", "there is no directory HOME/nodir");
        // A directory that takes no files.
        check("/proc/p", "No such file or directory (os error 2)");
        check("file/p", "Not a directory (os error 20)");
        check("", "Is a directory (os error 21)");
    }

    #[test]
    fn plans_of_other_versions_are_refused() {
        assert!(check_version(env!("CARGO_PKG_VERSION")).is_ok());
        let failure = check_version("0.0.0-other").unwrap_err();
        let detail = &failure.diags.0[0].detail;
        assert!(detail.contains("0.0.0-other"), "{detail}");
    }
}
