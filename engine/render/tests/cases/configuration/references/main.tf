variable "o" { default = { a = { b = [1] }, "k-x" = 1 } }
locals { 
  m = { "we\"ird é" = 1, "1a" = 2 } 
  l = [[1],[2]]
}
resource "terraform_data" "a" { count = 2 }
resource "terraform_data" "f" {
  for_each = { "a/b" = { v = 1, w = { z = 2 } } }
  input = each.value.w.z
  triggers_replace = [each.value, each.value["v"]]
}
resource "terraform_data" "r" {
  input = [resource.terraform_data.a[0].id, terraform_data.a.0.id, var.o.a.b[0], var.o["k-x"], local.m["we\"ird é"], local.m["1a"], local.l[0][0], local.l[0].0]
  depends_on = [terraform_data.a[0], terraform_data.f["a/b"], var.o, local.m, data.terraform_remote_state.s]
}
data "terraform_remote_state" "s" {
  count = 0
  backend = "local"
  config = { path = "x" }
}
resource "terraform_data" "s" {
  input = { for k, v in module.m : k => v.o.x... if v != terraform_data.r.id }
  triggers_replace = { "${var.o.a.b[0]}" = "x", z = (true ? terraform_data.r.id : local.l[0][0]), (terraform_data.r.input[0]) = "y%{ if var.o.a != null }${local.m["1a"]}%{ endif }" }
}
resource "terraform_data" "j" {
  input = [data.terraform_remote_state.s[0].outputs.foo["bar"], path.cwd, terraform.workspace, module.m["x"].o.x, [for m in module.m : m.o][0], module.m["x"], element(terraform_data.a, 1).id, terraform_data.a[length(terraform_data.a) - 1].id, terraform_data.f["a/b"].id, (terraform_data.f)["a/b"].output]
  count = 0
}
module "m" {
  source = "./m"
  for_each = { x = terraform_data.r.id }
  i = each.value
}
output "sp" { value = terraform_data.a.*.id }
output "f2" { value = terraform_data.f["a/b"].output }
output "vo" { value = var.o.a.b[0] }
output "neg" { value = local.l[-1 + 1][0] }
output "big" { value = { x = local.l[0] }.x[0] }
