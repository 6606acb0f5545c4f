//! Trials on the AWS provider, against a simulated AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::process::Process;
use super::{Existing, Ground, Stage, Trial};

/// The header with the number of a call, which is the same when the provider sends it again.
const CALL: &str = "Amz-Sdk-Invocation-Id";

/// How long the simulated AWS may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// Buckets and queues have names, networks do not. Their address ranges tell them apart here, but
/// to an engine these say nothing.
const CONFIG: &str = r#"terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
locals {
  aws = "http://127.0.0.1:PORT"
}
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  endpoints {
    ec2 = local.aws
    s3  = local.aws
    sqs = local.aws
    sts = local.aws
  }
}
resource "aws_s3_bucket" "b" {
  count  = BUCKETS
  bucket = "bucket-${count.index}"
}
resource "aws_sqs_queue" "q" {
  count = QUEUES
  name  = "queue-${count.index}"
}
resource "aws_vpc" "v" {
  count      = NETWORKS
  cidr_block = "10.${count.index}.0.0/16"
}
"#;

/// A simulated AWS for one trial after the other; it ends when this is dropped.
pub(crate) struct Aws {
    _server: Process,
    port: u16,
    /// All requests that it was sent, a line each.
    recording: PathBuf,
}

/// A request as it is recorded.
#[derive(Deserialize)]
struct Sent {
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

impl Aws {
    /// Starts it; its output goes to the folder.
    ///
    /// # Errors
    /// There is no `moto_server` on PATH, or it does not work.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let recording = folder.join(format!("aws-{port}.json"));
        command.env("MOTO_ENABLE_RECORDING", "1");
        command.env("MOTO_RECORDER_FILEPATH", &recording);
        let server = Process::start(command, folder.join(format!("aws-{port}.txt")))?;
        let aws = Self {
            _server: server,
            port,
            recording,
        };
        let began = Instant::now();
        while aws.ask("GET", "/moto-api/").is_err() {
            if began.elapsed() > PATIENCE {
                bail!("moto_server does not answer");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(aws)
    }

    fn ask(&self, method: &str, path: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let end = end.context("the answer has no end of its head")?;
        if !answer[..end].windows(5).any(|bytes| bytes == b" 200 ") {
            bail!("{path}: {}", String::from_utf8_lossy(&answer[..end]));
        }
        Ok(answer.split_off(end + 4))
    }
}

impl Ground for Aws {
    fn configure(&self, trial: &Trial, stage: Stage, folder: &Path) -> Result<()> {
        if stage == Stage::Before {
            bail!("trials on AWS begin with nothing");
        }
        let third = trial.objects / 3;
        let text = CONFIG
            .replace("PORT", &self.port.to_string())
            .replace("BUCKETS", &third.to_string())
            .replace("QUEUES", &third.to_string())
            .replace("NETWORKS", &(trial.objects - 2 * third).to_string());
        Ok(std::fs::write(folder.join("main.tf"), text)?)
    }

    fn existing(&self, _: &Trial, _: &Path) -> Result<Vec<Existing>> {
        let all: Value = serde_json::from_slice(&self.ask("GET", "/moto-api/data.json")?)?;
        let buckets = list(&all["s3"]["FakeBucket"], "name", "name");
        let queues = list(&all["sqs"]["Queue"], "name", "name");
        let queues = queues.map(|queue| Existing {
            id: format!("http://127.0.0.1:{}/123456789012/{}", self.port, queue.name),
            ..queue
        });
        let networks = list(&all["ec2"]["VPC"], "cidr_block", "id");
        // There is one of its own from the beginning.
        let networks = networks.filter(|network| network.name.starts_with("10."));
        Ok(buckets.chain(queues).chain(networks).collect())
    }

    fn repeated(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.recording)?;
        let sent = text.lines().filter_map(|line| {
            let sent: Sent = serde_json::from_str(line).ok()?;
            sent.network()
        });
        let mut calls = BTreeSet::new();
        // All attempts of a call have its number.
        let again = sent.filter(|(call, _)| !calls.insert(call.clone()));
        Ok(again.map(|(_, network)| network).collect())
    }

    fn clear(&self) -> Result<()> {
        self.ask("POST", "/moto-api/recorder/reset-recording")?;
        self.ask("POST", "/moto-api/reset").map(drop)
    }

    fn name_of(&self, addr: &str) -> Option<String> {
        let (resource, index) = addr.strip_suffix(']')?.split_once('[')?;
        match resource {
            "aws_s3_bucket.b" => Some(format!("bucket-{index}")),
            "aws_sqs_queue.q" => Some(format!("queue-{index}")),
            "aws_vpc.v" => Some(format!("10.{index}.0.0/16")),
            _ => None,
        }
    }
}

impl Sent {
    /// The number of the call and the address range, if a network is to be made.
    fn network(&self) -> Option<(String, String)> {
        let body = STANDARD.decode(self.body.as_ref()?).ok()?;
        let body = String::from_utf8(body).ok()?;
        let fields = body.split('&').filter_map(|field| field.split_once('='));
        let field = |name: &str| fields.clone().find(|(n, _)| *n == name).map(|(_, v)| v);
        if field("Action") != Some("CreateVpc") {
            return None;
        }
        let network = field("CidrBlock")?.replace("%2F", "/");
        let mut headers = self.headers.iter();
        let call = headers.find(|(name, _)| name.eq_ignore_ascii_case(CALL))?;
        Some((call.1.clone(), network))
    }
}

/// Objects of one kind, with what names them and what they are known by.
fn list<'a>(all: &'a Value, name: &'a str, id: &'a str) -> impl Iterator<Item = Existing> + 'a {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = all.as_array().into_iter().flatten();
    all.map(move |object| Existing {
        name: text(&object[name]),
        id: text(&object[id]),
        right: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: Option<&str>) {
        let line = serde_json::json!({
            "headers": { "Host": "127.0.0.1", "Amz-Sdk-Invocation-Id": "c5e2", "Amz-Sdk-Request": "attempt=1; max=25" },
            "method": "POST",
            "url": "http://127.0.0.1/",
            "body": STANDARD.encode(body),
            "body_encoded": true,
        });
        let sent: Sent = serde_json::from_value(line).unwrap();
        let expect = expect.map(|network| ("c5e2".to_owned(), network.to_owned()));
        assert_eq!(sent.network(), expect);
    }

    #[test]
    fn calls_that_make_networks() {
        let create = "Action=CreateVpc&CidrBlock=10.3.0.0%2F16&Version=2016-11-15";
        check(create, Some("10.3.0.0/16"));
        check("Action=DescribeVpcs&Version=2016-11-15", None);
        check("<CreateBucket/>", None);
    }
}
