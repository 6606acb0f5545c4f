//! Any text as a template without quotes, evaluated without variables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Empty, FILE, check_diags, is_quick, look_at, text};
use muster_lang::{eval, syntax::parse_template};

fuzz_target!(|data: &[u8]| {
    let text = text(data);
    let (raw, diags) = parse_template(FILE, &text);
    check_diags(&diags, &text);
    let (expr, found) = look_at(&raw, &text);
    if !is_quick(&expr) {
        return;
    }
    match eval(&expr, &Empty, &[]) {
        // Text without sequences or escapes is its own value.
        Ok(value) if !diags.has_errors() && !found.has_errors() => {
            let plain = !text.contains(['$', '%']) && text.is_ascii();
            assert!(!plain || value.as_str().is_some_and(|v| **v == *text));
        }
        Ok(_) => {}
        Err(diags) => check_diags(&diags, &text),
    }
});
