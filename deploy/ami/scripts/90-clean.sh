#!/bin/sh
# Takes away what belongs to the machine that built the image: each machine makes
# its own identity, and no key or log travels with the image.
set -eu

apt-get clean
rm -rf /var/lib/apt/lists/*
cloud-init clean --logs --seed
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed
rm -f /etc/ssh/ssh_host_*
find /home /root -maxdepth 2 -name .bash_history -delete
find /home /root -path '*/.ssh/authorized_keys' -delete
journalctl --rotate --quiet || true
rm -rf /var/log/journal/* "$STAGING"
find /var/log -type f -exec truncate --size 0 {} +
find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'script_*' -exec rm -rf {} +
sync
