//! Objects of a bucket.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::config::{Config, CustomerKey, Encryption};
use crate::fault::Fault;
use crate::service::Service;
use crate::wire::{Answer, Request, escape};
use crate::xml;

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub bytes: Bytes,
    /// Names its content.
    pub etag: Option<String>,
    /// Who stored it, if that was recorded.
    pub who: Option<String>,
}

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectVersion {
    pub id: String,
    /// When it was stored, in the form of RFC 3339.
    pub modified: String,
}

/// What must be so for an object to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// There is none yet.
    Absent,
    /// It has this tag.
    Unchanged(String),
}

/// Whether an object was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Done,
    /// Not, for the condition does not hold; or an attempt before stored it, whose answer was
    /// lost.
    Refused,
}

/// A bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    pub service: Service,
    acl: Option<String>,
    encryption: Encryption,
    checksums: bool,
    who: Option<String>,
}

const WHO: &str = "x-amz-meta-muster-who";

impl Bucket {
    pub(crate) fn new(service: Service, config: &Config, who: &str) -> Self {
        // Whatever cannot stand in a header is left out.
        let is_plain = who.bytes().all(|b| b.is_ascii_graphic());
        Self {
            service,
            acl: config.acl.clone(),
            encryption: config.encryption.clone(),
            checksums: config.checksums,
            who: is_plain.then(|| who.to_owned()),
        }
    }

