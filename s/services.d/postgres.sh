# shellcheck shell=bash
# A PostgreSQL cluster of its own, as durable as one in earnest: a loopback port, and a socket beside
# its data. Read by s/services.

postgres() {
    local here bin
    here=$(place postgres)
    bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    case $1 in
    packages) echo postgresql ;;
    installed) [ -n "$bin" ] && [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] ;;
    start)
        # PostgreSQL refuses to run as root.
        local as=() password port
        rm -rf "${here:?}/cluster"
        mkdir -p "$here/cluster"
        if [ "$(id -u)" = 0 ]; then
            as=(setpriv --reuid=postgres --regid=postgres --init-groups)
            chown postgres "$here/cluster"
        fi
        port=$(free_port)
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
        printf '%s\n' "$port" >"$here/port"
        printf '%s\n' "$password" >"$here/password"
        printf '%s\n' "$password" | "${as[@]}" tee "$here/cluster/password" >/dev/null
        (cd / && "${as[@]}" "$bin/initdb" --pgdata="$here/cluster/data" --username=harmonia \
            --pwfile="$here/cluster/password" --auth=scram-sha-256 --encoding=UTF8 \
            --locale=C.UTF-8) >"$here/initdb.log" 2>&1 ||
            { say "initdb failed: see $here/initdb.log"; return 1; }
        rm -f "$here/cluster/password"
        "${as[@]}" tee -a "$here/cluster/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$here/cluster'
max_connections = 200
shared_buffers = 1GB
max_wal_size = 8GB
CONF
        (cd / && exec nohup "${as[@]}" "$bin/postgres" -D "$here/cluster/data") \
            >"$here/log" 2>&1 </dev/null &
        keep postgres $!
        await_port postgres "$port" 60
        ;;
    env)
        printf 'HARMONIA_TEST_POSTGRES_URI=postgres://harmonia:%s@127.0.0.1:%s/postgres\n' \
            "$(cat "$here/password")" "$(cat "$here/port")"
        ;;
    esac
}

SERVICES+=(postgres)
