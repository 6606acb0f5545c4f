terraform {
  required_providers {
    muster = {
      source  = "muster/muster"
      version = ">= 0.1, < 9"
    }
  }
}
variable "plain" {}
variable "typed" {
  type        = map(object({ a = optional(string, "x"), b = number }))
  default     = { k = { b = 1 } }
  description = "D"
}
variable "secret" {
  type      = string
  sensitive = true
  default   = "s3"
  nullable  = false
}
variable "eph" {
  type      = string
  ephemeral = true
  default   = null
}
variable "nulldef" { default = null }
variable "val" {
  default = 3
  validation {
    condition     = var.val > 1
    error_message = "no"
  }
}
locals {
  l = [for x in ["a", "b"] : "${x}-${var.plain}"]
}
resource "terraform_data" "a" {
  input = { k = var.plain, n = [1, local.l[0]], deep = { x = "c" } }
}
resource "terraform_data" "b" {
  count            = var.val
  input            = terraform_data.a.output.k
  triggers_replace = [terraform_data.a, local.l, "x${terraform_data.a.id}y", count.index]
  depends_on       = [terraform_data.a, module.m, local.l]
  provisioner "local-exec" {
    command    = "echo ${self.id}"
    when       = create
    on_failure = continue
    environment = { A = terraform_data.a.id }
  }
  provisioner "local-exec" {
    command = "echo bye"
    when    = destroy
  }
  provisioner "remote-exec" {
    inline = ["x"]
    connection {
      host = self.id
      type = "ssh"
    }
  }
  connection {
    host = self.input
  }
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [input]
    replace_triggered_by  = [terraform_data.a.output]
    precondition {
      condition     = var.val > 0
      error_message = "x ${var.plain}"
    }
    postcondition {
      condition     = self.id != ""
      error_message = "y"
    }
  }
}
resource "terraform_data" "c" {
  for_each = toset(["x", "y"])
  input    = each.key
}
resource "terraform_data" "d" {
  for_each = { for k, v in terraform_data.c : k => v.id }
  input = terraform_data.b[0].output
  triggers_replace = [try(terraform_data.c["x"].output.foo["bar"].baz[0], 1), terraform_data.b[*].id, terraform_data.b[var.val - 1].id, terraform_data.a[var.plain], path.module, terraform.workspace, each.value]
}
module "m" {
  source     = "./mod"
  count      = 2
  in         = terraform_data.a.id
  lit        = "lit"
  depends_on = [terraform_data.a]
  providers = { muster = muster.other }
}
module "n" {
  source   = "./mod"
  for_each = local.l == [] ? {} : { a = 1 }
  in       = module.m[0].out
}
provider "muster" {}
provider "muster" {
  alias = "other"
}
output "o" {
  value       = terraform_data.b[0].id
  description = "desc"
  depends_on  = [terraform_data.a]
  sensitive   = true
}
output "all" { value = [for d in terraform_data.d : d.output] }
output "m" { value = module.m[*].out }
output "m0" { value = module.m[0].out.foo }
output "mm" { value = module.n }
output "const" { value = { a = 1, b = [true, null] } }
output "nul" { value = null }
output "fn" { value = format("%s-%s", var.plain, upper("x")) }
output "constfn" { value = upper("x") }
output "tmpl" { value = "a${1}b" }
output "neg" { value = -1 }
output "add" { value = 1 + 2 }
check "c" {
  data "terraform_remote_state" "r" {
    backend = "local"
    config  = { path = var.plain }
  }
  assert {
    condition     = data.terraform_remote_state.r.outputs != null
    error_message = "e ${var.plain}"
  }
}
