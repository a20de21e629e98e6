#!/bin/sh
# An AWS for tests and for trying things out: MiniStack (PyPI, MIT), in a virtual environment of its own.
#
#     scripts/ministack.sh start     installs it the first time, starts it, prints what to set
#     scripts/ministack.sh stop
#     scripts/ministack.sh install   only installs it
#     scripts/ministack.sh path      prints where the program is, or would be
#
# MINISTACK_PORT [4566]. It listens on 127.0.0.1 only, and keeps nothing across a stop.
set -eu

VERSION=1.5.33
PORT=${MINISTACK_PORT:-4566}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/spillway
VENV=$CACHE/ministack-$VERSION
RUN=$CACHE/ministack-run-$PORT
NODE_BIN=$(CDPATH= cd -- "$(dirname -- "$0")/../node_modules/.bin" && pwd)

install() {
  [ -x "$VENV/bin/ministack" ] && return
  mkdir -p "$CACHE"
  python3 -m venv --clear "$VENV"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check "ministack==$VERSION" cbor2 || {
    # A half of it would look like the whole next time.
    rm -rf "$VENV"
    exit 1
  }
}

healthy() {
  "$NODE_BIN/node" -e 'fetch(process.argv[1]).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))' \
    "http://127.0.0.1:$PORT/_ministack/health"
}

start() {
  install
  if healthy; then
    echo "MiniStack already answers on port $PORT"
    return
  fi
  mkdir -p "$RUN"
  # A clean environment: what MiniStack has, the functions it runs would get.
  env -i PATH="$NODE_BIN:$PATH" HOME="$RUN" TMPDIR="$RUN" \
    BIND_HOST=127.0.0.1 GATEWAY_PORT="$PORT" LAMBDA_EXECUTOR=local LAMBDA_STATE_TRANSITION_SECONDS=1 \
    SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 DOCKER_HOST=unix:///nonexistent.sock \
    "$VENV/bin/ministack" >"$RUN/log" 2>&1 &
  echo $! >"$RUN/pid"
  for _ in $(seq 100); do
    healthy && break
    sleep 0.2
  done
  healthy || { tail -n 20 "$RUN/log" >&2; exit 1; }
  echo "AWS_ENDPOINT_URL=http://127.0.0.1:$PORT AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
}

stop() {
  [ -f "$RUN/pid" ] && kill "$(cat "$RUN/pid")" 2>/dev/null || true
  rm -rf "$RUN"
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  install) install ;;
  path) echo "$VENV/bin/ministack" ;;
  *) sed -n '2,9p' "$0" >&2; exit 64 ;;
esac
