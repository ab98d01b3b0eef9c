#!/usr/bin/env bash
# Tries an rpm as far as rpm alone goes: what it wants and brings, that it installs into an empty root and leaves nothing
# there. Run as root, on any Linux that has rpm: rpm.sh KHAYA.rpm
set -euo pipefail

rpm=$(realpath "$1")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

say() { printf '==> %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# Without what it depends on: that is another distribution's.
in_root() { rpm --root "$root" "$@"; }
files() { (cd "$root" && find usr -type f 2>/dev/null | sort); }

say "Says what it is"
for tag in NAME VERSION LICENSE SUMMARY; do
    [ "$(rpm -qp --queryformat "%{$tag}" "$rpm" 2>/dev/null)" != "(none)" ] || fail "it has no $tag"
done
wanted=$(rpm -qp --requires "$rpm" 2>/dev/null)
for library in libwebkit2gtk-4.1 libgtk-3 libdbus-1; do
    grep -q "^$library" <<< "$wanted" || fail "it does not ask for $library"
done

say "Installs"
in_root --initdb
in_root -i --nodeps --nosignature "$rpm"
in_root -V --nodeps khaya || fail "it is not as it was packed"
for file in usr/bin/khaya usr/share/applications/khaya.desktop usr/share/metainfo/chat.khaya.desktop.metainfo.xml \
    usr/share/icons/hicolor/scalable/apps/khaya.svg usr/share/man/man1/khaya.1 usr/share/licenses/khaya/LICENSE-MIT; do
    [ -s "$root/$file" ] || fail "there is no $file"
done
[ -x "$root/usr/bin/khaya" ] || fail "the program cannot be run"
# What libraries are linked with in turn is their own affair, and differs between distributions.
linked=$(readelf -d "$root/usr/bin/khaya" | sed -n 's/.*Shared library: \[\(.*\)\]/\1/p')
for library in $(sed -n 's/^\([^ (]*\.so[^ (]*\)(.*/\1/p' <<< "$wanted" | sort -u); do
    grep -qxF "$library" <<< "$linked" || fail "it asks for $library, which it does not use"
done
for size in 16x16 24x24 32x32 48x48 64x64 128x128 256x256 512x512; do
    [ -s "$root/usr/share/icons/hicolor/$size/apps/khaya.png" ] || fail "no icon of $size"
done
grep -q '^MimeType=x-scheme-handler/khaya;' "$root/usr/share/applications/khaya.desktop" || fail "no handler of khaya://"

say "Goes"
mkdir -p "$root/home/ada/.local/share/khaya/default"
# Its script needs a shell, which an empty root has not.
in_root -e --noscripts khaya
[ -z "$(files)" ] || fail "it leaves $(files)"
[ -d "$root/home/ada/.local/share/khaya/default" ] || fail "what was stored is gone"
scripts=$(rpm -qp --scripts "$rpm" 2>/dev/null)
grep -q 'left in place' <<< "$scripts" || fail "it does not say what it leaves"
say "Passed"
