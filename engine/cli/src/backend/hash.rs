//! What Terraform recognises the settings of a backend block by.

use std::fmt::Write as _;

use muster_store::{Setting, SettingKind, Settings};
use serde_json::Value;

use super::kinds::Kind;

/// The hash of all settings of a kind, which are there. What Terraform does not know counts only
/// where it is given.
pub(crate) fn of(kind: &Kind, settings: &Settings) -> u64 {
    let mut text = format!("<{:?};", kind.name);
    let given = |s: &&Setting| {
        let is_null = settings.get(s.name).is_none_or(Value::is_null);
        !is_null || !kind.own.contains(&s.name)
    };
    let known: Vec<&Setting> = kind.settings.iter().filter(given).collect();
    object(&known, Some(settings), &mut text);
    text.push_str(";>");
    u64::from(crc32(text.as_bytes()))
}

/// `<1;2;>` in the order of the names.
fn object(settings: &[&Setting], values: Option<&Settings>, out: &mut String) {
    let mut settings = settings.to_vec();
    settings.sort_by_key(|s| s.name);
    out.push('<');
    for setting in settings {
        let found = values.and_then(|values| values.get(setting.name));
        value(&setting.kind, found.unwrap_or(&Value::Null), out);
        out.push(';');
    }
    out.push('>');
}

fn value(kind: &SettingKind, value: &Value, out: &mut String) {
    match (kind, value) {
        (_, Value::Null) => out.push('~'),
        (SettingKind::Object(settings), value) => {
            let settings: Vec<&Setting> = settings.iter().collect();
            object(&settings, value.as_object(), out);
        }
        (SettingKind::Map, Value::Object(entries)) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in entries {
                quoted(name, out);
                out.push(':');
                plain(value, out);
                out.push(';');
            }
            out.push('}');
        }
        (_, Value::Array(items)) => {
            let mut texts: Vec<&Value> = items.iter().collect();
            if matches!(kind, SettingKind::Set) {
                texts.sort_by_key(|text| text.as_str());
            }
            out.push('[');
            for text in texts {
                plain(text, out);
                out.push(';');
            }
            out.push(']');
        }
        (_, other) => plain(other, out),
    }
}

fn plain(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push('T'),
        Value::Bool(false) => out.push('F'),
        Value::String(text) => quoted(text, out),
        Value::Null => out.push('~'),
        other => out.push_str(&other.to_string()),
    }
}

/// A text as Go quotes it.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The checksum of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_store::{Backend, Codec, StoreError};

    #[expect(
        clippy::unnecessary_wraps,
        reason = "all kinds have functions of this type"
    )]
    fn open(_: &Settings, _: Codec) -> Result<Box<dyn Backend>, StoreError> {
        Ok(Box::new(muster_store::LocalBackend::default()))
    }

    fn kind(name: &'static str, settings: &'static [Setting]) -> Kind {
        Kind::of_test(name, settings, &["own"], open)
    }

    const PG: &[Setting] = &[
        Setting::new("skip_table_creation", SettingKind::Bool),
        Setting::new("conn_str", SettingKind::Text),
        Setting::new("schema_name", SettingKind::Text),
        Setting::new("skip_index_creation", SettingKind::Bool),
        Setting::new("skip_schema_creation", SettingKind::Bool),
        Setting::new("own", SettingKind::Text),
    ];

    /// As `terraform init` records it.
    #[test]
    fn hashes_are_those_of_terraform() {
        let check = |kind: &Kind, settings: serde_json::Value, expect: u64| {
            let settings = settings.as_object().unwrap();
            assert_eq!(of(kind, settings), expect, "{settings:?}");
        };
        let local = &super::super::kinds::LOCAL;
        check(local, serde_json::json!({}), 666_019_178);
        let one = serde_json::json!({ "path": "one.tfstate" });
        check(local, one, 427_796_062);
        let two = serde_json::json!({ "path": "two.tfstate", "workspace_dir": null });
        check(local, two, 1_214_197_412);
        let pg = kind("pg", PG);
        let settings = serde_json::json!({
            "conn_str": "postgres://postgres@127.0.0.1:54999/postgres?sslmode=disable",
            "schema_name": "remote",
            "skip_table_creation": false,
        });
        check(&pg, settings, 1_953_970_039);
    }

    #[test]
    fn texts_of_all_types() {
        let check = |kind: SettingKind, json: serde_json::Value, expect: &str| {
            let mut text = String::new();
            value(&kind, &json, &mut text);
            assert_eq!(text, expect, "{json}");
        };
        const INNER: &[Setting] = &[
            Setting::new("b", SettingKind::Number),
            Setting::new("a", SettingKind::Bool),
        ];
        use serde_json::json;
        check(SettingKind::Set, json!(["b", "a"]), r#"["a";"b";]"#);
        check(SettingKind::List, json!(["b", "a"]), r#"["b";"a";]"#);
        check(
            SettingKind::Map,
            json!({ "b": "é\n", "a": "\u{1}\"" }),
            "{\"a\":\"\\x01\\\"\";\"b\":\"é\\n\";}",
        );
        check(SettingKind::Object(INNER), json!({ "b": 2 }), "<~;2;>");
        check(SettingKind::Object(INNER), json!(null), "~");
    }
}
