//! A complete provider on the muster SDK: it keeps memos as text files in one folder.
//!
//! ```hcl
//! provider "memo" {
//!   folder = "memos"
//! }
//!
//! resource "memo_note" "greeting" {
//!   title = "Greeting"
//!   text  = "Hello, world."
//! }
//! ```
//!
//! Build it, name the folder of the program under `dev_overrides` in a CLI configuration file
//! (`TF_CLI_CONFIG_FILE`), and `muster plan` or `terraform plan` will find it; `example/` holds
//! a configuration to try. One file per part of the provider:
//!
//! - `main.rs`: the provider's own configuration, and what it offers;
//! - `note.rs`: the resource type;
//! - `titles.rs`: the data source;
//! - `pass.rs`: the ephemeral resource type;
//! - `slug.rs`: the function.

mod note;
mod pass;
mod slug;
mod titles;

use std::path::PathBuf;
use std::process::ExitCode;

use muster_sdk::schema::{Schema, string};
use muster_sdk::{Diags, Field, Fields, Path, Provider, Registry, ServeOptions, error_at};

/// The provider. It has no state of its own: what a configured one knows is its [`Folder`].
struct Memo;

/// The client of a configured provider: what every resource and data source is given. For a
/// real cloud this would be a connection to its API.
struct Folder(PathBuf);

impl Folder {
    /// The file of a memo.
    fn file(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.txt"))
    }

    /// The file of a memo's seal.
    fn seal(&self, id: &str) -> PathBuf {
        self.0.join(format!("{id}.seal"))
    }
}

impl Provider for Memo {
    type Client = Folder;

    fn schema(&self) -> Schema {
        Schema::builder()
            .attribute(
                "folder",
                string()
                    .required()
                    .not_empty()
                    .description("Where the memos are kept."),
            )
            .build()
    }

    async fn configure(&self, config: Fields<'_>) -> Result<Folder, Diags> {
        // A provider's configuration may depend on something that is not there yet.
        let folder = match config.get::<String>("folder") {
            Ok(Field::Known(folder)) => folder,
            _ => {
                let path = Path::root().attr("folder");
                let detail = "The folder must be known before memos can be planned.";
                return Err(error_at(path, "Unknown Folder", detail).into());
            }
        };
        Ok(Folder(folder.into()))
    }

    fn register(&self, registry: &mut Registry<Folder>) {
        registry
            .resource("memo_note", note::Note)
            .data_source("memo_titles", titles::Titles)
            .ephemeral_resource("memo_pass", pass::Pass)
            .function("slug", slug::Slug);
    }
}

fn main() -> ExitCode {
    let options = ServeOptions::new("registry.terraform.io/examples/memo");
    muster_sdk::serve(Memo, options.with_args())
}
