//! Arguments from the environment: `TF_CLI_ARGS`, and `TF_CLI_ARGS_plan` and the like.

use clap::CommandFactory;

use crate::args::Cli;

const VARIABLE: &str = "TF_CLI_ARGS";

/// Puts the arguments that the environment has for a command right behind its name, so that what
/// was typed comes last and wins. Without a command nothing is put anywhere.
///
/// # Errors
/// A quote is not closed; the text names the variable.
pub(crate) fn splice(
    mut args: Vec<String>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    let Some((end, verb)) = verb(&args) else {
        return Ok(args);
    };
    let own = format!("{VARIABLE}_{}", verb.replace(['-', ' '], "_"));
    let mut more = Vec::new();
    // What holds for all commands wins over what holds for one: so it is in Terraform.
    for name in [own.as_str(), VARIABLE] {
        if let Some(text) = env(name) {
            let words = words(&text).ok_or_else(|| {
                format!("The arguments in {name} cannot be told apart: a quote is not closed")
            })?;
            more.extend(words);
        }
    }
    args.splice(end..end, more);
    Ok(args)
}

/// The command in some arguments, as `state list`, and the position behind it.
fn verb(args: &[String]) -> Option<(usize, String)> {
    let mut command = Cli::command();
    let mut found: Option<(usize, String)> = None;
    let mut at = 1;
    while let Some(word) = args.get(at) {
        if matches!(word.as_str(), "-chdir" | "--chdir") && found.is_none() {
            at += 2;
            continue;
        }
        if word.starts_with('-') && found.is_none() {
            at += 1;
            continue;
        }
        let Some(next) = command.find_subcommand(word).cloned() else {
            break;
        };
        at += 1;
        let name = match found {
            Some((_, name)) => format!("{name} {word}"),
            None => word.clone(),
        };
        found = Some((at, name));
        command = next;
    }
    found
}

/// Words as a shell tells them apart: by white space that is not quoted or escaped. Nothing is
/// replaced in them. `None` when a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().push(chars.next()?),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            // Here another command would begin, or a file be named; Terraform reads no further.
            (';' | '&' | '|' | '<' | '>', None) => break,
            (c, None) if c.is_ascii_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_text() {
        let check = |text: &str, expect: Option<&[&str]>| {
            let expect = expect.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
            assert_eq!(words(text), expect, "{text}");
        };
        check("", Some(&[]));
        check("  -a\t-b=c\n", Some(&["-a", "-b=c"]));
        check("-var 'a=b c' x", Some(&["-var", "a=b c", "x"]));
        check("b=\"q\\\"r s\"\\ t", Some(&["b=q\"r s t"]));
        check("'\\' \"\"", Some(&["\\", ""]));
        check("$HOME `x` $(y)", Some(&["$HOME", "`x`", "$(y)"]));
        check("a=1;-x", Some(&["a=1"]));
        check("a | b", Some(&["a"]));
        check("'a|b' \"c;d\" e\\&f", Some(&["a|b", "c;d", "e&f"]));
        check("'a", None);
        check("a\\", None);
    }

    #[test]
    fn arguments_go_behind_the_command() {
        let env = |name: &str| match name {
            "TF_CLI_ARGS" => Some("-general".to_owned()),
            "TF_CLI_ARGS_plan" => Some("-own 'with space'".to_owned()),
            "TF_CLI_ARGS_state_list" => Some("-listed".to_owned()),
            "TF_CLI_ARGS_state" => Some("-never".to_owned()),
            "TF_CLI_ARGS_fmt" => Some("'".to_owned()),
            _ => None,
        };
        let run = |typed: &str| {
            let typed = typed.split(' ').map(str::to_owned).collect();
            splice(typed, env)
        };
        let check = |typed: &str, expect: &str| {
            let found = run(typed).map(|args| args.join(" "));
            assert_eq!(found.as_deref(), Ok(expect));
        };
        check("muster plan -x", "muster plan -own with space -general -x");
        check(
            "muster -chdir=plan apply plan",
            "muster -chdir=plan apply -general plan",
        );
        check(
            "muster -chdir plan apply",
            "muster -chdir plan apply -general",
        );
        check(
            "muster state list a",
            "muster state list -listed -general a",
        );
        check("muster", "muster");
        check("muster -help", "muster -help");
        check("muster nonsense", "muster nonsense");
        assert!(run("muster fmt").unwrap_err().contains("TF_CLI_ARGS_fmt"));
    }
}
