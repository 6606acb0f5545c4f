//! Which files make up a module, and how they are read.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use muster_lang::{Body, Diagnostic, Diags, FileId, Sources, syntax};

use crate::InputVariables;

/// The data directory where nothing else is said.
pub const DATA_DIR: &str = ".terraform";

/// Where configuration files come from. Paths are relative to the working directory or absolute
/// and use `/`.
pub trait ConfigFiles {
    /// Whole content of a file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// Names of the files in a directory, in any order. An error when the directory is not there.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// The directory, relative to that of the root module or absolute, where it is recorded what
    /// was installed for the configuration.
    fn data_dir(&self) -> String {
        DATA_DIR.to_owned()
    }
    /// Whether modules in directories beside their callers need not be installed.
    fn local_anyway(&self) -> bool {
        true
    }
    /// Values of the root module's variables, for what has to be known before the configuration
    /// is there as a whole. Files that are read for it are added to `sources`.
    fn inputs(&self, sources: &mut Sources) -> (InputVariables, Diags) {
        let _ = sources;
        Default::default()
    }
    /// What the environment says of encryption: where it says so, and the inside of an
    /// `encryption` block in either syntax. It goes before what the configuration says.
    fn encryption(&self) -> Option<(String, String)> {
        None
    }
}

/// The parsed files of one directory.
#[derive(Default)]
pub(crate) struct ModuleFiles {
    /// Ordinary files in the order of their names.
    pub(crate) primary: Vec<Body>,
    /// Override files in the order of their names.
    pub(crate) overrides: Vec<Body>,
    /// Those that are JSON.
    pub(crate) json: HashSet<FileId>,
    /// Whether something did not parse: what seems to be missing may be there.
    pub(crate) broken: bool,
}

/// Reads and parses all configuration files of a directory.
pub(crate) fn read_module(
    dir: &str,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    diags: &mut Diags,
) -> io::Result<ModuleFiles> {
    let mut names = files.list(dir)?;
    names.retain(|name| is_config_file(name));
    let additions: HashSet<String> = names.iter().filter_map(|name| replaced(name)).collect();
    names.retain(|name| !additions.contains(name));
    names.sort_unstable();
    names.dedup();
    let mut module = ModuleFiles::default();
    for name in names {
        let path = join(dir, &name);
        let Some((id, body, ok)) = read_body(&path, files, sources, diags) else {
            module.broken = true;
            continue;
        };
        module.broken |= !ok;
        if name.ends_with(".json") {
            module.json.insert(id);
        }
        let group = if is_override(&name) {
            &mut module.overrides
        } else {
            &mut module.primary
        };
        group.push(body);
    }
    Ok(module)
}

/// Reads and parses one file; the flag says whether it parsed without errors. `None` when it could
/// not be read, which is reported.
pub(crate) fn read_body(
    path: &str,
    files: &dyn ConfigFiles,
    sources: &mut Sources,
    diags: &mut Diags,
) -> Option<(FileId, Body, bool)> {
    let bytes = match files.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let detail = format!("The file {path} could not be read: {error}.");
            diags.push(Diagnostic::error("Failed to read file", detail));
            return None;
        }
    };
    if u32::try_from(bytes.len()).is_err() {
        let detail = format!("The file {path} is larger than 4 GiB.");
        diags.push(Diagnostic::error("Failed to read file", detail));
        return None;
    }
    let json = path.ends_with(".json");
    let (id, (body, found)) = match String::from_utf8(bytes) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            let id = sources.add(path, text.clone());
            match json {
                true => (id, syntax::parse_json(id, &text)),
                false => (id, syntax::parse_native(id, &text)),
            }
        }
        Err(error) => {
            let bytes = error.as_bytes();
            let id = sources.add(path, syntax::shown(bytes));
            match json {
                true => (id, syntax::parse_json_bytes(id, bytes)),
                false => (id, syntax::parse_native_bytes(id, bytes)),
            }
        }
    };
    let ok = !found.has_errors();
    diags.extend(found);
    Some((id, body, ok))
}

/// Joins a directory and a path relative to it, and takes out `.` and `..` where that can be
/// done by looking at the text alone.
pub(crate) fn join(dir: &str, relative: &str) -> String {
    let absolute = dir.starts_with('/') || relative.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    let base = if relative.starts_with('/') { "" } else { dir };
    for part in base.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".into(),
        (false, false) => parts.join("/"),
    }
}

/// Whether a file of this name is part of the module in its directory.
pub fn is_config_file(name: &str) -> bool {
    let backup = name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'));
    let stem = name.strip_suffix(".json").unwrap_or(name);
    !backup && (stem.ends_with(".tf") || stem.ends_with(".tofu"))
}

/// Whether a file may use what OpenTofu means by arguments that Terraform knows, too.
pub(crate) fn is_tofu(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    stem.ends_with(".tofu")
}

/// The file for Terraform that one for OpenTofu takes the place of.
fn replaced(name: &str) -> Option<String> {
    let json = if name.ends_with(".json") { ".json" } else { "" };
    let stem = name.strip_suffix(json)?.strip_suffix(".tofu")?;
    Some(format!("{stem}.tf{json}"))
}

fn is_override(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let stem = stem.strip_suffix(".tofu").unwrap_or(stem);
    let stem = stem.strip_suffix(".tf").unwrap_or(stem);
    stem == "override" || stem.ends_with("_override")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_by_text() {
        let check = |dir, rel, expect: &str| assert_eq!(join(dir, rel), expect);
        check(".", "./m", "m");
        check("m", "../n", "n");
        check("m", "..", ".");
        check(".", "../x", "../x");
        check("../x", "../../y", "../../y");
        check("/a/b", "../c", "/a/c");
        check("/", "../c", "/c");
        check("a", "/c", "/c");
    }

    #[test]
    fn backups_are_no_configuration() {
        for name in ["main.tf", "a.tf.json", "override.tf"] {
            assert!(is_config_file(name), "{name}");
        }
        for name in [
            ".x.tf",
            "main.tf~",
            "#main.tf#",
            "main.tfvars",
            "a.json",
            "x.tf.bak",
        ] {
            assert!(!is_config_file(name), "{name}");
        }
        assert!(is_override("override.tf") && is_override("a_override.tf.json"));
        assert!(!is_override("overrides.tf") && !is_override("xoverride.tf"));
    }
}
