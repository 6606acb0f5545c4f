//! Keys that a program gives, in the protocol of OpenTofu's external key providers: a line that
//! says who it is, then the metadata to its input, then its answer.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_store::SealError;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::damaged;
use crate::Secret;
use crate::envelope::told;
use crate::settings::External;

const MAGIC: &str = "OpenTofu-External-Key-Provider";
const TIME: Duration = Duration::from_secs(60);
/// Keys and metadata are small; a program that goes on and on is not one.
const MOST_OUTPUT: u64 = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Header<'a> {
    magic: std::borrow::Cow<'a, str>,
    version: u64,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    keys: Keys<'a>,
    #[serde(default, borrow)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(default, borrow)]
    encryption_key: Option<&'a str>,
    #[serde(default, borrow)]
    decryption_key: Option<&'a str>,
}

pub(super) fn check(settings: &External) -> Result<(), SealError> {
    match settings.command.first() {
        Some(program) if !program.is_empty() => Ok(()),
        _ => Err(SealError("The command names no program.".to_owned())),
    }
}

pub(super) fn create(settings: &External) -> Result<(Secret, Vec<u8>), SealError> {
    let answer = ask(settings, b"null", TIME)?;
    let output = output(&answer)?;
    let key = key(output.keys.encryption_key, "encryption_key")?;
    let meta = output.meta.map_or("{}", RawValue::get);
    Ok((key, meta.as_bytes().to_vec()))
}

pub(super) fn recover(settings: &External, stored: &[u8]) -> Result<Secret, SealError> {
    let valid = serde_json::from_slice::<&RawValue>(stored);
    valid.map_err(|error| damaged(&told(&error)))?;
    let answer = ask(settings, stored, TIME)?;
    key(output(&answer)?.keys.decryption_key, "decryption_key")
}

fn key(text: Option<&str>, name: &str) -> Result<Secret, SealError> {
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| SealError(format!("The program gave no {name}.")))?;
    let bytes = STANDARD.decode(text);
    let bytes = bytes.map_err(|_| SealError(format!("The program's {name} is not base64.")))?;
    Ok(Secret::new(bytes))
}

/// What the program said after the line that says who it is.
fn output(answer: &[u8]) -> Result<Output<'_>, SealError> {
    let wrong = |reason: String| {
        SealError(format!(
            "The program does not keep to the protocol: {reason}."
        ))
    };
    let line = answer.iter().position(|byte| *byte == b'\n');
    let (header, rest) = answer.split_at(line.unwrap_or(answer.len()));
    let header: Header<'_> = serde_json::from_slice(header)
        .map_err(|_| wrong("its first line does not say who it is".to_owned()))?;
    if header.magic != MAGIC {
        return Err(wrong(
            "its first line is that of another program".to_owned(),
        ));
    }
    if header.version != 1 {
        let version = header.version;
        return Err(wrong(format!(
            "its version is {version}, and only 1 is known"
        )));
    }
    serde_json::from_slice(rest).map_err(|error| wrong(told(&error)))
}

/// Runs the program, for a limited time. What it answers is not shown, because it may be secret;
/// what it writes to its standard error goes to that of this process.
fn ask(settings: &External, input: &[u8], time: Duration) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let [program, arguments @ ..] = settings.command.as_slice() else {
        return Err(SealError("The command names no program.".to_owned()));
    };
    let shown = shown(program);
    let deadline = Instant::now() + time;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| SealError(format!("{shown} cannot be started: {error}.")))?;
    let result = talk(&mut child, shown, input, time).and_then(|answer| {
        let status = end(&mut child, deadline)
            .map_err(|error| SealError(format!("{shown} cannot be waited for: {error}.")))?;
        Ok((answer, status))
    });
    if !matches!(result, Ok((_, Some(_)))) {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    match result? {
        (answer, Some(status)) if status.success() => Ok(answer),
        (_, Some(status)) => Err(SealError(format!("{shown} failed: {status}."))),
        (_, None) => Err(SealError(format!(
            "{shown} gave an answer but did not end within {} seconds.",
            time.as_secs()
        ))),
    }
}

