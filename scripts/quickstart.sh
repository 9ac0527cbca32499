#!/bin/sh
# From nothing to the hot lines of a real program: install into .venv, start the gateway, profile
# examples/ through it, print what it found, and go on serving.
#
#   ./scripts/quickstart.sh              serve until Ctrl-C
#   ./scripts/quickstart.sh --once       stop after the table
#   ./scripts/quickstart.sh --port 8001  somewhere else than port 8000
set -eu
cd "$(dirname "$0")/.."

case " $* " in
    *" --help "* | *" -h "*) sed -n '/^set/q; 2,$s/^# \{0,1\}//p' scripts/quickstart.sh; exit 0 ;;
esac

if [ ! -x .venv/bin/dynogate ]; then
    echo "Installing into .venv (once; takes a few seconds)"
fi
scripts/install --runtime
exec .venv/bin/python scripts/quickstart.py "$@"
