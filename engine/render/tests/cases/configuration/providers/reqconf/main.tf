terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
provider "muster" {}
