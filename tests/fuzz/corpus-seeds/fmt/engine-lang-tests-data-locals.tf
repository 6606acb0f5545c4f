locals {
  greeting = "Hello, ${var.name}!"
  primes   = [2, 3, 5, 7, 11, 13]
  words    = ["delta", "alpha", "charlie", "bravo", "alpha"]
  empty    = []
  nothing  = null
  matrix   = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
  people = [
    { name = "Ann", age = 30, langs = ["go", "c"] },
    { name = "Bob", age = 25, langs = [] },
    { name = "Cyd", age = 35, langs = ["rust", "go", "ada"] },
  ]
  by_env = {
    prod    = { replicas = 3, hosts = ["p1", "p2", "p3"] }
    staging = { replicas = 1, hosts = ["s1"] }
    dev     = { replicas = 0, hosts = [] }
  }
  nested = { a = { b = { c = { d = "bottom" } } } }
  lines  = "one\ntwo\n\nthree\n"
  wide   = "日本語テキスト"
  family = "👨‍👩‍👧‍👦"

  tpl_plain    = "Hi $${who}, you are $${age}."
  tpl_loop     = "%%{ for x in xs }[$${x}]%%{ endfor }"
  tpl_if       = "%%{ if ok ~}  yes  %%{~ else }no%%{ endif }"
  tpl_unwrap   = "$${xs}"
  tpl_broken   = "Hi $${who"
  tpl_call     = "$${upper(who)}-$${length(xs)}"
  tpl_nofill   = "nothing to fill in"
  tpl_recurse  = "$${templatestring(who, {})}"
  tpl_heredoc  = <<-EOT
    %%{ for k, v in m ~}
    $${k}=$${v}
    %%{ endfor ~}
    done
  EOT
  tpl_number = 42
}
