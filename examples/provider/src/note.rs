use std::fs;
use std::io::ErrorKind;

use muster_sdk::schema::{Schema, number, string};
use muster_sdk::{Context, Diagnostic, Diags, Failure, Fields, PlanChange, Resource, error_at};
use serde::{Deserialize, Serialize};

use crate::Folder;
use crate::slug::slug;

/// `memo_note`: one memo, one file.
pub(crate) struct Note;

/// A memo as it is stored in the state. The fields have the names of the schema's attributes;
/// computed ones are `Option`, because a plan does not know them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NoteState {
    id: Option<String>,
    title: String,
    text: String,
    words: Option<u64>,
    /// Always absent: what is write-only is never stored.
    seal_wo: Option<String>,
    seal_wo_version: Option<u64>,
}

impl Resource for Note {
    type Client = Folder;
    type State = NoteState;

    fn schema(&self) -> Schema {
        Schema::builder()
            .description("A memo.")
            // Known after the first apply, and the same ever after.
            .attribute("id", string().computed().stable())
            // The file's name follows from the title: another title is another memo.
            .attribute("title", string().required().forces_replace().not_empty())
            .attribute("text", string().default("").description("What it says."))
            // Unknown in a plan that changes the text, and only then.
            .attribute("words", number().computed().follows(["text"]))
            // Reaches the provider, but no plan and no state; so another number says that it is
            // another one.
            .attribute("seal_wo", string().optional().write_only())
            .attribute("seal_wo_version", number().optional())
            // What a memo is known by for all of its life. The plan knows it, so that an engine
            // finds a memo again that it made before it was killed.
            .identity(["id"])
            .build()
    }

    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        // Values may be unknown here, when they come from other resources.
        if let Ok(title) = config.get::<String>("title")
            && let Some(title) = title.known()
            && slug(&title).is_empty()
        {
            diags.push(error_at(
                config.path("title"),
                "Invalid Title",
                "A title needs at least one letter or digit.",
            ));
        }
    }

    async fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        _cx: &mut Context<'_, Folder>,
    ) -> Result<(), Diagnostic> {
        // What can be told before the change is made should be told: people decide by the plan.
        if let Some(title) = plan.planned().get::<String>("title")?.known() {
            plan.set("id", &slug(&title))?;
        }
        if let Some(text) = plan.planned().get::<String>("text")?.known() {
            plan.set("words", &words(&text))?;
        }
        Ok(())
    }

    async fn create(
        &self,
        planned: NoteState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<NoteState, Failure<NoteState>> {
        let id = slug(&planned.title);
        if cx.client().file(&id).exists() {
            let detail = format!("There is a memo {id:?} already. Import it, or choose a title.");
            return Err(Diagnostic::error("Memo Exists", detail).into());
        }
        seal(cx, &id)?;
        write(
            cx.client(),
            NoteState {
                id: Some(id),
                ..planned
            },
        )
    }

    async fn read(
        &self,
        state: NoteState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<Option<NoteState>, Diagnostic> {
        let id = slug(&state.title);
        match fs::read_to_string(cx.client().file(&id)) {
            Ok(text) => Ok(Some(NoteState {
                id: Some(id),
                words: Some(words(&text)),
                text,
                ..state
            })),
            // Gone: the engine will plan to create it again.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Diagnostic::error("Cannot Read Memo", error.to_string())),
        }
    }

    async fn update(
        &self,
        prior: NoteState,
        planned: NoteState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<NoteState, Failure<NoteState>> {
        if prior.seal_wo_version != planned.seal_wo_version {
            seal(cx, &slug(&planned.title))?;
        }
        write(cx.client(), planned)
    }

    async fn delete(
        &self,
        state: NoteState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<(), Diagnostic> {
        let id = slug(&state.title);
        let _ = fs::remove_file(cx.client().seal(&id));
        match fs::remove_file(cx.client().file(&id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Diagnostic::error("Cannot Remove Memo", error.to_string()))
            }
            _ => Ok(()),
        }
    }

    async fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Folder>,
    ) -> Result<Option<NoteState>, Diagnostic> {
        let state = NoteState {
            id: None,
            title: id.into(),
            text: String::new(),
            words: None,
            seal_wo: None,
            seal_wo_version: None,
        };
        self.read(state, cx).await
    }
}

fn write(folder: &Folder, state: NoteState) -> Result<NoteState, Failure<NoteState>> {
    let id = slug(&state.title);
    let written =
        fs::create_dir_all(&folder.0).and_then(|()| fs::write(folder.file(&id), &state.text));
    written.map_err(|error| Diagnostic::error("Cannot Write Memo", error.to_string()))?;
    Ok(NoteState {
        words: Some(words(&state.text)),
        ..state
    })
}

/// Writes the seal, which only the configuration has, beside the memo.
fn seal(cx: &Context<'_, Folder>, id: &str) -> Result<(), Diagnostic> {
    let Some(seal) = cx.config().get::<String>("seal_wo")?.known() else {
        return Ok(());
    };
    let folder = cx.client();
    let written = fs::create_dir_all(&folder.0).and_then(|()| fs::write(folder.seal(id), seal));
    written.map_err(|error| Diagnostic::error("Cannot Seal Memo", error.to_string()))
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
