//! Which arguments of a body were set already.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// More names than this go into a map. Nearly all bodies have fewer, and for a few names going
/// through a list takes less time than hashing.
const FEW: usize = 16;

/// The arguments of one body: each name with the token that set it first.
#[derive(Default)]
pub(crate) struct Names<'a> {
    few: Vec<(&'a str, usize)>,
    more: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    /// Adds a name. If it was there already nothing changes, and its token is given.
    pub(crate) fn insert(&mut self, name: &'a str, token: usize) -> Option<usize> {
        if let Some((_, first)) = self.few.iter().find(|(known, _)| *known == name) {
            return Some(*first);
        }
        if self.few.len() < FEW {
            self.few.push((name, token));
            return None;
        }
        match self.more.entry(name) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(entry) => {
                entry.insert(token);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_token_of_each_name() {
        let all: Vec<String> = (0..3 * FEW).map(|i| format!("name{i}")).collect();
        let mut names = Names::default();
        for (i, name) in all.iter().enumerate() {
            assert_eq!(names.insert(name, 10 * i), None, "{name}");
        }
        for (i, name) in all.iter().enumerate() {
            assert_eq!(names.insert(name, 1), Some(10 * i), "{name}");
        }
    }
}
