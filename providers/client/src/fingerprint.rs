//! The checksum of a program. Programs are large, so it is remembered for as long as size, time
//! and identity of the file stay the same.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::PluginSpec;
use crate::cache::write;

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    device: u64,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Known {
    stamp: Stamp,
    checksum: String,
}

/// Under which name the schema of a plugin is kept: the checksum of its program, with what it is
/// started with if that is anything. Scripts have none, for they may run any program.
pub(crate) fn key(spec: &PluginSpec, folder: &Path) -> Option<String> {
    let mut start = Vec::new();
    let file = fs::File::open(&spec.program).ok()?;
    file.take(2).read_to_end(&mut start).ok()?;
    if start == b"#!" {
        return None;
    }
    let checksum = fingerprint(&spec.program, folder).ok()?;
    if spec.args.is_empty() && spec.env.is_empty() {
        return Some(checksum);
    }
    let mut context = Context::new(&SHA256);
    context.update(checksum.as_bytes());
    let variables = spec.env.iter().flat_map(|(name, value)| [name, value]);
    for (kind, text) in (spec.args.iter().map(|a| (0, a))).chain(variables.map(|v| (1, v))) {
        let text = text.as_encoded_bytes();
        context.update(&[kind]);
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text);
    }
    Some(hex(context.finish().as_ref()))
}

/// The SHA-256 of a program, in hexadecimal digits.
fn fingerprint(program: &Path, folder: &Path) -> io::Result<String> {
    let stamp = stamp(program)?;
    let name = hex(digest(&SHA256, program.as_os_str().as_encoded_bytes()).as_ref());
    let note = folder.join(format!("{name}.program"));
    let known = fs::read(&note)
        .ok()
        .and_then(|b| serde_json::from_slice::<Known>(&b).ok());
    if let Some(known) = known.filter(|k| k.stamp == stamp) {
        return Ok(known.checksum);
    }
    let mut file = fs::File::open(program)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => context.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let checksum = hex(context.finish().as_ref());
    let known = Known {
        stamp,
        checksum: checksum.clone(),
    };
    if let Ok(bytes) = serde_json::to_vec(&known) {
        // Without the note the next run works it out again.
        let _ = write(&note, &bytes);
    }
    Ok(checksum)
}

fn stamp(program: &Path) -> io::Result<Stamp> {
    let data = fs::metadata(program)?;
    Ok(Stamp {
        size: data.len(),
        modified: (data.mtime(), data.mtime_nsec()),
        changed: (data.ctime(), data.ctime_nsec()),
        device: data.dev(),
        inode: data.ino(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_program_has_another_checksum() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("p");
        fs::write(&program, "one").unwrap();
        let first = fingerprint(&program, dir.path()).unwrap();
        assert_eq!(fingerprint(&program, dir.path()).unwrap(), first);
        fs::write(&program, "other").unwrap();
        assert_ne!(fingerprint(&program, dir.path()).unwrap(), first);
        assert!(fingerprint(&dir.path().join("none"), dir.path()).is_err());
    }

    #[test]
    fn what_a_plugin_is_started_with_belongs_to_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("p");
        fs::write(&program, "one").unwrap();
        let key = |args: &[&str], env: &[(&str, &str)]| {
            let spec = PluginSpec {
                program: program.clone(),
                args: args.iter().map(Into::into).collect(),
                env: env.iter().map(|(k, v)| (k.into(), v.into())).collect(),
                ..PluginSpec::default()
            };
            super::key(&spec, dir.path())
        };
        let keys = [
            key(&[], &[]),
            key(&["a", "b"], &[]),
            key(&["ab"], &[]),
            key(&[], &[("a", "b")]),
        ];
        assert!(keys.iter().all(Option::is_some));
        for (i, one) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|other| other != one), "{i}");
        }
        fs::write(&program, "#!/bin/sh\nexec something-else").unwrap();
        assert_eq!(key(&[], &[]), None);
    }
}
