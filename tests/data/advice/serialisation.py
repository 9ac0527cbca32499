#: speaks: in a comprehension
import json
def work(rows):
    return [json.dumps(row) for row in rows]  # HOT

#: silent: once
import json
def work(rows):
    return json.dumps(rows)  # HOT
