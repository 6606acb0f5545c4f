a0 = null
a1 = tolist([null])
a2 = tolist([null, 1])
a3 = { a = null }
a4 = tomap({ a = null, b = 1 })
a5 = null.a
a6 = local.nothing[0]
a7 = length(null)
a8 = join(",", [null])
a9 = join(",", ["a", null])
a10 = coalesce(null, "x")
a11 = merge(null, { a = 1 })
a12 = merge({ a = 1 }, { a = null })
a13 = { for k, v in { a = null } : k => v }
a14 = { for k in ["a"] : k => null }
a15 = try(null.a, "caught")
a16 = try(null, "not used") == null
a17 = can(null)
a18 = can(null.a)
a19 = tomap(null)
a20 = [tolist(null)]
a21 = jsonencode(null)
a22 = jsonencode([null])
a23 = jsondecode("null")
a24 = yamldecode("null") == null
a25 = flatten([null])
a26 = flatten([[null], [1]])
a27 = element([null], 0) == null
a28 = contains([null, 1], null)
a29 = index([1, null], null)
a30 = distinct([null, null, 1])
a31 = reverse([null, 1])
a32 = var.no_string
a33 = [var.no_string]
a34 = var.no_object.id
a35 = var.no_list[0]
a36 = length(var.no_list)
a37 = try(var.no_object.id, "none")
a38 = local.nothing
a39 = local.nothing == var.no_string
a40 = merge({ a = 1 }, local.nothing)
a41 = setunion([null], [null])
a42 = zipmap(["a"], [null])
a43 = [true && tobool(null)]
a44 = !tobool(null)
a45 = null ? 1 : 2 == 2
