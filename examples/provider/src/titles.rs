use std::fs;
use std::io::ErrorKind;

use muster_sdk::schema::{Schema, list, string};
use muster_sdk::{Context, DataSource, Diagnostic, Type};
use serde::{Deserialize, Serialize};

use crate::Folder;

/// `memo_titles`: the ids of all memos.
pub(crate) struct Titles;

/// Question and answer in one.
#[derive(Serialize, Deserialize)]
pub(crate) struct TitlesState {
    prefix: Option<String>,
    ids: Option<Vec<String>>,
}

impl DataSource for Titles {
    type Client = Folder;
    type State = TitlesState;

    fn schema(&self) -> Schema {
        Schema::builder()
            .attribute(
                "prefix",
                string().optional().description("Only ids that begin so."),
            )
            .attribute("ids", list(Type::String).computed())
            .build()
    }

    async fn read(
        &self,
        config: TitlesState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<TitlesState, Diagnostic> {
        let entries = match fs::read_dir(&cx.client().0) {
            Ok(entries) => entries.flatten().collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Diagnostic::error("Cannot List Memos", error.to_string())),
        };
        let prefix = config.prefix.as_deref().unwrap_or_default();
        let names = entries
            .iter()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let ids = names.filter_map(|name| name.strip_suffix(".txt").map(String::from));
        let mut ids: Vec<String> = ids.filter(|id| id.starts_with(prefix)).collect();
        ids.sort();
        Ok(TitlesState {
            ids: Some(ids),
            ..config
        })
    }
}
