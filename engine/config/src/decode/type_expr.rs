//! Type expressions: `map(object({ port = optional(number, 80) }))`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_lang::{Diagnostic, Diags, RawExpr, Span};
use muster_value::{ObjectType, Type, convert};

use super::context::{Decoder, constant};
use crate::{Defaults, Str};

const SUMMARY: &str = "Invalid type specification";

/// Types nested deeper than this are refused: no person writes them, and they would cost stack
/// everywhere.
const MAX_DEPTH: usize = 256;

/// The type an expression stands for. `None` when it is none, which is reported.
pub(crate) fn parse_type(cx: &mut Decoder<'_>, raw: &RawExpr) -> Option<(Type, Defaults)> {
    let span = raw.span();
    let literal = raw.as_literal();
    let text = literal.as_ref().and_then(|v| v.as_str());
    if let (Some(text), false) = (text, cx.is_json(span)) {
        return quoted_type(cx, text, span);
    }
    let embedded = cx.embedded(raw);
    let at = embedded.is_some().then_some(span);
    let mut parser = TypeParser {
        diags: Diags::new(),
        at,
        depth: 0,
    };
    let parsed = parser.parse(embedded.as_ref().unwrap_or(raw));
    cx.diags.extend(parser.diags);
    parsed
}

/// Quotes around the type are from a time before type expressions.
fn quoted_type(cx: &mut Decoder<'_>, text: &str, span: Span) -> Option<(Type, Defaults)> {
    let (summary, meant) = match text {
        "string" => ("Invalid quoted type constraints", "string"),
        "list" => ("Invalid quoted type constraints", "list(string)"),
        "map" => ("Invalid quoted type constraints", "map(string)"),
        _ => ("Invalid legacy variable type hint", text),
    };
    cx.error(
        summary,
        format!("A type is written without quotes: type = {meant}."),
        span,
    );
    None
}

struct TypeParser {
    diags: Diags,
    /// Where everything is, when the expression's own positions mean nothing.
    at: Option<Span>,
    depth: usize,
}

impl TypeParser {
    fn error(&mut self, detail: impl Into<String>, raw: &RawExpr) {
        self.error_at(detail, raw.span());
    }

    fn error_at(&mut self, detail: impl Into<String>, span: Span) {
        let span = self.at.unwrap_or(span);
        self.diags.push(Diagnostic::error(SUMMARY, detail).at(span));
    }

