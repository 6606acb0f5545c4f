//! Encrypted connections.

use std::fs;
use std::path::Path;

use muster_postgres::RowsBackend;
use muster_store::{Codec, Settings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use crate::support::{PASSWORD, Server};

/// An authority that certificates are made by.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("keys can be made");
    CertifiedIssuer::self_signed(params, key).expect("it can be signed")
}

/// Writes a certificate for `name`, made by `authority`, to `name.crt`, and its key to `name.key`.
fn certify(authority: &CertifiedIssuer<'_, KeyPair>, name: &str, folder: &Path) {
    let mut params = CertificateParams::new([name.to_owned()]).expect("it is a name");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().expect("keys can be made");
    let certificate = params.signed_by(&key, authority).expect("it can be signed");
    let put = |suffix: &str, text: String| {
        fs::write(folder.join(format!("{name}.{suffix}")), text).expect("it can be written");
    };
    put("crt", certificate.pem());
    put("key", key.serialize_pem());
}

/// Connects with these parameters; the error if that fails.
fn connect(server: &Server, host: &str, parameters: &str) -> Result<(), String> {
    let port = server.port();
    let url = format!("postgres://tester:{PASSWORD}@{host}:{port}/postgres?{parameters}");
    let mut settings = Settings::new();
    settings.insert("conn_str".to_owned(), url.into());
    match RowsBackend::open(&settings, Codec::default()) {
        Ok(backend) => backend.workspaces().map(drop).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn check(server: &Server, host: &str, parameters: &str, expect: Result<(), &str>) {
    let found = connect(server, host, parameters);
    match (&found, expect) {
        (Ok(()), Ok(())) => {}
        (Err(error), Err(expect)) => assert!(
            error.contains(expect) && !error.contains(PASSWORD),
            "{host} {parameters}: {error}"
        ),
        _ => panic!("{host} {parameters}: {found:?} instead of {expect:?}"),
    }
}

#[test]
fn certificates_are_checked_as_far_as_the_mode_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ours, foreign) = (authority(), authority());
    fs::write(path("ours.pem"), ours.pem()).unwrap();
    fs::write(path("foreign.pem"), foreign.pem()).unwrap();
    certify(&ours, "localhost", folder.path());
    certify(&ours, "tester", folder.path());
    let Some(server) = Server::start_own("") else {
        return;
    };
    let refused = "server does not support TLS";
    check(&server, "localhost", "", Err(refused));
    check(&server, "localhost", "sslmode=prefer", Ok(()));
    let data = server.data();
    for (from, to) in [
        ("ours.pem", "root.crt"),
        ("localhost.crt", "server.crt"),
        ("localhost.key", "server.key"),
    ] {
        server.put(&data.join(to), &fs::read_to_string(path(from)).unwrap());
    }
    server.put(
        &data.join("postgresql.auto.conf"),
        "ssl = on\nssl_ca_file = 'root.crt'\n",
    );
    server.put(
        &data.join("pg_hba.conf"),
        "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
    );
    server.crash();
    server.restart();
    let (root, other) = (path("ours.pem"), path("foreign.pem"));
    check(
        &server,
        "localhost",
        "sslmode=disable",
        Err("no encryption"),
    );
    check(&server, "localhost", "", Ok(()));
    check(
        &server,
        "localhost",
        &format!("sslmode=verify-full&sslrootcert={root}"),
        Ok(()),
    );
    let wrong_name = format!("sslmode=verify-full&sslrootcert={root}");
    check(
        &server,
        "127.0.0.1",
        &wrong_name,
        Err("invalid peer certificate"),
    );
    check(
        &server,
        "127.0.0.1",
        &format!("sslmode=verify-ca&sslrootcert={root}"),
        Ok(()),
    );
    for mode in ["require", "verify-ca", "verify-full"] {
        let foreign = format!("sslmode={mode}&sslrootcert={other}");
        check(
            &server,
            "localhost",
            &foreign,
            Err("invalid peer certificate"),
        );
    }
    check(
        &server,
        "localhost",
        "sslmode=verify-full",
        Err("invalid peer certificate"),
    );
    check(
        &server,
        "localhost",
        "sslmode=verify-ca&sslrootcert=/nowhere.pem",
        Err("cannot read certificates"),
    );
    server.put(
        &data.join("pg_hba.conf"),
        "hostssl all all 127.0.0.1/32 cert\n",
    );
    server.crash();
    server.restart();
    check(&server, "localhost", "", Err("certificate"));
    let (certificate, key) = (path("tester.crt"), path("tester.key"));
    check(
        &server,
        "localhost",
        &format!("sslcert={certificate}&sslkey={key}"),
        Ok(()),
    );
}
