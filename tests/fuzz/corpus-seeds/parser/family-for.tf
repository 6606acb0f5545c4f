a0 = [for x in [1, 2, 3] : x]
a1 = [for x in [1, 2, 3] : x * 2]
a2 = [for x in [1, 2, 3]: x if x > 1]
a3 = [for i, x in ["a", "b"] : "${i}${x}"]
a4 = [for i, x in ["a", "b"] : i]
a5 = [for x in ["a"] : x if false]
a6 = [for x in tolist(["b", "a"]) : x]
a7 = [for k, v in { b = 1, a = 2 } : "${k}=${v}"]
a8 = [for x in ["a", 1, true] : x]
a9 = [for x in [1, 2] : { n = x }]
a10 = [for x in [1, 2] : x == 1 ? 1 : "two"]
a11 = [for x in [1] : x.y]
a12 = [for x in [1, 2] : x if "true"]
a13 = [for x in [1, 2] : x if null]
a14 = [for x in [3, 1, 2] : x...]
a15 = { for x in ["a", "b"] : x => upper(x) }
a16 = { for i, x in ["a", "b"] : x => i }
a17 = { for k, v in { a = 1, b = 2 } : k => v if v > 1 }
a18 = { for x in [] : x => x }
a19 = { for x in ["a", "a"] : x => 1 }
a20 = { for i, x in ["a", "b", "a"] : x => i... if i > 0 }
a21 = { for x in [] : x => x... }
a22 = { for x in [1, 2] : x => x }
a23 = { for x in ["a"] : x = 1 }
a24 = [for x in ["a"] x]
a25 = [for x in ["a"] :]
a26 = [for x : x]
a27 = [for 1 in [1] : 1]
a28 = [for x in [1] : x if]
a29 = [for in in [1] : in]
a30 = [for x.y in [1] : 1]
a31 = { for k, v in { a = 1 } : "${k}-x" => v }
a34 = [for x in [1, 2] : [for x in ["s"] : x]]
