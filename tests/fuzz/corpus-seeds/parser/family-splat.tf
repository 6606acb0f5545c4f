a0 = [{ a = 1 }, { a = 2 }][*].a
a1 = null[*].a
a2 = "scalar"[*]
a3 = 5[*]
a4 = true[*]
a5 = { a = 1 }[*]
a6 = { a = 1 }[*].a
a7 = { a = 1 }.*.a
a8 = toset(["b", "a"])[*]
a9 = toset(["b", "a"]).*
a10 = var.name[*]
a11 = (5)[*]
a12 = [null][*].a
a13 = [[1, 2], [3]][*][0]
a14 = [[1, 2], [3, 4]].*.1
a15 = [[1, 2], []][*][0]
a16 = [{ a = [{ b = 1 }, { b = 2 }] }].*.a.*.b
a17 = [{ a = { b = 1 } }][*]["a"].b
a18 = [[[1]], [[2]]][*][*]
a19 = [[[1]], [[2]]][*][*][*]
a20 = [1, 2][*] == [1, 2]
a21 = [for s in [1, 2] : s][*]
a22 = var.servers[*].name
a23 = var.servers.*.name
a24 = values(var.users)[*].role
a25 = var.no_object[*].id
a26 = var.no_string[*]
a27 = var.zones[*]
a28 = var.ports[*]
a29 = var.mixed_pair[*]
a30 = local.people[*].langs[*]
a31 = local.people[*].langs
a32 = local.people[*]["name"]
a33 = local.matrix[*][1]
a34 = local.matrix[1][*]
a35 = local.matrix[*][5]
a36 = local.nested.a[*].b
a37 = join(",", local.people[*].name)
a38 = [1, 2].*
a39 = [1, 2][*
a40 = [1, 2]..*
a41 = tomap({ x = { a = 1 } })[*].a
a42 = [sensitive(1)][*] == [1] ? "eq" : "ne"
a43 = [{ "a b" = 1 }][*]["a b"]
a44 = [{ a = null }][*].a.b
