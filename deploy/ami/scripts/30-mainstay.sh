#!/bin/sh
# Installs our program and its units: those of a reconciler are named below, all
# others are a machine's.
set -eu

install -d -m 0755 /opt/mainstay/bin /opt/mainstay/libexec /etc/mainstay
install -d -m 0750 -g adm /var/log/mainstay
if [ "$ROLE" = reconciler ]; then
	install -m 0755 "$STAGING/program" /opt/mainstay/bin/mainstay
	ln -sf /opt/mainstay/bin/mainstay /usr/local/bin/mainstay
	install -m 0755 "$STAGING/files/hub-password" /opt/mainstay/libexec/hub-password
	/opt/mainstay/bin/mainstay version
else
	install -m 0755 "$STAGING/program" /opt/mainstay/bin/mainstay-agent
	install -d -m 0700 /var/lib/mainstay
	/opt/mainstay/bin/mainstay-agent --version
fi

for unit in "$STAGING"/systemd/*; do
	name=$(basename "$unit")
	case "$ROLE:$name" in
	*:mainstay-cloudwatch.service) ;;
	reconciler:mainstay.service | reconciler:mainstay-hub-password.service) ;;
	machine:mainstay.service | machine:mainstay-hub-password.service) continue ;;
	machine:*) ;;
	*) continue ;;
	esac
	install -m 0644 "$unit" "/etc/systemd/system/$name"
	# A reconciler is enabled by its user-data, once it has a configuration.
	if [ "$name" != mainstay.service ] && grep -q '^\[Install\]' "$unit"; then
		systemctl enable "$name"
	fi
done
