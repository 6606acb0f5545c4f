use super::{all, lookup};

#[test]
fn every_function_is_found() {
    assert_eq!(all().len(), 118);
    for function in all() {
        let found = lookup(function.name).map(|f| f.name);
        assert_eq!(found, Some(function.name));
        assert!(function.description.ends_with('.'), "{}", function.name);
        // What is known of a result without arguments must not depend on them.
        let _ = (function.returns.ty)(&[]);
    }
    assert!(all().windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(lookup("nosuch").is_none());
}
