#!/bin/sh
# Builds the embedded pause for each architecture; needs gcc and, for the other
# architecture, Debian's gcc-aarch64-linux-gnu or gcc-x86-64-linux-gnu.
set -eu
cd "$(dirname "$0")"
build() {
	arch=$1 prefix=$2
	"${prefix}gcc" -Os -Wall -Werror -nostdlib -static -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fno-pie -no-pie -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack -o "pause_$arch" pause.c
	"${prefix}strip" -s -R .comment "pause_$arch"
}
build amd64 x86_64-linux-gnu-
build arm64 aarch64-linux-gnu-
