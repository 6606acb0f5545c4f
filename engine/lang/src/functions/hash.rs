//! Hashes, identifiers and cryptography.

use md5::Md5;
use muster_value::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::files::{content, path};
use super::numeric::whole;
use super::string::text;
use super::{Call, Function, FunctionError, Param, Returns, encoding, rsa};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    of_text(
        "base64sha256",
        "The SHA-256 hash of a text, as Base64.",
        |a, _| base64::<Sha256>(text(a, 0).as_bytes()),
    ),
    of_text(
        "base64sha512",
        "The SHA-512 hash of a text, as Base64.",
        |a, _| base64::<Sha512>(text(a, 0).as_bytes()),
    ),
    of_text(
        "md5",
        "The MD5 hash of a text, in hexadecimal digits.",
        |a, _| hex::<Md5>(text(a, 0).as_bytes()),
    ),
    of_text(
        "sha1",
        "The SHA-1 hash of a text, in hexadecimal digits.",
        |a, _| hex::<Sha1>(text(a, 0).as_bytes()),
    ),
    of_text(
        "sha256",
        "The SHA-256 hash of a text, in hexadecimal digits.",
        |a, _| hex::<Sha256>(text(a, 0).as_bytes()),
    ),
    of_text(
        "sha512",
        "The SHA-512 hash of a text, in hexadecimal digits.",
        |a, _| hex::<Sha512>(text(a, 0).as_bytes()),
    ),
    of_file(
        "filebase64sha256",
        "The SHA-256 hash of a file, as Base64.",
        |a, c| base64::<Sha256>(&content(a, c)?),
    ),
    of_file(
        "filebase64sha512",
        "The SHA-512 hash of a file, as Base64.",
        |a, c| base64::<Sha512>(&content(a, c)?),
    ),
    of_file(
        "filemd5",
        "The MD5 hash of a file, in hexadecimal digits.",
        |a, c| hex::<Md5>(&content(a, c)?),
    ),
    of_file(
        "filesha1",
        "The SHA-1 hash of a file, in hexadecimal digits.",
        |a, c| hex::<Sha1>(&content(a, c)?),
    ),
    of_file(
        "filesha256",
        "The SHA-256 hash of a file, in hexadecimal digits.",
        |a, c| hex::<Sha256>(&content(a, c)?),
    ),
    of_file(
        "filesha512",
        "The SHA-512 hash of a file, in hexadecimal digits.",
        |a, c| hex::<Sha512>(&content(a, c)?),
    ),
    Function::new(
        "bcrypt",
        "The bcrypt hash of a text, another one each time.",
        &[Param::string("str")],
        Returns::STRING,
        bcrypt,
    )
    .more(Param::number("cost")),
    Function::new(
        "rsadecrypt",
        "The text that was encrypted, as Base64, with the public part of an RSA key.",
        &[Param::string("ciphertext"), Param::string("privatekey")],
        Returns::STRING,
        |a, _| {
            let cipher = encoding::decode(text(a, 0))
                .ok_or_else(|| FunctionError::argument(0, "the string is not Base64"))?;
            let key = rsa::private_key(text(a, 1)).map_err(|e| FunctionError::argument(1, e))?;
            let plain = rsa::decrypt(&key, &cipher)?;
            Ok(String::from_utf8(plain)
                .map_err(|_| "what was encrypted is not UTF-8 text")?
                .into())
        },
    ),
    Function::new(
        "uuid",
        "A random identifier, another one each time.",
        &[],
        Returns::STRING,
        |_, call| {
            Ok(match call.scope.impure_now() {
                true => Value::string(Uuid::new_v4().to_string()),
                false => Value::unknown_not_null(muster_value::Type::String),
            })
        },
    ),
    Function::new(
        "uuidv5",
        "The identifier of a name in a namespace, always the same one.",
        &[Param::string("namespace"), Param::string("name")],
        Returns::STRING,
        |a, _| {
            let namespace = match text(a, 0) {
                "dns" => Uuid::NAMESPACE_DNS,
                "url" => Uuid::NAMESPACE_URL,
                "oid" => Uuid::NAMESPACE_OID,
                "x500" => Uuid::NAMESPACE_X500,
                other => Uuid::try_parse(other)
                    .map_err(|_| "the namespace is not dns, url, oid, x500 or a UUID")?,
            };
            Ok(Value::string(
                Uuid::new_v5(&namespace, text(a, 1).as_bytes()).to_string(),
            ))
        },
    ),
];

const TEXT: &[Param] = &[Param::string("str")];
const PATH: &[Param] = &[path()];

const fn of_text(
    name: &'static str,
    description: &'static str,
    call: super::Implementation,
) -> Function {
    Function::new(name, description, TEXT, Returns::STRING, call)
}

const fn of_file(
    name: &'static str,
    description: &'static str,
    call: super::Implementation,
) -> Function {
    Function::new(name, description, PATH, Returns::STRING, call)
}

fn hex<D: Digest>(bytes: &[u8]) -> Result {
    use std::fmt::Write;
    let digest = D::digest(bytes);
    let mut out = String::with_capacity(digest.len() * 2);
    for byte in digest {
        let _ = write!(out, "{byte:02x}");
    }
    Ok(Value::string(out))
}

fn base64<D: Digest>(bytes: &[u8]) -> Result {
    Ok(encoding::encode(&D::digest(bytes)))
}

fn bcrypt(args: &[Value], call: &Call<'_>) -> Result {
    const DEFAULT: i64 = 10;
    let cost = match args.len() {
        1 => DEFAULT,
        2 => whole(args, 1)?,
        _ => return Err("it takes a string and one cost".into()),
    };
    /// Each more takes twice the time, which is many seconds then.
    const MOST: i64 = 18;
    let cost = match cost {
        ..4 => DEFAULT,
        4..=MOST => cost,
        _ => return Err(format!("the cost must be from 4 to {MOST}").into()),
    };
    if text(args, 0).len() > 72 {
        return Err("the string is longer than 72 bytes".into());
    }
    if !call.scope.impure_now() {
        return Ok(Value::unknown_not_null(muster_value::Type::String));
    }
    let hash = bcrypt::hash_with_result(text(args, 0), cost as u32).map_err(|e| e.to_string())?;
    Ok(Value::string(
        hash.format_for_version(bcrypt::Version::TwoA),
    ))
}
