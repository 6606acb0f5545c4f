//! What the provisioners of an object shall do.

use std::sync::{Arc, LazyLock};

use muster_addr::{InstanceAddr, InstanceKey};
use muster_config::{ModuleId, Provisioner, ProvisionerType};
use muster_lang::{Body, Diagnostic, Diags, Files, Reference, Scope, Span, Subject};
use muster_schema::{Attribute, Block};
use muster_value::{Type, Value};

use crate::evaluator::deep;
use crate::layout::Layout;
use crate::{Evaluator, ModuleInst, Spec, Str};

/// What a provisioner is given.
#[derive(Clone, Debug)]
pub struct Provisioning {
    /// An object of the type of its arguments, marked.
    pub arguments: Value,
    /// An object of [`connection_type`], marked; null when there is no `connection`.
    pub connection: Value,
}

impl Provisioning {
    /// Checks what a schema cannot say: which arguments go together.
    pub fn check(&self, kind: ProvisionerType) -> Result<(), Diags> {
        let arguments = self.arguments.unmark_deep();
        let given = |names: &[&str]| {
            let values = names.iter().filter_map(|name| arguments.get(name));
            values.filter(|v| !v.is_null()).count()
        };
        let both = "A file provisioner sends a file or directory of this machine (source) or a text (content): set one of the two.";
        let (summary, detail) = match kind {
            ProvisionerType::LocalExec => return Ok(()),
            ProvisionerType::RemoteExec => match given(&["inline", "script", "scripts"]) {
                1 => return Ok(()),
                _ => (
                    "Invalid remote-exec provisioner configuration",
                    "What is run comes from one place: set one of inline, script and scripts.",
                ),
            },
            ProvisionerType::File => match given(&["source", "content"]) {
                0 => ("Must provide one of 'source' or 'content'", both),
                1 => return Ok(()),
                _ => ("Cannot set both 'source' and 'content'", both),
            },
        };
        Err(Diagnostic::error(summary, detail).into())
    }
}

impl Evaluator {
    /// What a provisioner does for an object that was made. `own` is the object, marked.
    pub fn provisioning(
        &self,
        provisioner: &Provisioner,
        inst: ModuleInst,
        addr: &InstanceAddr,
        own: &Value,
    ) -> Result<Provisioning, Diags> {
        let scope = self.instance_scope(inst, &addr.resource.resource, &addr.key)?;
        let scope = scope.with_self(own.clone());
        deep(|| provisioning(provisioner, &scope))
    }

    /// What a provisioner does for an object that is to be destroyed. `module` is where the
    /// provisioner is written, `own` the object, marked. Its block need not ask for the
    /// instance any more.
    pub fn provisioning_at_end(
        &self,
        provisioner: &Provisioner,
        module: ModuleId,
        addr: &InstanceAddr,
        own: &Value,
    ) -> Result<Provisioning, Diags> {
        let scope = EndScope {
            evaluator: self,
            module,
            key: &addr.key,
            own,
        };
        deep(|| provisioning(provisioner, &scope))
    }
}

/// Type of connections.
pub fn connection_type() -> Type {
    CONNECTION.ty.clone()
}

fn provisioning(provisioner: &Provisioner, scope: &dyn Scope) -> Result<Provisioning, Diags> {
    let layout = match provisioner.kind {
        ProvisionerType::LocalExec => &LOCAL_EXEC,
        ProvisionerType::RemoteExec => &REMOTE_EXEC,
        ProvisionerType::File => &FILE,
    };
    let arguments = decode(layout, &provisioner.body, provisioner.span, scope);
    let connection = match &provisioner.connection {
        Some(body) => decode(&CONNECTION, body, body.missing_item_span(), scope),
        None => Ok(Value::Null(connection_type())),
    };
    let (arguments, connection) = match (arguments, connection) {
        (Ok(arguments), Ok(connection)) => (arguments, connection),
        (Err(mut found), Err(more)) => {
            found.extend(more);
            return Err(found);
        }
        (Err(found), _) | (_, Err(found)) => return Err(found),
    };
    Ok(Provisioning {
        arguments,
        connection,
    })
}

