use super::*;
use tokio_postgres::config::Host;

const ENV: &[(&str, &str)] = &[
    ("PGUSER", "env-user"),
    ("PGPASSWORD", "env-password"),
    ("PGHOST", "env-host"),
];

fn address(text: &str, env: &[(&str, &str)]) -> Result<Address, StoreError> {
    Address::new(text, &|name| {
        let found = env.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn check(text: &str, env: &[(&str, &str)], place: &str, login: &str) {
    let address = address(text, env).unwrap();
    let password = address.config.get_password().unwrap_or_default();
    let user = address.config.get_user().unwrap_or_default();
    let shown = format!("{user}:{}", String::from_utf8_lossy(password));
    assert_eq!((&*address.place, &*shown), (place, login), "{text}");
}

#[test]
fn the_environment_fills_what_is_left_open() {
    check(
        "",
        ENV,
        "postgres://env-host:5432/env-user",
        "env-user:env-password",
    );
    check(
        "postgres://h/d",
        ENV,
        "postgres://h:5432/d",
        "env-user:env-password",
    );
    check("postgres://u:p@h:1/d", ENV, "postgres://h:1/d", "u:p");
    check(
        "host=/run/pg dbname=d user=u",
        &[],
        "postgres:///run/pg:5432/d",
        "u:",
    );
    check(
        "postgres://a:1,b:2/d?user=u",
        &[],
        "postgres://a:1,b:2/d",
        "u:",
    );
    check("", &[("USER", "me")], "postgres://localhost:5432/me", "me:");
}

#[test]
fn unknown_parameters_are_settings_of_the_session() {
    let address = address("postgres://h/d?search_path=a%20b&options=-c%20x=1", &[]).unwrap();
    assert_eq!(
        address.config.get_options(),
        Some("-c x=1 -c search_path=a\\ b")
    );
    assert_eq!(address.config.get_hosts(), [Host::Tcp("h".to_owned())]);
}

#[test]
fn wrong_parameters_are_refused_without_secrets() {
    for (text, expect) in [
        (
            "postgres://u:secret@h:x/d",
            "has a port that is not a fitting number",
        ),
        (
            "postgres://u:secret@h/d?sslmode=maybe",
            "has an sslmode that is not one of",
        ),
        (
            "postgres://u:secret@h/d?connect_timeout=-1",
            "has a connect_timeout that is not",
        ),
        ("secret", "is neither a URL nor"),
    ] {
        let error = address(text, &[]).err().unwrap().to_string();
        assert!(
            error.contains(expect) && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn encryption_follows_the_mode() {
    let of = |query: &str| {
        let address = address(&format!("postgres://h/d?{query}"), &[]).unwrap();
        (address.config.get_ssl_mode(), address.tls.verify)
    };
    assert_eq!(of(""), (SslMode::Require, Verify::Nothing));
    assert_eq!(of("sslmode=disable"), (SslMode::Disable, Verify::Nothing));
    assert_eq!(
        of("sslmode=verify-ca"),
        (SslMode::Require, Verify::Authority)
    );
    assert_eq!(of("sslmode=verify-full"), (SslMode::Require, Verify::Host));
    assert_eq!(of("host=/run"), (SslMode::Disable, Verify::Nothing));
    assert_eq!(
        of("sslrootcert=/nowhere"),
        (SslMode::Require, Verify::Nothing)
    );
    assert_eq!(of("sslrootcert=system"), (SslMode::Require, Verify::Host));
    let inline = of("sslinline=true&sslrootcert=x");
    assert_eq!(inline, (SslMode::Require, Verify::Authority));
}