/// The program for people. Where somebody has written a whole command line instead, the rest of
/// it may be secret.
fn shown(program: &str) -> &str {
    match Path::new(program).exists() {
        true => program,
        false => program.split_whitespace().next().unwrap_or_default(),
    }
}

/// How a program ended; `None` if it did not in time.
fn end(child: &mut Child, deadline: Instant) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        let status = child.try_wait()?;
        let left = deadline.saturating_duration_since(Instant::now());
        if status.is_some() || left.is_zero() {
            return Ok(status);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn talk(
    child: &mut Child,
    program: &str,
    input: &[u8],
    time: Duration,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(SealError(format!("{program} cannot be talked to.")));
    };
    let input = input.to_vec();
    std::thread::spawn(move || {
        // A program that does not read what it does not need is no error.
        let _ = stdin.write_all(&input);
    });
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = Zeroizing::new(Vec::with_capacity(64 * 1024));
        let read = stdout.take(MOST_OUTPUT).read_to_end(&mut answer);
        // Nobody listens any more when time is over.
        let _ = send.send(read.map(|_| answer));
    });
    match receive.recv_timeout(time) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(SealError(format!(
            "{program} cannot be read from: {error}."
        ))),
        Err(_) => Err(SealError(format!(
            "{program} gave no answer within {} seconds.",
            time.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> External {
        External {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        }
    }

    const HEADER: &str = r#"echo '{"magic":"OpenTofu-External-Key-Provider","version":1}'"#;

    #[test]
    fn keys_come_from_programs() {
        let answer = r#"read -r in
            case "$in" in
              null) echo '{"keys":{"encryption_key":"a2V5"},"meta":{"external_data":{"n":1}}}' ;;
              '{"external_data":{"n":1}}') echo '{"keys":{"encryption_key":"bmV3","decryption_key":"a2V5"}}' ;;
              *) exit 7 ;;
            esac"#;
        let program = shell(&format!("{HEADER}\n{answer}"));
        let (key, meta) = create(&program).unwrap();
        assert_eq!(key.bytes(), b"key");
        assert_eq!(meta, br#"{"external_data":{"n":1}}"#);
        assert_eq!(recover(&program, &meta).unwrap(), key);
        let error = recover(&program, b"{}").unwrap_err();
        assert!(error.0.contains("exit status: 7"), "{error}");
        assert!(recover(&program, b"{").unwrap_err().0.contains("damaged"));
    }

    #[test]
    fn programs_that_fail() {
        let check = |script: &str, expect: &str| {
            let error = create(&shell(script)).unwrap_err();
            assert!(error.0.contains(expect), "{script}: {error}");
            assert!(!error.0.contains("a2V5"), "{error}");
        };
        check("exit 3", "exit status: 3");
        check("echo a2V5", "who it is");
        check(r#"echo '{"magic":"x","version":1}'"#, "another program");
        let later = HEADER.replace(":1}", ":2}");
        check(&later, "version is 2");
        check(&format!("{HEADER}; echo '{{a2V5'"), "not the JSON");
        check(
            &format!("{HEADER}; echo '{{\"keys\":{{}}}}'"),
            "no encryption_key",
        );
        let not_base64 = r#"echo '{"keys":{"encryption_key":"a2V5?"}}'"#;
        check(&format!("{HEADER}; {not_base64}"), "not base64");
    }

    #[test]
    fn programs_that_do_not_answer() {
        let slow = shell("exec sleep 60");
        let error = ask(&slow, b"null", Duration::from_millis(50)).unwrap_err();
        assert!(error.0.contains("no answer"), "{error}");
        // It answers, and goes on without its output.
        let answer = r#"echo '{"keys":{"encryption_key":"a2V5"}}'"#;
        let lasting = shell(&format!("{HEADER}; {answer}; exec >&-; exec sleep 60"));
        let error = ask(&lasting, b"null", Duration::from_secs(1)).unwrap_err();
        assert!(error.0.contains("within 1 seconds"), "{error}");
        let nothing = External {
            command: vec!["/nothing/here --password hunter2".to_owned()],
        };
        let error = create(&nothing).unwrap_err().0;
        assert!(error.contains("/nothing/here cannot be started"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(
            check(&External {
                command: Vec::new()
            })
            .is_err()
        );
    }
}
