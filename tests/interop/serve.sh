#!/usr/bin/env bash
# serve.sh — `fairlead serve` itself, on a TAP in a network of its own, and the kernel's curl.
#
#   serve.sh FAIRLEAD       ends with 77 where no private network may be made
set -euo pipefail

if [[ ${2:-} != inside ]]; then
    enter=(unshare --net)
    [[ $(id -u) = 0 ]] || enter=(unshare --user --map-root-user --net)
    "${enter[@]}" test -w /dev/net/tun 2>/dev/null || exit 77
    exec "${enter[@]}" "$0" "$1" inside
fi

scratch=$(mktemp -d)
server=
finish() {
    [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT
fail() {
    echo "serve.sh: $*" >&2
    cat "$scratch/log" >&2
    exit 1
}

mkdir "$scratch/site" "$scratch/uploads"
export XDG_RUNTIME_DIR=$scratch
said=$("$1" ss -tl 2>&1) && fail "ss shows a stack where none runs"
[[ $said = "fairlead ss: no stack of this user is running; fairlead serve starts one" ]] ||
    fail "without a stack ss says: $said"
head -c 3000000 /dev/urandom >"$scratch/site/file"
"$1" serve "$scratch/site" --device tap:fl0 --address 192.0.2.1/24 --address 2001:db8::1/64 \
    --host-address 192.0.2.2/24 --host-address 2001:db8::2/64 --port 8080 \
    --upload "$scratch/uploads" --pcap "$scratch/frames.pcapng" --record "$scratch/inputs" >"$scratch/log" 2>&1 &
server=$!

# The stack's IPv6 address is tentative for a second.
for host in 192.0.2.1 '[2001:db8::1]'; do
    curl -fsS --retry 5 --retry-all-errors --retry-delay 1 --max-time 20 \
        -o "$scratch/got" "http://$host:8080/file" || fail "no download from $host"
    cmp "$scratch/got" "$scratch/site/file" || fail "the download from $host differs"
    curl -fsS --max-time 20 -T "$scratch/got" "http://$host:8080/upload/" >"$scratch/said" ||
        fail "no upload to $host"
    cmp "$scratch/uploads/got" "$scratch/site/file" || fail "the upload to $host differs"
done
status=$(curl -sS --max-time 20 --path-as-is -o "$scratch/said" -w '%{http_code}' \
    http://192.0.2.1:8080/../etc/passwd)
[[ $status = 403 ]] || fail "a path that leaves the folder is answered $status"

# It is looked at, and set, while it runs.
[[ $("$1" ss -tlnH) = "LISTEN 0      4096   *:8080 *:*" ]] || fail "ss says: $("$1" ss -tlnH)"
"$1" netstat -st | grep '^    5 passive connection openings$' >"$scratch/said" || fail "netstat counts otherwise"
[[ $("$1" nstat TcpPassiveOpens) = *"TcpPassiveOpens                 5 "* ]] || fail "so does nstat"
[[ $("$1" nstat TcpPassiveOpens) = "#kernel" ]] || fail "nstat has no history"
[[ $("$1" sysctl -w net.ipv4.tcp_sack=0) = "net.ipv4.tcp_sack = 0" ]] || fail "a setting is not set"
[[ $("$1" sysctl -n net/ipv4/tcp_sack) = 0 ]] || fail "a setting was not kept"
"$1" sysctl net.ipv4.tcp_sack=7 2>/dev/null && fail "a setting out of its range is taken"
"$1" ss --host nobody >"$scratch/said" 2>&1 && fail "ss finds a stack of no such name"
kill -INT "$server"
wait "$server" || fail "it ended with $?"
[[ -z $(ls "$scratch/fairlead") ]] || fail "it left $(ls "$scratch/fairlead")"
server=
grep -q '"GET /file" 200' "$scratch/log" || fail "no line in the access log"
grep -q '^TcpPassiveOpens  *5$' "$scratch/log" || fail "no counters at the end"
[[ $(stat -c %s "$scratch/frames.pcapng") -gt 12000000 ]] || fail "frames are missing in the capture"
said=$("$1" replay "$scratch/inputs") || fail "its recording cannot be played again: $said"
[[ $said = *"the same to the bit"* ]] || fail "its recording differs: $said"
! ip link show fl0 2>/dev/null || fail "the interface is still there"
