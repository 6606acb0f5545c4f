//! `muster console`

mod interactive;
mod names;
mod scope;
pub(super) mod values;

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use muster_eval::Evaluator;
use muster_lang::syntax::parse_expression;
use muster_lang::{Diagnostic, Diags, Sources};
use muster_render::value_text;
use muster_value::{Marks, Value};
use rustyline::error::ReadlineError;

use crate::args;
use crate::error::{Failure, Outcome};
use crate::session::Session;
use crate::view::View;
use interactive::Terminal;
use scope::ConsoleScope;

const HELP: &str = "Type an expression and press Enter to see its value. What the configuration declares can be\n\
named as it is in the configuration: var.NAME, local.NAME, module.NAME.OUTPUT and resources,\n\
whose values come from the state. type(EXPRESSION) shows the type of a value.\n\n\
\"exit\" or Control-D ends the console.";

/// Evaluates expressions.
pub(crate) async fn run(args: &args::Console) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        ..args::View::default()
    });
    let mut session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let opened = Console::open(args, &view, &mut session).await;
    let code = match opened {
        Ok(mut console) => tokio::task::block_in_place(|| console.serve(&view)),
        Err(failure) => view.fail(&failure, &session.sources),
    };
    session.pool.shutdown().await;
    code
}

/// What a line gives.
enum Answer {
    /// Something to show.
    Text(String),
    /// The end.
    Exit,
}

/// See the module.
struct Console {
    eval: Evaluator,
    sources: Sources,
}

impl Console {
    async fn open(args: &args::Console, view: &View, session: &mut Session) -> Outcome<Self> {
        let eval = values::evaluator(args, session).await?;
        let mut diags = std::mem::take(&mut session.warnings);
        diags.extend(scope::problems(&eval));
        if diags.has_errors() {
            diags.push(Diagnostic::warning(
                "Due to the problems above, some expressions may produce unexpected results.",
                "",
            ));
        }
        view.diags(&diags, &session.sources);
        Ok(Self {
            eval,
            sources: session.sources.clone(),
        })
    }

    fn serve(&mut self, view: &View) -> ExitCode {
        if io::stdin().is_terminal() {
            return self.talk(view);
        }
        match self.lines(io::stdin().lock()) {
            Ok(last) => {
                if let Some(text) = last {
                    outln!("{text}");
                }
                ExitCode::SUCCESS
            }
            Err(diags) => view.fail(&diags.into(), &self.sources),
        }
    }

    /// Answers everything that is typed at a terminal, failures included.
    fn talk(&mut self, view: &View) -> ExitCode {
        let failed = |error: ReadlineError| {
            let failure = Failure::new("Failed to read input", format!("{error}."));
            view.fail(&failure, &Sources::default())
        };
        let mut terminal = match Terminal::open(&self.eval) {
            Ok(terminal) => terminal,
            Err(error) => return failed(error),
        };
        loop {
            let text = match terminal.next() {
                Ok(Some(text)) => text,
                Ok(None) => return ExitCode::SUCCESS,
                Err(error) => return failed(error),
            };
            match self.answer(&text) {
                Ok(Answer::Text(text)) if text.is_empty() => {}
                Ok(Answer::Text(text)) => outln!("{text}"),
                Ok(Answer::Exit) => return ExitCode::SUCCESS,
                Err(diags) => _ = view.fail(&diags.into(), &self.sources),
            }
        }
    }

    /// Evaluates lines one by one. Only what the last one gives is shown; the first failure ends
    /// it. `None` when somebody left with `exit`.
    fn lines(&mut self, input: impl BufRead) -> Result<Option<String>, Diags> {
        let mut last = String::new();
        for line in input.lines() {
            let line = line
                .map_err(|error| Diagnostic::error("Failed to read input", format!("{error}.")))?;
            match self.answer(&line)? {
                Answer::Text(text) => last = text,
                Answer::Exit => return Ok(None),
            }
        }
        Ok(Some(last))
    }

    fn answer(&mut self, text: &str) -> Result<Answer, Diags> {
        match text.trim() {
            "" => Ok(Answer::Text(String::new())),
            "exit" => Ok(Answer::Exit),
            "help" => Ok(Answer::Text(HELP.to_owned())),
            expression => self.evaluate(expression).map(Answer::Text),
        }
    }

    fn evaluate(&mut self, text: &str) -> Result<String, Diags> {
        // A heredoc ends with a whole line.
        let end = if text.contains('\n') { "\n" } else { "" };
        let text: Arc<str> = format!("{text}{end}").into();
        let file = self.sources.add("<console-input>", Arc::clone(&text));
        let (raw, mut diags) = parse_expression(file, &text);
        let (expr, found) = raw.lower_for_console();
        if !diags.has_errors() {
            diags.extend(found);
        }
        if diags.has_errors() {
            return Err(diags);
        }
        let scope = ConsoleScope::new(&self.eval);
        scope.check(&expr)?;
        let value = muster_lang::eval(&expr, &scope, &[])?;
        if let Some(ty) = type_name(&value) {
            return Ok(ty.to_owned());
        }
        if value.marks_deep().contains(Marks::TYPE) {
            let detail = "type() only shows the type of a value. What it gives cannot be a part of another value.";
            let error = Diagnostic::error("Invalid use of type function", detail);
            return Err(error.at(expr.span()).into());
        }
        Ok(value_text(&value, true))
    }
}

/// The name of a type, if that is what `type` gave.
fn type_name(value: &Value) -> Option<&str> {
    let entries = value.as_entries().filter(|e| e.len() == 1);
    let is_type = value.marks().contains(Marks::TYPE);
    entries
        .filter(|_| is_type)?
        .get("type")?
        .as_str()
        .map(|s| &**s)
}

#[cfg(test)]
mod tests;
