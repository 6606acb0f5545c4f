//! What all decoding needs: constants, static references, and the JSON way of writing both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use muster_lang::{
    Attribute, AttributeSchema, BlockSchema, BodySchema, Diagnostic, DiagnosticKind, Diags, Expr,
    FileId, Node, RawExpr, Reference, Sources, Span, Subject, eval, syntax,
};
use muster_value::{PathStep, Type, Value, convert};

use crate::early::EarlyText;
use crate::files::is_tofu;
use crate::{Nothing, Str};

/// Collects diagnostics while the files of one directory are decoded.
pub(crate) struct Decoder<'a> {
    /// What was found so far.
    pub(crate) diags: Diags,
    json: &'a HashSet<FileId>,
    sources: &'a Sources,
    /// Where the lines of a file start, for files that were asked for.
    lines: HashMap<FileId, Vec<u32>>,
}

/// A name with static steps after it: `aws.west`, `a.b["c"][0]`.
pub(crate) struct Traversal {
    /// First name.
    pub(crate) root: Str,
    /// What follows.
    pub(crate) steps: Vec<PathStep>,
    /// The whole of it.
    pub(crate) span: Span,
}

impl<'a> Decoder<'a> {
    /// `json` are the files in JSON syntax, where code stands in strings.
    pub(crate) fn new(json: &'a HashSet<FileId>, sources: &'a Sources) -> Self {
        Self {
            diags: Diags::new(),
            json,
            sources,
            lines: HashMap::new(),
        }
    }

    /// Whether a position is in a file that only OpenTofu and this engine read.
    pub(crate) fn is_tofu(&self, span: Span) -> bool {
        self.sources
            .get(span.file)
            .is_some_and(|f| is_tofu(&f.name))
    }

