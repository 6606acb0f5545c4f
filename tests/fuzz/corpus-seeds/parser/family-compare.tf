a0 = 4 >= 4.0
a1 = 9007199254740993 == 9007199254740992
a2 = 0.1 + 0.2 <= 0.3
a3 = "10" > "9"
a4 = "a" < "b"
a5 = "true" < 1
a6 = 1 == 1.0
a7 = 1 == "1"
a8 = 1 != "1"
a9 = true == "true"
a10 = true == 1
a11 = null != null
a12 = [] == []
a13 = [] == {}
a14 = {} == {}
a15 = {} == tomap({})
a16 = [1, 2] == [1, 2]
a17 = [1, 2] == ["1", "2"]
a18 = [1, 2] == [1, 2, 3]
a19 = [1, null] == [1, null]
a20 = { a = 1 } == { a = "1" }
a21 = { a = 1, b = 2 } == { b = 2, a = 1 }
a22 = { a = null } == { a = null }
a23 = tolist(["a"]) == toset(["a"])
a24 = toset(["b", "a"]) == toset(["a", "b", "a"])
a25 = [[1], [2]] == [[1], [2]]
a26 = [[1], ["2"]] != [[1], [2]]
a27 = "é" == "e\u0301"
a28 = tostring(null) == null
a29 = 1 < 2 == true
a30 = 1 == 2 || 3 == 3
a31 = true && false
a32 = false || true
a33 = !false
a34 = !!!true
a35 = "false" || false
a36 = !"false"
a37 = !"no"
a38 = "yes" && true
a39 = 1 && true
a40 = !0
a41 = !null
a42 = !null == true
a43 = false && local.empty[0]
a44 = true || false && false
a45 = (true || false) && false
a46 = true && !false
a47 = !(1 == 2)
a48 = 1 === 1
a49 = true and false
a50 = not true
a51 = true & false
a52 = true | false
a54 = var.ports == [443, 80, 8080]
