# Starts a registry with a login on a free port of this machine, and prints its address and its process. It ends with the process
# $3. $1: the folder of its storage, $2: the file of its log.
printf 'version: 0.1\nlog: {level: info}\nstorage: {filesystem: {}}\nhttp: {}\n' >"$2.yml"
printf '%s\n' 'reader:$2y$05$CI262iiInGPjJEFqqNNwy.uG.8CIdDB2H17kQvdW6y/C2c9EO9eOW' >"$2.users"
export REGISTRY_HTTP_ADDR=127.0.0.1:0 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$1" OTEL_TRACES_EXPORTER=none
export REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=rehearsal REGISTRY_AUTH_HTPASSWD_PATH="$2.users"
: >"$2"
# In a session of its own: this program ends what it started in its own.
setsid sh -c 'docker-registry serve "$1.yml" >"$1" 2>&1 & echo $! >"$1.pid"
  while kill -0 "$2" && kill -0 $!; do sleep 1; done 2>/dev/null; kill $! 2>/dev/null' sh "$2" "$3" >/dev/null 2>&1 </dev/null &
at=
for _ in $(seq 300); do
  at=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$2" | head -n 1)
  [ -n "$at" ] && break
  sleep 0.1
done
[ -n "$at" ] || { cat "$2" >&2; exit 1; }
echo "$at $(cat "$2.pid")"
