#!/bin/sh
# What the tests need beyond Python: a MariaDB, a Redis, a RabbitMQ, a browser with Chinese letters.
# As root on Debian or Ubuntu, install what is missing; otherwise say what to install.
set -eu
need=""
for server in mariadbd mysqld; do
    if command -v "$server" >/dev/null 2>&1 || [ -x "/usr/sbin/$server" ]; then mariadb=yes; fi
done
[ "${mariadb:-}" = yes ] || need="$need mariadb-server"
command -v redis-server >/dev/null 2>&1 || need="$need redis-server"
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || need="$need rabbitmq-server"
command -v chromium >/dev/null 2>&1 || need="$need chromium"
fc-list 2>/dev/null | grep -qi "noto.*cjk" || need="$need fonts-noto-cjk"
[ -z "$need" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$need" >&2
    apt-get update -qq
    # The packages start their services at once; the tests start their own.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $need >/dev/null
else
    echo "The tests need$need. On Debian or Ubuntu: sudo apt-get install$need" >&2
    exit 1
fi
