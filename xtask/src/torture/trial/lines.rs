//! What engines print of the work on objects.

use std::collections::BTreeMap;

use super::Action;

/// Objects whose result the engine has told of: by address, with the id if there is one.
pub(super) fn done(action: Action, said: &str) -> BTreeMap<&str, Option<&str>> {
    let lines = said.lines().filter_map(|line| {
        let (addr, rest) = line.split_once(&action.complete())?;
        let id = rest
            .split_once("[id=")
            .and_then(|(_, id)| id.split(']').next());
        Some((addr, id))
    });
    lines.collect()
}

/// How many results the engine has told of.
pub(super) fn count_done(action: Action, said: &str) -> usize {
    said.matches(&action.complete()).count()
}

/// Addresses of objects that work was begun on, of whatever kind.
pub(super) fn begun(said: &str) -> impl Iterator<Item = &str> {
    let starts = [": Creating...", ": Modifying...", ": Destroying..."];
    said.lines().filter_map(move |line| {
        let found = starts.iter().find_map(|start| line.split_once(start));
        Some(found?.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "a.b[0]: Creating...\na.b[0]: Creation complete after 0s [id=x-1]\na.c[\"k\"]: Modifying... [id=y]\na.c: Creation complete after 1s\n";

    #[test]
    fn lines_tell_addresses_and_ids() {
        let expect = [("a.b[0]", Some("x-1")), ("a.c", None)];
        assert_eq!(done(Action::Create, SAID), BTreeMap::from(expect));
        assert_eq!(count_done(Action::Create, SAID), 2);
        assert!(done(Action::Update, SAID).is_empty());
        assert!(begun(SAID).eq(["a.b[0]", "a.c[\"k\"]"]));
    }
}
