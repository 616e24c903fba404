# shellcheck shell=bash
# A PostgreSQL cluster of its own, as durable as one in earnest, on a loopback port. Read by
# s/services.

postgres() {
    local here bin
    here=$(place postgres)
    bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    case $1 in
    packages) echo postgresql ;;
    installed) [ -n "$bin" ] && [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] ;;
    start)
        local as=() cluster=$here/cluster password port
        rm -rf "${here:?}/cluster"
        mkdir -p "$cluster"
        # PostgreSQL refuses to run as root, and its own user may not enter every folder of root's.
        if [ "$(id -u)" = 0 ]; then
            as=(setpriv --reuid=postgres --regid=postgres --init-groups)
            if ! "${as[@]}" test -x "$cluster"; then
                rmdir "$cluster"
                cluster=$(mktemp -d "${TMPDIR:-/tmp}/harmonia-postgres.XXXXXX")
                ln -s "$cluster" "$here/cluster"
            fi
            chown postgres "$cluster"
        fi
        port=$(free_port)
        password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
        printf '%s\n' "$port" >"$here/port"
        printf '%s\n' "$password" >"$here/password"
        printf '%s\n' "$password" | "${as[@]}" tee "$cluster/password" >/dev/null
        (cd / && "${as[@]}" "$bin/initdb" --pgdata="$cluster/data" --username=harmonia \
            --pwfile="$cluster/password" --auth=scram-sha-256 --encoding=UTF8 \
            --locale=C.UTF-8) >"$here/initdb.log" 2>&1 ||
            { say "initdb failed: see $here/initdb.log"; return 1; }
        rm -f "$cluster/password"
        # No socket: its path would be too long below many a folder.
        "${as[@]}" tee -a "$cluster/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
shared_buffers = 1GB
max_wal_size = 8GB
CONF
        (cd / && exec nohup "${as[@]}" "$bin/postgres" -D "$cluster/data") \
            >"$here/log" 2>&1 </dev/null &
        keep postgres $!
        await_port postgres "$port" 60
        ;;
    # Asked to end politely it would wait for whoever is connected.
    stop)
        local pid
        for pid in $(ours postgres); do end_process "$pid" INT; done
        if [ -L "$here/cluster" ]; then rm -rf "$(readlink "$here/cluster")" "${here:?}/cluster"; fi
        ;;
    env)
        printf 'HARMONIA_TEST_POSTGRES_URI=postgres://harmonia:%s@127.0.0.1:%s/postgres\n' \
            "$(cat "$here/password")" "$(cat "$here/port")"
        ;;
    esac
}

SERVICES+=(postgres)
