//! Where the configuration says that states are kept.

mod change;
mod opened;
mod record;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_config::Backend;
use muster_lang::body::AttributeSchema;
use muster_lang::{Attribute, BodySchema, Diagnostic, Diags};
use muster_value::{Type, convert};

use crate::error::Outcome;

pub(crate) use change::{initialize, opened};
pub(crate) use opened::Opened;
use record::Record;

/// What a block of a local backend says.
#[derive(Debug, Default)]
struct Settings {
    path: Option<String>,
    workspace_dir: Option<String>,
}

/// Files of a local backend.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Local {
    /// The state of the default workspace.
    pub path: PathBuf,
    /// The folder with a folder for each other workspace.
    pub workspace_dir: PathBuf,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            path: "terraform.tfstate".into(),
            workspace_dir: "terraform.tfstate.d".into(),
        }
    }
}

impl Settings {
    /// What a configuration with this block, or without any, says.
    ///
    /// # Errors
    /// The backend is another one, or its settings are wrong.
    fn new(backend: Option<&Backend>) -> Outcome<Self> {
        let Some(backend) = backend else {
            return Ok(Self::default());
        };
        if &*backend.type_name != "local" {
            let detail = format!(
                "The state is kept in a backend of type \"{}\", which is not supported yet; there is only \"local\".",
                backend.type_name
            );
            return Err(Diagnostic::error("Unsupported backend type", detail)
                .at(backend.span)
                .into());
        }
        let (content, mut diags) = backend.body.content(&schema());
        let mut take = |name: &str, summary: &str| {
            let attribute = content.attribute(name)?;
            path(backend, attribute, summary).unwrap_or_else(|found| {
                diags.extend(found);
                None
            })
        };
        let found = Self {
            path: take("path", "Invalid local state file path"),
            workspace_dir: take("workspace_dir", "Invalid local workspace directory path"),
        };
        match diags.has_errors() {
            true => Err(diags.into()),
            false => Ok(found),
        }
    }

    fn place(&self) -> Local {
        let usual = Local::default();
        let path = |setting: &Option<String>| setting.as_ref().map(PathBuf::from);
        Local {
            path: path(&self.path).unwrap_or(usual.path),
            workspace_dir: path(&self.workspace_dir).unwrap_or(usual.workspace_dir),
        }
    }

    fn record(&self) -> Record {
        Record::local(self.path.as_deref(), self.workspace_dir.as_deref())
    }
}

impl Local {
    /// The state file of a workspace.
    pub(crate) fn state_path(&self, workspace: &str) -> PathBuf {
        if workspace == "default" {
            return self.path.clone();
        }
        let folder: &Path = &self.workspace_dir;
        folder.join(workspace).join("terraform.tfstate")
    }
}

fn schema() -> BodySchema {
    let attribute = |name: &str| AttributeSchema {
        name: name.into(),
        required: false,
    };
    BodySchema {
        attributes: Arc::new([attribute("path"), attribute("workspace_dir")]),
        ..BodySchema::default()
    }
}

/// A path that is known before anything is planned; `None` where it is null.
fn path(backend: &Backend, attribute: &Attribute, summary: &str) -> Result<Option<String>, Diags> {
    let value = backend.value(attribute)?;
    let wrong = |summary: &str, detail: String| -> Diags {
        Diagnostic::error(summary, detail)
            .at(attribute.expr.span())
            .into()
    };
    let name = &attribute.name;
    let value = convert(&value, &Type::String).map_err(|error| {
        let detail = format!("The argument \"{name}\" is not right: {}.", error.reason);
        wrong("Incorrect attribute value type", detail)
    })?;
    match value.as_str() {
        Some(text) if text.is_empty() => {
            let detail = format!("There is no path in \"{name}\". Leave it out for the usual one.");
            Err(wrong(summary, detail))
        }
        text => Ok(text.map(|text| text.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use muster_lang::{FileId, Sources, syntax};

    fn read(text: &str) -> Result<Local, Failure> {
        let mut sources = Sources::default();
        let text: Arc<str> = text.into();
        let file: FileId = sources.add("main.tf", Arc::clone(&text));
        let (body, diags) = syntax::parse_native(file, &text);
        assert!(!diags.has_errors());
        Settings::new(Some(&Backend {
            type_name: "local".into(),
            body,
            early: Default::default(),
            span: muster_lang::Span {
                file,
                start: 0,
                end: 0,
            },
        }))
        .map(|settings| settings.place())
    }

    #[test]
    fn paths_of_workspaces() {
        let check = |text: &str, default: &str, other: &str| {
            let local = read(text).unwrap();
            let found = ["default", "dev"].map(|w| local.state_path(w));
            assert_eq!(found, [default, other].map(PathBuf::from), "{text}");
        };
        let usual = [
            "terraform.tfstate",
            "terraform.tfstate.d/dev/terraform.tfstate",
        ];
        check("", usual[0], usual[1]);
        check("path = null\nworkspace_dir = null\n", usual[0], usual[1]);
        check("path = \"a/b\"\n", "a/b", usual[1]);
        check("path = \"${\"a\"}/${5}\"\n", "a/5", usual[1]);
        check(
            "workspace_dir = \"w\"\n",
            usual[0],
            "w/dev/terraform.tfstate",
        );
        check("path = 5\n", "5", usual[1]);
    }

    #[test]
    fn what_terraform_refuses() {
        let check = |text: &str, expect: &[&str]| {
            let diags = read(text).unwrap_err().diags;
            let found: Vec<_> = diags.iter().map(|d| &*d.summary).collect();
            assert_eq!(found, expect, "{text}");
            assert!(diags.iter().all(|d| d.subject.is_some()), "{text}");
        };
        check("path = var.x\n", &["Variables not allowed"]);
        check("path = upper(\"x\")\n", &["Function calls not allowed"]);
        check("path = []\n", &["Incorrect attribute value type"]);
        check("path = \"\"\n", &["Invalid local state file path"]);
        check(
            "workspace_dir = \"\"\n",
            &["Invalid local workspace directory path"],
        );
        check("pth = \"\"\n", &["Unsupported argument"]);
        check("x {\n}\n", &["Unsupported block type"]);
        check(
            "pth = \"\"\npath = var.x\n",
            &["Unsupported argument", "Variables not allowed"],
        );
    }
}
