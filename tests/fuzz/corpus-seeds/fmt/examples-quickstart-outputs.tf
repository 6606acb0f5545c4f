output "zones" {
  description = "Ids of the zones by name."
  value       = { for zone in muster_zone.this : zone.name => zone.id }
}

output "fleet_instances" {
  description = "Ids of the web servers."
  value       = module.web.instance_ids
}

output "settlement_zone" {
  description = "Where the contract is delivered."
  value       = one(muster_settlement.cs_123[*].zone)
}

output "settlement_access" {
  description = "How the buyer gets in, once delivery has begun."
  value       = one(muster_settlement.cs_123[*].access)
  sensitive   = true
}

output "serving_site" {
  description = "The zone that serves the web now."
  value       = muster_dr_policy.web.current_site
}
