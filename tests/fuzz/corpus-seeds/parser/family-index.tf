a0 = [1, 2, 3]["1"]
a1 = [1, 2, 3]["x"]
a2 = [1, 2, 3][1.0]
a3 = [1, 2, 3][1 + 1]
a4 = [[1, 2], [3, 4]].1.0
a5 = [[1, 2], [3, 4]][1][0]
a6 = [[1, 2], [3, 4]][1].0
a7 = [][0]
a8 = toset(["a"])["a"]
a9 = { a = 1 }.a
a10 = { a = 1 }["a"]
a11 = { "0" = "zero" }[0]
a12 = { "0" = "zero" }.0
a13 = { a = 1 }[null]
a14 = { a = 1 }[["a"]]
a15 = { a = { b = { c = 1 } } }["a"]["b"]["c"]
a16 = { a = 1 }.a.b
a17 = { a = "s" }.a[0]
a18 = tomap({ a = 1 })["a"]
a19 = tomap({ a = 1 })["b"]
a20 = tomap({ a = 1 })[0]
a21 = tomap({ "0" = "z" })[0]
a22 = tomap({ "true" = "z" })[true]
a23 = tomap({})["a"]
a24 = "str"[0]
a25 = 5[0]
a26 = 5.x
a27 = true.x
a28 = true[0]
a29 = (1)[0]
a30 = ("a")["b"]
a31 = "é"[0]
a32 = { a = 1 }.a.
a33 = [1]]
a34 = [1, 2][0, 1]
a35 = [1, 2][0:1]
a36 = [1, 2] [0]
a37 = { a = 1 } .a
a38 = { "" = "empty" }[""]
a39 = { "e\u0301" = 1 }.é
a40 = var.tags.env
a41 = var.tags["env"]
a42 = var.tags["missing"]
a43 = var.ports[0]
a44 = var.ports.0
a45 = var.zones[0]
a46 = var.server.name
a47 = var.server["size"]
a48 = var.server.extra
a49 = var.server.labels["x"]
a50 = var.servers[0].disks[1].kind
a51 = var.servers.1.name
a52 = var.servers["0"].name
a53 = var.users["zoe"].groups[0]
