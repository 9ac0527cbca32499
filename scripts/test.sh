#!/bin/sh
# Install what the tests need, and run all checks: linters, tests with the coverage gate, the
# hot paths, the wheel, the compose file. With arguments: only pytest, with those arguments.
#
#   ./scripts/test.sh
#   ./scripts/test.sh tests/store -k retention
set -eu
cd "$(dirname "$0")/.."

step() { printf '\n==> %s\n' "$*"; }

step "Install the Python packages"
scripts/install
step "Install the Node packages"
scripts/install-node
step "Install the system packages"
scripts/install-system
step "Install Toxiproxy"
scripts/install-toxiproxy

if [ $# -gt 0 ]; then
    step "pytest $*"
    exec .venv/bin/python -m pytest "$@"
fi

step "Lint"
scripts/lint
step "Test, with branch coverage"
scripts/coverage
step "Chaos: the quick experiments"
scripts/chaos --quick
step "Count the instructions of the hot paths"
.venv/bin/python -m benchmarks.regression --stored || {
    status=$?
    [ $status -eq 3 ] || exit $status
    echo "Nothing is known about performance: there is nothing to compare with here."
}
step "Build the wheel, and start it in an empty environment"
scripts/build
if docker compose version >/dev/null 2>&1; then
    step "docker compose config"
    docker compose config --quiet
    docker compose -f docker-compose.yml -f deploy/sandbox.yml config --quiet
fi
step "All checks passed"
