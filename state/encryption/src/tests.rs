//! What is sealed, by whom it can be opened, and by whom it cannot.

use super::*;
use muster_store::About;

const STATE: &[u8] =
    br#"{"version":4,"serial":3,"lineage":"l","resources":[{"secret":"hunter2"}]}"#;
const ABOUT: Option<About<'_>> = Some(About {
    serial: 3,
    lineage: "l",
});

fn addr(text: &str) -> Addr {
    let (kind, name) = text.split_once('.').unwrap();
    Addr::new(kind, name)
}

fn pbkdf2(passphrase: &str) -> KeySource {
    KeySource::Pbkdf2(Pbkdf2 {
        iterations: 200_000,
        hash: Hash::Sha256,
        ..Pbkdf2::new(Passphrase::Given(passphrase.into()))
    })
}

/// Settings with a method `aes_gcm.NAME` for each key provider of that name, and
/// `unencrypted.plain`.
fn settings(providers: Vec<(&str, KeySource)>, target: &[&str]) -> Settings {
    let mut settings = Settings::default();
    for (name, source) in providers {
        let at = addr(name);
        let method = Method::AesGcm {
            keys: at.clone(),
            aad: Vec::new(),
        };
        settings
            .methods
            .insert(Addr::new("aes_gcm", &at.name), method);
        let alias = None;
        settings
            .key_providers
            .insert(at, KeyProvider { alias, source });
    }
    settings
        .methods
        .insert(addr("unencrypted.plain"), Method::Unencrypted);
    settings.state = Some(Target {
        methods: target.iter().map(|text| addr(text)).collect(),
        enforced: false,
    });
    settings
}

fn seal_of(settings: Settings) -> Arc<dyn Seal> {
    Encryption::new(settings).state().unwrap().unwrap()
}

fn seal(providers: Vec<(&str, KeySource)>, target: &[&str]) -> Arc<dyn Seal> {
    seal_of(settings(providers, target))
}

/// Why settings are refused.
fn refused(settings: Settings) -> String {
    Encryption::new(settings).state().unwrap_err().0
}

/// A key provider that needs no time.
fn age() -> KeySource {
    KeySource::Age(Age {
        recipients: vec![AGE_RECIPIENT.to_owned()],
        identity: Some(AGE_IDENTITY.into()),
        identity_file: None,
    })
}

const AGE_IDENTITY: &str =
    "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const AGE_RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

const OLD: &str = "the passphrase of old";
const NEW: &str = "a newer passphrase";

