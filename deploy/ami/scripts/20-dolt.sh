#!/bin/sh
# Installs the releases of Dolt in /opt/mainstay/dolt/<version>/dolt. What is
# fetched has the checksum that was agreed on, or the build ends.
set -eu

fetch() { # version, checksum, URL
	dir="/opt/mainstay/dolt/$1"
	work=$(mktemp -d)
	curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' \
		--retry 3 --max-time 600 --output "$work/dolt.tar.gz" "$3"
	echo "$2  $work/dolt.tar.gz" | sha256sum --check --quiet
	tar -xzf "$work/dolt.tar.gz" -C "$work" --no-same-owner
	program=$(find "$work" -type f -path '*/bin/dolt')
	if [ "$(printf '%s\n' "$program" | grep -c .)" -ne 1 ]; then
		echo "$3 holds no file bin/dolt, or several; give the URL of a release for Linux" >&2
		exit 1
	fi
	install -D -m 0755 -o root -g root "$program" "$dir/dolt"
	# The wrong arch does not run, and a wrong file says another version. It wants a
	# home to be there.
	said=$(HOME=$work DOLT_DISABLE_EVENT_FLUSH=1 "$dir/dolt" version | sed -n '1s/^dolt version //p')
	rm -rf "$work"
	if [ "$said" != "$1" ]; then
		echo "$3 is Dolt $said and not $1; correct the variable dolt" >&2
		exit 1
	fi
}

if [ "$ROLE" != machine ]; then
	exit 0
fi
if [ -z "$DOLT" ]; then
	echo "no release of Dolt is named; machines would have to fetch each at their first order" >&2
	exit 0
fi
for release in $DOLT; do
	rest=${release#*,}
	fetch "${release%%,*}" "${rest%%,*}" "${rest#*,}"
done
