//! Calls whose results would be out of all proportion.

use super::check_error;

#[test]
fn numbers_of_a_range() {
    check_error("range(1e9)", "1024");
}
