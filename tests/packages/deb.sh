#!/usr/bin/env bash
# Tries a deb on a fresh Debian: it installs, starts, has the link and its notices' name registered, and leaves
# nothing but what people have stored. Run as root: deb.sh KHAYA.deb [ROOT]; needs debootstrap, xvfb, xdotool, lintian,
# appstream; the packages come from debootstrap's usual mirror, or from MIRROR.
set -euo pipefail

deb=$(realpath "$1")
root=${2:-$(mktemp -d)}
# Who is not root goes into it, too.
mkdir -p "$root"
chmod 755 "$root"

say() { printf '==> %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
in_root() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}
as_person() {
    chroot --userspec=ada:ada "$root" env -i PATH=/usr/bin:/bin HOME=/home/ada USER=ada LANG=C.UTF-8 DISPLAY=:77 \
        XDG_RUNTIME_DIR=/home/ada/run NO_AT_BRIDGE=1 LIBGL_ALWAYS_SOFTWARE=1 "$@"
}
files() { (cd "$root" && find usr etc opt -xdev -iname '*khaya*' | sort); }

xvfb=
app=
cleanup() {
    [ -z "$app" ] || kill -- "-$app" 2>/dev/null || true
    [ -z "$xvfb" ] || kill "$xvfb" 2>/dev/null || true
    for mount in tmp/.X11-unix dev/shm dev/pts dev proc; do umount -l "$root/$mount" 2>/dev/null || true; done
}
trap cleanup EXIT

say "Keeps to the rules"
# It closes no bug of Debian's: it is not for Debian's own archive.
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$deb" || fail "lintian"
unpacked=$(mktemp -d)
dpkg-deb --extract "$deb" "$unpacked"
appstreamcli validate --no-net "$unpacked"/usr/share/metainfo/*.metainfo.xml || fail "its metadata"
rm -r "$unpacked"

if [ ! -x "$root/usr/bin/apt-get" ]; then
    say "A fresh Debian in $root"
    debootstrap --variant=minbase bookworm "$root" ${MIRROR:+"$MIRROR"}
fi
mkdir -p "$root/tmp/.X11-unix"
mount -t proc proc "$root/proc"
# Private, so that what is mounted in it is not mounted outside too.
mount --bind /dev "$root/dev" && mount --make-private "$root/dev"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
[ ! -e /etc/ssl/certs/ca-certificates.crt ] || { mkdir -p "$root/etc/ssl/certs" && cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"; }

say "Installs"
[ -z "$(files)" ] || fail "there is something of Khaya before: $(files)"
cp "$deb" "$root/tmp/khaya.deb"
in_root apt-get update -qq
in_root apt-get install -qq --yes --no-install-recommends /tmp/khaya.deb dbus desktop-file-utils xdg-utils > /dev/null
in_root dpkg --status khaya | grep -q '^Status: install ok installed' || fail "dpkg does not know it"
in_root khaya --version

say "Registers the link, and the name of its notices"
handler=$(in_root xdg-mime query default x-scheme-handler/khaya)
[ "$handler" = khaya.desktop ] || fail "khaya:// is opened by '$handler'"
in_root desktop-file-validate /usr/share/applications/khaya.desktop
grep -q '^X-GNOME-UsesNotifications=true' "$root/usr/share/applications/khaya.desktop" || fail "no notices"
for size in 16x16 24x24 32x32 48x48 64x64 128x128 256x256 512x512; do
    [ -s "$root/usr/share/icons/hicolor/$size/apps/khaya.png" ] || fail "no icon of $size"
done

say "Starts"
in_root useradd --create-home ada
install -d -m 700 "$root/home/ada/run" && in_root chown ada:ada /home/ada/run
Xvfb :77 -screen 0 1280x800x24 -nolisten tcp >/dev/null 2>&1 &
xvfb=$!
until [ -S /tmp/.X11-unix/X77 ]; do kill -0 "$xvfb" || fail "no display"; sleep 0.1; done
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
set -m
as_person dbus-run-session -- khaya > "$root/home/ada/khaya.log" 2>&1 &
app=$!
set +m
for _ in $(seq 600); do
    grep -q 'the window is painted' "$root/home/ada/khaya.log" && break
    kill -0 "$app" 2>/dev/null || fail "it ended: $(cat "$root/home/ada/khaya.log")"
    sleep 0.1
done
grep -q 'the window is painted' "$root/home/ada/khaya.log" || fail "no window: $(cat "$root/home/ada/khaya.log")"
DISPLAY=:77 xdotool search --onlyvisible --name '^Khaya$' > /dev/null || fail "no window is to be seen"
as_person khaya khaya://chat/none | grep -q 'open already' || fail "a link does not reach it"
kill -TERM -- "-$app" && wait "$app" 2>/dev/null || true
app=

say "Goes"
in_root apt-get purge -qq --yes khaya | grep 'left in place' || fail "it does not say what it leaves"
[ -z "$(files | grep -v -e '^usr/share/doc/khaya$')" ] || fail "it leaves $(files)"
[ -d "$root/home/ada/.local/share/khaya/default" ] || fail "what was stored is gone"
say "Passed"
