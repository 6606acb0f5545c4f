terraform {
  required_providers {
    muster = {
      source = "muster/muster"
    }
  }
}

# The embedded simulator keeps its world in .muster/sim.json beside the state, and every change is made at
# once. It may be kept elsewhere, and take its time:
#
#   provider "muster" {
#     sim {
#       path    = "/var/lib/muster/sim.json"
#       latency = "2s"
#     }
#   }
provider "muster" {}
