variable "zones" {
  description = "The zones to manage, by name."
  type = map(object({
    type       = string
    location   = string
    partner_id = optional(string)
    capacity = object({
      cpu       = number
      gpu       = optional(number)
      memory_gb = number
    })
    prices = optional(map(number))
  }))
  default = {
    partner-rackspace = {
      type       = "partner"
      partner_id = "rackspace"
      location   = "us-central"
      capacity   = { cpu = 10000, gpu = 100, memory_gb = 50000 }
      prices     = { cpu = 0.021, gpu = 0.9 }
    }
    edge-nyc = {
      type     = "edge"
      location = "us-east-edge"
      capacity = { cpu = 500, memory_gb = 2000 }
    }
  }
}

variable "partner_zone_name" {
  description = "The name under which the partner's zone is known. Another name makes it another zone."
  type        = string
  default     = "partner-rackspace"
}

variable "fleet_capacity" {
  description = "Number of web servers."
  type        = number
  default     = 5

  validation {
    condition     = var.fleet_capacity >= 0
    error_message = "The fleet cannot have fewer than no servers."
  }
}

variable "environment" {
  description = "Goes into the tags."
  type        = string
  default     = "production"
}

variable "settle" {
  description = "Whether the compute contract is to be delivered."
  type        = bool
  default     = true
}
