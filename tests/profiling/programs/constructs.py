"""One function a construct; the line that is truly hot in each ends in "# hot"."""

import asyncio
import json
import multiprocessing
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import constructs_sibling

ROUNDS = 100_000


def recursion(n):
    if n < 2:
        return n
    return recursion(n - 1) + recursion(n - 2) + sum(range(20))  # hot


def while_loop():
    count = 0
    total = 0.0
    while count < ROUNDS:
        total += (count % 7) ** 2.5 + (count % 11) ** 1.5 + (count % 13) ** 0.5  # hot
        count += 1
    return total


def one_of_several():
    found = []
    for i in range(ROUNDS // 2):
        a = i + 1
        b = a - 1
        c = sum((a, b, i, a * b, a + b, i * i, a % 3, b % 5, i % 7))  # hot
        found = [a]
    return found, c


def generator(n):
    for i in range(n):
        yield (i * i + 3 * i + 1) % 17**3 + (i ^ 5) * (i | 3) - (i & 9)  # hot


def comprehension():
    return [
        (i * i) % 7 + (i * 3) % 11 + (i ^ 21) % 13 + i**2 % 19  # hot
        for i in range(ROUNDS)
    ]


def key_by_lambda(values):
    return max(
        values,
        key=lambda v: (v * 7919 + 13) % 104729 + (v * v) % 65537 + (v ^ 77) % 101,  # hot
    )


def library_python_time():
    for _ in range(1200):
        text = json.dumps({str(i): [i, i + 1] for i in range(20)}, indent=2)  # hot
    return text


def c_extension_time():
    text = "ab" * 12
    for _ in range(12):
        found = re.match(r"(a|b|ab)*c", text)  # hot
        text = text.strip()
    return found


def sleeping():
    time.sleep(0.4)


class Account:
    def interest(self, rounds):
        total = 1.0
        for _ in range(rounds):
            total = total * 1.0000001 + total / 3 - total / 7 + total**0.5  # hot
        return total


def worker(n):
    total = 0
    for i in range(n):
        total += (i * i) % 7 + (i * 3) % 11 + (i ^ 21) % 13 + i % 19  # hot
    return total


def child_process(n):
    total = 0
    for i in range(n):
        total += (i * i) % 5 + (i * 7) % 11 + (i ^ 3) % 13 + i % 17  # hot
    return total


async def coroutine():
    total = 0
    for _ in range(ROUNDS // 300):
        await asyncio.sleep(0)
        total += sum((k * k) % 7 for k in range(600))  # hot
    return total


def waits_on_queue():
    done = threading.Event()
    threading.Timer(0.3, done.set).start()
    done.wait()


def burn(function, *args):
    """Call ``function`` until it has used enough CPU for samples, however fast the machine."""
    until = time.process_time() + 0.4
    while time.process_time() < until:
        function(*args)


def in_threads():
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(worker, [ROUNDS] * 2))


if __name__ == "__main__":
    burn(recursion, 20)
    burn(while_loop)
    burn(one_of_several)
    burn(lambda: sum(generator(ROUNDS)))
    burn(comprehension)
    burn(key_by_lambda, range(ROUNDS))
    burn(library_python_time)
    burn(c_extension_time)
    sleeping()
    burn(Account().interest, ROUNDS)
    burn(in_threads)
    process = multiprocessing.Process(target=burn, args=(child_process, ROUNDS))
    process.start()
    process.join()
    burn(lambda: asyncio.run(coroutine()))
    waits_on_queue()
    burn(constructs_sibling.helper, ROUNDS)
