"""Workers that are started afresh (spawn), through concurrent.futures."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def simulate(seed: int) -> int:
    state = seed
    for step in range(700_000):
        state = (state * 1_664_525 + 1_013_904_223 + step) % 4_294_967_296 ^ (step & 3)  # HOT
    return state


def main() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print(sum(pool.map(simulate, range(16))))


if __name__ == "__main__":
    main()
