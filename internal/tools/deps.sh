#!/bin/sh
# Installs what berth needs to run, to build and to test, or says what to install.
# Quick and silent when nothing is missing. usage: deps.sh [run|all]
set -eu
what=${1:-all}

# Package by distribution, program (or file) that shows it is there.
run_programs='crun conmon netavark aardvark-dns catatonit nft iptables newuidmap'
test_programs='pasta slirp4netns runc busybox docker-registry dpkg-deb curl jq ip pkill findmnt gcc git'

# Tests in a virtual machine need these, and Debian's packages for the guest.
vm_programs='qemu-system-x86_64 qemu-img mke2fs'
vm_here() {
	[ "$what" = all ] && command -v apt-get >/dev/null 2>&1 && [ "$(dpkg --print-architecture)" = amd64 ] &&
		grep -qx ID=debian /etc/os-release
}

find_program() { # on PATH, or where distributions keep podman's helpers
	command -v "$1" >/dev/null 2>&1 && return
	for dir in /usr/sbin /sbin /usr/lib/podman /usr/libexec/podman /usr/local/libexec/podman /usr/libexec/catatonit; do
		[ -x "$dir/$1" ] && return
	done
	return 1
}

missing() {
	for p in $run_programs; do find_program "$p" || echo "$p"; done
	[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || [ -e /etc/ssl/cert.pem ] || echo ca-certificates
	[ -e /etc/containers/policy.json ] || [ -e /usr/share/containers/policy.json ] || echo policy.json
	[ "$what" = all ] || return 0
	for p in $test_programs; do find_program "$p" || echo "$p"; done
	vm_here || return 0
	for p in $vm_programs; do find_program "$p" || echo "$p"; done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
	packages='crun conmon netavark aardvark-dns catatonit nftables iptables uidmap ca-certificates golang-github-containers-common'
	[ "$what" = run ] || packages="$packages passt slirp4netns runc busybox-static docker-registry curl jq iproute2 procps util-linux gcc libc6-dev git make systemd"
	! vm_here || packages="$packages qemu-system-x86 qemu-utils e2fsprogs"
	# Only what is not there: no package is upgraded behind anybody's back.
	want=
	for p in $packages; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || want="$want $p"
	done
	[ -n "$want" ] || return 0
	echo "installing:$want"
	# A policy that says no keeps packages from starting their services here.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
		trap 'as_root rm -f "$policy"' EXIT
	fi
	# shellcheck disable=SC2086
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $want >/dev/null 2>&1 || {
		as_root apt-get update -qq || true # one dead source among several need not stop us
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $want >/dev/null
	}
}

advise() {
	cat <<EOT
berth needs these programs, and this machine has no apt: $1
  dnf:    sudo dnf install crun conmon netavark aardvark-dns catatonit nftables iptables-nft shadow-utils containers-common
  apk:    sudo apk add crun conmon netavark aardvark-dns catatonit nftables iptables shadow-uidmap containers-common
  pacman: sudo pacman -S crun conmon netavark aardvark-dns catatonit nftables iptables-nft shadow containers-common
  zypper: sudo zypper install crun conmon netavark aardvark-dns catatonit nftables iptables shadow libcontainers-common
for its tests also: passt, slirp4netns, runc, a static busybox, docker-registry (distribution), curl, jq, iproute2, procps, gcc, git
EOT
}

# The packages that some images of the e2e tests, and the virtual machine, are made
# of, with all they need, whatever this machine has itself.
fetch_debs() { # name package…
	name=$1; shift
	dir=${BERTH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/berth}/debs/$name
	[ "$(cat "$dir/complete" 2>/dev/null)" != "$*" ] || return 0
	echo "downloading the packages of $name for tests"
	rm -rf "$dir" # it may hold what another list asked for
	mkdir -p "$dir/partial"
	: >"$dir/status"
	options="-o Dir::State::status=$dir/status -o Dir::Cache::archives=$dir -o APT::Install-Recommends=false
		-o APT::Sandbox::User=root -o Debug::NoLocking=1 -o APT::Get::List-Cleanup=false"
	# shellcheck disable=SC2086
	apt-get $options -qq -y --download-only install "$@" >/dev/null 2>&1 || {
		as_root apt-get update -qq || true
		apt-get $options -qq -y --download-only install "$@" >/dev/null
	}
	echo "$*" >"$dir/complete"
}

# podman with Quadlet, which Debian 12 has not, and the helpers of its release: unpacked,
# for test hosts that have them as if they were installed (testhost.Options.Packages).
# Scripts that need them are skipped where there are none.
podman_release=forky
podman_packages='podman crun conmon netavark aardvark-dns passt slirp4netns'
fetch_podman() {
	dir=${BERTH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/berth}/debs/podman
	[ "$(cat "$dir/complete" 2>/dev/null)" != "$podman_packages" ] || return 0
	echo "downloading podman of Debian's $podman_release for tests"
	rm -rf "$dir"
	mkdir -p "$dir/debs/partial" "$dir/state/lists/partial" "$dir/etc" "$dir/root"
	: >"$dir/status"
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $(. /etc/os-release; echo "$VERSION_CODENAME")" | head -n 1)
	echo "deb ${mirror:-no mirror of Debian} $podman_release main" >"$dir/sources.list"
	options="-o Dir::Etc::SourceList=$dir/sources.list -o Dir::Etc::SourceParts=$dir/etc -o Dir::Etc::Preferences=$dir/etc/none
		-o Dir::Etc::PreferencesParts=$dir/etc -o Dir::State=$dir/state -o Dir::State::status=$dir/status -o Dir::Cache=$dir
		-o Dir::Cache::archives=$dir/debs -o Acquire::Languages=none -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Debug::NoLocking=1"
	# shellcheck disable=SC2086
	apt-get $options -qq update >/dev/null && apt-get $options -qq -y --download-only install $podman_packages >/dev/null || {
		echo "no podman of $podman_release here: the tests that move from podman to berth will be skipped" >&2
		return 0
	}
	for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
	rm -rf "$dir/debs" "$dir/state" "$dir"/*.bin
	(cd "$dir/root/usr" && rm -rf share/doc share/man share/locale libexec/podman/podman-testing)
	echo "$podman_packages" >"$dir/complete"
}

absent=$(missing | tr '\n' ' ')
if [ -n "$absent" ]; then
	if command -v apt-get >/dev/null 2>&1; then
		apt_install
		absent=$(missing | tr '\n' ' ')
		[ -z "$absent" ] || { echo "still missing after the install: $absent" >&2; exit 1; }
	else
		advise "$absent"
		exit 1
	fi
fi
if [ "$what" = all ] && command -v apt-get >/dev/null 2>&1; then
	fetch_debs nginx nginx-light
	fetch_debs redis redis-server
	fetch_debs postgres postgresql-15
	! vm_here || fetch_podman
	! vm_here || fetch_debs vm '?essential' systemd-sysv udev kmod dbus linux-image-cloud-amd64 busybox-static \
		crun conmon netavark aardvark-dns catatonit nftables iptables uidmap ca-certificates golang-github-containers-common \
		iproute2 procps curl jq apparmor
fi
