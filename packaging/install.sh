#!/bin/sh
# Installs the server of this tarball, or removes it. `./install.sh --help` says how.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--prefix FOLDER] [--root FOLDER] [--uninstall]

  --prefix FOLDER   where the program goes (default: /usr/local)
  --root FOLDER     install into another root, such as that of an image (default: /)
  --uninstall       remove the program; configuration, leases and logs remain

An installation over an older one keeps configuration, leases and logs. Restart the
server afterwards: systemctl restart lessor
END
}

prefix=/usr/local root= uninstall=no
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=${2:?--prefix needs a folder}; shift 2 ;;
        --root) root=${2:?--root needs a folder}; shift 2 ;;
        --uninstall) uninstall=yes; shift ;;
        --help) usage; exit 0 ;;
        *) echo "install.sh: found $1, which is no option" >&2; usage >&2; exit 2 ;;
    esac
done
case $prefix in
    /*) ;;
    *) echo "install.sh: found --prefix $prefix; wanted a path that begins with /" >&2; exit 2 ;;
esac
if [ "$(id -u)" != 0 ]; then
    echo "install.sh: needs root, to create a user and a service" >&2
    exit 1
fi
root=${root%/} prefix=${prefix%/}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
to=$root$prefix
unit=$root/etc/systemd/system/lessor.service
runs_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

remove() {
    rm -rf "$to/bin/lessor" "$to/lib/lessor" "$to/share/lessor" "$to/share/doc/lessor"
    rm -f "$to"/share/man/man1/lessor.1 "$to"/share/man/man1/lessor-*.1
    rm -f "$to/share/bash-completion/completions/lessor" \
        "$to/share/fish/vendor_completions.d/lessor.fish" \
        "$to/share/zsh/vendor-completions/_lessor"
}

if [ "$uninstall" = yes ]; then
    if runs_systemd; then systemctl disable --now lessor.service || true; fi
    remove
    rm -f "$unit" "$root/etc/sysctl.d/50-lessor.conf" "$root/etc/logrotate.d/lessor"
    if runs_systemd; then systemctl daemon-reload; fi
    echo "removed; /etc/lessor, /var/lib/lessor, /var/log/lessor and the user lessor remain"
    exit 0
fi

if ! grep -q '^lessor:' "$root/etc/passwd" 2>/dev/null; then
    if command -v useradd >/dev/null; then
        useradd ${root:+--root "$root"} --system --user-group --no-create-home \
            --home-dir /var/lib/lessor --shell /usr/sbin/nologin lessor
    elif [ -z "$root" ]; then
        addgroup -S lessor
        adduser -S -D -H -h /var/lib/lessor -s /sbin/nologin -G lessor lessor
    else
        echo "install.sh: found no useradd; create the user lessor in $root first" >&2
        exit 1
    fi
fi
owner=$(awk -F: '$1 == "lessor" { print $3 ":" $4 }' "$root/etc/passwd")

# What an older version installed and this one does not would remain otherwise.
remove
mkdir -p "$to/bin"
cp "$here/bin/lessor" "$to/bin/lessor"
chmod 0755 "$to/bin/lessor"
for folder in lib/lessor share/lessor share/doc share/man share/bash-completion share/fish \
    share/zsh; do
    mkdir -p "$to/$folder"
    cp -R "$here/$folder/." "$to/$folder/"
done
# The server does not use compiled code that others could write.
chown -R 0:0 "$to/lib/lessor"
chmod -R u=rwX,go=rX "$to/lib/lessor"

mkdir -p "$root/etc/lessor/plugins" "$root/etc/systemd/system" "$root/etc/sysctl.d"
sed "s|/usr/bin/lessor|$prefix/bin/lessor|" "$here/lib/systemd/system/lessor.service" >"$unit"
cp "$here/lib/sysctl.d/50-lessor.conf" "$root/etc/sysctl.d/50-lessor.conf"
if [ -d "$root/etc/logrotate.d" ]; then
    cp "$here/share/lessor/etc/logrotate.d/lessor" "$root/etc/logrotate.d/lessor"
fi
if [ ! -e "$root/etc/lessor/lessor.toml" ]; then
    sed "s|/usr/\(lib\|share\)/|$prefix/\1/|" "$here/share/lessor/lessor.toml" \
        >"$root/etc/lessor/lessor.toml"
fi
for folder in /var/lib/lessor /var/log/lessor; do
    if [ ! -d "$root$folder" ]; then
        mkdir -p "$root$folder"
        chown "$owner" "$root$folder"
        chmod 0750 "$root$folder"
    fi
done
if runs_systemd; then systemctl daemon-reload; fi

cat <<END
installed $("$to/bin/lessor" --version | head -n 1) in $to
  1. edit /etc/lessor/lessor.toml
  2. lessor check
  3. systemctl enable --now lessor      (after an upgrade: systemctl restart lessor)
END
