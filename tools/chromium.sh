#!/bin/sh
# Chromium and its driver from Debian's packages, if they are not there; fails, and says so, if they cannot be had.
set -u
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "browser tests need chromium and chromedriver on the PATH; there is no apt-get here to install them" >&2
  exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends chromium chromium-driver && exit 0
echo "browser tests need chromium and chromedriver; apt-get could not install them" >&2
exit 1
