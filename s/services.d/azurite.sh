# shellcheck shell=bash
# Azure's blob storage, emulated, for the tests of the blob inbox. It comes from npm, and lies with
# its data in its own folder. Read by s/services.

azurite() {
    local here version=3.37.0
    here=$(place azurite)
    case $1 in
    packages) ;;
    # Nothing of Debian's: `start` fetches what it needs.
    installed) true ;;
    start)
        command -v npm >/dev/null || { say "azurite needs npm, which is not here"; return 1; }
        mkdir -p "$here/data"
        if [ ! -x "$here/node_modules/.bin/azurite-blob" ]; then
            say "fetching azurite"
            npm install --prefix "$here" --no-audit --no-fund --silent "azurite@$version" >&2 || return 1
        fi
        local port
        port=$(free_port)
        printf '%s\n' "$port" >"$here/port"
        nohup "$here/node_modules/.bin/azurite-blob" --silent --skipApiVersionCheck \
            --disableTelemetry --location "$here/data" --blobHost 127.0.0.1 --blobPort "$port" \
            >"$here/log" 2>&1 </dev/null &
        keep azurite $!
        await_port azurite "$port" 30
        ;;
    env) printf 'HARMONIA_TEST_BLOB_ENDPOINT=http://127.0.0.1:%s\n' "$(cat "$here/port")" ;;
    esac
}

SERVICES+=(azurite)
