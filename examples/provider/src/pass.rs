use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_sdk::schema::{Schema, number, string};
use muster_sdk::{Context, Diagnostic, EphemeralResource, Opened};
use serde::{Deserialize, Serialize};

use crate::Folder;
use crate::slug::slug;

/// `memo_pass`: a token that a holder has for as long as a run needs it. Each holder has one
/// pass at a time, which is a file in the folder `passes`: the token and when it ends.
pub(crate) struct Pass;

/// Question and answer in one.
#[derive(Serialize, Deserialize)]
pub(crate) struct PassState {
    holder: String,
    seconds: Option<u64>,
    token: Option<String>,
}

/// What is kept to renew and to close a pass; the engine hands it back.
#[derive(Serialize, Deserialize)]
struct Kept {
    holder: String,
    seconds: u64,
    token: String,
}

impl EphemeralResource for Pass {
    type Client = Folder;
    type State = PassState;

    fn schema(&self) -> Schema {
        Schema::builder()
            .description("A token, good for as long as a run needs it.")
            .attribute("holder", string().required().not_empty())
            .attribute(
                "seconds",
                number()
                    .default(60i64)
                    .min(2)
                    .description("How long it is good for unless it is renewed."),
            )
            .attribute("token", string().computed().sensitive())
            .build()
    }

    async fn open(
        &self,
        config: PassState,
        cx: &mut Context<'_, Folder>,
    ) -> Result<Opened<PassState>, Diagnostic> {
        let file = file(cx.client(), &config.holder);
        if file.exists() {
            let detail = format!("{} has a pass already.", config.holder);
            return Err(Diagnostic::error("Pass Exists", detail));
        }
        let kept = Kept {
            holder: config.holder.clone(),
            seconds: config.seconds.unwrap_or(60),
            token: format!("{:016x}", RandomState::new().build_hasher().finish()),
        };
        write(&file, &kept)?;
        let renew_at = SystemTime::now() + Duration::from_secs(kept.seconds / 2);
        let token = Some(kept.token.clone());
        let _ = cx.private.set("pass", &kept);
        Ok(Opened::new(PassState { token, ..config }).renew_at(renew_at))
    }

    async fn renew(&self, cx: &mut Context<'_, Folder>) -> Result<Option<SystemTime>, Diagnostic> {
        let kept = kept(cx)?;
        let file = file(cx.client(), &kept.holder);
        if !file.exists() {
            let detail = format!("The pass of {} was taken away.", kept.holder);
            return Err(Diagnostic::error("Cannot Renew Pass", detail));
        }
        write(&file, &kept)?;
        Ok(Some(
            SystemTime::now() + Duration::from_secs(kept.seconds / 2),
        ))
    }

    async fn close(&self, cx: &mut Context<'_, Folder>) -> Result<(), Diagnostic> {
        let kept = kept(cx)?;
        match fs::remove_file(file(cx.client(), &kept.holder)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Diagnostic::error("Cannot Close Pass", error.to_string()))
            }
            _ => Ok(()),
        }
    }
}

fn kept(cx: &Context<'_, Folder>) -> Result<Kept, Diagnostic> {
    let missing = || Diagnostic::error("Unknown Pass", "Nobody knows which pass this is.");
    cx.private.get("pass").ok_or_else(missing)
}

fn file(folder: &Folder, holder: &str) -> PathBuf {
    folder.0.join("passes").join(slug(holder))
}

fn write(file: &Path, kept: &Kept) -> Result<(), Diagnostic> {
    let end = SystemTime::now() + Duration::from_secs(kept.seconds);
    let end = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let parent = file.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent.and_then(|()| fs::write(file, format!("{} until {end}\n", kept.token)));
    written.map_err(|error| Diagnostic::error("Cannot Write Pass", error.to_string()))
}
