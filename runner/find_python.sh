#!/bin/sh
# Prints the path of a Python that can make the project's virtual environment, or says what to install and fails.
# Every candidate is run: version managers leave commands on the PATH that only fail.

usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1
}

offer() {
    if usable "$1"; then
        "$1" -c 'import sys; print(sys.executable)'
        exit 0
    fi
}

if [ -n "${PYTHON:-}" ]; then
    offer "$PYTHON"
    echo "PYTHON=$PYTHON is not a Python from 3.12 to 3.14 with its venv module." >&2
    exit 1
fi
for name in python3 python3.14 python3.13 python3.12 python; do
    offer "$name"
done
for minor in 13 14 12; do
    for path in "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3 \
        "/opt/homebrew/bin/python3.$minor" "/usr/local/bin/python3.$minor"; do
        [ -x "$path" ] && offer "$path"
    done
done
if command -v uv >/dev/null 2>&1; then
    path=$(uv python find '>=3.12,<3.15' 2>/dev/null) && offer "$path"
fi
echo "Quittance needs Python 3.12, 3.13 or 3.14 with its venv module (on Debian: apt install python3 python3-venv)." >&2
echo "If it is installed under an unusual name: make run PYTHON=/path/to/python3" >&2
exit 1
