terraform {
  required_providers {
    mu = {
      source  = "muster/muster"
      version = "~> 0.1"
    }
    muster = { source = "muster/muster" }
  }
}
provider "mu" {}
resource "terraform_data" "root" {}
module "none" { source = "./none" }
module "tf" { source = "./tf" }
module "explicit" {
  source = "./explicit"
  providers = { mu = mu }
}
module "reqonly" { source = "./reqonly" }
module "reqconf" { source = "./reqconf" }
variable "u" { 
 default = 1
}
output "c1" { value = false && var.u == 1 }
output "c2" { value = var.u == 1 || true }
output "c3" { value = [for x in [1, 2] : x * 2] }
output "c4" { value = var.u == 1 ? "a" : "a" }
output "c5" { value = var.u == 1 ? 1 : 2 }
output "c6" { value = "a${true ? "b" : "c"}" }
output "c7" { value = [1,2,3][*] }
output "c8" { value = {a={b=1}}.a.b }
output "c9" { value = 1 == 1 ? 5 : upper("x") }
output "c10" { value = { for k, v in { a = 1 } : k => "${k}${v}" } }
output "c11" {
  value = <<-EOT
  hello
  %{ for x in ["p"] }${x}%{ endfor }
EOT
}
output "c12" { value = var.u * 0 }
output "c13" { value = var.u == 1 ? [1] : [1] }
output "c14" { value = true || upper("x") == "X" }
output "c15" { value = var.u == 1 ? null : null }
output "c16" { value = 1e30 }
output "c17" { value = 1/4 }
output "c18" { value = false ? var.u : 4 }
output "c19" { value = var.u == 1 ? true : true }
output "c20" { value = [1, null, "é<>&"] }
output "c21" { value = (1 + 2) * 3 == 9 ? {} : {} }
