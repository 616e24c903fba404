# shellcheck shell=bash
# A Redis of its own that keeps nothing on disk, on a loopback port. Read by s/services.

redis() {
    local here
    here=$(place redis)
    case $1 in
    packages) echo redis-server ;;
    installed) command -v redis-server >/dev/null && command -v redis-cli >/dev/null ;;
    start)
        local port password
        port=$(free_port)
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
        printf '%s\n' "$port" >"$here/port"
        printf '%s\n' "$password" >"$here/password"
        # From a file: what stands on the command line, everybody on the machine may read.
        cat >"$here/redis.conf" <<CONF
bind 127.0.0.1
port $port
requirepass $password
save ""
appendonly no
dir $here
CONF
        chmod 600 "$here/redis.conf" "$here/password"
        nohup redis-server "$here/redis.conf" >"$here/log" 2>&1 </dev/null &
        keep redis $!
        await_port redis "$port" 20
        ;;
    env)
        printf 'HARMONIA_TEST_REDIS_URL=redis://default:%s@127.0.0.1:%s\n' \
            "$(cat "$here/password")" "$(cat "$here/port")"
        # Tests that empty, kill and restart one have their own.
        printf 'HARMONIA_TEST_REDIS_SERVER=%s\n' "$(command -v redis-server)"
        ;;
    esac
}

SERVICES+=(redis)
