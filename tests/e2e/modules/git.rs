//! Repositories.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{call, calling, giving, planned, record, terraform};
use crate::harness::{Ran, Work, skip};

/// A directory with a repository.
struct Repository {
    work: Work,
}

impl Repository {
    /// An empty one; `None` when there is no git.
    fn new() -> Option<Self> {
        let repository = Self {
            work: Work::empty(),
        };
        std::fs::remove_file(repository.work.path().join("cli.tfrc")).unwrap();
        if Command::new("git").arg("--version").output().is_err() {
            skip("git is not on PATH");
            return None;
        }
        repository.git(&["init", "-q", "-b", "main"]);
        Some(repository)
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        self.work.prepare(&mut command, &[]);
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
        command.args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"]);
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Records a module that gives a text, and another one in `sub` that calls it.
    fn commit(&self, text: &str) -> String {
        self.work.write("main.tf", giving(text));
        let sub = giving("sub ${module.a.from}");
        self.work.write("sub/main.tf", sub + &call("../"));
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", text]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn path(&self) -> &Path {
        self.work.path()
    }

    fn url(&self) -> String {
        format!("git::file://{}", self.path().display())
    }
}

#[test]
fn branches_tags_and_commits() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let first = repository.commit("one");
    repository.git(&["tag", "v1"]);
    repository.commit("two");
    repository.git(&["branch", "feature/x"]);
    repository.commit("three");
    let check = |more: &str, expect: &str| {
        let work = calling(&format!("{}{more}", repository.url()));
        work.run(&["init"]).code(0);
        planned(&work, expect);
    };
    check("", "three");
    check("?ref=v1", "one");
    check("?ref=feature%2Fx", "two");
    check("?ref=feature/x", "two");
    check("?depth=1", "three");
    check("?ref=v1&depth=1", "one");
    check(&format!("?ref={first}"), "one");
    check(&format!("//sub?ref={first}&depth=1"), "sub one");
    check("//s*b", "sub three");
    let plain = format!("git::{}", repository.path().display());
    let work = calling(&plain);
    work.run(&["init"]).code(0);
    planned(&work, "three");
    let work = calling(&repository.path().display().to_string());
    work.run(&["init"]).code(0);
    assert!(work.path().join(".terraform/modules/a").is_symlink());
    planned(&work, "three");
}

#[test]
fn short_forms_stand_for_repositories() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("one");
    // Git itself takes the hosts to be this directory.
    let hosts = [
        (
            "github.com/example/net",
            "https://github.com/example/net.git",
        ),
        (
            "bitbucket.org/example/net",
            "https://bitbucket.org/example/net.git",
        ),
        (
            "git@example.com:example/net.git",
            "ssh://git@example.com/example/net.git",
        ),
    ];
    for (source, url) in hosts {
        let work = calling(&format!("{source}//sub"));
        let base = repository.path().display();
        let config = format!("[url \"file://{base}\"]\n  insteadOf = \"{url}\"\n");
        work.write("gitconfig", config);
        let mut command = work.command(&["init"]);
        command.env("GIT_CONFIG_GLOBAL", work.path().join("gitconfig"));
        let ran = Ran::new(&command.output().unwrap());
        ran.code(0)
            .says(&[&format!("Downloading git::{url} for a...")]);
        let source = format!("git::{url}//sub");
        assert_eq!(
            record(&work),
            json!([
                {"Key": "a", "Source": source, "Dir": ".terraform/modules/a/sub"},
                {"Key": "a.a", "Source": "./..", "Dir": ".terraform/modules/a"},
            ])
        );
        planned(&work, "sub one");
    }
}

#[test]
fn what_is_installed_stays_until_it_is_asked_for() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("one");
    repository.git(&["tag", "v1"]);
    let source = repository.url();
    let work = calling(&source);
    work.run(&["init"]).code(0).says(&[
        &format!("Downloading {source} for a..."),
        "- a in .terraform/modules/a\n",
    ]);
    repository.commit("two");
    work.run(&["init"]).code(0).never_says(&["Downloading"]);
    planned(&work, "one");
    work.run(&["init", "-upgrade"])
        .code(0)
        .says(&["Upgrading modules...", "Downloading"]);
    planned(&work, "two");
    work.write("main.tf", call(&format!("{source}?ref=v1")));
    for args in [&["plan"][..], &["validate"]] {
        work.run(args)
            .code(1)
            .says(&["Error: Module source has changed", "main.tf line 2"]);
    }
    work.run(&["get"]).code(0);
    work.run(&["validate"]).code(0);
    let ours = record(&work);
    // Each of the two programs takes what the other has installed.
    if let Some(ran) = terraform(&work, &["get"]) {
        assert_eq!(ran.code(0).stdout, "");
        terraform(&work, &["get", "-update"]).unwrap().code(0);
        assert_eq!(record(&work), ours);
        assert_eq!(work.run(&["get"]).code(0).stdout, "");
    }
    std::fs::remove_dir_all(work.path().join(".terraform/modules/a")).unwrap();
    work.run(&["plan"]).code(1).says(&["Module not installed"]);
    work.run(&["get"]).code(0).says(&["Downloading"]);
}

#[test]
fn one_package_serves_many() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("one");
    let (url, all) = (repository.url(), ["a", "b", "c"]);
    let calls = all.map(|name| format!("module \"{name}\" {{\n  source = \"{url}//sub\"\n}}\n"));
    let work = Work::with(&calls.concat());
    work.run(&["init"]).code(0);
    for name in all {
        let path = format!(".terraform/modules/{name}/sub/main.tf");
        assert!(work.read(&path).contains("sub "), "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(work.path().join(".terraform/modules"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_git_cannot_get() {
    let Some(repository) = Repository::new() else {
        return;
    };
    repository.commit("one");
    let url = repository.url();
    let check = |source: &str, summary: &str, says: &[&str]| {
        let work = calling(source);
        let ran = work.run(&["init"]).code(1);
        ran.says(&[&format!("Error: {summary}"), "main.tf line 1"])
            .says(says);
        assert_eq!(record(&work), json!([]));
        assert!(!work.path().join(".terraform/modules/a").exists());
    };
    let failed = "Failed to download module";
    check(
        &format!("{url}?ref=none"),
        failed,
        &["no branch, tag or commit \"none\""],
    );
    check(
        &format!("{url}?ref=none&depth=1"),
        failed,
        &["no branch, tag or commit \"none\""],
    );
    check(
        &format!("{url}?ref=--help"),
        failed,
        &["begins with a dash"],
    );
    check(&format!("{url}?depth=many"), failed, &["number of commits"]);
    check(
        &format!("{url}-none"),
        failed,
        &["Cloning", "does not appear to be a git repository"],
    );
    check(
        &format!("{url}//none"),
        "Failed to expand subdir globs",
        &["\"none\""],
    );
    check("git::ext::sh -c true", failed, &["Cloning"]);
}

#[test]
fn repositories_that_lead_to_themselves() {
    let Some(repository) = Repository::new() else {
        return;
    };
    let source = repository.url();
    repository
        .work
        .write("main.tf", giving("x") + &call(&source));
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "-m", "self"]);
    calling(&source)
        .run(&["init"])
        .code(1)
        .says(&["Error: Module cycle", ".terraform/modules/a/main.tf line 5"]);
}
