module "x" { source = "../tf" }
module "y" { source = "../reqonly" }