    /// An object, or a version of it; `None` if there is none.
    pub(crate) async fn get(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<Object>, Fault> {
        let query = version.map(|id| format!("versionId={}", escape(id, false)));
        let mut request = self.request(Method::GET, key, query);
        self.add_customer_key(&mut request);
        if self.checksums {
            let checksums = ("x-amz-checksum-mode", "ENABLED".to_owned());
            request.headers.push(checksums);
        }
        match self.service.send(&request).await {
            Ok(answer) => object(answer).map(Some),
            Err(fault) if is_missing(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Stores an object.
    pub(crate) async fn put(
        &self,
        key: &str,
        body: Bytes,
        condition: &Condition,
    ) -> Result<Put, Fault> {
        let mut request = self.request(Method::PUT, key, None);
        self.describe(&mut request, &body);
        match condition {
            Condition::Always => {}
            Condition::Absent => request.headers.push(("if-none-match", "*".to_owned())),
            Condition::Unchanged(etag) => request.headers.push(("if-match", etag.clone())),
        }
        request.body = body;
        match self.service.send(&request).await {
            Ok(_) => Ok(Put::Done),
            Err(fault) if fault.is(412) => Ok(Put::Refused),
            // It was there, and has gone.
            Err(fault) if is_missing(&fault) && *condition != Condition::Always => Ok(Put::Refused),
            Err(fault) => Err(fault),
        }
    }

    /// Deletes an object, if there is one. A request whose answer is lost is not sent again.
    pub(crate) async fn delete_once(&self, key: &str) -> Result<(), Fault> {
        let request = self.request(Method::DELETE, key, None);
        self.service.once(&request).await.map(|_| ())
    }

    /// Deletes an object, if there is one.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Fault> {
        let request = self.request(Method::DELETE, key, None);
        self.service.send(&request).await.map(|_| ())
    }

    /// The keys of all objects that start so.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let base = format!("list-type=2&max-keys=1000&prefix={}", escape(prefix, false));
        let mut keys = Vec::new();
        let mut query = base.clone();
        loop {
            let answer = self.ask(&query).await?;
            let contents = xml::elements(&answer, "Contents");
            keys.extend(contents.filter_map(|entry| xml::first(entry, "Key")));
            let token = xml::first(&answer, "NextContinuationToken").filter(|t| !t.is_empty());
            match token {
                Some(token) if is_truncated(&answer) => {
                    query = format!("continuation-token={}&{base}", escape(&token, false));
                }
                _ => return Ok(keys),
            }
        }
    }

    /// Whether versions of objects are kept.
    pub(crate) async fn keeps_versions(&self) -> Result<bool, Fault> {
        let answer = self.ask("versioning=").await?;
        Ok(xml::first(&answer, "Status").is_some_and(|status| !status.is_empty()))
    }

    /// The newest versions of an object, the newest first, at most so many.
    pub(crate) async fn versions(
        &self,
        key: &str,
        most: usize,
    ) -> Result<Vec<ObjectVersion>, Fault> {
        let base = format!("max-keys=1000&prefix={}&versions=", escape(key, false));
        let mut found = Vec::new();
        let mut query = base.clone();
        loop {
            let answer = self.ask(&query).await?;
            let field = |entry, name| xml::first(entry, name).unwrap_or_default();
            let entries = xml::elements(&answer, "Version");
            let entries = entries.filter(|entry| field(entry, "Key") == key);
            found.extend(entries.map(|entry| ObjectVersion {
                id: field(entry, "VersionId"),
                modified: field(entry, "LastModified"),
            }));
            // Keys come in their order, this one first.
            let next_key = xml::first(&answer, "NextKeyMarker").filter(|next| next == key);
            let next_id = xml::first(&answer, "NextVersionIdMarker");
            let (Some(next_key), Some(next_id)) = (next_key, next_id) else {
                break;
            };
            if found.len() >= most || !is_truncated(&answer) {
                break;
            }
            let (key, id) = (escape(&next_key, false), escape(&next_id, false));
            query = format!("key-marker={key}&{base}&version-id-marker={id}");
        }
        found.truncate(most);
        Ok(found)
    }

    async fn ask(&self, query: &str) -> Result<String, Fault> {
        let url = format!("{}?{query}", self.service.bucket_root());
        let request = self.service.request("s3", Method::GET, url);
        let answer = self.service.send(&request).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn request(&self, method: Method, key: &str, query: Option<String>) -> Request {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}/{}{query}", self.service.bucket, escape(key, true));
        self.service.request("s3", method, url)
    }

    /// Says of an object how it is to be kept.
    fn describe(&self, request: &mut Request, body: &[u8]) {
        let headers = &mut request.headers;
        headers.push(("content-type", "application/json".to_owned()));
        if self.checksums {
            let sum = BASE64_STANDARD.encode(Sha256::digest(body));
            headers.push(("x-amz-checksum-sha256", sum));
            headers.push(("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()));
        }
        if let Some(acl) = &self.acl {
            headers.push(("x-amz-acl", acl.clone()));
        }
        if let Some(who) = &self.who {
            headers.push((WHO, who.clone()));
        }
        const KIND: &str = "x-amz-server-side-encryption";
        match &self.encryption {
            Encryption::Default => {}
            Encryption::Service => headers.push((KIND, "AES256".to_owned())),
            Encryption::Kms(id) => {
                headers.push((KIND, "aws:kms".to_owned()));
                let name = "x-amz-server-side-encryption-aws-kms-key-id";
                headers.push((name, id.clone()));
            }
            Encryption::Customer(_) => self.add_customer_key(request),
        }
    }

    fn add_customer_key(&self, request: &mut Request) {
        let Encryption::Customer(CustomerKey(key)) = &self.encryption else {
            return;
        };
        let sum = BASE64_STANDARD.encode(Md5::digest(key));
        let prefix = [
            (
                "x-amz-server-side-encryption-customer-algorithm",
                "AES256".to_owned(),
            ),
            (
                "x-amz-server-side-encryption-customer-key",
                BASE64_STANDARD.encode(key),
            ),
            ("x-amz-server-side-encryption-customer-key-md5", sum),
        ];
        request.headers.extend(prefix);
    }
}

fn is_truncated(answer: &str) -> bool {
    xml::first(answer, "IsTruncated").as_deref() == Some("true")
}

/// Whether there is no such object. Any other answer with this status may come from a server that
/// knows nothing of the bucket, and a state that is there must never look as if it was not.
fn is_missing(fault: &Fault) -> bool {
    let codes = ["NoSuchKey", "NoSuchVersion"];
    fault.is(404) && codes.iter().any(|code| fault.has_code(code))
}

fn object(answer: Answer) -> Result<Object, Fault> {
    // The sum of an object that was stored in parts is one of sums.
    let sum = answer
        .header("x-amz-checksum-sha256")
        .filter(|sum| !sum.contains('-'));
    if let Some(sum) = sum.filter(|sum| !sum.is_empty()) {
        let found = BASE64_STANDARD.encode(Sha256::digest(&answer.body));
        if found != sum {
            let reason = "the bytes that came do not have the checksum of those that were stored";
            return Err(Fault::Other(reason.to_owned()));
        }
    }
    Ok(Object {
        etag: answer.header("etag").map(str::to_owned),
        who: answer.header(WHO).map(str::to_owned),
        bytes: answer.body,
    })
}
