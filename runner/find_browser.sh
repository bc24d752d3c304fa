#!/bin/sh
# The tests of the checkout page want a real browser. Where there is none, Debian's is installed, which takes root.

if [ -n "$CHROMIUM" ]; then
    exit 0
fi
for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing a browser for the tests ..."
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium-headless-shell >/dev/null; then
        exit 0
    fi
fi
echo "There is no browser: install chromium-headless-shell, chromium or google-chrome, or set CHROMIUM to one." >&2
exit 1
