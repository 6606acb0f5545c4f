variable "up" {}
resource "terraform_data" "deep" { input = var.up }
output "o" { value = terraform_data.deep.id }
