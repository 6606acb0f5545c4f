//! Runs provisioners.

mod arguments;
mod local;
mod process;

use muster_config::ProvisionerType;
use muster_plan::{Event, Provision, ProvisionFailure};
use muster_value::{Marks, Value};

use crate::{Context, Sink, Stop};
use arguments::Arguments;

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
        hidden: hidden(&question.arguments),
    };
    let result = match question.kind {
        ProvisionerType::LocalExec => local::run(&job).await,
        ProvisionerType::RemoteExec | ProvisionerType::File => Err(job.failure("not here")),
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

    /// It has failed.
    fn failure(&self, detail: impl Into<String>) -> ProvisionFailure {
        ProvisionFailure {
            summary: format!("{} provisioner error", self.question.kind.as_str()),
            detail: detail.into(),
        }
    }
}

fn hidden(arguments: &Value) -> Option<&'static str> {
    let marks = arguments.marks_deep();
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
