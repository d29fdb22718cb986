#!/usr/bin/env bash
# A kernel for interop:rdma: Debian's own, with the two modules that it is built without, cifs.ko with SMB Direct and
# siw.ko (iWARP over TCP), this one in every way in which it can begin a connection. They are built out of tree.
#
#     build-guest.sh KERNEL SOURCE OUT
#
#     KERNEL   Debian's package unpacked: boot/vmlinuz-R, lib/modules/R (interop:kernel leaves it in /tmp/usmbd-kernel)
#     SOURCE   linux-source-6.1, unpacked
#     OUT      made: boot, lib/modules/R, and siw/VARIANT.ko
#
# Needs linux-headers-R, make, gcc. Three minutes.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,11s/^# \?//p' "$0"; exit 2; }
kernel=$(realpath "$1") source=$(realpath "$2") out=$(realpath -m "$3")
release=$(basename "$kernel"/lib/modules/*)
headers=/usr/src/linux-headers-$release
[ -d "$headers" ] || { echo "apt-get install linux-headers-$release"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# replace FILE OLD NEW: by the text; the source is another one where it is not there.
replace() {
  grep -qF -- "$2" "$1" || { echo "$1 has no \"$2\": is this linux-source-6.1?"; exit 1; }
  OLD=$2 NEW=$3 perl -0pi -e 's/\Q$ENV{OLD}\E/$ENV{NEW}/' "$1"
}
build() { make -s -j2 -C "$headers" M="$1" "${@:2}" modules; }

mkdir -p "$work/fs" "$out/siw"
cp -r "$source/fs/smb" "$work/fs/"
cp "$source/fs/internal.h" "$source/fs/mount.h" "$work/fs/"
gcc -O1 -o "$work/asn1" -I"$source/include" -I"$source/include/uapi" "$source/scripts/asn1_compiler.c"
for grammar in "$work"/fs/smb/client/*.asn1; do
  (cd "$(dirname "$grammar")" && "$work/asn1" "$(basename "$grammar")" "$grammar.c" "$grammar.h")
done
# Linux 6.1 takes what lies on its stack, or in the module, for a part of its linear memory: a compound with padding
# between its members crashes it, as rename and rmdir are. Later kernels ask vmalloc, too.
replace "$work/fs/smb/client/smbdirect.c" 'sg_set_buf(&sgl[i], iov[i].iov_base, iov[i].iov_len);' \
  'if (!virt_addr_valid(iov[i].iov_base))
    sg_set_page(&sgl[i], vmalloc_to_page(iov[i].iov_base), iov[i].iov_len, offset_in_page(iov[i].iov_base));
  else
    sg_set_buf(&sgl[i], iov[i].iov_base, iov[i].iov_len);'
build "$work/fs/smb/client" CONFIG_CIFS=m CONFIG_CIFS_SMB_DIRECT=y \
  KCFLAGS='-DCONFIG_CIFS_SMB_DIRECT=1 -DCONFIG_CIFS_DEBUG2=1'

# variant NAME [FILE OLD NEW]…
variant() {
  local name=$1 folder=$work/siw-$1
  shift
  cp -r "$source/drivers/infiniband/sw/siw" "$folder"
  while [ $# -gt 0 ]; do replace "$folder/$1" "$2" "$3"; shift 3; done
  build "$folder" CONFIG_RDMA_SIW=m KCFLAGS=-DCONFIG_RDMA_SIW_MODULE=1
  strip -g "$folder/siw.ko"
  cp "$folder/siw.ko" "$out/siw/$name.ko"
}
crc=(siw_main.c 'const bool mpa_crc_required;' 'const bool mpa_crc_required = true;')
peers=(siw_main.c 'const bool peer_to_peer;' 'const bool peer_to_peer = true;')
both='MPA_V2_RDMA_READ_RTR | MPA_V2_RDMA_WRITE_RTR;'
variant plain
variant crc "${crc[@]}"
variant mpa1 siw_main.c 'u_char mpa_version = MPA_REVISION_2;' 'u_char mpa_version = MPA_REVISION_1;'
variant rtr-any "${peers[@]}"
variant rtr-write "${peers[@]}" siw_cm.c "rtr_type = $both" 'rtr_type = MPA_V2_RDMA_WRITE_RTR;'
variant rtr-read-crc "${peers[@]}" "${crc[@]}" siw_cm.c "rtr_type = $both" 'rtr_type = MPA_V2_RDMA_READ_RTR;'

rm -rf "$out/boot" "$out/lib"
mkdir -p "$out/lib/modules"
cp -al "$kernel/boot" "$out/boot"
cp -al "$kernel/lib/modules/$release" "$out/lib/modules/$release"
modules=$out/lib/modules/$release/kernel
strip -g "$work/fs/smb/client/cifs.ko"
rm -f "$modules/fs/smb/client/cifs.ko"
cp "$work/fs/smb/client/cifs.ko" "$modules/fs/smb/client/"
echo "$out: Linux $release with SMB Direct; siw: $(cd "$out/siw" && echo *)"
