use super::*;

#[test]
fn sources_as_they_are_recorded() {
    let check = |text: &str, expect: &str| {
        let source = ModuleSource::parse(text, false).map(|s| s.to_string());
        assert_eq!(source.as_deref(), Ok(expect), "{text}");
    };
    check("./child", "./child");
    check("./a//b", "./a/b");
    check("./a/../../b", "../b");
    check("../x/", "../x");
    check("./", "./.");
    check("../", "./..");
    check("./a b?c", "./a b?c");
    check("a/b/c", "registry.terraform.io/a/b/c");
    check("a_b/c-d/e//x/../y", "registry.terraform.io/a_b/c-d/e//y");
    check("Example.com:8443/a/b/c", "example.com:8443/a/b/c");
    check("127.0.0.1:1/a/b/c//", "127.0.0.1:1/a/b/c");
    check("gitlab.com/a/b/c", "gitlab.com/a/b/c");
    check("github.com/foo/bar", "git::https://github.com/foo/bar.git");
    check(
        "github.com/foo/bar.git//sub?ref=v1",
        "git::https://github.com/foo/bar.git//sub?ref=v1",
    );
    check(
        "github.com/foo/bar/baz",
        "git::https://github.com/foo/bar.git//baz",
    );
    check("git::github.com/f/b", "git::https://github.com/f/b.git");
    check("bitbucket.org/f/b", "git::https://bitbucket.org/f/b.git");
    check("bitbucket.org/f", "git::https://bitbucket.org/f.git");
    check(
        "git@github.com:foo/bar.git//sub?ref=v1",
        "git::ssh://git@github.com/foo/bar.git//sub?ref=v1",
    );
    check("git@h.com:x/y", "git::ssh://git@h.com/x/y");
    check("git::u@h.com:x/y", "git::ssh://u@h.com/x/y");
    check("git::/abs", "git::file:///abs");
    check("/abs/path//sub", "file:///abs/path//sub");
    check("git::ssh://git@h.com:222/x", "git::ssh://git@h.com:222/x");
    check("https://e.com/x//s?a=b//c", "https://e.com/x//s?a=b//c");
    check("git::https://e.com/r//a/../x", "git::https://e.com/r//x");
    check("git::https://e.com/r.git//", "git::https://e.com/r.git");
    check("https://e.com", "https://e.com");
    check("s3::https://e.com/b/k.zip", "s3::https://e.com/b/k.zip");
    let s3 = "s3-eu-west-1.amazonaws.com/b/k";
    check(s3, "s3::https://s3-eu-west-1.amazonaws.com/b/k");
    check("localhost:3/a/b/c", "localhost:3/a/b/c");
}

#[test]
fn what_is_no_source() {
    let check = |text: &str, expect: fn(&SourceError) -> bool| {
        let error = ModuleSource::parse(text, false).unwrap_err();
        assert!(expect(&error), "{text}: {error}");
    };
    for text in [
        "child",
        ".",
        "..",
        "a/b",
        "a/b/c/d",
        "Foo/Bar/Baz",
        "a/b/C_d",
        "-a/b/c",
        "a/b/c?ref=x",
        "example.com/foo/bar",
        "localhost/a/b/c",
        "~/x",
        "git::./x",
        "user@h.com:x/y//s",
        "x\\y",
        "a//b",
    ] {
        check(text, |e| matches!(e, SourceError::Unknown(_)));
    }
    for text in ["a/b/c//../x", "git::https://e.com/r//../x", "a/b/c//.."] {
        check(text, |e| matches!(e, SourceError::Outside(_)));
    }
    check("", |e| *e == SourceError::Empty);
    check("github.com/foo", |e| *e == SourceError::GitHub);
}

#[test]
fn versions_belong_to_registries() {
    assert!(ModuleSource::parse("a/b/c", true).is_ok());
    for text in ["./a", "git::https://example.com/x", "a/b"] {
        let error = ModuleSource::parse(text, true);
        assert_eq!(error, Err(SourceError::NotRegistry), "{text}");
    }
}
