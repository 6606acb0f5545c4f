//! YAML in strings.

use muster_config::Nothing;
use muster_value::Value;

/// Texts longer than this are compared line by line.
const LARGEST: usize = 1 << 20;

/// The value in a text of several lines that holds a YAML mapping or sequence.
pub(super) fn parse(text: &str) -> Option<Value> {
    // With aliases, a short text may stand for a value of any size.
    let aliases = text.contains('&') && text.contains('*');
    if text.len() > LARGEST || !text.trim_end().contains('\n') || aliases {
        return None;
    }
    let decode = muster_lang::functions::lookup("yamldecode")?;
    // Decoding asks for neither names nor files.
    let call = muster_lang::functions::Call { scope: &Nothing };
    let value = (decode.call)(&[Value::from(text)], &call).ok()?;
    let is_body = matches!(
        value,
        Value::Object(_) | Value::Map(_) | Value::Tuple(_) | Value::List(_)
    );
    is_body.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::super::{Canvas, Context, Forced, Shape, diff};
    use super::*;
    use crate::Style;

    #[test]
    fn only_documents_of_several_lines_are_yaml() {
        let check = |text: &str, expect: bool| assert_eq!(parse(text).is_some(), expect, "{text}");
        check("a: 1\nb: 2\n", true);
        check("- a\n- b", true);
        check("a: 1\n", false);
        check("first line\nsecond line\n", false);
        check("a: 1\na: [\n", false);
        check("a: &x [1, 2]\nb: [*x, *x]\n", false);
    }

    fn check(before: &str, after: &str, expect: &str) {
        let (before, after) = (Value::from(before), Value::from(after));
        let node = diff(Some(&before), Some(&after), Shape::ANY, &Forced::default());
        let mut canvas = Canvas::new(Style::PLAIN);
        canvas.value(&node, 0, Context::default());
        assert_eq!(canvas.text, expect);
    }

    #[test]
    fn values_in_documents_are_compared() {
        check(
            "users:\n  - name: a\n  - name: b\nport: 1\n",
            "users:\n  - name: x\n  - name: a\n  - name: b\nport: 1\n",
            "yamlencode(
      ~ {
          ~ users = [
              + {
                  + name = \"x\"
                },
                {
                    name = \"a\"
                },
                # (1 unchanged element hidden)
            ]
            # (1 unchanged attribute hidden)
        }
    )",
        );
        // Nothing but the lines tells what became of comments.
        check(
            "a: 1\nb: 2\n",
            "# new\na: 1\nb: 2\n",
            "<<-EOT\n      + # new\n        a: 1\n        b: 2\n    EOT",
        );
    }
}