    fn parse(&mut self, raw: &RawExpr) -> Option<(Type, Defaults)> {
        if let Some(name) = raw.as_keyword() {
            return self.keyword(&name, raw).map(|ty| (ty, Defaults::default()));
        }
        let Some((name, args)) = raw.as_call() else {
            self.error(
                "A type is one of the keywords bool, number, string and any, or a call such as \
                 list(string) or object({ name = string }).",
                raw,
            );
            return None;
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.error(format!("Types can be nested {MAX_DEPTH} levels deep."), raw);
            return None;
        }
        let parsed = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.call(&name, &args, raw));
        self.depth -= 1;
        parsed
    }

    fn keyword(&mut self, name: &str, raw: &RawExpr) -> Option<Type> {
        let detail = match name {
            "bool" => return Some(Type::Bool),
            "number" => return Some(Type::Number),
            "string" => return Some(Type::String),
            "any" => return Some(Type::Dynamic),
            // The short forms of old configurations.
            "list" if self.depth == 0 => return Some(Type::list(Type::Dynamic)),
            "map" if self.depth == 0 => return Some(Type::map(Type::Dynamic)),
            "list" | "set" | "map" => {
                format!("{name} needs the type of its elements: {name}(string).")
            }
            "object" => "object needs its attributes: object({ name = string }).".into(),
            "tuple" => "tuple needs the types of its elements: tuple([string, number]).".into(),
            "optional" => OPTIONAL_MISPLACED.into(),
            _ => format!("There is no type {name:?}."),
        };
        self.error(detail, raw);
        None
    }

    fn call(&mut self, name: &str, args: &[RawExpr], raw: &RawExpr) -> Option<(Type, Defaults)> {
        let detail = match (name, args) {
            ("list" | "set" | "map", [elem]) => {
                let (elem, defaults) = self.parse(elem)?;
                let ty = match name {
                    "list" => Type::list(elem),
                    "set" => Type::set(elem),
                    _ => Type::map(elem),
                };
                return Some((ty, nested([(Str::from(""), defaults)])));
            }
            ("object", [attributes]) => return self.object(attributes),
            ("tuple", [items]) => return self.tuple(items),
            ("list" | "set" | "map", _) => {
                format!("{name} takes one argument, the type of its elements.")
            }
            ("object", _) => "object takes one argument, its attributes in braces.".into(),
            ("tuple", _) => "tuple takes one argument, its element types in brackets.".into(),
            ("bool" | "number" | "string" | "any", _) => format!("{name} takes no arguments."),
            ("optional", _) => OPTIONAL_MISPLACED.into(),
            _ => format!("There is no type constructor {name:?}."),
        };
        let (of_name, of_arguments) = raw.call_spans().unwrap_or((raw.span(), raw.span()));
        let span = match (name, args) {
            ("list" | "set" | "map" | "object" | "tuple", [_, extra, ..]) => {
                let last = args.last().unwrap_or(extra);
                extra.span().to(last.span())
            }
            ("list" | "set" | "map" | "object" | "tuple", _)
            | ("bool" | "number" | "string" | "any", _) => of_arguments,
            ("optional", _) => of_name,
            _ => raw.span(),
        };
        self.error_at(detail, span);
        None
    }

    fn tuple(&mut self, raw: &RawExpr) -> Option<(Type, Defaults)> {
        let Some(items) = raw.as_list() else {
            self.error("tuple takes its element types in square brackets.", raw);
            return None;
        };
        let parsed: Vec<_> = items.iter().map(|item| self.parse(item)).collect();
        let mut types = Vec::new();
        let mut children = Vec::new();
        for (i, item) in parsed.into_iter().enumerate() {
            let (ty, defaults) = item?;
            types.push(ty);
            children.push((Str::from(i.to_string()), defaults));
        }
        Some((Type::tuple(types), nested(children)))
    }

    fn object(&mut self, raw: &RawExpr) -> Option<(Type, Defaults)> {
        let Some(pairs) = raw.as_pairs() else {
            self.error(
                "object takes its attributes in braces: { name = type }.",
                raw,
            );
            return None;
        };
        let mut object = ObjectType {
            attributes: BTreeMap::new(),
            optional: BTreeSet::new(),
        };
        let mut defaults = Defaults::default();
        let mut complete = true;
        for (key, value) in &pairs {
            let Some(name) = key.as_keyword() else {
                self.error("The attributes of an object type are plain names.", key);
                complete = false;
                continue;
            };
            if object.attributes.contains_key(&name) {
                self.error(format!("The attribute {name:?} is there twice."), key);
                complete = false;
            } else if !self.attribute(name, value, &mut object, &mut defaults) {
                complete = false;
            }
        }
        complete.then(|| (Type::Object(Arc::new(object)), defaults))
    }

    /// One attribute, `optional` or not. Says whether it was understood.
    fn attribute(
        &mut self,
        name: Str,
        raw: &RawExpr,
        object: &mut ObjectType,
        defaults: &mut Defaults,
    ) -> bool {
        let args = match raw.as_call() {
            Some((modifier, args)) if &*modifier == "optional" => args,
            _ => vec![raw.clone()],
        };
        let optional = raw
            .as_call()
            .is_some_and(|(modifier, _)| &*modifier == "optional");
        let (ty_expr, default_expr) = match &args[..] {
            [ty] => (ty, None),
            [ty, default] => (ty, Some(default)),
            _ => {
                let span = raw.call_spans().map_or(raw.span(), |(_, args)| args);
                self.error_at(
                    "optional takes the attribute's type and perhaps a default.",
                    span,
                );
                return false;
            }
        };
        let Some((ty, inner)) = self.parse(ty_expr) else {
            return false;
        };
        if let Some(default) = default_expr {
            let Some(value) = self.default(default, &ty, &inner) else {
                return false;
            };
            defaults.attributes.insert(name.clone(), value);
        }
        if !inner.is_empty() {
            defaults.children.insert(name.clone(), inner);
        }
        if optional {
            object.optional.insert(name.clone());
        }
        object.attributes.insert(name, ty);
        true
    }

    fn default(
        &mut self,
        raw: &RawExpr,
        ty: &Type,
        inner: &Defaults,
    ) -> Option<muster_value::Value> {
        let span = self.at.unwrap_or_else(|| raw.span());
        let value = match constant(raw) {
            Ok(value) => value,
            Err(found) => {
                for diagnostic in found {
                    let at = self.at.or(diagnostic.subject);
                    self.diags.push(diagnostic.at_opt(at));
                }
                return None;
            }
        };
        match convert(&inner.apply(&value), ty) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail =
                    format!("The default does not fit the attribute's type {ty}: {error}.");
                let summary = "Invalid default value for optional attribute";
                self.diags.push(Diagnostic::error(summary, detail).at(span));
                None
            }
        }
    }
}

const OPTIONAL_MISPLACED: &str =
    "optional(...) is only possible as the type of an attribute of an object type.";

/// Children that have defaults.
fn nested(children: impl IntoIterator<Item = (Str, Defaults)>) -> Defaults {
    Defaults {
        attributes: BTreeMap::new(),
        children: children
            .into_iter()
            .filter(|(_, d)| !d.is_empty())
            .collect(),
    }
}
