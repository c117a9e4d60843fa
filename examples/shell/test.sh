#!/bin/sh
# Run as: understudy run --seed ../world.yaml -- ./test.sh
set -eu
cd "$(dirname "$0")"
export FEES_PAUSE=0.05

check() { # check WHAT WANTED GOT
  if [ "$2" != "$3" ]; then
    echo "$1: want $2, got $3" >&2
    exit 1
  fi
  echo "ok: $1"
}

check "small orders pay for shipping" 4.9 "$(./fees.sh fee 50)"
check "the migration keeps the orders" yes "$(./fees.sh same 1 orders orders_migrated)"
