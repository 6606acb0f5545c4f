terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
provider "muster" {}
resource "muster_zone" "z" {
  name     = "z2"
  type     = "edge"
  location = "l"
  capacity = { cpu = 4 }
}
