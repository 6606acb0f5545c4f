//! Data sources that are read during apply.

use muster_eval::CheckKind;
use muster_plan::Operation;
use muster_provider::{Private, ReadData, Request};
use muster_schema::check_conforms;
use muster_snapshot::Status;
use muster_value::Value;

use crate::Applier;
use crate::task::{Stage, Task};

impl Applier {
    pub(crate) fn begin_read(&mut self, mut task: Task) {
        if !self.configure(&mut task) {
            return self.fail(&task);
        }
        let request = Request::ReadData(ReadData {
            type_name: task.addr().resource.resource.type_name.clone(),
            config: task.config.clone(),
            provider_meta: Value::NULL,
            address: Some(task.addr().clone()),
        });
        self.ask(task, Stage::ReadData, request, Some(Operation::Read));
    }

    pub(crate) fn data_read(&mut self, task: Task, value: Value) {
        let errors = check_conforms(&task.schema.block, &value);
        if !errors.is_empty() || value.is_null() || !value.is_wholly_known() {
            self.broken(&task, "Provider produced invalid object", &errors);
            return self.fail(&task);
        }
        self.keep(&task, &value, Private::from([]), Status::Ready);
        let marked = task.marked(&value);
        let Some(inst) = task.inst else {
            return self.complete(task.step);
        };
        let id = &task.addr().resource.resource;
        self.eval
            .set_instance(inst, id, task.addr().key.clone(), Ok(marked.clone()));
        if !self.conditions(&task, CheckKind::Postcondition, Some(&marked)) {
            return self.fail(&task);
        }
        self.complete(task.step);
    }
}
