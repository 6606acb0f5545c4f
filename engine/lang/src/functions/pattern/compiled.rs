//! Compiled patterns, and those that are kept for the next call.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::RegexBuilder;

use super::syntax;

/// A compiled pattern.
pub(super) struct Regex {
    pub(super) regex: regex::Regex,
    /// Name of each group, from the first.
    pub(super) names: Vec<Option<String>>,
}

impl Regex {
    /// The groups of a name.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let groups = self.names.iter().enumerate();
        groups.filter_map(move |(i, n)| (n.as_deref() == Some(name)).then_some(i + 1))
    }
}

/// How deep groups and repetitions can be nested.
const MOST_NESTED: u32 = 999;

/// How many bytes a compiled pattern can have. Each is tried with the smallest size first, for
/// the size that was enough is all that the crate lets out about the memory it uses.
const SIZES: [usize; 4] = [1 << 16, 1 << 19, 1 << 22, 1 << 26];

/// How many bytes searching with a pattern may keep for the next search, in each direction.
const MOST_SEARCHING: usize = 1 << 17;

/// How many bytes all patterns that are kept can have.
const MOST_KEPT: usize = 1 << 26;

/// How much of a pattern a message shows.
const MOST_SHOWN: usize = 100;

/// Compiled patterns: the same few are used again and again inside `for` expressions.
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// The compiled form of a pattern in RE2's syntax.
pub(super) fn compile(pattern: &str) -> Result<Arc<Regex>, String> {
    let lock = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = lock().patterns.get(pattern) {
        return Ok(found.clone());
    }
    // Nobody has to wait for a pattern of somebody else: at worst one is compiled twice.
    let (regex, size) = build(pattern).map_err(|why| wrong(pattern, &why))?;
    let regex = Arc::new(regex);
    lock().add(pattern, &regex, size);
    Ok(regex)
}

/// Compiles a pattern. The number is how many bytes it has at most.
fn build(pattern: &str) -> Result<(Regex, usize), String> {
    let translated = syntax::translate(pattern)?;
    let mut found = build_within(&translated.text, SIZES[0]);
    let mut size = SIZES[0];
    for larger in &SIZES[1..] {
        if !matches!(found, Err(regex::Error::CompiledTooBig(_))) {
            break;
        }
        size = *larger;
        found = build_within(&translated.text, size);
    }
    let names = translated.names;
    match found {
        Ok(regex) => Ok((Regex { regex, names }, size)),
        Err(e) => {
            let text = e.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            let why = last.strip_prefix("error: ").unwrap_or(last);
            Err(why.trim_end_matches('.').to_owned())
        }
    }
}

fn build_within(text: &str, size: usize) -> Result<regex::Regex, regex::Error> {
    // The compiler goes into groups by calling itself.
    stacker::maybe_grow(1 << 22, 1 << 23, || {
        RegexBuilder::new(text)
            .nest_limit(MOST_NESTED)
            .size_limit(size)
            .dfa_size_limit(MOST_SEARCHING)
            .build()
    })
}

fn wrong(pattern: &str, why: &str) -> String {
    let start: String = pattern.chars().take(MOST_SHOWN).collect();
    let more = match start.len() < pattern.len() {
        true => "...",
        false => "",
    };
    format!("\"{start}{more}\" is not a regular expression: {why}")
}

/// What is kept, and how many bytes that is at most.
#[derive(Default)]
struct Kept {
    patterns: HashMap<String, Arc<Regex>>,
    size: usize,
}

impl Kept {
    /// Keeps a pattern, in place of all others when there is no room. One that is larger than all
    /// the room is kept alone until the next is used: it may be in a loop.
    fn add(&mut self, pattern: &str, regex: &Arc<Regex>, size: usize) {
        // Two threads may have compiled the same.
        if self.patterns.contains_key(pattern) {
            return;
        }
        // Patterns are compiled for both directions.
        let size = (size + MOST_SEARCHING) * 2 + pattern.len();
        if self.size + size > MOST_KEPT {
            self.patterns.clear();
            self.size = 0;
        }
        self.patterns.insert(pattern.to_owned(), regex.clone());
        self.size += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds patterns of a size; how many are kept then.
    fn check(size: usize, count: usize, expect: usize) {
        let regex = Arc::new(build("a").expect("it is a pattern").0);
        let mut kept = Kept::default();
        for n in 0..count {
            kept.add(&n.to_string(), &regex, size);
            kept.add(&n.to_string(), &regex, size);
            assert!(kept.patterns.len() == 1 || kept.size <= MOST_KEPT);
        }
        assert_eq!(kept.patterns.len(), expect);
    }

    #[test]
    fn memory_is_bounded() {
        check(SIZES[0], 100, 100);
        check(SIZES[0], 180, 10);
        check(SIZES[2], 8, 1);
        check(SIZES[3], 3, 1);
    }

    #[test]
    fn sizes() {
        let size = |pattern| build(pattern).map(|(_, size)| size);
        assert_eq!(size("^[a-z0-9-]+$"), Ok(SIZES[0]));
        assert_eq!(size("[a-z]{1000}"), Ok(SIZES[1]));
        assert!(size(r"\pL{500}").is_ok_and(|s| s > SIZES[1]));
        assert!(size(&r"\pL{1000}".repeat(100)).is_err());
    }
}
