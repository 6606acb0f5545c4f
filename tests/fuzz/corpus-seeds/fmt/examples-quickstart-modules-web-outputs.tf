output "fleet_id" {
  description = "Id of the fleet."
  value       = muster_fleet.this.id
}

output "instance_ids" {
  description = "Ids of the servers."
  value       = muster_fleet.this.instances[*].id
}
