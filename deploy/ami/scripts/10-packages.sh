#!/bin/sh
# Brings the system up to date and installs the few packages that are needed.
set -eu
export DEBIAN_FRONTEND=noninteractive

apt-get update -q
apt-get upgrade -q -y
# rsyslog writes what units say to files, which the CloudWatch agent reads;
# xfsprogs and e2fsprogs make and grow the file system of a data volume.
apt-get install -q -y --no-install-recommends \
	ca-certificates chrony curl e2fsprogs logrotate rsyslog unattended-upgrades xfsprogs

if [ "$ROLE" = reconciler ]; then
	# It fetches the hub's password at boot; see files/hub-password.
	apt-get install -q -y --no-install-recommends awscli
fi
