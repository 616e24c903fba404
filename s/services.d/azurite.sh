#!/usr/bin/env bash
# Azure's blob storage, emulated, for the tests of the blob inbox: `start`, `stop`, or `endpoint`,
# which prints where it listens and fails where it does not. Its program and its data are below
# target/services; a second `start` changes nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
home="$PWD/target/services/azurite"
port=${AZURITE_PORT:-21000}
version=3.37.0

is_up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
runs() { [ -f "$home/pid" ] && kill -0 "$(cat "$home/pid")" 2>/dev/null && is_up; }

start() {
    runs && return
    is_up && { echo "azurite: port $port is taken; set AZURITE_PORT to a free one" >&2; exit 1; }
    command -v npm >/dev/null || { echo "azurite: LEFT OUT, there is no npm here" >&2; exit 1; }
    mkdir -p "$home/data"
    if [ ! -x "$home/node_modules/.bin/azurite-blob" ]; then
        npm install --prefix "$home" --no-audit --no-fund --silent "azurite@$version"
    fi
    nohup "$home/node_modules/.bin/azurite-blob" --silent --skipApiVersionCheck \
        --disableTelemetry --location "$home/data" --blobHost 127.0.0.1 --blobPort "$port" \
        >"$home/log" 2>&1 &
    echo $! >"$home/pid"
    for _ in $(seq 100); do
        is_up && return
        sleep 0.1
    done
    echo "azurite: it did not start: see $home/log" >&2
    exit 1
}

stop() {
    runs && kill "$(cat "$home/pid")"
    rm -f "$home/pid"
}

case "${1:-start}" in
start) start ;;
stop) stop ;;
endpoint) runs && echo "http://127.0.0.1:$port" ;;
*) echo "usage: $0 start|stop|endpoint" >&2; exit 2 ;;
esac
