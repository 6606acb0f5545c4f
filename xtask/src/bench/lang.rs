//! `cargo xtask bench lang`: the language front end on files far larger than people write.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::measure::{Taken, best, run};
use super::{build, cargo, find};

/// Resources in the plain file.
const RESOURCES: usize = 100_000;
/// Bytes in the mixed file.
const MIXED: usize = 20_000_000;
/// Lines in the files that show how time grows.
const SIZES: [usize; 6] = [30_000, 100_000, 250_000, 500_000, 750_000, 1_000_000];

/// Prints all figures.
pub(crate) fn lang(root: &Path) -> Result<()> {
    let bench = Bench {
        muster: build(root)?,
        terraform: find("terraform"),
        inner: inner(root)?,
        dir: tempfile::tempdir()?,
    };
    if bench.terraform.is_none() {
        println!("terraform is not on PATH: its columns stay empty");
    }
    bench.parse("plain", &plain(RESOURCES))?;
    bench.parse("mixed", &mixed(MIXED))?;
    bench.evaluate()?;
    println!(
        "\n{:<34} {:>9} {:>10} {:>8} {:>9} {:>10} {:>7}",
        "100,000 resources", "muster", "terraform", "faster", "memory", "terraform", "ratio"
    );
    bench.versus("fmt", &["fmt", "-check", "."])?;
    bench.versus("validate", &["validate"])?;
    bench.growth()
}

struct Bench {
    muster: PathBuf,
    terraform: Option<PathBuf>,
    /// Measures from inside a process.
    inner: PathBuf,
    dir: tempfile::TempDir,
}

/// Builds the benchmark of the language crate and says where it is.
fn inner(root: &Path) -> Result<PathBuf> {
    let output = cargo(root)
        .args(["bench", "-p", "muster-lang", "--bench", "lang", "--no-run"])
        .arg("--message-format=json")
        .output()
        .context("cargo cannot be run")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter_map(|m| m["executable"].as_str().map(PathBuf::from));
    programs.next().context("cargo names no program")
}

impl Bench {
    fn figures(&self, args: &[&str]) -> Result<Vec<(String, f64)>> {
        let output = Command::new(&self.inner).args(args).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figure = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(text.lines().filter_map(figure).collect())
    }

    fn parse(&self, name: &str, text: &str) -> Result<()> {
        let file = self.dir.path().join(format!("{name}.txt"));
        fs::write(&file, text)?;
        let figures = self.figures(&["parse", &file.to_string_lossy()])?;
        let value = |name: &str| {
            let found = figures.iter().find(|(n, _)| n == name);
            found.map_or(f64::NAN, |(_, v)| *v)
        };
        println!(
            "parse, {name} file of {:.1} MB: {:.0} MB/s on one core, {:.1} bytes of memory per byte",
            text.len() as f64 / 1e6,
            value("parse_bytes_per_second") / 1e6,
            value("parse_memory_per_byte")
        );
        Ok(())
    }

    fn evaluate(&self) -> Result<()> {
        for (_, value) in self.figures(&["eval"])? {
            println!(
                "evaluation: {:.1} million simple operations a second",
                value / 1e6
            );
        }
        Ok(())
    }

    /// One command of both programs on the plain file.
    fn versus(&self, what: &str, args: &[&str]) -> Result<()> {
        let dir = self.dir.path().join(what);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("main.tf"), plain(RESOURCES))?;
        let ours = best(5, &self.muster, args, &dir)?;
        let theirs = match &self.terraform {
            Some(terraform) => {
                if what == "validate" {
                    run(terraform, &["init"], &dir)?;
                }
                Some(run(terraform, args, &dir)?)
            }
            None => None,
        };
        print_line(what, ours, theirs);
        Ok(())
    }

    /// Time against size: straight when the last column stays the same.
    fn growth(&self) -> Result<()> {
        println!(
            "\n{:>10} {:>12} {:>12} {:>12} {:>18}",
            "lines", "parse", "fmt", "validate", "us/line together"
        );
        for lines in SIZES {
            let dir = self.dir.path().join(format!("lines-{lines}"));
            fs::create_dir_all(&dir)?;
            let file = dir.join("main.tf");
            let text = plain(lines / 4);
            fs::write(&file, &text)?;
            let figures = self.figures(&["parse", &file.to_string_lossy()])?;
            let speed = figures.first().map_or(f64::NAN, |(_, v)| *v);
            let parse = text.len() as f64 / speed;
            let fmt = best(3, &self.muster, &["fmt", "-check", "."], &dir)?;
            let validate = best(3, &self.muster, &["validate"], &dir)?;
            let (fmt, validate) = (fmt.time.as_secs_f64(), validate.time.as_secs_f64());
            let per_line = (parse + fmt + validate) / lines as f64 * 1e6;
            println!(
                "{lines:>10} {parse:>10.3} s {fmt:>10.3} s {validate:>10.3} s {per_line:>9.2} {}",
                "#".repeat((validate * 10.0).round() as usize)
            );
            fs::remove_dir_all(&dir)?;
        }
        Ok(())
    }
}

