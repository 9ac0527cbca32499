#: speaks: in a for loop
async def work(urls, get):
    for url in urls:
        await get(url)  # HOT

#: silent: a server's loop
async def work(queue):
    while True:
        await queue.get()  # HOT
