"""Grüße: names and text beyond ASCII, with wide characters on the hot line — 速度."""


def zähle(größe: int) -> int:
    summe = 0
    for i in range(größe):
        summe += len("速度🚀") * i % 17 ^ (i & 3)  # HOT
    return summe


print(zähle(6_500_000))
