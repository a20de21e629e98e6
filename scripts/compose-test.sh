#!/usr/bin/env bash
# docker-compose.yml on a real engine: up, a call of each example, kill a worker, down; nothing may be left behind.
set -euo pipefail
cd "$(dirname "$0")/.."

compose=(docker-compose)
if docker compose version >/dev/null 2>&1; then compose=(docker compose); fi
export COMPOSE_PROJECT_NAME="spillwaytest$$"
export SPILLWAY_POOL="compose-test-$$"
# Nothing of whoever runs this is touched.
export SPILLWAY_CLOUD=off
export DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
SPILLWAY_PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
SPILLWAY_ADMIN_PORT=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
export SPILLWAY_PORT SPILLWAY_ADMIN_PORT
url="http://127.0.0.1:$SPILLWAY_PORT"
label="label=spillway.pool=$SPILLWAY_POOL"
passed=0

fail() {
  echo "FAILED: $1" >&2
  "${compose[@]}" logs --tail 40 >&2 || true
  exit 1
}
pass() {
  passed=$((passed + 1))
  echo "ok $passed: $1"
}
cleanup() {
  "${compose[@]}" down -v --timeout 20 >/dev/null 2>&1 || true
  docker ps -aq --filter "$label" | xargs -r docker rm -f >/dev/null
}
trap cleanup EXIT

call() { # METHOD PARAMS EXPECTED
  local answer
  answer=$(curl -sS --max-time 20 "$url" -H 'content-type: application/json' \
    -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}")
  case "$answer" in
    *"$3"*) pass "$1" ;;
    *) fail "$1 answered ${answer:0:300}" ;;
  esac
}
await() { # SECONDS WHAT COMMAND...
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq "$((seconds * 5))"); do
    if "$@" >/dev/null 2>&1; then
      pass "$what"
      return
    fi
    sleep 0.2
  done
  fail "$what: not within $seconds s"
}
ready() { curl -fsS "$url/readyz"; }
workers() { docker ps -q --filter "$label" | wc -l; }
two_workers() { [ "$(workers)" -eq 2 ]; }
# The killed one may be listed for a moment yet.
replaced() { two_workers && [ -z "$(docker ps -q --filter "id=$victim")" ]; }

"${compose[@]}" config -q && pass 'the file is accepted'
"${compose[@]}" up -d --build 2>&1 | tail -n 3
await 120 'ready' ready
two_workers && pass 'two worker containers run' || fail "$(workers) workers run"

call fibonacci '[20]' '"result":6765'
call markdown '["# Hi"]' '<h1>Hi</h1>'
call wordcount '["one two"]' '"words":2'
call sleep '[10]' '"result"'
png='iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
call thumbnail "{\"image\":\"$png\",\"width\":1}" '"result":"iVBOR'

victim=$(docker ps -q --filter "$label" | sed -n 1p)
docker kill "$victim" >/dev/null
await 60 'a killed worker is replaced' replaced
call fibonacci '[10]' '"result":55'

# 127.0.0.1 only: the published port must not listen on other addresses.
if docker ps --filter "name=${COMPOSE_PROJECT_NAME}" --format '{{.Ports}}' | grep -qE '0\.0\.0\.0|\[?::'; then
  fail 'a port is published on every address'
fi
pass 'published on loopback only'

"${compose[@]}" down -v --timeout 20 2>&1 | tail -n 3
[ -z "$(docker ps -aq --filter "$label")" ] || fail 'worker containers are left behind'
[ -z "$(docker volume ls -q --filter "name=${COMPOSE_PROJECT_NAME}")" ] || fail 'volumes are left behind'
pass 'nothing is left behind'
echo "compose: $passed passed, 0 failed"
