terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "e1" {
  ephemeral = true
  default = "d"
}
variable "e2" {
  ephemeral = true
  type = string
}
variable "e3" {
  ephemeral = true
  default = "d"
}
variable "unset" {
  type = string
  default = null
}
variable "sens" {
  default = { a = "s" }
  sensitive = true
}
provider "muster" {}
provider "muster" { 
 alias = "w" 
 sim {}
}
module "p1" {
  source = "./prox"
  providers = { muster = muster.w }
}
module "p2" { source = "./prox" }
output "ks" { value = 1 }
output "kt" { 
  value = var.sens 
  sensitive = true
}
output "unk" { value = terraform_data.x.id }
output "mix" { value = { a = 1, b = terraform_data.x.id } }
resource "terraform_data" "x" {}
