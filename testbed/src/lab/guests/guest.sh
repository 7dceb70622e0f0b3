# Sourced by prepare.sh here, and by scripts/test-nics, test-two-guests, test-guest-lab and test-guest-vhost-user: QEMU, and the disk of the guests. The caller sets `guests` (this folder), `target`, and a
# function `left_out` that prints what cannot be run and ends the script. `oldest_qemu` is the oldest version that it can use, if that is not 8.
# Afterwards: qemu (an array, the command), and disk, kernel and initrd (files).

[ "$(uname -m)" = x86_64 ] || left_out "everything: the guest is x86-64 and this machine is $(uname -m)"
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
command -v dpkg >/dev/null || left_out "everything: the guest is made from Debian packages, and this machine has no dpkg"
made="$target/nics"; mkdir -p "$made"

# --- QEMU ---------------------------------------------------------------------------------------------------------------
qemu=()
version_of() { "$@" --version 2>/dev/null | sed -n '1s/.*version \([0-9]*\).*/\1/p'; }
if command -v qemu-system-x86_64 >/dev/null && [ "$(version_of qemu-system-x86_64)" -ge "${oldest_qemu:-8}" ]; then
  qemu=(qemu-system-x86_64)
else
  unpacked="$made/qemu"
  if [ ! -x "$unpacked/usr/bin/qemu-system-x86_64" ]; then
    mirror=$(apt-get indextargets --format '$(URI)' 'Created-By: Packages' | sed -n 's#/dists/bookworm/.*##p' | head -n1)
    [ -n "$mirror" ] || left_out "everything: no QEMU 8 or newer here, and no Debian 12 mirror to take one from"
    own=$(mktemp -d); trap 'rm -rf "$own"' EXIT
    mkdir -p "$own/state/lists/partial" "$own/cache/archives/partial"
    for suite in bookworm bookworm-updates bookworm-backports; do
      echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
    done > "$own/sources.list"
    options=(-qq -o "Dir::Etc::sourcelist=$own/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State=$own/state"
             -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$own/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update >/dev/null || left_out "everything: bookworm-backports cannot be reached"
    apt-get "${options[@]}" install -y --download-only --no-install-recommends -t bookworm-backports qemu-system-x86 >/dev/null 2>&1 ||
      left_out "everything: QEMU of bookworm-backports cannot be downloaded"
    rm -rf "$unpacked"; mkdir -p "$unpacked"
    for package in "$own"/cache/archives/*.deb; do dpkg -x "$package" "$unpacked"; done
    rm -rf "$own"; trap - EXIT
  fi
  data="$unpacked/usr/share"
  qemu=(env "LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu" "$unpacked/usr/bin/qemu-system-x86_64"
        -L "$data/qemu" -L "$data/seabios" -L "$unpacked/usr/lib/ipxe/qemu")
fi
echo "QEMU $(version_of "${qemu[@]}"), software emulation"

# --- the guest's disk -----------------------------------------------------------------------------------------------------
packages=linux-image-amd64,libdpdk-dev,dpdk,iproute2,ethtool,kmod,pciutils,udev,procps,python3-minimal,openssh-server,iperf3,qperf,nginx,curl,openssl
recipe=$(echo "$codename $packages" | cat - "$guests/guest-init" | sha256sum | cut -c1-16)
disk="$made/guest-$recipe.img"; kernel="$made/vmlinuz-$recipe"; initrd="$made/initrd-$recipe"
if [ ! -f "$disk" ]; then
  command -v mmdebstrap >/dev/null || apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null 2>&1 || left_out "everything: mmdebstrap is not installed"
  echo "making the guest's disk ($codename)"
  tree="$made/tree"; rm -rf "$tree"; mkdir "$tree"
  # The sources that this machine uses itself, so that the guest has the same DPDK.
  sources=(); for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/ubuntu.sources; do
    [ -s "$file" ] && sources+=("$file"); done
  mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$codename" "$made/tree.tar" "${sources[@]}" || left_out "everything: mmdebstrap failed"
  tar -xf "$made/tree.tar" -C "$tree" --exclude='./dev/*'; rm "$made/tree.tar"
  install -m 755 "$guests/guest-init" "$tree/sbin/guest-init"; mkdir -p "$tree/share"
  cp "$tree"/boot/vmlinuz-* "$kernel"; cp "$tree"/boot/initrd.img-* "$initrd"
  mke2fs -q -t ext4 -d "$tree" "$disk.new" $(($(du -sm "$tree" | cut -f1) + 400))M
  mv "$disk.new" "$disk"; rm -rf "$tree"
fi
