a=1
bbb = {
 x=2 # c
  # d
yy = [1,
2]
}
b "x" {
c=<<-E
  t
  E


 d=!a?-1:f(x...)
}
