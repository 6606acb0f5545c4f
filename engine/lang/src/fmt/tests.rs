use std::sync::Arc;

use crate::FileId;

/// What is expected was recorded from `terraform fmt`.
#[track_caller]
fn check(input: &str, expect: &str) {
    let text: Arc<str> = input.into();
    assert_eq!(super::format(FileId(0), &text).unwrap(), expect, "{input}");
}

#[test]
fn columns() {
    check(
        "a=1\nbbb = \"${foo}\"\nc   =    2 # c\ndd= [1,2,3] # x\n",
        "a   = 1\nbbb = foo\nc   = 2         # c\ndd  = [1, 2, 3] # x\n",
    );
}