/// Nothing of it is stored, so that ephemeral values are welcome.
fn decode(
    layout: &Arc<Layout>,
    body: &Body,
    header: Span,
    scope: &dyn Scope,
) -> Result<Value, Diags> {
    let (spec, mut diags) = Spec::compile(layout, body, &[]);
    if diags.has_errors() {
        return Err(diags);
    }
    spec.with_header(header)
        .allowing_ephemeral()
        .decode(scope)
        .map_err(|found| {
            diags.extend(found);
            diags
        })
}

fn layout(attributes: &[(&str, Type)], required: &str) -> Arc<Layout> {
    let attribute = |(name, ty): &(&str, Type)| {
        let attribute = Attribute {
            required: *name == required,
            optional: *name != required,
            ..Attribute::new(ty.clone())
        };
        (Str::from(*name), attribute)
    };
    Layout::new(&Block {
        attributes: attributes.iter().map(attribute).collect(),
        ..Block::default()
    })
}

static LOCAL_EXEC: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    let attributes = [
        ("command", Type::String),
        ("interpreter", Type::list(Type::String)),
        ("working_dir", Type::String),
        ("environment", Type::map(Type::String)),
        ("quiet", Type::Bool),
    ];
    layout(&attributes, "command")
});

static REMOTE_EXEC: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    let attributes = [
        ("inline", Type::list(Type::String)),
        ("script", Type::String),
        ("scripts", Type::list(Type::String)),
    ];
    layout(&attributes, "")
});

static FILE: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    let attributes = [
        ("source", Type::String),
        ("content", Type::String),
        ("destination", Type::String),
    ];
    layout(&attributes, "destination")
});

/// Arguments of `connection` that are text. What belongs to winrm is there, so that the
/// provisioner can say that it is not for muster, and not every argument by itself.
const CONNECTION_TEXTS: [&str; 22] = [
    "type",
    "user",
    "password",
    "host",
    "timeout",
    "script_path",
    "target_platform",
    "private_key",
    "certificate",
    "host_key",
    "agent_identity",
    "proxy_scheme",
    "proxy_host",
    "proxy_user_name",
    "proxy_user_password",
    "bastion_host",
    "bastion_host_key",
    "bastion_user",
    "bastion_password",
    "bastion_private_key",
    "bastion_certificate",
    "cacert",
];

static CONNECTION: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    let texts = CONNECTION_TEXTS.map(|name| (name, Type::String));
    let bools = ["agent", "https", "insecure", "use_ntlm"].map(|name| (name, Type::Bool));
    let numbers = ["port", "bastion_port", "proxy_port"].map(|name| (name, Type::Number));
    let all: Vec<_> = texts.into_iter().chain(bools).chain(numbers).collect();
    layout(&all, "host")
});

/// Names as they are when an object is about to be destroyed: only the object itself is sure to
/// be there.
struct EndScope<'a> {
    evaluator: &'a Evaluator,
    module: ModuleId,
    key: &'a InstanceKey,
    own: &'a Value,
}

impl Scope for EndScope<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let wrong = |summary: &str, detail: &str| {
            Err(Diagnostic::error(summary, detail).at(reference.span).into())
        };
        match (&reference.subject, self.key) {
            (Subject::SelfObject, _) => Ok(self.own.clone()),
            (Subject::CountIndex, InstanceKey::Int(n)) => Ok(Value::Number((*n).into())),
            (Subject::EachKey, InstanceKey::Str(key)) => Ok(Value::string(key.clone())),
            (Subject::Path(which), _) => self.evaluator.path(self.module, which, reference.span),
            (Subject::Terraform(which), _) => self.evaluator.engine_value(which, reference.span),
            (Subject::CountIndex, _) => wrong(
                "Reference to \"count\" in non-counted context",
                "The object that is destroyed was not made with count.",
            ),
            (Subject::EachKey, _) => wrong(
                "Reference to \"each\" in context without for_each",
                "The object that is destroyed was not made with for_each.",
            ),
            _ => wrong(
                "Invalid reference from destroy provisioner",
                "When an object is destroyed, others may be gone already.",
            ),
        }
    }

    fn call_provider(
        &self,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        self.evaluator
            .call_provider(self.module, provider, function, args, span)
    }

    fn files(&self) -> &dyn Files {
        &*self.evaluator.files
    }

    fn plan_timestamp(&self) -> Option<Str> {
        self.evaluator.settings.plan_timestamp.clone()
    }

    fn impure_now(&self) -> bool {
        self.evaluator.settings.impure_now
    }
}
