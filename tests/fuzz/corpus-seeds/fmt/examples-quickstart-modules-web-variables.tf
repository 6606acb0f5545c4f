variable "name" {
  description = "Name of the fleet."
  type        = string
}

variable "zones" {
  description = "Ids of the zones to spread over."
  type        = list(string)
}

variable "capacity" {
  description = "Number of servers."
  type        = number
}

variable "instance_type" {
  description = "Size of each server."
  type        = string
  default     = "t3.medium"
}

variable "tags" {
  description = "Labels."
  type        = map(string)
  default     = {}
}
