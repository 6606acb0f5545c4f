use std::path::Path;

use super::files::*;

#[track_caller]
fn check_ignored(name: &str, expect: bool) {
    assert_eq!(is_ignored(name.as_ref()), expect, "{name}");
}

#[test]
fn hidden_files_and_copies_are_passed_over() {
    check_ignored(".terraform", true);
    check_ignored("main.tf~", true);
    check_ignored("#main.tf#", true);
    check_ignored("main.tf", false);
    check_ignored("#main.tf", false);
}

#[test]
fn endings() {
    let sources = ["a.tf", "a.auto.tfvars", "a.tftest.hcl", "a.tfmock.hcl"];
    assert!(sources.iter().all(|name| is_source(Path::new(name))));
    let others = ["a.tf.json", "a.hcl", "tf", "a.tf/b"];
    assert!(!others.iter().any(|name| is_source(Path::new(name))));
}

#[test]
fn names_are_relative() {
    let here = std::env::current_dir().unwrap();
    let check = |path: &Path, expect: &str| assert_eq!(shown(path), expect);
    check(Path::new("./a/../b.tf"), "b.tf");
    check(&here.join("x/y.tf"), "x/y.tf");
    check(Path::new("../up.tf"), "../up.tf");
    check(Path::new("."), ".");
}

#[test]
fn a_replaced_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("a.tf"), dir.path().join("b.tf"));
    std::fs::write(&file, "old").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("a.tf", &link).unwrap();
    replace(&link, b"new").unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}
