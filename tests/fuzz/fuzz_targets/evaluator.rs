//! Any text as an expression, evaluated with variables of every kind of value.
#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{FILE, Fixtures, check_diags, conforms, is_quick, look_at, text};
use muster_lang::expr::Node;
use muster_lang::{Expr, Scope, eval, syntax::parse_expression};
use muster_value::{Type, Unknown, Value, from_msgpack, to_msgpack};

thread_local! {
    static KNOWN: LazyCell<Fixtures> = const { LazyCell::new(Fixtures::known) };
    static SECRETS: LazyCell<Fixtures> = const { LazyCell::new(Fixtures::with_other_secrets) };
    /// The same with some variables not known yet.
    static PARTLY: LazyCell<[Fixtures; 3]> = const {
        LazyCell::new(|| {
            [
                Fixtures::with_unknown(|_| true),
                Fixtures::with_unknown(|at| at % 2 == 0),
                Fixtures::with_unknown(|at| at % 2 == 1),
            ]
        })
    };
}

/// What holds for every value.
fn check_value(value: &Value) {
    conforms(value, &value.ty());
    let plain = value.unmark_deep();
    if let Ok(bytes) = to_msgpack(&plain, &Type::Dynamic) {
        let again = from_msgpack(&bytes, &Type::Dynamic).expect("what was encoded can be decoded");
        assert!(again.same(&plain), "{again:?} {plain:?}");
    }
}

/// What was said with less known must still hold when more is known.
fn check_refines(more: &Value, less: &Value) {
    let (more, less) = (more.peel(), less.peel());
    match less {
        Value::Unknown(unknown) => check_promise(more, unknown),
        _ if !more.is_known() => panic!("{less:?} was known, now {more:?}"),
        // Which elements of a set with unknowns become which, and which fall together, is open.
        Value::Set(_) if !less.is_wholly_known() => {}
        _ if less.len().is_some() => {
            assert_eq!(more.len(), less.len(), "{more:?} {less:?}");
            if let (Some(a), Some(b)) = (more.as_entries(), less.as_entries()) {
                assert!(a.keys().eq(b.keys()), "{more:?} {less:?}");
            }
            more.children()
                .zip(less.children())
                .for_each(|(m, l)| check_refines(m, l));
        }
        _ => assert!(more.same(less), "{more:?} {less:?}"),
    }
}

fn check_promise(value: &Value, unknown: &Unknown) {
    let promise = &unknown.refinement;
    if unknown.ty != Type::Dynamic && !unknown.ty.has_dynamic() && !value.is_null() {
        assert_eq!(value.ty(), unknown.ty, "{value:?}");
    }
    assert!(
        !(promise.not_null && value.is_null()),
        "{unknown:?} became null"
    );
    if let (Some(prefix), Some(text)) = (&promise.prefix, value.as_str()) {
        assert!(text.starts_with(&**prefix), "{text:?} {unknown:?}");
    }
    if let (Some(n), Some((bound, _))) = (value.as_number(), &promise.lower) {
        assert!(n >= bound, "{n} {unknown:?}");
    }
    if let (Some(n), Some((bound, _))) = (value.as_number(), &promise.upper) {
        assert!(n <= bound, "{n} {unknown:?}");
    }
    if let Some(len) = value.len().map(|n| n as u64) {
        assert!(
            promise.min_length.is_none_or(|m| len >= m),
            "{len} {unknown:?}"
        );
        assert!(
            promise.max_length.is_none_or(|m| len <= m),
            "{len} {unknown:?}"
        );
    }
}

/// Whether an expression may tell something about secrets: by declassifying, or by what fails.
fn tells(expr: &Expr) -> bool {
    let by = |n: &Node| match n {
        Node::Call { function, .. } => {
            matches!(
                function.name,
                "nonsensitive" | "ephemeralasnull" | "try" | "can"
            )
        }
        _ => false,
    };
    expr.0.nodes.iter().any(by)
}

/// With other secrets nothing may differ but what is marked.
fn check_secret(a: &Value, b: &Value) {
    assert_eq!(a.marks(), b.marks(), "{a:?} {b:?}");
    if !a.marks().is_empty() {
        return;
    }
    assert_eq!(a.len(), b.len(), "{a:?} {b:?}");
    if a.len().is_none() {
        return assert!(a.same(b), "{a:?} {b:?}");
    }
    if let (Some(x), Some(y)) = (a.as_entries(), b.as_entries()) {
        assert!(x.keys().eq(y.keys()), "{a:?} {b:?}");
    }
    a.children()
        .zip(b.children())
        .for_each(|(x, y)| check_secret(x, y));
}

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let (raw, diags) = parse_expression(FILE, &text);
    check_diags(&diags, &text);
    let (expr, found) = look_at(&raw, &text);
    // What is not declared is found before anything is evaluated.
    let declared = |scope: &Fixtures| expr.references().iter().all(|r| scope.resolve(r).is_ok());
    if !is_quick(&expr) || !KNOWN.with(|scope| declared(scope)) {
        return;
    }
    let known = KNOWN.with(|scope| eval(&expr, &**scope, &[]));
    match &known {
        Ok(value) => check_value(value),
        Err(diags) => check_diags(diags, &text),
    }
    if let Ok(value) = &known
        && !tells(&expr)
        && let Ok(other) = SECRETS.with(|scope| eval(&expr, &**scope, &[]))
    {
        check_secret(value, &other);
    }
    PARTLY.with(|scopes| {
        for scope in &**scopes {
            match (eval(&expr, scope, &[]), &known) {
                (Ok(less), Ok(more)) if !diags.has_errors() && !found.has_errors() => {
                    check_refines(more, &less);
                }
                (Ok(less), _) => check_value(&less),
                (Err(diags), Ok(more)) => panic!("{more:?}, but with less known {diags:?}"),
                (Err(diags), Err(_)) => check_diags(&diags, &text),
            }
        }
    });
});
