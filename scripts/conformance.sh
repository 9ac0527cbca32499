#!/bin/sh
# Run the MCP conformance suite against a gateway with the tools that the suite expects.
#
#   ./scripts/conformance.sh                        both sets of requirements
#   ./scripts/conformance.sh --scenario tools-list  one scenario, with every check
#
# Installs the suite and its Node. Exit status 1 where a check failed.
set -eu
cd "$(dirname "$0")/.."

scripts/install
scripts/install-node
exec .venv/bin/python -m tests.conformance "$@"
