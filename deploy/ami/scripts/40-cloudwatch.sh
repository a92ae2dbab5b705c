#!/bin/sh
# Installs the CloudWatch agent. Its configuration needs the fleet's name, which
# mainstay-cloudwatch.service fills in at boot.
set -eu

work=$(mktemp -d)
curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' \
	--retry 3 --max-time 600 --output "$work/agent.deb" "$CLOUDWATCH_URL"
echo "$CLOUDWATCH_SHA256  $work/agent.deb" | sha256sum --check --quiet
dpkg --install "$work/agent.deb"
rm -rf "$work"

install -m 0644 "$STAGING/cloudwatch/$ROLE.json" /opt/mainstay/cloudwatch.json
install -m 0755 "$STAGING/files/cloudwatch-config" /opt/mainstay/libexec/cloudwatch-config
install -m 0644 "$STAGING/files/rsyslog.conf" /etc/rsyslog.d/20-mainstay.conf
install -m 0644 "$STAGING/files/logrotate.conf" /etc/logrotate.d/mainstay
# It is started by our unit, and not without a configuration.
systemctl disable amazon-cloudwatch-agent.service
