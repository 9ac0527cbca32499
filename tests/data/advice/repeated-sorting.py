#: speaks: sort
def work(queue, jobs):
    for job in jobs:
        queue.append(job)
        queue.sort()  # HOT

#: speaks: min
def work(queue):
    while queue:
        queue.remove(min(queue))  # HOT

#: silent: a new collection each turn
def work(rows):
    for row in rows:
        sorted(row)  # HOT

#: silent: the smaller of two
def work(xs, y):
    for x in xs:
        print(min(x, y))  # HOT
