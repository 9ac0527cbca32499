#: speaks: in a loop
import re
def work(lines):
    for line in lines:
        re.compile("a+b").match(line)  # HOT

#: silent: another pattern each turn
import re
def work(patterns):
    for pattern in patterns:
        re.compile(pattern)  # HOT

#: silent: once
import re
RULE = re.compile("a+b")  # HOT
