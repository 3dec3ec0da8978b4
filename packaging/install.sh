#!/bin/sh
# Installs the server of this tarball, or removes it. `./install.sh --help` says how.
set -eu
# The server, which is not root, reads what is installed, whatever the umask of the caller is.
umask 022

usage() {
    cat <<'END'
usage: ./install.sh [--prefix FOLDER] [--root FOLDER] [--uninstall]

  --prefix FOLDER   where the program goes, or is (default: where the service of an
                    installation has it, otherwise /usr/local)
  --root FOLDER     install into another root, such as that of an image (default: /)
  --uninstall       remove the program; configuration, leases and logs remain

An installation over an older one keeps configuration, leases and logs. Restart the
server afterwards: systemctl restart lessor
END
}

prefix='' root='' uninstall=no
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=${2:?--prefix needs a folder}; shift 2 ;;
        --root) root=${2:?--root needs a folder}; shift 2 ;;
        --uninstall) uninstall=yes; shift ;;
        --help) usage; exit 0 ;;
        *) echo "install.sh: found $1, which is no option" >&2; usage >&2; exit 2 ;;
    esac
done
if [ "$(id -u)" != 0 ]; then
    echo "install.sh: needs root, to create a user and a service" >&2
    exit 1
fi
root=${root%/}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
unit=$root/etc/systemd/system/lessor.service
# The unit of a Debian package, which one in /etc would hide.
package_unit=
for folder in /usr/lib /lib; do
    found=$root$folder/systemd/system/lessor.service
    if [ -e "$found" ]; then package_unit=$found; fi
done
# The folder that the service starts the program in, if this script has installed it.
former=
if [ -e "$unit" ]; then
    former=$(sed -n 's|^ExecStart=\(/[^ ]*\)/bin/lessor serve.*|\1|p' "$unit")
fi
if [ -n "$package_unit" ] && [ "$former" = /usr ]; then former=; fi
prefix=${prefix:-${former:-/usr/local}}
prefix=${prefix%/}
# The unit names the folder, and systemd gives other characters a meaning.
case $prefix in
    *[!A-Za-z0-9/._+-]*) is_usable=no ;;
    /*) is_usable=yes ;;
    *) is_usable=no ;;
esac
if [ "$is_usable" = no ]; then
    echo "install.sh: found --prefix ${prefix:-/}; wanted a path that begins with / and has" \
        "letters, digits and / . _ + - only" >&2
    exit 2
fi
to=$root$prefix
runs_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

remove() {
    rm -rf "$to/bin/lessor" "$to/lib/lessor" "$to/share/lessor" "$to/share/doc/lessor"
    rm -f "$to"/share/man/man1/lessor.1 "$to"/share/man/man1/lessor-*.1
    rm -f "$to/share/bash-completion/completions/lessor" \
        "$to/share/fish/vendor_completions.d/lessor.fish" \
        "$to/share/zsh/site-functions/_lessor"
}

if [ "$uninstall" = yes ]; then
    if [ -n "$package_unit" ] && [ "$prefix" = /usr ]; then
        echo "install.sh: found the package of $package_unit in /usr; nothing was removed. Remove" \
            "the package instead (on Debian: apt remove lessor)" >&2
        exit 1
    fi
    if [ "$former" != "$prefix" ] && [ ! -e "$to/bin/lessor" ]; then
        echo "install.sh: found no $to/bin/lessor; nothing was removed. Name the folder of the" \
            "installation with --prefix${former:+, or leave it out to remove that in $former}" >&2
        exit 1
    fi
    if [ -n "$former" ] && [ "$former" != "$prefix" ]; then
        remove
        echo "removed the program in $prefix; the service and its program in $former remain"
        exit 0
    fi
    if runs_systemd; then systemctl disable --now lessor.service || true; fi
    remove
    rm -f "$unit" "$root/etc/sysctl.d/50-lessor.conf"
    # A package has a file of the same name.
    if [ -z "$package_unit" ]; then rm -f "$root/etc/logrotate.d/lessor"; fi
    if runs_systemd; then systemctl daemon-reload; fi
    echo "removed; /etc/lessor, /var/lib/lessor, /var/log/lessor and the user lessor remain"
    if [ -n "$package_unit" ]; then
        echo "systemctl enable --now lessor starts the server of the package."
    fi
    exit 0
fi

if [ -n "$package_unit" ]; then
    echo "install.sh: found $package_unit, so a package of the server is installed." \
        "Upgrade it, or remove it first (on Debian: apt remove lessor); configuration and leases" \
        "remain" >&2
    exit 1
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
install_file() {
    mkdir -p "${2%/*}"
    cp "$1" "$2"
    chmod "$3" "$2"
}
install_file "$here/bin/lessor" "$to/bin/lessor" 0755
files=$(cd "$here" && find lib/lessor share/lessor share/doc share/man share/bash-completion \
    share/fish -type f)
printf '%s\n' "$files" | while IFS= read -r file; do
    install_file "$here/$file" "$to/$file" 0644
done
# Debian's zsh looks into vendor-completions, but only below /usr.
install_file "$here/share/zsh/vendor-completions/_lessor" \
    "$to/share/zsh/site-functions/_lessor" 0644
# The server does not use compiled code that others could write.
chown -R 0:0 "$to/lib/lessor"

mkdir -p "$root/etc/lessor/plugins" "$root/etc/systemd/system" "$root/etc/sysctl.d"
sed "s|/usr/bin/lessor|$prefix/bin/lessor|" "$here/lib/systemd/system/lessor.service" >"$unit"
install_file "$here/lib/sysctl.d/50-lessor.conf" "$root/etc/sysctl.d/50-lessor.conf" 0644
if [ -d "$root/etc/logrotate.d" ]; then
    install_file "$here/share/lessor/etc/logrotate.d/lessor" "$root/etc/logrotate.d/lessor" 0644
fi
if [ ! -e "$root/etc/lessor/lessor.toml" ]; then
    sed -e "s|/usr/lib/|$prefix/lib/|g" -e "s|/usr/share/|$prefix/share/|g" \
        "$here/share/lessor/lessor.toml" >"$root/etc/lessor/lessor.toml"
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
if [ -n "$former" ] && [ "$former" != "$prefix" ] && [ -e "$root$former/bin/lessor" ]; then
    echo "The service does not use the program in $former any more. To remove that one:"
    echo "  ./install.sh --uninstall --prefix $former"
fi
