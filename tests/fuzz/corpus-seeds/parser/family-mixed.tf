a0 = { for s in var.servers : s.name => sum(concat([0], s.disks[*].size)) }
a1 = { for r in csvdecode(file("data/people.csv")) : r.name => try(tonumber(r.age), -1) }
a2 = [for l in split("\n", chomp(file("data/multi.txt"))) : title(l)]
a3 = [for s in ["1", "two", "3.5"] : can(tonumber(s)) ? tonumber(s) : 0]
a4 = zipmap(local.people[*].name, local.people[*].age)
a5 = transpose({ for n, u in var.users : n => u.groups })
a6 = jsonencode({ for k, v in var.users : k => merge(v, { groups = toset(v.groups) }) })
a7 = base64decode(base64encode(local.wide)) == local.wide
a8 = join("", reverse(split("", "drawer")))
a9 = sum([for i, d in reverse(regexall("[01]", "101101")) : tonumber(d) * pow(2, i)])
a10 = [for i in range(1, 16) : i % 15 == 0 ? "FizzBuzz" : i % 5 == 0 ? "Buzz" : i % 3 == 0 ? "Fizz" : tostring(i)]
a11 = coalesce(lookup(var.tags, "owner", null), var.no_string, "nobody")
a12 = one(var.no_object[*]) == null
a13 = max([for r in local.matrix : max(r...)]...)
a14 = sum([for i, r in local.matrix : r[length(r) - 1 - i]])
a15 = substr(sha256(jsonencode(var.tags)), 0, 8)
a16 = md5(join(",", sort(keys(var.users))))
a17 = uuidv5("dns", "${lower(var.name)}.example.com")
