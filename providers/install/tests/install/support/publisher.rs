//! Somebody who releases providers: packs, signs and publishes them.

use std::io::{Cursor, Write};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::server::{Reply, Server};

/// A key to sign with.
pub(crate) struct Publisher {
    pair: Ed25519KeyPair,
    packet: Vec<u8>,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let mut body = vec![4, 0x5e, 0, 0, 0, 22, 9];
        body.extend([0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01]);
        body.extend(263_u16.to_be_bytes());
        body.push(0x40);
        body.extend(pair.public_key().as_ref());
        Self { pair, packet: body }
    }

    fn covered(&self) -> Vec<u8> {
        let length = (self.packet.len() as u16).to_be_bytes();
        [&[0x99][..], &length, &self.packet].concat()
    }

    pub(crate) fn key_id(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.covered()).as_ref()[12..].to_vec()
    }

    pub(crate) fn armored(&self) -> String {
        let packet = [&[0xc6, self.packet.len() as u8][..], &self.packet].concat();
        let text = STANDARD.encode(packet);
        format!(
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{text}\n-----END PGP PUBLIC KEY BLOCK-----\n"
        )
    }

    /// A detached signature.
    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        let mut hashed = vec![4, 0, 22, 8, 0, 6, 5, 2];
        hashed.extend(0x6000_0000_u32.to_be_bytes());
        let length = (hashed.len() as u32).to_be_bytes();
        let sum = digest(&SHA256, &[data, &hashed, &[4, 0xff], &length].concat());
        let signature = self.pair.sign(sum.as_ref());
        let mut body = [
            &hashed[..],
            &[0, 10, 9, 16],
            &self.key_id(),
            &sum.as_ref()[..2],
        ]
        .concat();
        for number in signature.as_ref().chunks(32) {
            body.extend(256_u16.to_be_bytes());
            body.extend(number);
        }
        [&[0xc2, body.len() as u8][..], &body].concat()
    }
}

/// What is released of a provider.
pub(crate) struct Releases<'a> {
    /// Namespace and type, as in `a/fake`.
    pub(crate) provider: &'a str,
    pub(crate) versions: &'a [&'a str],
    /// Operating system and architecture.
    pub(crate) platforms: &'a [(&'a str, &'a str)],
    /// The program for a version and a platform.
    pub(crate) program: &'a dyn Fn(&str, &str) -> String,
}

impl Releases<'_> {
    fn type_name(&self) -> &str {
        self.provider.rsplit('/').next().unwrap()
    }

    /// The archive for a version and a platform.
    pub(crate) fn archive(&self, version: &str, platform: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().unix_permissions(0o755);
        let name = format!("terraform-provider-{}_v{version}", self.type_name());
        zip.start_file(name, options).unwrap();
        let program = (self.program)(version, platform);
        zip.write_all(program.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    /// The name of an archive.
    pub(crate) fn archive_name(&self, version: &str, (os, arch): (&str, &str)) -> String {
        let name = self.type_name();
        format!("terraform-provider-{name}_{version}_{os}_{arch}.zip")
    }

    /// Publishes all of it in a registry.
    pub(crate) fn publish(&self, server: &Server, publisher: &Publisher) {
        let discovery = json!({"providers.v1": "/v1/providers/"});
        server.put(
            "/.well-known/terraform.json",
            Reply::ok(discovery.to_string()),
        );
        let versions = self.versions.iter();
        let list: Vec<_> = versions
            .map(|v| json!({"version": v, "protocols": ["6.0"]}))
            .collect();
        let list = json!({"id": self.provider, "versions": list});
        let path = format!("/v1/providers/{}/versions", self.provider);
        server.put(&path, Reply::ok(list.to_string()));
        for version in self.versions {
            self.publish_version(server, publisher, version);
        }
    }

    fn publish_version(&self, server: &Server, publisher: &Publisher, version: &str) {
        let mut sums = String::new();
        for &(os, arch) in self.platforms {
            let name = self.archive_name(version, (os, arch));
            let zip = self.archive(version, &format!("{os}_{arch}"));
            let sum = hex_sum(&zip);
            sums += &format!("{sum}  {name}\n");
            let answer = json!({
                "protocols": ["6.0"], "os": os, "arch": arch, "filename": name,
                "download_url": format!("/files/{name}"), "shasum": sum,
                "shasums_url": format!("/files/{version}/SHA256SUMS"),
                "shasums_signature_url": format!("/files/{version}/SHA256SUMS.sig"),
                "signing_keys": {
                    "gpg_public_keys": [{"key_id": "x", "ascii_armor": publisher.armored()}]
                },
            });
            server.put(
                &format!(
                    "/v1/providers/{}/{version}/download/{os}/{arch}",
                    self.provider
                ),
                Reply::ok(answer.to_string()),
            );
            server.put(&format!("/files/{name}"), Reply::ok(zip));
        }
        server.put(
            &format!("/files/{version}/SHA256SUMS.sig"),
            Reply::ok(publisher.sign(sums.as_bytes())),
        );
        server.put(&format!("/files/{version}/SHA256SUMS"), Reply::ok(sums));
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(crate) fn hex_sum(bytes: &[u8]) -> String {
    let sum = digest(&SHA256, bytes);
    sum.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
