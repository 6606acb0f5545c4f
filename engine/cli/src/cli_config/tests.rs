use super::*;

#[test]
fn both_forms_of_dev_overrides() {
    for text in [
        "provider_installation {\n  dev_overrides {\n    \"a/b\" = \"/x\"\n  }\n  direct {}\n}\n",
        "provider_installation {\n  dev_overrides = {\n    \"a/b\" = \"/x\"\n  }\n}\n",
    ] {
        let config = CliConfig::parse(text).unwrap();
        let addr = ProviderAddr::new("a", "b");
        assert_eq!(
            config.dev_overrides.get(&addr),
            Some(&PathBuf::from("/x")),
            "{text}"
        );
    }
}

#[test]
fn methods_are_read_in_order() {
    let text = "provider_installation {\n  filesystem_mirror {\n    path = \"/m\"\n    include = [\"hashicorp/*\"]\n  }\n  network_mirror {\n    url = \"http://127.0.0.1:1/x/\"\n  }\n  direct {\n    exclude = [\"a/b\"]\n  }\n}\n";
    let config = CliConfig::parse(text).unwrap();
    let methods = config.settings(&[]).methods;
    assert_eq!(methods[0].kind, MethodKind::FilesystemMirror("/m".into()));
    assert_eq!(methods[0].include, ["hashicorp/*"]);
    let url = "http://127.0.0.1:1/x/".to_owned();
    assert_eq!(methods[1].kind, MethodKind::NetworkMirror(url));
    assert_eq!(methods[2].kind, MethodKind::Direct);
    assert_eq!(methods[2].exclude, ["a/b"]);
    assert!(config.settings(&[]).http.plain.contains("127.0.0.1:1"));
    let only = config.settings(&["/p".into()]).methods;
    assert_eq!(
        only,
        [Method::all(MethodKind::FilesystemMirror("/p".into()))]
    );
}

#[test]
fn hosts_have_credentials_and_services() {
    let text = "plugin_cache_dir = \"/cache\"\ncredentials \"A.example\" {\n  token = \"t\"\n}\nhost \"b.example\" {\n  services = {\n    \"providers.v1\" = \"http://b.example/p/\"\n  }\n}\n";
    let mut config = CliConfig::parse(text).unwrap();
    let stored = r#"{"credentials": {"a.example": {"token": "old"}, "c.example": {"token": "c"}}}"#;
    config.stored_credentials(stored).unwrap();
    assert_eq!(config.hosts.tokens["a.example"], "t");
    assert_eq!(config.hosts.tokens["c.example"], "c");
    assert_eq!(
        config.hosts.services["b.example"]["providers.v1"],
        "http://b.example/p/"
    );
    assert_eq!(config.cache.as_deref(), Some(Path::new("/cache")));
    assert!(config.settings(&[]).http.plain.contains("b.example:80"));
}

#[test]
fn everything_on_one_line() {
    let text = "provider_installation { dev_overrides { \"a/b\" = \"/x\", \"c/d\" = \"/y\" } filesystem_mirror { path = \"/m\" include = [\"a/*\"] } direct { exclude = [\"a/*\"] } } credentials \"h\" { token = \"t\" } host \"h\" { services { \"modules.v1\" = \"https://h/\" } }";
    let config = CliConfig::parse(text).unwrap();
    assert_eq!(
        config.dev_overrides[&ProviderAddr::new("c", "d")],
        Path::new("/y")
    );
    let methods = config.settings(&[]).methods;
    assert_eq!(methods[0].kind, MethodKind::FilesystemMirror("/m".into()));
    assert_eq!(methods[0].include, ["a/*"]);
    assert_eq!(methods[1].kind, MethodKind::Direct);
    assert_eq!(methods[1].exclude, ["a/*"]);
    assert_eq!(config.hosts.tokens["h"], "t");
    assert_eq!(config.hosts.services["h"]["modules.v1"], "https://h/");
}

#[test]
fn files_of_the_home_directory() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(".terraform.d/b.tfrc", "credentials \"b\" { token = \"1\" }");
    write(
        ".terraform.d/a.tfrc.json",
        "{\"provider_installation\": [{\"direct\": [{}]}]}",
    );
    write(".terraform.d/credentials.tfrc.json", "{}");
    write(".terraform.d/c.tf", "nonsense");
    write(".terraformrc", "plugin_cache_dir = \"/c\"");
    let mut config = CliConfig::default();
    for path in usual_files(home.path()) {
        config.read(&path).unwrap();
    }
    assert_eq!(config.hosts.tokens["b"], "1");
    assert_eq!(config.settings(&[]).methods.len(), 1);
    assert_eq!(config.cache.as_deref(), Some(Path::new("/c")));
}

#[test]
fn variables_in_paths() {
    let value = |name: &str| (name == "A").then(|| "x".to_owned());
    for (text, expect) in [
        ("$A/b", "x/b"),
        ("/a${A}b$A", "/axbx"),
        ("$B/${B}", "/"),
        ("a$/$", "a$/$"),
    ] {
        assert_eq!(with_variables(text, value), expect);
    }
}

#[test]
fn nonsense_is_refused() {
    let refuse = |text: &str, summary: &str| {
        let error = CliConfig::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(summary), "{text}: {error}");
    };
    let method = "Invalid provider_installation method block";
    for inside in [
        "wormhole {}",
        "direct = {}",
        "filesystem_mirror {}",
        "direct { exclude = \"x\" }",
        "direct {} dev_overrides { \"a/b\" = \"/x\" }",
        "dev_overrides { \"a/b/c/d\" = \"/x\" }",
    ] {
        refuse(&format!("provider_installation {{ {inside} }}"), method);
    }
    let block = "Invalid provider_installation block";
    refuse("provider_installation = {}", block);
    refuse("provider_installation \"x\" {}", block);
    refuse(
        "provider_installation {} provider_installation {}",
        "No more than one provider_installation block may be specified",
    );
    refuse("provider_installation {", "At 1:24");
}
