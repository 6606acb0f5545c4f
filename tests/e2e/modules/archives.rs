//! Archives on a server.

use std::io::{Cursor, Write};

use serde_json::json;

use super::server::{Reply, Server};
use super::{calling, giving, planned, record};
use crate::harness::Ran;

/// A zip archive of files; a text that begins with `->` is a link.
pub(super) fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in files {
        match text.strip_prefix("->") {
            Some(to) => zip.add_symlink(*name, to, options).unwrap(),
            None => {
                zip.start_file(*name, options).unwrap();
                zip.write_all(text.as_bytes()).unwrap();
            }
        }
    }
    zip.finish().unwrap().into_inner()
}

/// A packed tar archive of the same.
pub(super) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        match text.strip_prefix("->") {
            Some(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                tar.append_link(&mut header, name, to).unwrap();
            }
            None => {
                header.set_size(text.len() as u64);
                tar.append_data(&mut header, name, text.as_bytes()).unwrap();
            }
        }
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// An answer that says where the module is.
pub(super) fn pointer(to: &str) -> Reply {
    Reply {
        status: 204,
        headers: format!("X-Terraform-Get: {to}\r\n"),
        ..Reply::default()
    }
}

#[test]
fn archives_of_all_kinds() {
    let server = Server::start();
    let (main, sub) = (giving("${path.module}"), giving("sub"));
    let files = [("main.tf", main.as_str()), ("sub/main.tf", sub.as_str())];
    let top = [("top-1/main.tf", main.as_str())];
    server.put("/m.zip", Reply::ok(zip(&files)));
    server.put("/m.tar.gz", Reply::ok(tar(&files)));
    server.put("/plain", Reply::ok(tar(&top)));
    server.put("/moved.zip", Reply::redirect("/m.zip"));
    server.put("/get?terraform-get=1", pointer("/m.zip"));
    server.put("/get/sub?terraform-get=1", pointer("../m.zip//sub"));
    server.put("/far?terraform-get=1", pointer(&server.url("/get")));
    let page = "<html><head><meta name=\"terraform-get\" content=\"/m.tar.gz\"></head></html>";
    server.put("/page?terraform-get=1", Reply::ok(page));
    let place = ".terraform/modules/a";
    let top = format!("{place}/top-1");
    let check = |path: &str, dir: &str, expect: &str| {
        let source = server.url(path);
        let work = calling(&source);
        let ran = work.run(&["init"]).code(0);
        ran.says(&["Downloading http://", &format!("- a in {dir}\n")]);
        assert_eq!(
            record(&work),
            json!([{"Key": "a", "Source": source, "Dir": dir}])
        );
        planned(&work, expect);
    };
    let sub = format!("{place}/sub");
    check("/m.zip", place, place);
    check("/m.zip//sub", &sub, "sub");
    check("/m.tar.gz", place, place);
    check("/moved.zip", place, place);
    check("/plain//*?archive=tar.gz", &top, &top);
    check("/get", place, place);
    check("/get/sub", &sub, "sub");
    check("/far//sub", &sub, "sub");
    check("/page", place, place);
}

#[test]
fn archives_that_are_refused() {
    let server = Server::start();
    let good = zip(&[("main.tf", "")]);
    server.put("/m.zip", Reply::ok(good));
    server.put("/bad.zip", Reply::ok("nonsense"));
    server.put("/bad.tar.gz", Reply::ok("nonsense"));
    server.put("/up.zip", Reply::ok(zip(&[("../up.tf", "")])));
    server.put("/link.zip", Reply::ok(zip(&[("l", "->/etc")])));
    server.put("/link.tar.gz", Reply::ok(tar(&[("d/l", "->../../x")])));
    server.put("/none?terraform-get=1", Reply::ok("<html></html>"));
    server.put("/loop?terraform-get=1", pointer("/loop"));
    server.put("/odd?terraform-get=1", pointer("odd"));
    let check = |path: &str, summary: &str, says: &[&str]| {
        let work = calling(&server.url(path));
        let ran = work.run(&["init"]).code(1);
        ran.says(&[&format!("Error: {summary}")]).says(says);
        assert_eq!(record(&work), json!([]));
        assert!(!work.path().join(".terraform/modules/a").exists());
    };
    let failed = "Failed to download module";
    check("/404.zip", failed, &["status 404"]);
    check("/404", failed, &["status 404"]);
    check("/bad.zip", failed, &["not a valid archive"]);
    check("/bad.tar.gz", failed, &["not a valid archive"]);
    check("/up.zip", failed, &["\"../up.tf\""]);
    check("/link.zip", failed, &["link \"l\"", "leads out of it"]);
    check("/link.tar.gz", failed, &["link \"d/l\"", "leads out of it"]);
    check("/none", failed, &["X-Terraform-Get", "?archive=zip"]);
    check("/loop", failed, &["without an end"]);
    check("/odd", failed, &["\"odd\""]);
    check("/m.zip?checksum=sha256:00", failed, &["has the checksum"]);
    check(
        "/m.zip//none",
        "Failed to expand subdir globs",
        &["\"none\""],
    );
}

#[test]
fn servers_that_say_nothing() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap();
    let work = calling(&format!("http://{place}/m.zip"));
    let mut command = work.command(&["init"]);
    command.env("TF_REGISTRY_CLIENT_TIMEOUT", "1");
    command.env("TF_REGISTRY_DISCOVERY_RETRY", "0");
    let ran = Ran::new(&command.output().unwrap()).code(1);
    ran.says(&["Error: Failed to download module", "timed out"]);
}

#[test]
fn secrets_stay_secret() {
    let server = Server::start();
    let place = server.authority.clone();
    for path in ["/404.zip", "/404"] {
        let url = format!("http://user:hush@{place}{path}?token=quiet");
        let ran = calling(&url).run(&["init"]).code(1);
        ran.says(&["user:***@", "status 404"])
            .never_says(&["quiet"])
            .never_says_but_in_source("hush");
    }
    let ran = calling(&format!("http://hush@{place}/404.zip")).run(&["init"]);
    ran.code(1)
        .says(&["status 404"])
        .never_says_but_in_source("hush");
    let ran = calling(&format!("git::http://hush@{place}/r.git?key=quiet")).run(&["init"]);
    ran.code(1)
        .says(&["Downloading git::http://***@"])
        .never_says_but_in_source("hush");
}

/// The snippet of the configuration is what people wrote themselves.
trait Secrets {
    fn never_says_but_in_source(self, secret: &str);
}

impl Secrets for Ran {
    #[track_caller]
    fn never_says_but_in_source(self, secret: &str) {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        for line in all.lines().filter(|line| !line.contains("source = ")) {
            assert!(!line.contains(secret), "{all}");
        }
    }
}
