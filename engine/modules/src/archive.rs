//! Which kinds of archives there are.

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Tar,
    TarGzip,
    TarBzip2,
    TarXz,
}

/// Names of the kinds, which are endings of files too. Longer ones come first.
const NAMES: [(&str, Kind); 10] = [
    ("tar.bz2", Kind::TarBzip2),
    ("tar.gz", Kind::TarGzip),
    ("tar.xz", Kind::TarXz),
    ("tbz2", Kind::TarBzip2),
    ("tbz", Kind::TarBzip2),
    ("tgz", Kind::TarGzip),
    ("txz", Kind::TarXz),
    ("tar", Kind::Tar),
    ("zip", Kind::Zip),
    ("ZIP", Kind::Zip),
];

impl Kind {
    /// The kind with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let mut known = NAMES.iter();
        known.find(|(n, _)| *n == name).map(|(_, kind)| *kind)
    }

    /// The kind of a file, by its ending.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let ends = |name: &str| {
            let front = path.strip_suffix(name);
            front.is_some_and(|front| front.ends_with('.'))
        };
        let mut known = NAMES.iter();
        known.find(|(name, _)| ends(name)).map(|(_, kind)| *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_kinds() {
        let check = |path: &str, expect| assert_eq!(Kind::of_path(path), expect, "{path}");
        check("/a/b.zip", Some(Kind::Zip));
        check("/a/b.tar.gz", Some(Kind::TarGzip));
        check("/a/b.tgz", Some(Kind::TarGzip));
        check("/a/b.tar.xz", Some(Kind::TarXz));
        check("/a/b.tbz2", Some(Kind::TarBzip2));
        check("/a/b.tar", Some(Kind::Tar));
        check("/a/bzip", None);
        check("/a/b.gz", None);
        assert_eq!(Kind::named("tar.gz"), Some(Kind::TarGzip));
        assert_eq!(Kind::named("false"), None);
    }
}
