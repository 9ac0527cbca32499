"""Move the Sun and the four giant planets through their orbits.

What a profiler should find: all the CPU time in ``advance``, spread over the arithmetic of its
inner loop, and nothing in memory. There is no single line to blame here; vectorising, or another
algorithm, would help.

Masses, positions and velocities: the n-body problem of the Computer Language Benchmarks Game, in
solar masses, astronomical units and days.
"""

import math
from dataclasses import dataclass
from itertools import combinations

DAYS_PER_YEAR = 365.24
SOLAR_MASS = 4 * math.pi**2
STEPS = 120_000


@dataclass
class Body:
    """A point mass."""

    x: float
    y: float
    z: float
    vx: float
    vy: float
    vz: float
    mass: float


def solar_system() -> list[Body]:
    """The Sun, Jupiter, Saturn, Uranus and Neptune."""
    year = DAYS_PER_YEAR
    return [
        Body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, SOLAR_MASS),
        Body(4.84, -1.16, -0.10, 0.00166 * year, 0.00770 * year, -0.0000690 * year, 0.0377),
        Body(8.34, 4.12, -0.40, -0.00277 * year, 0.00500 * year, 0.0000230 * year, 0.0113),
        Body(12.9, -15.1, -0.22, 0.00296 * year, 0.00238 * year, -0.0000297 * year, 0.00172),
        Body(15.4, -25.9, 0.18, 0.00268 * year, 0.00163 * year, -0.0000952 * year, 0.00203),
    ]


def advance(bodies: list[Body], dt: float) -> None:
    """One step of ``dt`` years: pairwise attraction, then motion."""
    for a, b in combinations(bodies, 2):
        dx = a.x - b.x
        dy = a.y - b.y
        dz = a.z - b.z
        pull = dt / (dx * dx + dy * dy + dz * dz) ** 1.5
        a.vx -= dx * b.mass * pull
        a.vy -= dy * b.mass * pull
        a.vz -= dz * b.mass * pull
        b.vx += dx * a.mass * pull
        b.vy += dy * a.mass * pull
        b.vz += dz * a.mass * pull
    for body in bodies:
        body.x += dt * body.vx
        body.y += dt * body.vy
        body.z += dt * body.vz


def energy(bodies: list[Body]) -> float:
    """Kinetic and potential energy of the system; constant but for rounding."""
    kinetic = sum(0.5 * body.mass * (body.vx**2 + body.vy**2 + body.vz**2) for body in bodies)
    potential = sum(
        a.mass * b.mass / math.dist((a.x, a.y, a.z), (b.x, b.y, b.z))
        for a, b in combinations(bodies, 2)
    )
    return kinetic - potential


def main() -> None:
    """Run, and show that energy was conserved."""
    bodies = solar_system()
    before = energy(bodies)
    for _ in range(STEPS):
        advance(bodies, 0.001)
    print(f"energy {before:.6f} -> {energy(bodies):.6f}")


if __name__ == "__main__":
    main()
