//! The console at a terminal: editing, history, completion.

use std::path::PathBuf;

use muster_eval::Evaluator;
use muster_lang::FileId;
use muster_lang::syntax::{TokenKind, parse_tree};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::names;

/// Reads what is typed at a terminal.
pub(super) struct Terminal {
    editor: Editor<Assistant, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Terminal {
    /// A terminal that completes the names that an evaluator knows.
    pub(super) fn open(eval: &Evaluator) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .auto_add_history(true)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Assistant {
            names: names::all(eval),
        }));
        let history = history_file();
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// The next input, of as many lines as its brackets ask for; `None` at the end. What is
    /// interrupted is forgotten.
    pub(super) fn next(&mut self) -> Result<Option<String>, ReadlineError> {
        loop {
            match self.editor.readline("> ") {
                Ok(text) => return Ok(Some(text)),
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(path) = &self.history {
            // What was typed is gone if it cannot be kept; that is no reason to fail. The file
            // is made for its owner only.
            let _ = self.editor.append_history(path);
        }
    }
}

/// Where the history is kept; `None` where there is no place for it.
fn history_file() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let cache = match variable("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(variable("HOME")?).join(".cache"),
    };
    let dir = cache.join("muster");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir.join("console_history"))
}

/// Helps with editing.
struct Assistant {
    /// Everything that can be completed, sorted.
    names: Vec<String>,
}

impl Helper for Assistant {}
impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let (start, found) = names::complete(&self.names, &line[..pos]);
        Ok((start, found.to_vec()))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_open(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

/// Whether brackets, heredocs or sequences in strings are open at the end of a text.
fn is_open(text: &str) -> bool {
    let text = format!("{text}\n");
    let (tree, _) = parse_tree(FileId(0), &text.into());
    let mut depth = 0_i64;
    for token in 0..tree.token_count() {
        depth += match tree.token_kind(token) {
            TokenKind::OBrace
            | TokenKind::OBrack
            | TokenKind::OParen
            | TokenKind::OHeredoc
            | TokenKind::Interp
            | TokenKind::Control => 1,
            TokenKind::CBrace
            | TokenKind::CBrack
            | TokenKind::CParen
            | TokenKind::CHeredoc
            | TokenKind::SeqEnd => -1,
            _ => 0,
        };
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_goes_on_while_something_is_open() {
        let check = |text: &str, expect: bool| assert_eq!(is_open(text), expect, "{text:?}");
        check("1 + 1", false);
        check("[1,", true);
        check("[1,\n2]", false);
        check("{ a = (", true);
        check("<<EOT", true);
        check("<<EOT\na [", true);
        check("<<EOT\na [\nEOT", false);
        check("\"[\"", false);
        check("\"${ [1]", true);
        check("\"${ [1][0] }\"", false);
        check("1 # [", false);
        check("]", false);
        check("\"[", false);
        check("", false);
    }
}
