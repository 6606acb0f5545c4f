terraform {
  required_providers {
    mu = { source = "muster/muster" }
  }
}
resource "terraform_data" "t" {}
module "x" { source = "../tf" }
