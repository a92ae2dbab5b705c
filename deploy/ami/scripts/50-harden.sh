#!/bin/sh
# Closes what a machine does not need. Nobody logs in to one: it is replaced, and
# its logs are elsewhere. Security fixes come by themselves and restart nothing
# that serves; a new kernel comes with the next image.
set -eu

# No login: not by SSH (unless somebody unmasks it on purpose), not by password.
systemctl disable ssh.service
systemctl mask ssh.service ssh.socket
install -d -m 0755 /etc/ssh/sshd_config.d
install -m 0644 "$STAGING/files/sshd.conf" /etc/ssh/sshd_config.d/00-mainstay.conf
passwd --lock root
awk -F: '$3 >= 1000 && $3 < 60000 { print $1 }' /etc/passwd | while read -r user; do
	passwd --lock "$user"
done
systemctl mask getty@tty1.service serial-getty@ttyS0.service

install -m 0644 "$STAGING/files/sysctl.conf" /etc/sysctl.d/90-mainstay.conf
install -m 0644 "$STAGING/files/modprobe.conf" /etc/modprobe.d/90-mainstay.conf
install -D -m 0644 "$STAGING/files/journald.conf" /etc/systemd/journald.conf.d/90-mainstay.conf
install -D -m 0644 "$STAGING/files/coredump.conf" /etc/systemd/system.conf.d/90-mainstay.conf
install -m 0644 "$STAGING/files/apt.conf" /etc/apt/apt.conf.d/90-mainstay
systemctl enable unattended-upgrades.service

# What has no use here.
apt-get purge -q -y --auto-remove rpcbind nfs-common exim4-base 2>/dev/null || true