    /// A position as `main.tf:3`.
    pub(crate) fn place(&mut self, span: Span) -> String {
        let Some(file) = self.sources.get(span.file) else {
            return "an earlier file".into();
        };
        let starts = self.lines.entry(span.file).or_insert_with(|| {
            (0u32..)
                .zip(file.text.bytes())
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i)
                .collect()
        });
        format!(
            "{}:{}",
            file.name,
            starts.partition_point(|at| *at < span.start) + 1
        )
    }

    /// Adds an error.
    pub(crate) fn error(&mut self, summary: &str, detail: impl Into<String>, span: Span) {
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// Adds a warning.
    pub(crate) fn warn(&mut self, summary: &str, detail: impl Into<String>, span: Span) {
        self.diags
            .push(Diagnostic::warning(summary, detail).at(span));
    }

    /// Keeps the value and collects the diagnostics.
    pub(crate) fn take<T>(&mut self, (value, diags): (T, Diags)) -> T {
        self.diags.extend(diags);
        value
    }

    /// Lowers an expression outside of `dynamic` blocks.
    pub(crate) fn lower(&mut self, raw: &RawExpr) -> Expr {
        let lowered = raw.lower(&[]);
        self.take(lowered)
    }

    /// Whether a position is in a JSON file.
    pub(crate) fn is_json(&self, span: Span) -> bool {
        self.json.contains(&span.file)
    }

    /// In JSON, the code inside a string, with the position that all of it gets; in native
    /// syntax nothing.
    pub(crate) fn embedded(&self, raw: &RawExpr) -> Option<RawExpr> {
        if !self.is_json(raw.span()) {
            return None;
        }
        parse_code(raw.as_literal()?.as_str()?, raw.span())
    }

    /// The value of an expression that may use neither names nor functions.
    pub(crate) fn constant(&mut self, raw: &RawExpr) -> Option<Value> {
        let value = constant(raw);
        self.take(match value {
            Ok(value) => (Some(value), Diags::new()),
            Err(diags) => (None, diags),
        })
    }

    /// A constant of a type; null is an error.
    fn constant_of(&mut self, raw: &RawExpr, ty: &Type) -> Option<Value> {
        let Some(value) = self.constant(raw) else {
            // Said of bools only, as tools expect it.
            if *ty == Type::Bool {
                let detail = "A constant true or false is required here.";
                self.error("Unsuitable value type", detail, raw.span());
            }
            return None;
        };
        let reason = match convert(&value, ty) {
            Ok(value) if !value.is_null() => return Some(value),
            Ok(_) => "null is not possible here".to_owned(),
            Err(error) => error.reason,
        };
        self.error(
            "Unsuitable value type",
            format!("Unsuitable value: {reason}."),
            raw.head_span(),
        );
        None
    }

    /// A constant bool.
    pub(crate) fn bool(&mut self, attribute: Option<&Attribute>) -> Option<bool> {
        self.constant_of(&attribute?.expr, &Type::Bool)?.as_bool()
    }

    /// A constant string.
    pub(crate) fn string(&mut self, attribute: Option<&Attribute>) -> Option<Str> {
        self.constant_of(&attribute?.expr, &Type::String)?
            .as_str()
            .cloned()
    }

    /// A string that is a constant, or is made of variables and local values.
    pub(crate) fn early_string(&mut self, attribute: &Attribute) -> Option<EarlyText> {
        let (expr, diags) = attribute.expr.lower(&[]);
        if diags.has_errors() || expr.references().is_empty() {
            return self.string(Some(attribute)).map(EarlyText::Constant);
        }
        self.diags.extend(diags);
        Some(EarlyText::Expr(expr))
    }

    /// The items of a list written out.
    pub(crate) fn items(&mut self, raw: &RawExpr) -> Vec<RawExpr> {
        raw.as_list().unwrap_or_else(|| {
            let detail = "A list written out in square brackets is required here: the engine has \
                          to know its items before anything is evaluated.";
            self.error("Invalid expression", detail, raw.head_span());
            Vec::new()
        })
    }

    /// A static traversal. In native syntax one in quotes is taken with a warning.
    pub(crate) fn traversal(&mut self, raw: &RawExpr) -> Option<Traversal> {
        let span = raw.span();
        if let Some((root, steps)) = raw.as_traversal() {
            return Some(Traversal { root, steps, span });
        }
        let quoted = raw.as_literal().and_then(|v| v.as_str().cloned());
        let found = quoted
            .and_then(|text| parse_code(&text, span))
            .and_then(|code| code.as_traversal())
            .map(|(root, steps)| Traversal {
                root,
                steps,
                span: raw.head_span(),
            });
        match &found {
            Some(_) if self.is_json(span) => {}
            Some(_) => {
                let detail = "A reference is written without quotes here. The quoted form still \
                              works but is no longer recommended.";
                self.warn("Quoted references are deprecated", detail, span);
            }
            None => {
                let detail = "A plain reference is required here: names, attributes and constant \
                              indexes, no calculation.";
                self.error("Invalid expression", detail, span);
            }
        }
        found
    }

    /// A static traversal where quotes were never possible.
    pub(crate) fn bare_traversal(&mut self, raw: &RawExpr) -> Option<Traversal> {
        let span = raw.span();
        if raw.as_literal().is_none() || self.is_json(span) {
            return self.traversal(raw);
        }
        let detail = "A plain address is required here, without quotes.";
        self.error("Invalid expression", detail, span);
        None
    }

    /// The references of `depends_on`, which are to whole objects.
    pub(crate) fn depends_on(&mut self, attribute: Option<&Attribute>) -> Vec<Reference> {
        let Some(attribute) = attribute else {
            return Vec::new();
        };
        let items = self.items(&attribute.expr);
        items
            .iter()
            .filter_map(|item| self.dependency(item))
            .collect()
    }

    fn dependency(&mut self, item: &RawExpr) -> Option<Reference> {
        let traversal = self.traversal(item)?;
        // Lowering knows the exact positions; text in quotes has none.
        let lowered = item.lower(&[]).0.references().first().cloned();
        let Some(reference) = lowered.or_else(|| traversal.reference()) else {
            let detail = "This does not name an object that could be depended on.";
            let error = Diagnostic::error("Invalid reference", detail).at(traversal.span);
            self.diags.push(error.of_kind(DiagnosticKind::Dependency));
            return None;
        };
        let attribute = matches!(reference.steps.first(), Some(PathStep::Attr(_)));
        if attribute && !matches!(reference.subject, Subject::Variable(_) | Subject::Local(_)) {
            let detail = "A dependency is a whole resource or module, not one of its attributes. \
                          Leave the attribute out.";
            let steps = Span {
                start: reference.span.end.min(reference.full_span.end),
                ..reference.full_span
            };
            self.bad_dependency(detail, steps);
        }
        Some(reference)
    }

    fn bad_dependency(&mut self, detail: &str, span: Span) {
        let error = Diagnostic::error("Invalid depends_on reference", detail).at(span);
        self.diags.push(error.of_kind(DiagnosticKind::Dependency));
    }
}

impl Traversal {
    /// The reference that the traversal is, if its first names make one.
    pub(crate) fn reference(&self) -> Option<Reference> {
        let name = |i: usize| match self.steps.get(i) {
            Some(PathStep::Attr(name)) => Some(name.clone()),
            _ => None,
        };
        let (subject, used) = match &*self.root {
            "var" => (Subject::Variable(name(0)?), 1),
            "local" => (Subject::Local(name(0)?), 1),
            "module" => (Subject::Module(name(0)?), 1),
            "path" => (Subject::Path(name(0)?), 1),
            "terraform" => (Subject::Terraform(name(0)?), 1),
            "data" => (Subject::Data(name(0)?, name(1)?), 2),
            "ephemeral" => (Subject::Ephemeral(name(0)?, name(1)?), 2),
            "resource" => (Subject::Managed(name(0)?, name(1)?), 2),
            "self" => (Subject::SelfObject, 0),
            "count" => (Subject::CountIndex, 1),
            "each" if name(0).as_deref() == Some("value") => (Subject::EachValue, 1),
            "each" => (Subject::EachKey, 1),
            _ => (Subject::Managed(self.root.clone(), name(0)?), 1),
        };
        let steps = self.steps.get(used..).unwrap_or_default().to_vec();
        Some(Reference {
            subject,
            steps,
            span: self.span,
            full_span: self.span,
        })
    }

