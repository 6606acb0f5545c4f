variable "i" {}
output "o" { 
  value = { x = var.i } 
  depends_on = [var.i]
}
