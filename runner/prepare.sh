#!/bin/sh
# usage: sh runner/prepare.sh runtime|dev
# .venv holds what the lock files say. The environment's own Python says whether that is so already, because looking
# for another one takes longer than the check.

if [ -x .venv/bin/python ] && .venv/bin/python -I runner/installation.py --check "$1" 2>/dev/null; then
    exit 0
fi
python=$(sh runner/find_python.sh) || exit 1
exec "$python" -I runner/installation.py "$1"
