terraform {
  required_providers {
    mu = { source = "muster/muster" }
    other = { 
    source = "muster/muster" 
    version = ">= 0.0.1"
    }
  }
}
module "x" { source = "../reqconf" }
