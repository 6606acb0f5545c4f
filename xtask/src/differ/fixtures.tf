locals {
  a      = "alpha"
  digits = "42"
  empty  = ""
  lines  = "one\n  two\r\n\tthree\n"
  umlaut = "Grüße, Zoë 👩‍👩‍👧 🇩🇪"
  n      = 7
  half   = 0.5
  minus  = -3
  yes    = true
  none   = null
  noname = tostring(null)
  nolist = true ? null : tolist(["a"])
  nomap  = true ? null : tomap({ a = 1 })

  words   = tolist(["delta", "alpha", "charlie", "alpha"])
  numbers = tolist([3, 1, 2.5])
  nothing = tolist([])
  holes   = tolist(["a", null, ""])
  unique  = toset(["b", "a", "c"])
  counts  = toset([10, 9, 2])
  nosets  = toset([])
  tags    = tomap({ env = "dev", tier = "2", "a b" = "c" })
  sizes   = tomap({ s = 1, m = 2, l = 3 })
  nomaps  = tomap({})
  nested  = tolist([{ name = "x", port = 80, tags = tolist(["p"]) }, { name = "y", port = 81, tags = tolist([]) }])
  people  = tomap({ zoe = { age = 41, groups = ["ops"] }, abe = { age = 29, groups = ["dev"] } })
  matrix  = [[1, 2], [3], []]
  pair    = ["10", 20, true]
  thing   = { name = "web", size = 2, note = null, labels = { x = "y" }, list = [1, "two"] }
  object  = {}
  tuple   = []

  secret     = sensitive("s3cr3t")
  pin        = sensitive(1234)
  keys       = sensitive(tomap({ user = "root", pass = "hunter2" }))
  passwords  = sensitive(tolist(["p", "q"]))
  mixed      = { open = "o", closed = sensitive("c") }
  greeting   = "Hello $${name}, %%{ if n > 1 }many%%{ else }one%%{ endif }!"
}
