a0 = false ? 1 : 2
a1 = 1 ? 1 : 2
a2 = [] ? 1 : 2
a3 = true ? true : "x"
a4 = true ? 1 : true
a5 = true ? null : 5
a6 = true ? [1] : [2]
a7 = true ? [1, 2] : [3]
a8 = true ? [] : [1]
a9 = true ? [1] : []
a10 = true ? ["a", 1] : ["b", 2]
a11 = true ? [1, "a"] : ["b", 2]
a12 = true ? { a = 1 } : { a = "x" }
a13 = false ? { a = 1 } : { b = 2 }
a14 = true ? { a = 1, b = "x" } : { a = 1 }
a15 = true ? { a = 1 } : {}
a16 = true ? { a = 1 } : tomap({ b = "x" })
a17 = true ? tomap({ a = 1 }) : { b = "x" }
a18 = false ? toset(["b", "a"]) : tolist(["x", "x"])
a19 = true ? [1] : { a = 1 }
a20 = true ? "a" : ["a"]
a21 = [true ? null : [1]]
a22 = [false ? { a = 1 } : null]
a23 = [true ? { a = 1 } : { a = null }]
a24 = true ? [null, 1] : [1, null]
a25 = true ? tolist([]) : tolist(["a"])
a26 = true ? {} : tomap({ a = 1 })
a27 = true ? [[1], ["a"]] : [["b"], [2]]
a28 = true ? [[1]] : [["a", "b"]]
a29 = true ? { a = { b = 1 } } : { a = { c = "x" } }
a30 = true ? 1 : 1 / 0
a31 = false ? 1 / 0 : 1
a32 = true ? 1 : tonumber("x")
a33 = true ? "ok" : local.missing
a34 = true ? "ok" : [][0]
a35 = true ? "a" : "b" == "b"
a36 = true ? 1
a37 = true ? 1 : 2 : 3
a38 = 1 == 1 && 2 == 2 ? "both" : "no"
