a=1
bbb = "${foo}"
c   =    2 # c
dd= [1,2,3] # x