fn print_line(what: &str, ours: Taken, theirs: Option<Taken>) {
    let seconds = |t: Taken| format!("{:.2} s", t.time.as_secs_f64());
    let memory = |t: Taken| format!("{:.0} MB", t.memory as f64 / 1e6);
    let faster = theirs.map(|t| format!("{:.0}x", t.time.as_secs_f64() / ours.time.as_secs_f64()));
    let leaner = theirs.map(|t| format!("{:.2}", ours.memory as f64 / t.memory as f64));
    println!(
        "{what:<34} {:>9} {:>10} {:>8} {:>9} {:>10} {:>7}",
        seconds(ours),
        theirs.map(seconds).unwrap_or_default(),
        faster.unwrap_or_default(),
        memory(ours),
        theirs.map(memory).unwrap_or_default(),
        leaner.unwrap_or_default()
    );
}

/// So many resources, four lines each.
fn plain(resources: usize) -> String {
    let mut text = String::from("variable \"name\" {\n  default = \"x\"\n}\n\n");
    for i in 0..resources {
        let _ = write!(
            text,
            "resource \"terraform_data\" \"r{i}\" {{\n  input = \"value-{i}-${{var.name}}\"\n}}\n\n"
        );
    }
    text
}

/// What repositories are made of, over and over.
fn mixed(size: usize) -> String {
    let mut text = String::with_capacity(size + 4096);
    let mut i = 0;
    while text.len() < size {
        text.push_str(&PIECE.replace("@", &i.to_string()));
        i += 1;
    }
    text
}

const PIECE: &str = r#"# Service @: everything that it needs.
module "network_@" {
  source   = "./modules/network"
  for_each = { for k, v in var.networks_@ : k => v if v.enabled && length(v.subnets) > 0 }

  name       = "service-@-${each.key}"
  cidr_block = cidrsubnet(var.base_cidr, 8, each.value.index)
  tags       = merge(local.tags, { Name = "service-@", Tier = "network" })
}

resource "aws_security_group" "service_@" {
  name        = "service-@"
  description = "Traffic of service @" // one group for all
  vpc_id      = module.network_@["main"].vpc_id

  dynamic "ingress" {
    for_each = toset([80, 443, 8080 + @])
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["10.0.0.0/8", "192.168.0.0/16"]
    }
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [tags["updated"], description]
  }
}

/* The start script is
   written to the machine. */
resource "aws_instance" "service_@" {
  count         = var.replicas_@ != null ? var.replicas_@ : 2
  ami           = data.aws_ami.base.id
  instance_type = lookup(var.sizes, "service_@", "t3.medium")
  user_data     = <<-EOT
    #!/bin/sh
    echo "starting ${local.names[count.index]}" >> /var/log/start.log
    %{for host in local.hosts_@~}
    echo ${host.address} ${host.name}
    %{endfor~}
    exec /usr/bin/service --port=${8080 + count.index} --name='@'
  EOT

  root_block_device {
    volume_size = 20
    encrypted   = true
  }
}

locals {
  hosts_@ = [for i in range(3) : { address = "10.0.@.${i}", name = format("host-%02d", i) }]
  rules_@ = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["s3:GetObject"], Resource = "*" }]
  })
}

output "service_@_addresses" {
  value       = aws_instance.service_@[*].private_ip
  description = "Where service @ listens."
}

"#;
