//! Runs provisioners.

mod arguments;
mod connection;
mod local;
mod process;
mod remote;
mod ssh;

use std::borrow::Cow;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use muster_config::ProvisionerType;
use muster_plan::{Event, Provision, ProvisionFailure};
use muster_value::{Marks, Value};

use crate::{Context, Sink, Stop};
use arguments::Arguments;
use process::Ended;

/// Runs one to its end.
pub(crate) async fn run(context: &Context, question: &Provision) -> Result<(), ProvisionFailure> {
    let addr = question.shown.addr.clone();
    let provisioner = question.kind.as_str();
    (context.sink)(Event::ProvisionStarted {
        addr: addr.clone(),
        provisioner,
    });
    let job = Job {
        question,
        sink: &context.sink,
        stop: &context.stop,
        hidden: hidden(question.arguments.marks_deep()),
    };
    let result = match question.kind {
        ProvisionerType::LocalExec => local::run(&job).await,
        ProvisionerType::RemoteExec => remote::execute(&job).await,
        ProvisionerType::File => remote::send(&job).await,
    };
    (context.sink)(match result {
        Ok(()) => Event::ProvisionFinished { addr, provisioner },
        Err(_) => Event::ProvisionFailed { addr, provisioner },
    });
    result
}

/// A provisioner that is being run.
struct Job<'a> {
    question: &'a Provision,
    sink: &'a Sink,
    stop: &'a Stop,
    /// Why what it prints is not shown.
    hidden: Option<&'static str>,
}

impl Job<'_> {
    /// Its arguments.
    fn arguments(&self) -> Arguments {
        Arguments::new(&self.question.arguments)
    }

    /// A text of one of its arguments, or why that is not shown.
    fn shown<'a>(&self, argument: &str, text: &'a str) -> Cow<'a, str> {
        let given = &self.question.arguments;
        let own = given.get(argument).map_or(Marks::NONE, Value::marks_deep);
        match hidden(given.marks() | own) {
            None => text.into(),
            Some(why) => format!("({why} value)").into(),
        }
    }

    /// How its machine is reached.
    fn connection(&self) -> Arguments {
        Arguments::new(&self.question.connection)
    }

    /// Shows a line.
    fn print(&self, line: &str) {
        let line = match self.hidden {
            None => line.into(),
            Some(why) => format!("(output suppressed due to {why} value in config)").into(),
        };
        (self.sink)(Event::ProvisionOutput {
            addr: self.question.shown.addr.clone(),
            provisioner: self.question.kind.as_str(),
            line,
        });
    }

    /// What a program has done that should have ended well; `what` begins the sentence.
    fn check(&self, ended: &Ended, what: &str) -> Result<(), ProvisionFailure> {
        if ended.status.success() {
            return Ok(());
        }
        let stopped = match ended.stopped {
            true => " when the run was stopped",
            false => "",
        };
        let output = match self.hidden {
            Some(_) => {
                " What it printed is not shown, because its arguments are sensitive or ephemeral."
                    .into()
            }
            None if ended.output.trim().is_empty() => " It printed nothing.".into(),
            None => format!(" Output:\n{}", ended.output.trim_end()),
        };
        let outcome = outcome(ended.status);
        Err(self.failure(format!("{what} {outcome}{stopped}.{output}")))
    }

    /// It has failed.
    fn failure(&self, detail: impl Into<String>) -> ProvisionFailure {
        ProvisionFailure {
            summary: format!("{} provisioner error", self.question.kind.as_str()),
            detail: detail.into(),
        }
    }
}

/// How a program ended, as the rest of a sentence.
fn outcome(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end well".into(),
    }
}

/// Why what has these marks is not shown.
fn hidden(marks: Marks) -> Option<&'static str> {
    match (
        marks.contains(Marks::SENSITIVE),
        marks.contains(Marks::EPHEMERAL),
    ) {
        (true, true) => Some("sensitive, ephemeral"),
        (true, false) => Some("sensitive"),
        (false, true) => Some("ephemeral"),
        (false, false) => None,
    }
}
