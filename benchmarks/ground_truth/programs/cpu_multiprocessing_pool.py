"""The work happens in forked workers; the parent only waits."""

import multiprocessing


def simulate(seed: int) -> int:
    state = seed
    for step in range(400_000):
        state = (state * 1_664_525 + 1_013_904_223 + step) % 4_294_967_296  # HOT
    return state


def main() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(sum(pool.map(simulate, range(24))))


if __name__ == "__main__":
    main()
