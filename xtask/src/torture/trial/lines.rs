//! What engines print of the work on objects.

use std::collections::BTreeSet;

use super::Action;

/// Addresses of objects whose result the engine has told of.
pub(super) fn done(action: Action, said: &str) -> BTreeSet<&str> {
    let complete = action.complete();
    let lines = said.lines().filter_map(|line| line.split_once(&complete));
    lines.map(|(addr, _)| addr).collect()
}

/// Addresses of creations of which the engine does not know what became.
pub(super) fn unresolved(said: &str) -> Vec<String> {
    let lines = said.lines().filter_map(|line| {
        let (_, rest) = line.split_once("Error: Interrupted creation of ")?;
        Some(rest.split_once(" is unresolved")?.0.to_owned())
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
        assert_eq!(
            done(Action::Create, SAID),
            BTreeSet::from(["a.b[0]", "a.c"])
        );
        assert_eq!(count_done(Action::Create, SAID), 2);
        assert!(done(Action::Update, SAID).is_empty());
        assert!(begun(SAID).eq(["a.b[0]", "a.c[\"k\"]"]));
    }

    #[test]
    fn unresolved_creations_are_named() {
        let said = "\n│ Error: Interrupted creation of a.b[1] is unresolved\n│ \n";
        assert_eq!(unresolved(said), ["a.b[1]"]);
    }
}
