//! Configurations in memory, written as one text.

use std::collections::BTreeMap;
use std::io;

use muster_config::ConfigFiles;
use muster_lang::{Diags, Sources};

/// Files by path.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) BTreeMap<String, Vec<u8>>);

impl Memory {
    /// Files from a text in which `--- PATH` starts a file; what comes before the first such line
    /// is `main.tf`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut path = "main.tf".to_owned();
        for line in text.split_inclusive('\n') {
            match line.strip_prefix("--- ") {
                Some(name) => {
                    path = name.trim().to_owned();
                    files.entry(path.clone()).or_default();
                }
                None => files
                    .entry(path.clone())
                    .or_default()
                    .extend(line.as_bytes()),
            }
        }
        Self(files)
    }
}

impl ConfigFiles for Memory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let prefix = if dir == "." {
            String::new()
        } else {
            format!("{dir}/")
        };
        let below = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(prefix.as_str()));
        let names: Vec<String> = below
            .filter(|n| !n.contains('/'))
            .map(str::to_owned)
            .collect();
        if names.is_empty() && dir != "." {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }
}

/// One line per diagnostic: `error main.tf:3 Summary`.
pub(crate) fn lines(diags: &Diags, sources: &Sources) -> Vec<String> {
    let line = |d: &muster_lang::Diagnostic| {
        let severity = if d.is_error() { "error" } else { "warning" };
        let place = d.subject.and_then(|span| {
            let file = sources.get(span.file)?;
            let before = file.text.get(..span.start as usize)?;
            Some(format!(
                "{}:{}",
                file.name,
                before.matches('\n').count() + 1
            ))
        });
        format!(
            "{severity} {} {}",
            place.as_deref().unwrap_or("-"),
            d.summary
        )
    };
    diags.iter().map(line).collect()
}
