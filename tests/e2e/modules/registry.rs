//! A registry.

use serde_json::json;

use super::archives::{pointer, tar};
use super::server::{Reply, Server};
use super::{giving, planned, record, terraform};
use crate::harness::Work;

/// A registry that has 1.0.0, 1.1.0, 2.0.0 and a pre-release of `a/net/cloud`, which calls
/// `a/leaf/cloud`.
fn registry() -> Server {
    let server = Server::start();
    let versions = ["1.0.0", "2.0.0", "1.1.0", "2.1.0-beta1"];
    list(&server, "a/net/cloud", &versions);
    list(&server, "a/leaf/cloud", &["0.1.0", "0.2.0"]);
    for version in versions {
        let leaf = format!(
            "module \"leaf\" {{\n  source  = \"{}/a/leaf/cloud//in\"\n  version = \"~> 0.1.0\"\n}}\n",
            server.authority
        );
        let main = giving(&format!("{version} ${{module.leaf.from}}")) + &leaf;
        let files = [("net-1/main.tf", main.as_str())];
        let path = format!("/files/net-{version}");
        server.put(&path, Reply::ok(tar(&files)));
        let place = format!("{path}//*?archive=tar.gz");
        server.put(
            &download("a/net/cloud", version),
            pointer(&server.url(&place)),
        );
    }
    let leaf = giving("leaf");
    server.put("/files/leaf.tgz", Reply::ok(tar(&[("in/main.tf", &leaf)])));
    // The other way to say it.
    let location = json!({"location": "/files/leaf.tgz"});
    server.put(
        &download("a/leaf/cloud", "0.1.0"),
        Reply::ok(location.to_string()),
    );
    server
}

fn list(server: &Server, module: &str, versions: &[&str]) {
    let versions: Vec<_> = versions.iter().map(|v| json!({"version": v})).collect();
    let body = json!({"modules": [{"versions": versions}]}).to_string();
    server.put(&format!("/v1/{module}/versions"), Reply::ok(body));
}

fn download(module: &str, version: &str) -> String {
    format!("/v1/{module}/{version}/download")
}

/// Calls `a/net/cloud` of a host.
fn config(host: &str, version: &str) -> String {
    let version = match version {
        "" => String::new(),
        version => format!("  version = \"{version}\"\n"),
    };
    format!(
        "module \"a\" {{\n  source = \"{host}a/net/cloud\"\n{version}}}\noutput \"from\" {{\n  value = module.a.from\n}}\n"
    )
}

/// A working directory that knows a registry by a name.
fn work(server: &Server, host: &str, config: &str) -> Work {
    let work = Work::with(config);
    let services = server.url("/v1/");
    let own = &server.authority;
    let mut cli = String::new();
    for host in [host.trim_end_matches('/'), own] {
        cli += &format!(
            "host \"{host}\" {{\n  services = {{\n    \"modules.v1\" = \"{services}\"\n  }}\n}}\n"
        );
    }
    cli += &format!("credentials \"{own}\" {{\n  token = \"secret\"\n}}\n");
    work.write("cli.tfrc", cli);
    work
}

#[test]
fn versions_that_fit_are_taken() {
    let server = registry();
    let host = format!("{}/", server.authority);
    let check = |version: &str, expect: &str| {
        let work = work(&server, &host, &config(&host, version));
        work.run(&["init"])
            .code(0)
            .says(&[&format!("Downloading {host}a/net/cloud {expect} for a...")]);
        assert_eq!(
            record(&work),
            json!([
                {"Key": "a", "Source": format!("{host}a/net/cloud"), "Version": expect, "Dir": ".terraform/modules/a/net-1"},
                {"Key": "a.leaf", "Source": format!("{host}a/leaf/cloud//in"), "Version": "0.1.0", "Dir": ".terraform/modules/a.leaf/in"},
            ])
        );
        planned(&work, &format!("{expect} leaf"));
    };
    check("", "2.0.0");
    check("1.0.0", "1.0.0");
    check("~> 1.0", "1.1.0");
    check("> 1.0, != 2.0.0", "1.1.0");
    check("2.1.0-beta1", "2.1.0-beta1");
    let asked = server.hits("/a/net/cloud/versions");
    assert!(asked.iter().all(|r| r.token.as_deref() == Some("secret")));
    let files = server.hits("/files/leaf.tgz");
    assert!(!files.is_empty() && files.iter().all(|r| r.token.is_none()));
}

