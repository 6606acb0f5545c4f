locals {
  # The partner's zone may have been given another name; all the others keep theirs.
  zone_names = { for key in keys(var.zones) : key => key == "partner-rackspace" ? var.partner_zone_name : key }

  tags = {
    environment = var.environment
    owner       = "platform"
    cost-center = "compute"
    managed-by  = "muster"
  }
}

resource "muster_zone" "this" {
  for_each = var.zones

  name       = local.zone_names[each.key]
  type       = each.value.type
  partner_id = each.value.partner_id
  location   = each.value.location
  capacity   = each.value.capacity
  prices     = each.value.prices
}

module "web" {
  source = "./modules/web"

  name     = "web-fleet"
  capacity = var.fleet_capacity
  zones    = [muster_zone.this["partner-rackspace"].id]
  tags     = local.tags
}

# Where ten GPUs can be had, best zone first.
data "muster_placement" "gpu" {
  resource_type = "gpu"
  quantity      = 10
  zones         = [for zone in muster_zone.this : zone.id]
}

resource "muster_settlement" "cs_123" {
  count = var.settle ? 1 : 0

  contract_id       = "CS_123"
  buyer_id          = "buyer_123"
  resource_type     = "gpu"
  quantity          = 10
  start_time        = "2034-01-15T10:00:00Z"
  duration_hours    = 24
  provider_priority = data.muster_placement.gpu.zone_ids

  sla = {
    uptime  = 99.95
    latency = 12
    penalty_tiers = [
      { below = 99.95, penalty = 10 },
      { below = 99, penalty = 25 },
    ]
  }

  tags = local.tags
}

resource "muster_dr_policy" "web" {
  name         = "web"
  primary_site = muster_zone.this["partner-rackspace"].id
  dr_site      = muster_zone.this["edge-nyc"].id
  protects     = [module.web.fleet_id]

  rpo             = "5m"
  rto             = "10m"
  backup_interval = "1h"
  # Hourly backups alone would lose up to an hour.
  replication   = true
  auto_failover = true

  health_check = {
    interval  = "30s"
    threshold = 3
  }
}
