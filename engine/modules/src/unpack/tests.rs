use std::io::Write;

use super::*;

/// Entries: files with their text, links with their end.
enum Entry {
    File(&'static str, &'static str),
    Link(&'static str, &'static str),
    Hard(&'static str, &'static str),
}
use Entry::{File as F, Hard as H, Link as L};

fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        let (name, text, link) = match entry {
            F(name, text) => (name, *text, None),
            L(name, to) => (name, "", Some((tar::EntryType::Symlink, to))),
            H(name, to) => (name, "", Some((tar::EntryType::Link, to))),
        };
        header.set_size(text.len() as u64);
        // The crate refuses odd names, and they are what is tested.
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        if let Some((kind, to)) = link {
            header.set_entry_type(kind);
            let field = &mut header.as_old_mut().linkname;
            field[..to.len()].copy_from_slice(to.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    for entry in entries {
        match entry {
            F(name, text) => {
                zip.start_file(*name, options).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
            L(name, to) | H(name, to) => zip.add_symlink(*name, *to, options).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner()
}

fn open(bytes: &[u8], kind: Kind) -> Result<tempfile::TempDir, UnpackError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    std::fs::write(&path, bytes).unwrap();
    unpack(&path, kind, &dir.path().join("out")).map(|()| dir)
}

fn read(dir: &tempfile::TempDir, name: &str) -> String {
    std::fs::read_to_string(dir.path().join("out").join(name)).unwrap()
}

#[test]
fn all_kinds_are_read() {
    let plain = tar(&[F("a/b.tf", "x"), F("./c", "y"), H("d", "a/b.tf")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut bzip = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip.write_all(&plain).unwrap();
    let kinds = [
        (Kind::Tar, plain),
        (Kind::TarGzip, gzip.finish().unwrap()),
        (Kind::TarBzip2, bzip.finish().unwrap()),
    ];
    for (kind, bytes) in kinds {
        let dir = open(&bytes, kind).unwrap();
        assert_eq!(
            read(&dir, "a/b.tf") + &read(&dir, "c") + &read(&dir, "d"),
            "xyx"
        );
        assert!(open(&bytes[..bytes.len() / 2], kind).is_err(), "{kind:?}");
        assert!(open(b"nonsense", kind).is_err(), "{kind:?}");
    }
    let dir = open(&zip(&[F("a/b.tf", "x")]), Kind::Zip).unwrap();
    assert_eq!(read(&dir, "a/b.tf"), "x");
    assert!(open(b"nonsense", Kind::Zip).is_err());
    assert!(open(b"nonsense", Kind::TarXz).is_err());
}

/// Tar archives that the program xz packed: with the file a/b.tf, and with the file x and several
/// sizes of the dictionary.
const XZ: &str = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Cf/AFpdADCLyEMN8QE1KlwszNh1S4dordmHQzWWLlu9SeoRVz7OMj9PVqiG0Z6PJnNslpejSPU1iQ1eSnHtxkIkslC4yOrcg0DLzr35Rrb12VGeqHGNIk48hRemkxP2AAAAANEEaCtmRVJ6AAF2gFAAAAAxhcVkscRn+wIAAAAABFla";
const XZ_128_MIB: &str = "/Td6WFoAAATm1rRGAgAhAR4AAACbB1Fm4Cf/AGNdADwAM1AYaImDAdzibiEFRAYWzZGZ7hkGnYQ2hcuKFM4EwKRmaD8+1wro28nc3wXcvnZM/6eP16Ky8DwGM1uEFIz9+vVuokTHG7DWxeZHJLKrjXD6gsspCizDTJiuK9QHwqQAAAAANZ3vc5wZUiAAAX+AUAAAAPnUykOxxGf7AgAAAAAEWVo=";
const XZ_192_MIB: &str = "/Td6WFoAAATm1rRGAgAhAR8AAAD+YO3e4Cf/AGNdADwAM1AYaImDAdzibiEFRAYWzZGZ7hkGnYQ2hcuKFM4EwKRmaD8+1wro28nc3wXcvnZM/6eP16Ky8DwGM1uEFIz9+vVuokTHG7DWxeZHJLKrjXD6gsspCizDTJiuK9QHwqQAAAAANZ3vc5wZUiAAAX+AUAAAAPnUykOxxGf7AgAAAAAEWVo=";
const XZ_X86_1536_MIB: &str = "/Td6WFoAAATm1rRGAgEEACEBJQA9417r4Cf/AGNdADwAM1AYaImDAdzibiEFRAYWzZGZ7hkGnYQ2hcuKFM4EwKRmaD8+1wro28nc3wXcvnZM/6eP16Ky8DwGM1uEFIz9+vVuokTHG7DWxeZHJLKrjXD6gsspCizDTJiuK9QHwqQAAAAANZ3vc5wZUiAAAX+AUAAAAPnUykOxxGf7AgAAAAAEWVo=";

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

#[test]
fn archives_of_xz() {
    let bytes = base64(XZ);
    let dir = open(&bytes, Kind::TarXz).unwrap();
    assert_eq!(read(&dir, "a/b.tf"), "x");
    for length in 0..bytes.len() {
        assert!(open(&bytes[..length], Kind::TarXz).is_err(), "{length}");
    }
    // Streams may follow each other, with zeros between them; tar stops at the end of the first.
    let two = [&bytes[..], &[0; 4], &bytes[..]].concat();
    assert_eq!(read(&open(&two, Kind::TarXz).unwrap(), "a/b.tf"), "x");
}

#[test]
fn dictionaries_are_bounded() {
    let dir = open(&base64(XZ_128_MIB), Kind::TarXz).unwrap();
    assert_eq!(read(&dir, "x"), "x");
    let refuse = |bytes: &[u8], mebibytes: u64| match open(bytes, Kind::TarXz).unwrap_err() {
        UnpackError::Memory { wanted, most: 128 } => assert_eq!(wanted, mebibytes),
        other => panic!("{other}"),
    };
    refuse(&base64(XZ_192_MIB), 192);
    refuse(&base64(XZ_X86_1536_MIB), 1536);
    // A large one may hide behind a small one.
    let behind = [base64(XZ), base64(XZ_192_MIB)].concat();
    refuse(&behind, 192);
    let error = open(&base64(XZ_192_MIB), Kind::TarXz).unwrap_err();
    assert!(error.to_string().contains("needs 192 MiB"), "{error}");
}

#[test]
fn names_outside_are_refused() {
    for name in ["../x", "a/../../x", "/x", "a\\x", "c:x", "a/.."] {
        for (kind, bytes) in [
            (Kind::Tar, tar(&[F(name, "")])),
            (Kind::Zip, zip(&[F(name, "")])),
        ] {
            let error = open(&bytes, kind).unwrap_err();
            assert!(matches!(error, UnpackError::Name(_)), "{name}: {error}");
        }
    }
    let error = open(&tar(&[H("x", "../archive")]), Kind::Tar).unwrap_err();
    assert!(matches!(error, UnpackError::Name(_)), "{error}");
}

#[test]
fn links_stay_inside() {
    let good = [
        F("a/b", "x"),
        L("a/c", "b"),
        L("d/e", "../a/./b"),
        L("f", "a"),
    ];
    for (kind, bytes) in [(Kind::Tar, tar(&good)), (Kind::Zip, zip(&good))] {
        let dir = open(&bytes, kind).unwrap();
        assert_eq!(
            read(&dir, "a/c") + &read(&dir, "d/e") + &read(&dir, "f/b"),
            "xxx"
        );
    }
    let bad: [&[Entry]; 6] = [
        &[L("x", "/etc/passwd")],
        &[L("x", "../archive")],
        &[L("a/x", "../../archive")],
        &[L("x", "a\\b")],
        // Each alone stays inside.
        &[L("a/b", ".."), L("c", "a/b/../archive")],
        &[F("d/e/f", ""), L("l", "d/e"), L("m", "l/../../archive")],
    ];
    for entries in bad {
        for (kind, bytes) in [(Kind::Tar, tar(entries)), (Kind::Zip, zip(entries))] {
            let error = open(&bytes, kind).unwrap_err();
            assert!(matches!(error, UnpackError::Link(_)), "{error}");
        }
    }
    // A file behind a link is not written through it.
    let entries = [L("x", "a"), F("x/b", "in"), F("a/c", "")];
    assert!(open(&tar(&entries), Kind::Tar).is_err());
}
