# In the guest, by bash, with this machine's programs: mounts over SMB Direct by each siw and each version, and does
# with the disk what VARIANTS, VERSIONS and CASES name. Says "result NAME VERDICT SECONDS TEXT" of each, VERDICT pass or
# fail, TEXT with ~ for the ends of lines; "check WHAT" asks the runner to look at the server, and waits for its answer.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
hostname guest
mkdir -p /run/mnt /run/mnt2 /run/mnt3
mount -t configfs configfs /sys/kernel/config 2> /dev/null

bad() { echo "bad $*"; }
must() { "$@" > /run/said 2>&1 && return; bad "$* ended with $?"; tail -n 3 /run/said; return 1; }
now() { cut -d' ' -f1 /proc/uptime; }
check() { echo "check $*" > /dev/ttyS1; read -r answer < /dev/ttyS1; [ "$answer" = go ] || bad "$answer"; }
forget() { sync; echo 3 > /proc/sys/vm/drop_caches; }

# How often a connection was not even begun: rdma_cm chooses its port by chance, also one that an earlier connection
# holds for a minute (TIME_WAIT). QEMU's network has no timestamps of TCP, by which Linux would take it again: it says
# EADDRNOTAVAIL, cifs.ko makes ENOENT of it. Nothing of that has left the guest, so that it may try another port.
taken() { dmesg | grep -c 'rdma_connect() failed with -99$'; }

attach() {
  local before code
  for _ in 1 2 3; do
    before=$(taken)
    mount -t cifs "//$ADDRESS/$SHARE" "${1:-/run/mnt}" \
      -o "ip=$ADDRESS,username=$USERNAME,password=$PASSWORD,vers=$version,rdma${2:+,$2}" && return
    code=$?
    [ "$(taken)" -gt "$before" ] || break
    echo 'note one port of the guest was in TIME_WAIT, another was taken' >> /run/case
  done
  return "$code"
}

# MEGABYTES written, looked at by the runner, and read by a mount that has seen none of it.
case_big() {
  local began=$(now) written read
  must cp "$SOURCE" /run/mnt/big; sync
  written=$(now)
  check big
  must umount /run/mnt
  must attach || return
  read=$(now)
  [ "$(sha256sum < /run/mnt/big)" = "$SUM  -" ] || bad 'what is read is not what was written'
  echo "note $MEGABYTES MB: written in $(bc -l <<< "$written - $began") s, read and summed in $(bc -l <<< "$(now) - $read") s"
  must rm /run/mnt/big
}

# A tree of FILES small files: in, read by another mount, renamed, gone.
case_files() {
  must cp -r "$SMALL" /run/mnt/small
  must umount /run/mnt
  must attach || return
  must diff -r "$SMALL" /run/mnt/small
  for folder in /run/mnt/small/*; do must mv "$folder" "$folder-moved"; done
  must mv /run/mnt/small /run/mnt/moved
  [ "$(find /run/mnt/moved -type f | wc -l)" = "$FILES" ] || bad "$(find /run/mnt/moved -type f | wc -l) files after renaming"
  must rm -r /run/mnt/moved
}

# Random writes and reads at once by two processes, every block with its checksum.
case_fio() {
  must fio --name=verify --directory=/run/mnt --size="${FIO_MEGABYTES}m" --numjobs=2 --rw=randrw --bsrange=4k-256k \
    --bs_unaligned=0 --direct=1 --ioengine=psync --verify=crc32c --verify_fatal=1 --do_verify=1 --serialize_overlap=1
  must fio --name=paged --directory=/run/mnt --size="${FIO_MEGABYTES}m" --rw=randwrite --bs=16k --ioengine=psync \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1
  rm -f /run/mnt/verify.* /run/mnt/paged.*
}

# Three mounts, each with a connection of its own, at work at once.
case_three() {
  must attach /run/mnt2 nosharesock
  must attach /run/mnt3 nosharesock
  check connections 3
  local each
  for each in /run/mnt /run/mnt2 /run/mnt3; do
    (head -c $((MEGABYTES * 50000)) "$SOURCE" > "$each/by-${each##*/}" && sync -f "$each") &
  done
  wait $(jobs -p)
  must cmp -n $((MEGABYTES * 50000)) "$SOURCE" /run/mnt/by-mnt2
  must cmp -n $((MEGABYTES * 50000)) "$SOURCE" /run/mnt2/by-mnt3
  must cmp -n $((MEGABYTES * 50000)) "$SOURCE" /run/mnt3/by-mnt
  must rm /run/mnt/by-mnt /run/mnt/by-mnt2 /run/mnt/by-mnt3
  must umount /run/mnt2
  must umount /run/mnt3
}

# Unmounted and mounted again, REMOUNTS times, with something read each time.
case_remounts() {
  echo content > /run/mnt/file
  local turn
  for turn in $(seq "$REMOUNTS"); do
    must umount /run/mnt
    must attach || { bad "mount $turn"; return; }
    [ "$(cat /run/mnt/file)" = content ] || bad "the file at mount $turn"
  done
  must rm /run/mnt/file
}

# Reads and writes until the machine is killed.
case_endless() {
  must cp "$SOURCE" /run/mnt/endless || return
  forget
  (while :; do cat /run/mnt/endless > /dev/null; forget; done) &
  (while :; do cp "$SOURCE" /run/mnt/other; sync; done) &
  echo underway > /dev/ttyS1
  wait
}

# rping of rdmacm-utils: Sends, RDMA Reads and RDMA Writes, what comes back compared.
case_rping() {
  must rping -c -V -a "$ADDRESS" -p "$RPING_PORT" -C 50 -S 4000
  must rping -c -V -a "$ADDRESS" -p "$RPING_PORT" -C 20 -S 65000
}

run_case() {
  local name=$1 began=$(now) said verdict=pass
  dmesg -C
  : > /run/case
  { if [ "$name" = rping ]; then case_rping; else
      must attach
      mountpoint -q /run/mnt && "case_$name"
      check shown
      mountpoint -q /run/mnt && must umount /run/mnt
    fi; check gone; } >> /run/case 2>&1
  umount -l /run/mnt /run/mnt2 /run/mnt3 2> /dev/null
  grep -q '^bad' /run/case && { verdict=fail; dmesg | tail -n 20 >> /run/case; }
  said=$(grep -v '^note' /run/case | tail -n 30 | tr '\n' '~')
  sed -n 's/^note/  /p' /run/case
  echo "result $name $verdict $(bc -l <<< "$(now) - $began") $said"
}

echo "booted $(now)"
for variant in $VARIANTS; do
  insmod "$SIW/$variant.ko" && rdma link add siw0 type siw netdev eth0 2> /run/said || { echo "result siw-$variant fail 0 $(tr "\n" "~" < /run/said)"; continue; }
  # Who asks for an address before it is known by ARP waits, and cifs.ko takes RDMA for missing then: ENOENT.
  (exec 3<> "/dev/tcp/$ADDRESS/$PORT") 2> /run/said
  for version in $VERSIONS; do
    echo "begin $variant $version"
    for name in $CASES; do run_case "$name"; done
  done
  rdma link delete siw0
  for turn in 1 2 3 4 5 6 7 8 9 10; do rmmod siw 2> /run/said && break; sleep 1; done
done
echo finished
