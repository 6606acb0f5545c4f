//! What is offered at the end of a line.

use super::*;

/// The words that may be at the end of a line.
fn words(line: &str) -> Vec<String> {
    let typed = bash::Typed::new(line, "");
    let offer = offer(&typed.words, &typed.current);
    assert_eq!(offer.kind, Kind::Words, "{line}");
    let words = offer.words.iter();
    words
        .map(|w| format!("{}{}", offer.prefix, w.text))
        .collect()
}

#[track_caller]
fn check(line: &str, expect: &[&str]) {
    assert_eq!(words(line), expect, "{line}");
}

#[test]
fn commands() {
    check("muster v", &["validate", "version"]);
    check("muster -chdir=x val", &["validate"]);
    check("muster -chdir x val", &["validate"]);
    check("muster state re", &["rekey", "replace-provider", "restore"]);
    check("muster help workspace se", &["select"]);
    check("muster nonsense pl", &[]);
}

#[test]
fn what_is_hidden_is_not_offered() {
    check("muster inter", &[]);
    check("muster state inter", &[]);
    check("muster plan -ba", &[]);
    check("muster plan -state", &["-state="]);
    check("muster state rm -ignore", &[]);
    check("muster destroy -re", &["-refresh="]);
    for line in [
        "muster ",
        "muster state ",
        "muster plan -",
        "muster apply --",
    ] {
        let all = words(line);
        assert!(all.len() > 8, "{line}");
        assert!(!all.iter().any(|word| word.contains("internal")), "{line}");
    }
}

#[test]
fn options_are_offered_as_help_shows_them() {
    check("muster apply -auto", &["-auto-approve"]);
    check("muster apply --auto", &["--auto-approve"]);
    check("muster -", &["-chdir=", "-help", "-version"]);
    check("muster plan -out", &["-out="]);
    check("muster plan -jso", &["-json", "-json-into="]);
    check("muster plan -json -jso", &["-json-into="]);
    check("muster plan -var=a=1 -va", &["-var-file=", "-var="]);
    check("muster init -up", &["-upgrade"]);
    check("muster import -- -par", &[]);
    // Where nothing else can come, it is an option.
    assert!(words("muster plan ").contains(&"-out=".to_owned()));
}

#[test]
fn values() {
    check("muster plan -lock=", &["-lock=true", "-lock=false"]);
    check("muster plan -lock=f", &["-lock=false"]);
    check("muster completion z", &["zsh"]);
    check("muster plan -lock-timeout=", &[]);
    check("muster plan -nonsense=", &[]);
    check("muster init -lockfile=", &["-lockfile=readonly"]);
}

#[test]
fn shells_know_their_files() {
    let check = |line: &str, kind: Kind, prefix: &str| {
        let typed = bash::Typed::new(line, "");
        let offer = offer(&typed.words, &typed.current);
        assert_eq!(
            (offer.kind, offer.prefix.as_str()),
            (kind, prefix),
            "{line}"
        );
        assert_eq!(offer.words, [], "{line}");
    };
    check("muster plan -out=p", Kind::Files, "-out=");
    check("muster plan -out p", Kind::Files, "");
    check("muster apply p", Kind::Files, "");
    check("muster -chdir=", Kind::Directories, "-chdir=");
    check("muster fmt a b", Kind::Files, "");
    check("muster state push ", Kind::Files, "");
}

const STATE: &str = r#"{
  "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x",
  "outputs": {"id": {"value": "1", "type": "string"}},
  "resources": [
    {
      "module": "module.net[\"a b\"]", "mode": "managed", "type": "x_y", "name": "z",
      "provider": "provider[\"nowhere.example/x/y\"]",
      "instances": [
        {"index_key": 0, "schema_version": 0, "attributes": {}},
        {"index_key": 1, "schema_version": 0, "attributes": {}}
      ]
    },
    {
      "mode": "managed", "type": "x_y", "name": "alone",
      "provider": "provider[\"nowhere.example/x/y\"]",
      "instances": [{"schema_version": 0, "attributes": {}}]
    }
  ],
  "check_results": null
}"#;

#[test]
fn addresses_come_from_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.tfstate");
    std::fs::write(&path, STATE).unwrap();
    let state = path.display();
    let check = |line: &str, expect: &[&str]| {
        let line = line.replace("STATE", &format!("-state='{state}'"));
        assert_eq!(words(&line), expect, "{line}");
    };
    let net = "module.net[\"a b\"]";
    let [z, z0, z1] = ["", "[0]", "[1]"].map(|key| format!("{net}.x_y.z{key}"));
    let all = [net, &z, &z0, &z1, "x_y.alone"];
    check("muster state rm STATE ", &all);
    check("muster state mv STATE ", &all);
    check("muster state mv STATE x_y.alone x", &["x_y.alone"]);
    check("muster state list STATE m", &all[..4]);
    check("muster taint STATE ", &[&z0, &z1, "x_y.alone"]);
    check("muster untaint STATE x_y", &["x_y.alone"]);
    check("muster why STATE x_y", &["x_y.alone"]);
    check("muster why STATE module", &all[..4]);
    check("muster state restore STATE ", &["1"]);
    check("muster state diff STATE 1 ", &["1"]);
    check("muster plan STATE -target x", &["x_y.alone"]);
    check("muster plan STATE -replace=x", &["-replace=x_y.alone"]);
    check("muster output STATE ", &["id"]);
    check("muster taint STATE x_y.alone x", &[]);
}

#[test]
fn answers_have_a_line_for_each_word() {
    let word = |text: &str, meaning: &str| Word {
        text: text.to_owned(),
        meaning: meaning.to_owned(),
    };
    let offer = Offer {
        kind: Kind::Words,
        prefix: String::new(),
        words: vec![word("a", "It is a\nor b"), word("b", "")],
    };
    let expect = "words\n<a>\tIt is a\n<b>\t\n";
    assert_eq!(print(&offer, |word| format!("<{word}>")), expect);
}
