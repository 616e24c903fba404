# shellcheck shell=bash
# Amazon's S3, emulated by moto, for the tests of the blob inbox. It comes from PyPI, into a folder of
# its own. Read by s/services.

s3() {
    local here version=5.2.5
    here=$(place s3)
    case $1 in
    packages) echo python3-venv ;;
    installed) command -v python3 >/dev/null && python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    start)
        if [ ! -x "$here/venv/bin/moto_server" ]; then
            say "fetching moto"
            {
                python3 -m venv "$here/venv" &&
                    "$here/venv/bin/pip" install --quiet --disable-pip-version-check \
                        "moto[server,s3]==$version"
            } >"$here/pip.log" 2>&1 || { say "moto could not be fetched: see $here/pip.log"; return 1; }
        fi
        local port
        port=$(free_port)
        printf '%s\n' "$port" >"$here/port"
        nohup "$here/venv/bin/moto_server" -H 127.0.0.1 -p "$port" >"$here/log" 2>&1 </dev/null &
        keep s3 $!
        await_port s3 "$port" 60
        ;;
    env) printf 'HARMONIA_TEST_S3_ENDPOINT=http://127.0.0.1:%s\n' "$(cat "$here/port")" ;;
    esac
}

SERVICES+=(s3)
