#!/bin/bash
# Does docs/operations.md hold on a machine? Makes a Debian 12 in a folder, types the installation and "With systemd" as they stand
# there, boots it with systemd-nspawn, and runs boot-checks.sh in it, before and after a second boot. 1 if a check fails.
#
#   tests/build/boot.sh SOURCE-DIRECTORY
#
# As root; needs debootstrap, systemd-nspawn and Debian's packages. Takes minutes. The booted system has no network but its own.

set -euo pipefail

source=$(realpath "${1:?the source directory}")
checks=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/boot-checks.sh
for tool in debootstrap systemd-nspawn; do
	command -v "$tool" >/dev/null || { echo "SKIP: there is no $tool (scripts/packages boot)" && exit 77; }
done
((UID == 0)) || { echo "SKIP: only root can boot a system" && exit 77; }

work=$(mktemp -d)
root=$work/root
nspawn=(systemd-nspawn --quiet --directory="$root" --register=no)
[[ -d /run/systemd/system ]] || nspawn+=(--keep-unit)
machine=

# The first block of commands below a heading of the operations manual.
typed() {
	awk -v heading="$1" '$0 == heading { on = 1; next } on && /^#/ { exit } on && /^    / { print substr($0, 5); seen = 1; next } seen { exit }' \
		"$source/docs/operations.md"
}

# The booted system's init is the one child of systemd-nspawn.
inside() {
	nsenter --target "$(pgrep -P "$machine")" --all -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# Waits until all of the boot is done; `degraded` is for the checks to see.
boot() {
	"${nspawn[@]}" --private-network --boot >"$work/boot.log" 2>&1 &
	machine=$!
	for _ in {1..300}; do
		if inside test -S /run/systemd/private 2>/dev/null; then
			inside systemctl is-system-running --wait || true
			return 0
		fi
		sleep 0.1
	done
	cat "$work/boot.log"
	return 1
}

power_off() {
	[[ -n $machine ]] || return 0
	inside systemctl --force poweroff >/dev/null 2>&1 || kill "$machine" 2>/dev/null || true
	wait "$machine" || true
	machine=
}

trap 'power_off; rm -rf "$work"' EXIT

debootstrap --variant=minbase --include=ca-certificates,systemd,systemd-sysv bookworm "$root" >"$work/debootstrap.log" 2>&1 ||
	{ tail "$work/debootstrap.log" && exit 1; }
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -a "$source" "$root/root/vendorfetch"
cp "$checks" "$root/root/boot-checks.sh"
{ echo 'set -ex; cd /root/vendorfetch' && typed '## 1. Install'; } >"$root/root/install.sh"
{
	echo 'set -ex; cd /root/vendorfetch'
	typed '## 2. Redis'
	typed '## 5. Start' | head -n 3
	typed '## With systemd'
} >"$root/root/start.sh"

"${nspawn[@]}" --as-pid2 bash /root/install.sh >"$work/install.log" 2>&1 || { tail -n 30 "$work/install.log" && exit 1; }
boot
inside bash /root/start.sh >"$work/start.log" 2>&1 || { cat "$work/start.log" && exit 1; }
failed=0
inside bash /root/boot-checks.sh running || failed=1
inside make -s -C /root/vendorfetch install >/dev/null # an upgrade, which must not bring the cron lines back
power_off
boot
inside bash /root/boot-checks.sh booted || failed=1
exit "$failed"
