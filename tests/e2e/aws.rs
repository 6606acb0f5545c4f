//! A foreign plugin of protocol version 5: the AWS provider, against a simulated AWS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::background::wait_until;
use crate::harness::{Ran, Work, skip};

/// Every kind of thing that a small network has.
const CONFIG: &str = r#"
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}
variable "name" {
  default = "demo"
}
variable "cidr" {
  default = "10.0.0.0/16"
}
variable "port" {
  type = number
}
locals {
  aws = "http://127.0.0.1:${var.port}"
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
    ssm = local.aws
    sts = local.aws
  }
}
resource "aws_vpc" "main" {
  cidr_block = var.cidr
  tags       = { Name = var.name }
}
resource "aws_subnet" "a" {
  vpc_id     = aws_vpc.main.id
  cidr_block = cidrsubnet(var.cidr, 8, 1)
}
resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = aws_vpc.main.id
  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    description = "encrypted"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_s3_bucket" "data" {
  bucket = "muster-data"
}
resource "aws_ssm_parameter" "bucket" {
  name  = "/muster/${aws_s3_bucket.data.bucket}"
  type  = "String"
  value = var.name
}
data "aws_vpc" "found" {
  id = aws_vpc.main.id
}
output "found" {
  value = data.aws_vpc.found.cidr_block
}
"#;

/// The simulated AWS; ends when this is dropped.
pub(crate) struct Cloud {
    server: Child,
    port: u16,
    mirror: PathBuf,
}

impl Cloud {
    /// Starts it, or says which program for that is not here.
    pub(crate) fn start() -> Option<Self> {
        let Some(mirror) = std::env::var_os("TF_PLUGIN_MIRROR").map(PathBuf::from) else {
            skip("TF_PLUGIN_MIRROR does not say where the AWS provider is");
            return None;
        };
        let aws = mirror.join("registry.terraform.io/hashicorp/aws");
        if !aws.is_dir() {
            skip(&format!("{} is not there", aws.display()));
            return None;
        }
        let port = free_port();
        let mut command = Command::new("moto_server");
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // It may be a script that starts others.
            .process_group(0);
        let Ok(server) = without_aws(&mut command).spawn() else {
            skip("moto_server is not on PATH");
            return None;
        };
        let mut cloud = Self {
            server,
            port,
            mirror,
        };
        wait_until("moto_server", || {
            assert!(cloud.server.try_wait().unwrap().is_none(), "it ended");
            cloud.answers()
        });
        Some(cloud)
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let mut answer = String::new();
        let request = b"GET /moto-api/ HTTP/1.0\r\n\r\n";
        stream.write_all(request).is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains(" 200 ")
    }

    /// A directory with a network in this AWS.
    pub(crate) fn work(&self) -> Work {
        let work = Work::with(CONFIG);
        let mirror = self.mirror.display();
        work.write(
            "cli.tfrc",
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{mirror}\"\n  }}\n}}\n"),
        );
        work.write("port.auto.tfvars", format!("port = {}\n", self.port));
        work
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let _ = self.server.wait();
    }
}

/// Takes away what the surroundings say about some other AWS.
pub(crate) fn without_aws(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn run(work: &Work, args: &[&str]) -> Ran {
    let mut command = work.command(args);
    Ran::new(&without_aws(&mut command).output().unwrap())
}

#[test]
fn from_nothing_to_nothing() {
    let Some(cloud) = Cloud::start() else { return };
    let work = cloud.work();
    run(&work, &["apply", "-auto-approve"])
        .code(0)
        .says(&["5 added, 0 changed, 0 destroyed.", "10.0.0.0/16"]);
    let mut listed = work.state_list();
    listed.sort_unstable();
    assert_eq!(
        listed,
        [
            "aws_s3_bucket.data",
            "aws_security_group.web",
            "aws_ssm_parameter.bucket",
            "aws_subnet.a",
            "aws_vpc.main",
            "data.aws_vpc.found",
        ]
    );
    run(&work, &["plan", "-detailed-exitcode"])
        .code(0)
        .says(&["No changes."]);
    update_and_replace(&work);
    run(&work, &["destroy", "-auto-approve"])
        .code(0)
        .says(&["5 destroyed."]);
    assert!(work.state_list().is_empty());
}

fn update_and_replace(work: &Work) {
    let named = ["-var", "name=other"];
    run(work, &["apply", "-auto-approve", named[0], named[1]])
        .code(0)
        .says(&[
            "aws_vpc.main will be updated in-place",
            "\"demo\" -> \"other\"",
            "aws_ssm_parameter.bucket will be updated in-place",
            "0 added, 2 changed, 0 destroyed.",
        ]);
    let moved = [named[0], named[1], "-var", "cidr=10.9.0.0/16"];
    let args: Vec<&str> = ["apply", "-auto-approve"]
        .into_iter()
        .chain(moved)
        .collect();
    run(work, &args).code(0).says(&[
        "aws_vpc.main must be replaced",
        "# forces replacement",
        "aws_subnet.a must be replaced",
        "3 added, 0 changed, 3 destroyed.",
        "10.9.0.0/16",
    ]);
    let args: Vec<&str> = ["plan", "-detailed-exitcode"]
        .into_iter()
        .chain(moved)
        .collect();
    run(work, &args).code(0);
}