#[test]
fn the_default_registry_needs_no_name() {
    let server = registry();
    let work = work(&server, "registry.terraform.io", &config("", ""));
    let name = "registry.terraform.io/a/net/cloud";
    work.run(&["init"])
        .code(0)
        .says(&[&format!("Downloading {name} 2.0.0 for a...")]);
    assert_eq!(record(&work)[0]["Source"], name);
    planned(&work, "2.0.0 leaf");
}

#[test]
fn constraints_that_change() {
    let server = registry();
    let host = format!("{}/", server.authority);
    let work = work(&server, &host, &config(&host, "1.0.0"));
    work.run(&["init"]).code(0);
    // What fits stays.
    work.write("main.tf", config(&host, ">= 1.0"));
    assert_eq!(work.run(&["get"]).code(0).stdout, "");
    planned(&work, "1.0.0 leaf");
    work.write("main.tf", config(&host, "~> 1.1"));
    for args in [&["plan"][..], &["validate"]] {
        work.run(args).code(1).says(&[
            "Error: Module version requirements have changed",
            "main.tf line 2",
            "1.0.0",
        ]);
    }
    work.run(&["init"]).code(0);
    planned(&work, "1.1.0 leaf");
    work.write("main.tf", config(&host, ""));
    let ran = work.run(&["get", "-update"]).code(0);
    ran.says(&[
        "a/net/cloud 2.0.0 for a...",
        "a/leaf/cloud 0.1.0 for a.leaf...",
    ]);
    planned(&work, "2.0.0 leaf");
}

#[test]
fn what_a_registry_has_not() {
    let server = registry();
    let host = format!("{}/", server.authority);
    let check = |version: &str, summary: &str, says: &[&str]| {
        let work = work(&server, &host, &config(&host, version));
        let ran = work.run(&["init"]).code(1);
        ran.says(&[&format!("Error: {summary}"), "main.tf line 1"])
            .says(says)
            .never_says(&["secret"]);
    };
    let none = "Unresolvable module version constraint";
    check("> 5", none, &["2.0.0, 1.1.0"]);
    check(">= 2.1.0-beta1", none, &[]);
    let access = "Error accessing remote module registry";
    server.put(&download("a/net/cloud", "1.0.0"), Reply::ok("{}"));
    check("1.0.0", access, &["does not say where"]);
    server.put(&download("a/net/cloud", "1.0.0"), pointer("odd"));
    check(
        "1.0.0",
        "Invalid package location from module registry",
        &["\"odd\""],
    );
    server.put(
        &download("a/net/cloud", "1.0.0"),
        pointer("/files/leaf.tgz//none"),
    );
    check("1.0.0", "Unreadable module subdirectory", &["\"none\""]);
    list(&server, "a/net/cloud", &["3.0.0"]);
    check("", access, &["not where it is"]);
    list(&server, "a/net/cloud", &[]);
    check("", "Module has no versions", &[]);
    server.put("/v1/a/net/cloud/versions", Reply::ok("{"));
    check("", access, &["cannot be used"]);
    server.change("/v1/a/net/cloud/versions", |reply| {
        reply.token = Some("other".to_owned());
    });
    check("", access, &["credentials", "401"]);
    server.put(
        "/v1/a/net/cloud/versions",
        Reply {
            status: 404,
            ..Reply::default()
        },
    );
    check("", "Module not found", &[]);
}

#[test]
fn terraform_takes_turns() {
    let server = registry();
    let host = format!("{}/", server.authority);
    let leaf = format!(
        "module \"l\" {{\n  source = \"{host}a/leaf/cloud//in\"\n  version = \"0.1.0\"\n}}\n"
    );
    list(&server, "a/leaf/cloud", &["0.1.0"]);
    let archive = server.url("/files/leaf.tgz");
    server.put(&download("a/leaf/cloud", "0.1.0"), pointer(&archive));
    let work = work(&server, &host, &leaf);
    let Some(ran) = terraform(&work, &["get"]) else {
        return;
    };
    let theirs = ran.code(0).stdout;
    let record_of_theirs = record(&work);
    assert_eq!(work.run(&["get"]).code(0).stdout, "");
    work.run(&["plan"]).code(0);
    assert_eq!(work.run(&["get", "-update"]).code(0).stdout, theirs);
    assert_eq!(record(&work), record_of_theirs);
    assert_eq!(terraform(&work, &["get"]).unwrap().code(0).stdout, "");
}
