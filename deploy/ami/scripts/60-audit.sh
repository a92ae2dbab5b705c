#!/bin/sh
# Installs auditd where it is asked for.
set -eu
export DEBIAN_FRONTEND=noninteractive

if [ "$AUDIT" != true ]; then
	exit 0
fi
apt-get install -q -y --no-install-recommends auditd
install -m 0640 "$STAGING/files/audit.rules" /etc/audit/rules.d/90-mainstay.rules
systemctl enable auditd.service