    /// The traversal as an address: `module.a["x"].t.n[0]`.
    pub(crate) fn address(&self) -> String {
        use std::fmt::Write;

        use muster_addr::InstanceKey;
        let mut out = self.root.to_string();
        for step in &self.steps {
            // Writing to a string does not fail.
            let _ = match step {
                PathStep::Attr(name) => write!(out, ".{name}"),
                PathStep::Index(i) => write!(out, "[{i}]"),
                PathStep::Key(key) => write!(out, "{}", InstanceKey::Str(key.clone())),
            };
        }
        out
    }
}

/// A schema from plain names: arguments that must be there, arguments that may, and block types
/// with their labels.
pub(crate) fn schema(
    required: &[&str],
    optional: &[&str],
    blocks: &[(&str, &[&str])],
) -> BodySchema {
    let attribute = |name: &&str, required| AttributeSchema {
        name: Str::from(*name),
        required,
    };
    BodySchema {
        attributes: (required.iter().map(|n| attribute(n, true)))
            .chain(optional.iter().map(|n| attribute(n, false)))
            .collect(),
        blocks: blocks
            .iter()
            .map(|(name, labels)| BlockSchema {
                type_name: Str::from(*name),
                labels: labels.iter().map(|l| Str::from(*l)).collect(),
            })
            .collect(),
    }
}

/// The value of an expression that may use neither names nor functions. In JSON it is what is
/// written: a string is no template.
///
/// # Errors
/// It uses some, or gives no value: everything that is to be said about that.
pub fn constant(raw: &RawExpr) -> Result<Value, Diags> {
    if let Some(written) = raw.verbatim() {
        return written;
    }
    if let Some(value) = raw.as_literal() {
        return Ok(value);
    }
    let (expr, lowered) = raw.lower(&[]);
    let variable = |span: Option<Span>| {
        let detail = "This value must be known before anything is evaluated, so it cannot refer \
                      to variables or other objects.";
        Diagnostic::error("Variables not allowed", detail).at_opt(span)
    };
    let call = |span: Option<Span>| {
        let detail = "This value must be known before anything is evaluated, so it cannot call \
                      functions.";
        Diagnostic::error("Function calls not allowed", detail).at_opt(span)
    };
    // What is no name or function elsewhere is not allowed here for the same reason.
    let found = lowered.into_iter().map(|d| match &*d.summary {
        "Invalid reference" => variable(d.subject),
        "Call to unknown function" => call(d.subject),
        _ => d,
    });
    let mut diags = Diags(found.collect());
    let references = expr.references().iter();
    diags
        .0
        .extend(references.map(|r| variable(Some(root_span(r)))));
    if diags.is_empty() && raw.as_keyword().is_some() {
        diags.push(variable(Some(raw.span())));
    }
    if let Some(span) = first_call(&expr) {
        diags.push(call(Some(span)));
    }
    if diags.has_errors() {
        return Err(diags);
    }
    eval(&expr, &Nothing, &[])
}

/// The first name of a reference.
fn root_span(reference: &Reference) -> Span {
    let len = match &reference.subject {
        Subject::Variable(_) => "var".len(),
        Subject::Local(_) => "local".len(),
        Subject::Module(_) => "module".len(),
        Subject::Data(..) => "data".len(),
        Subject::Ephemeral(..) => "ephemeral".len(),
        Subject::Managed(type_name, _) => type_name.len(),
        Subject::EachKey | Subject::EachValue => "each".len(),
        Subject::CountIndex => "count".len(),
        Subject::SelfObject => "self".len(),
        Subject::Path(_) => "path".len(),
        Subject::Terraform(_) => "terraform".len(),
        Subject::Output(_) => "output".len(),
    };
    let end = reference.span.start + u32::try_from(len).unwrap_or(0);
    Span {
        end: end.min(reference.span.end),
        ..reference.span
    }
}

/// Parses a text as an expression. All positions in the result are meaningless, so it is for
/// code that reports errors at `span` itself.
pub(crate) fn parse_code(text: &str, span: Span) -> Option<RawExpr> {
    let source: Arc<str> = format!("x = {text}\n").into();
    let (body, diags) = syntax::parse_native(span.file, &source);
    if diags.has_errors() {
        return None;
    }
    let (attributes, diags) = body.just_attributes();
    match <[Attribute; 1]>::try_from(attributes) {
        Ok([attribute]) if !diags.has_errors() => Some(attribute.expr),
        _ => None,
    }
}

/// The expression with all positions replaced by one.
pub(crate) fn relocate(expr: &Expr, span: Span) -> Expr {
    let mut data = (*expr.0).clone();
    data.file = span.file;
    data.spans.fill((span.start, span.end));
    for reference in &mut data.references {
        reference.span = span;
        reference.full_span = span;
    }
    Expr(Arc::new(data))
}

fn first_call(expr: &Expr) -> Option<Span> {
    let at = expr
        .0
        .nodes
        .iter()
        .position(|n| matches!(n, Node::Call { .. } | Node::ProviderCall { .. }))?;
    let (start, end) = expr.0.spans[at];
    Some(Span {
        file: expr.0.file,
        start,
        end,
    })
}
