terraform {
  required_providers {
    muster = {
      source = "muster/muster"
    }
  }
}

# The embedded simulator keeps its world in .muster/sim.json beside the state. Other places:
#
#   provider "muster" {
#     sim { path = "/var/lib/muster/sim.json" }
#   }
provider "muster" {}
