terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "in" { type = any }
variable "lit" {
  default = "d"
  type = string
}
resource "terraform_data" "inner" {
  input = var.in
  depends_on = [module.s]
}
module "s" {
  source = "./sub"
  up     = var.in
}
output "out" {
  value = { foo = terraform_data.inner.output, lit = var.lit, s = module.s.o }
}
