terraform {
  required_providers {
    muster = {
      source = "muster/muster"
    }
  }
}

resource "muster_fleet" "this" {
  name          = var.name
  description   = "Web Application Fleet"
  zones         = var.zones
  instance_type = var.instance_type
  capacity      = var.capacity

  tags = merge(var.tags, { Name = var.name })

  update_policy = {
    type        = "rolling"
    min_healthy = 80
    max_surge   = 1
  }
}
