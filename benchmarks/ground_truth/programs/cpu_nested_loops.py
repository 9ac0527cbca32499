"""A triple loop: a matrix product by hand."""


def multiply(a: list[list[int]], b: list[list[int]], size: int) -> list[list[int]]:
    out = [[0] * size for _ in range(size)]
    for i in range(size):
        for j in range(size):
            for k in range(size):
                out[i][j] += a[i][k] * b[k][j]  # HOT
    return out


def main() -> None:
    size = 210
    a = [[(i * j) % 10 for j in range(size)] for i in range(size)]
    b = [[(i + j) % 10 for j in range(size)] for i in range(size)]
    print(multiply(a, b, size)[7][9])


main()