#[test]
fn states_come_back() {
    for source in [pbkdf2(OLD), age()] {
        let seal = seal(vec![("k.k", source)], &["aes_gcm.k"]);
        for about in [None, ABOUT] {
            let stored = seal.seal(STATE, about).unwrap();
            let text = String::from_utf8(stored.clone()).unwrap();
            assert!(!text.contains("hunter2"), "{text}");
            assert_eq!(
                text.starts_with(r#"{"serial":3,"lineage":"l","meta":{"#),
                about.is_some()
            );
            assert_eq!(seal.open(&stored).unwrap(), STATE);
        }
    }
}

#[test]
fn other_runs_find_the_key_again() {
    let run = || seal(vec![("pbkdf2.main", pbkdf2(OLD))], &["aes_gcm.main"]);
    let (one, other) = (run(), run());
    let [a, b] = [&one, &other].map(|seal| seal.seal(STATE, ABOUT).unwrap());
    assert_eq!(other.open(&a).unwrap(), STATE);
    assert_eq!(one.open(&b).unwrap(), STATE);
    let salt = |stored: &[u8]| envelope::read(stored).unwrap().unwrap().meta;
    assert_ne!(salt(&a), salt(&b), "each run has a salt of its own");
    assert_eq!(salt(&a), salt(&one.seal(STATE, None).unwrap()));
}

/// What the key was made from that something is sealed with.
fn meta(stored: &[u8]) -> envelope::Metadata {
    envelope::read(stored).unwrap().unwrap().meta
}

#[test]
fn what_many_runs_write_has_one_key() {
    let run = || seal(vec![("pbkdf2.main", pbkdf2(OLD))], &["aes_gcm.main"]);
    let stored = run().seal(STATE, ABOUT).unwrap();
    let next = run();
    next.open(&stored).unwrap();
    for n in 0..50_u8 {
        // Making so many keys would take minutes.
        let sealed = next.seal(&[n], None).unwrap();
        assert_eq!(meta(&sealed), meta(&stored));
        assert_eq!(next.open(&sealed).unwrap(), [n]);
    }
    let after = run();
    assert_eq!(
        after.open(&next.seal(STATE, ABOUT).unwrap()).unwrap(),
        STATE
    );
}

#[test]
fn a_new_key_is_made_where_one_is_wanted() {
    let run = || {
        let providers = vec![("pbkdf2.main", pbkdf2(OLD))];
        Encryption::new(settings(providers, &["aes_gcm.main"]))
    };
    let state = |run: &Encryption| run.state().unwrap().unwrap();
    let stored = state(&run()).seal(STATE, ABOUT).unwrap();
    let rekeying = run();
    rekeying.renew();
    let seal = state(&rekeying);
    assert_eq!(seal.open(&stored).unwrap(), STATE);
    let [a, b] =
        [(STATE, ABOUT), (b"x", None)].map(|(text, about)| seal.seal(text, about).unwrap());
    assert_ne!(meta(&a), meta(&stored));
    assert_eq!(meta(&a), meta(&b), "one for all of it");
    assert_eq!(state(&run()).open(&a).unwrap(), STATE);
}

#[test]
fn a_key_that_is_not_as_set_is_not_kept() {
    let old = || pbkdf2(OLD);
    let stored = seal(vec![("pbkdf2.main", old())], &["aes_gcm.main"])
        .seal(STATE, ABOUT)
        .unwrap();
    let check = |providers: Vec<(&str, KeySource)>, target: &[&str]| {
        let seal = seal(providers, target);
        assert_eq!(seal.open(&stored).unwrap(), STATE);
        assert_ne!(meta(&seal.seal(STATE, ABOUT).unwrap()), meta(&stored));
    };
    let KeySource::Pbkdf2(more) = old() else {
        panic!("that is what it is");
    };
    let more = |iterations| {
        KeySource::Pbkdf2(Pbkdf2 {
            iterations,
            ..more.clone()
        })
    };
    check(vec![("pbkdf2.main", more(200_001))], &["aes_gcm.main"]);
    // The key of a fallback is not used to write.
    let both = vec![("pbkdf2.new", pbkdf2(NEW)), ("pbkdf2.main", old())];
    check(both, &["aes_gcm.new", "aes_gcm.main"]);
    // Nor is one that has opened nothing.
    let same_name = seal(vec![("pbkdf2.main", pbkdf2(NEW))], &["aes_gcm.main"]);
    assert!(same_name.open(&stored).is_err());
    assert_ne!(meta(&same_name.seal(STATE, ABOUT).unwrap()), meta(&stored));
}

/// The file was written with Python: `hashlib.pbkdf2_hmac` and `AESGCM` of `cryptography`.
#[test]
fn files_of_others_are_read() {
    const STORED: &str = concat!(
        r#"{"serial":3,"lineage":"l","meta":{"key_provider.pbkdf2.main":"eyJzYWx0IjoiQUFFQ0F3UU"#,
        r#"ZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVhHQmthR3h3ZEhoOD0iLCJpdGVyYXRpb25zIjoyMDAwMDAsImhhc2"#,
        r#"hfZnVuY3Rpb24iOiJzaGE1MTIiLCJrZXlfbGVuZ3RoIjozMn0="},"encrypted_data":"ZGVmZ2hpamtsb"#,
        r#"W5vbzbXpmdSfsIpHaFfHInkH1MSb1RdjPTb0Pj7pc1N652IsyAqe2VwpVjJnwGBUg6+Xx8AXBy0Ig+ZC4mkA"#,
        r#"N/DhnPQuz4fHviGvlETXGPa7ygXEGNRs7K3U4o=","encryption_version":"v0"}"#,
    );
    let seal = seal(vec![("pbkdf2.main", pbkdf2(OLD))], &["aes_gcm.main"]);
    assert_eq!(seal.open(STORED.as_bytes()).unwrap(), STATE);
}

#[test]
fn keys_are_rotated() {
    let old = seal(vec![("pbkdf2.old", pbkdf2(OLD))], &["aes_gcm.old"]);
    let both = seal(
        vec![("pbkdf2.old", pbkdf2(OLD)), ("pbkdf2.new", pbkdf2(NEW))],
        &["aes_gcm.new", "aes_gcm.old"],
    );
    let new = seal(vec![("pbkdf2.new", pbkdf2(NEW))], &["aes_gcm.new"]);
    let stored = old.seal(STATE, ABOUT).unwrap();
    assert!(new.open(&stored).is_err());
    let plain = both.open(&stored).unwrap();
    assert_eq!(plain, STATE);
    let stored = both.seal(&plain, ABOUT).unwrap();
    assert_eq!(new.open(&stored).unwrap(), STATE);
    assert!(old.open(&stored).is_err());
}

#[test]
fn wrong_keys_and_other_names() {
    let stored = seal(vec![("pbkdf2.main", pbkdf2(OLD))], &["aes_gcm.main"])
        .seal(STATE, ABOUT)
        .unwrap();
    let check = |name: &str, passphrase: &str, expect: &str| {
        let method = format!("aes_gcm.{}", addr(name).name);
        let seal = seal(vec![(name, pbkdf2(passphrase))], &[&method]);
        let error = seal.open(&stored).unwrap_err().0;
        assert!(error.contains(expect), "{error}");
        assert!(!error.contains(passphrase), "{error}");
    };
    check("pbkdf2.main", NEW, "The key is not the right one");
    check("pbkdf2.other", OLD, "says nothing of it");
}

#[test]
fn aliases_and_associated_data() {
    let with = |name: &str, alias: Option<&str>, aad: &[u8]| {
        let mut settings = settings(vec![(name, age())], &["aes_gcm.k"]);
        for provider in settings.key_providers.values_mut() {
            provider.alias = alias.map(str::to_owned);
        }
        let (keys, aad) = (addr(name), aad.to_vec());
        settings
            .methods
            .insert(addr("aes_gcm.k"), Method::AesGcm { keys, aad });
        seal_of(settings)
    };
    let stored = with("age.a", Some("same"), b"x").seal(STATE, None).unwrap();
    assert!(String::from_utf8_lossy(&stored).contains(r#""meta":{"same":"#));
    assert_eq!(
        with("age.b", Some("same"), b"x").open(&stored).unwrap(),
        STATE
    );
    assert!(with("age.b", Some("same"), b"").open(&stored).is_err());
    assert!(with("age.a", None, b"x").open(&stored).is_err());
}

#[test]
fn plain_text_is_only_read_where_that_is_said() {
    let sealed = || vec![("age.k", age())];
    let error = seal(sealed(), &["aes_gcm.k"]).open(STATE).unwrap_err();
    assert!(error.0.contains("plain text"), "{error}");
    let roll_out = seal(sealed(), &["aes_gcm.k", "unencrypted.plain"]);
    assert_eq!(roll_out.open(STATE).unwrap(), STATE);
    let stored = roll_out.seal(STATE, ABOUT).unwrap();
    assert_ne!(stored, STATE);
    let roll_back = seal(sealed(), &["unencrypted.plain", "aes_gcm.k"]);
    assert_eq!(roll_back.open(&stored).unwrap(), STATE);
    assert_eq!(roll_back.seal(STATE, ABOUT).unwrap(), STATE);
    let error = seal(Vec::new(), &["unencrypted.plain"])
        .open(&stored)
        .unwrap_err();
    assert!(error.0.contains("no method that decrypts"), "{error}");
}

#[test]
fn passphrases_come_from_other_providers() {
    let chained = KeySource::Pbkdf2(Pbkdf2 {
        iterations: 200_000,
        ..Pbkdf2::new(Passphrase::Chain(addr("age.below")))
    });
    let providers = || vec![("age.below", age()), ("pbkdf2.k", chained.clone())];
    let stored = seal(providers(), &["aes_gcm.k"])
        .seal(STATE, ABOUT)
        .unwrap();
    let meta = envelope::read(&stored).unwrap().unwrap().meta;
    let names: Vec<_> = meta.keys().map(String::as_str).collect();
    assert_eq!(names, ["key_provider.age.below", "key_provider.pbkdf2.k"]);
    assert_eq!(
        seal(providers(), &["aes_gcm.k"]).open(&stored).unwrap(),
        STATE
    );
    let cycle = KeySource::Pbkdf2(Pbkdf2::new(Passphrase::Chain(addr("pbkdf2.k"))));
    let error = refused(settings(vec![("pbkdf2.k", cycle)], &["aes_gcm.k"]));
    assert!(error.contains("chained to itself"), "{error}");
}

#[test]
fn settings_that_are_refused() {
    let check = |settings: Settings, expect: &str| {
        let error = refused(settings);
        assert!(error.contains(expect), "{error}");
    };
    check(settings(Vec::new(), &[]), "no method is set");
    check(
        settings(Vec::new(), &["aes_gcm.k"]),
        "no method \"aes_gcm\" \"k\"",
    );
    check(
        settings(vec![("pbkdf2.k", pbkdf2("short"))], &["aes_gcm.k"]),
        "too short",
    );
    check(
        settings(
            vec![("pbkdf2.k", pbkdf2("short"))],
            &["unencrypted.plain", "aes_gcm.k"],
        ),
        "Key provider pbkdf2.k",
    );
    let mut enforced = settings(Vec::new(), &["unencrypted.plain"]);
    if let Some(target) = &mut enforced.state {
        target.enforced = true;
    }
    check(enforced, "enforced");
    let mut lost = settings(vec![("age.k", age())], &["aes_gcm.k"]);
    lost.key_providers.clear();
    check(lost, "no key provider \"age\" \"k\"");
}

#[test]
fn remote_states_have_seals_of_their_own() {
    let mut settings = settings(vec![("age.k", age())], &["aes_gcm.k"]);
    let target = settings.state.clone().unwrap();
    let none = Encryption::new(settings.clone());
    assert!(none.remote_state("a").unwrap().is_none());
    assert!(none.plan().unwrap().is_none());
    settings.remote_states.default = Some(target);
    let plain = Target {
        methods: vec![addr("unencrypted.plain")],
        enforced: false,
    };
    settings.remote_states.named.insert("m.a".to_owned(), plain);
    let some = Encryption::new(settings);
    assert!(
        some.remote_state("a")
            .unwrap()
            .unwrap()
            .open(STATE)
            .is_err()
    );
    assert!(
        some.remote_state("m.a")
            .unwrap()
            .unwrap()
            .open(STATE)
            .is_ok()
    );
}

/// Whatever bit changes, nobody takes the file for what was written.
#[test]
fn flipped_bits_are_noticed() {
    let seal = seal(vec![("age.k", age())], &["aes_gcm.k"]);
    for about in [None, ABOUT] {
        let stored = seal.seal(STATE, about).unwrap();
        for at in 0..stored.len() * 8 {
            let mut changed = stored.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let opened = seal.open(&changed);
            assert!(opened.is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        for len in 0..stored.len() {
            assert!(seal.open(&stored[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn nothing_secret_is_shown() {
    let settings = settings(
        vec![("pbkdf2.k", pbkdf2(OLD)), ("age.a", age())],
        &["aes_gcm.k"],
    );
    let encryption = Encryption::new(settings);
    let seal = encryption.state().unwrap();
    let shown = format!("{encryption:?} {seal:?}");
    assert!(
        !shown.contains(OLD) && !shown.contains(AGE_IDENTITY),
        "{shown}"
    );
    assert!(shown.contains("pbkdf2"), "{shown}");
}
