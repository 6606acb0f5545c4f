//! How many nested blocks a body must and may have.

use crate::{Block, NestedBlock, Nesting, Str};

/// Too few or too many blocks of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockCountError {
    /// The block type.
    pub block: Str,
    /// One line.
    pub summary: String,
    /// What is asked for.
    pub detail: String,
}

/// Checks the number of blocks of each type directly in a body. `count` gives the number, or
/// `None` when it is not known yet.
pub fn block_count_errors(
    block: &Block,
    count: impl Fn(&str) -> Option<u64>,
) -> Vec<BlockCountError> {
    block
        .blocks
        .iter()
        .filter_map(|(name, nested)| {
            let (summary, detail) = count_error(name, nested, count(name)?)?;
            Some(BlockCountError {
                block: name.clone(),
                summary,
                detail,
            })
        })
        .collect()
}

fn count_error(name: &str, nested: &NestedBlock, count: u64) -> Option<(String, String)> {
    let (least, most) = (nested.min_items, nested.max_items);
    let error = match nested.nesting {
        Nesting::Single | Nesting::Group if count > 1 => (
            format!("Duplicate {name} block"),
            format!("There can be only one {name:?} block here."),
        ),
        Nesting::Single if least > 0 && count == 0 => (
            format!("Missing {name} block"),
            format!("A block of type {name:?} is needed here."),
        ),
        Nesting::List | Nesting::Set if count < least => (
            format!("Insufficient {name} blocks"),
            format!("There must be {least} or more {name:?} blocks here, but there are {count}."),
        ),
        Nesting::List | Nesting::Set if most > 0 && count > most => (
            format!("Too many {name} blocks"),
            format!("There can be {most} {name:?} blocks here at most, but there are {count}."),
        ),
        _ => return None,
    };
    Some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(nesting: &str, (min_items, max_items): (u64, u64), count: u64, expect: Option<&str>) {
        let nested = NestedBlock {
            min_items,
            max_items,
            ..blocks(nesting, element())
        };
        let b = block([], [("b", nested)]);
        let errors = block_count_errors(&b, |_| Some(count));
        assert_eq!(
            errors.first().map(|e| e.summary.as_str()),
            expect,
            "{nesting} {count}"
        );
        assert_eq!(block_count_errors(&b, |_| None), []);
    }

    #[test]
    fn numbers_of_blocks_are_within_bounds() {
        check("list", (1, 2), 0, Some("Insufficient b blocks"));
        check("set", (1, 2), 3, Some("Too many b blocks"));
        check("list", (1, 2), 2, None);
        check("list", (0, 0), 99, None);
        check("single", (1, 1), 0, Some("Missing b block"));
        check("single", (0, 1), 0, None);
        check("single", (0, 1), 2, Some("Duplicate b block"));
        check("group", (0, 0), 2, Some("Duplicate b block"));
        check("map", (0, 0), 9, None);
    }
}
