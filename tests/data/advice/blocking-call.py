#: speaks: a child process
import subprocess
def work():
    subprocess.run(["make"])  # HOT

#: speaks: a socket
def work(sock):
    return sock.recv(4096)  # HOT

#: silent: awaited
async def work(cursor):
    await cursor.execute("select 1")  # HOT
