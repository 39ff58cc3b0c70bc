#!/usr/bin/env bash
# serve.sh — `fairlead serve` itself, on a TAP or by AF_XDP on a veth pair, in a network of its own,
# and the kernel's curl.
#
#   serve.sh FAIRLEAD tap|xdp       ends with 77 where no private network may be made
set -euo pipefail

if [[ ${3:-} != inside ]]; then
    enter=(unshare --net)
    [[ $(id -u) = 0 ]] || enter=(unshare --user --map-root-user --net)
    "${enter[@]}" test -w /dev/net/tun 2>/dev/null || exit 77
    exec "${enter[@]}" "$0" "$1" "$2" inside
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
device=(--device tap:fl0 --host-address 192.0.2.2/24 --host-address 2001:db8::2/64)
if [[ $2 = xdp ]]; then
    device=(--device xdp:fl0)
    ip link add fl0 type veth peer name host0
    ip addr add 192.0.2.2/24 dev host0
    ip addr add 2001:db8::2/64 dev host0 nodad
    # A veth leaves checksums to the other end, which XDP has no way to say.
    ethtool -K host0 tx off >"$scratch/said"
    ip link set fl0 up
    ip link set host0 up
fi
"$1" serve "$scratch/site" "${device[@]}" --address 192.0.2.1/24 --address 2001:db8::1/64 --port 8080 \
    --upload "$scratch/uploads" --pcap "$scratch/frames.pcapng" --record "$scratch/inputs" >"$scratch/log" 2>&1 &
server=$!

for ((i = 0; i < 50; ++i)); do
    grep -qs "^serving" "$scratch/log" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
if grep -E 'cannot (open an AF_XDP socket|make a map for XDP)' "$scratch/log"; then exit 77; fi

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
case $2 in
    tap) ! ip link show fl0 2>/dev/null || fail "the interface is still there" ;;
    xdp) [[ $(ip link show fl0) != *xdp* ]] || fail "its program is still there" ;;
esac
