# In the guest, by bash, with this machine's programs: a disk with quotas of users, shared by usmbd and by Samba, and
# smbcquotas on both. Says "result NAME VERDICT TEXT" for each case; what differs between the two is in TEXT.
. /run/guest.env
export PATH=$NODE_FOLDER:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
# What was built starts in half the time of the source, which is minutes here.
export NODE_OPTIONS=--no-experimental-strip-types
hostname guest
# User Mode Linux breaks the memory that io_uring shares with a process ("Bad page map"), which libuv would use.
echo 2 > /proc/sys/kernel/io_uring_disabled 2> /dev/null
# smbcquotas knows no port but 445: each server has it at an address of its own.
USMBD_AT=127.0.0.11 SAMBA_AT=127.0.0.12
for address in $USMBD_AT $SAMBA_AT; do ip address add $address/8 dev lo; done
W=/run/work; mkdir -p $W/samba $W/state /run/disk; chmod 755 $W
bad() { echo "result $1 fail $(echo "${*:2}" | head -c 900 | tr '\n' '~')"; }
good() { echo "result $1 pass"; }

truncate -s 64M $W/image
case $DISK in
  ext4) mkfs.ext4 -q -O quota -E quotatype=usrquota $W/image && mount -o loop,usrquota $W/image /run/disk ;;
  xfs) rm $W/image; truncate -s 400M $W/image; mkfs.xfs -q $W/image && mount -o loop,uquota $W/image /run/disk ;;
esac || { bad disk "$(dmesg | tail -n 2)"; exit 1; }
chmod 777 /run/disk
# This machine may have users of these names.
sed -i -E '/^(ann|bob):/d' /etc/passwd
for user in ann:4001 bob:4002; do
  echo "${user%:*}:x:${user#*:}:4000::/:/bin/sh" >> /etc/passwd
done
grep -q ^root: /etc/passwd || echo 'root:x:0:0::/:/bin/sh' >> /etc/passwd
echo 'people:x:4000:' >> /etc/group

cat > $W/usmbd.conf <<END
[global]
server string = usmbd
restrict anonymous = 2
[disk]
path = /run/disk
read only = no
END
: > $W/accounts
for user in root ann bob; do
  node "$USMBD" adduser -C $W/usmbd.conf -P $W/accounts -a -p pw $user > /dev/null || bad adduser $user
done
node "$USMBD" serve --config $W/usmbd.conf --pwddb $W/accounts --state $W/state --port 445 --address $USMBD_AT > $W/usmbd.log 2>&1 &

for folder in private lock state cache pid ncalrpc; do mkdir -p $W/samba/$folder; done
cat > $W/smb.conf <<END
[global]
server role = standalone server
smb ports = 445
interfaces = $SAMBA_AT/32
bind interfaces only = yes
disable netbios = yes
load printers = no
disable spoolss = yes
log file = $W/samba/log
private dir = $W/samba/private
lock directory = $W/samba/lock
state directory = $W/samba/state
cache directory = $W/samba/cache
pid directory = $W/samba/pid
ncalrpc dir = $W/samba/ncalrpc
[disk]
path = /run/disk
read only = no
END
for user in root ann bob; do printf 'pw\npw\n' | smbpasswd -c $W/smb.conf -s -a $user > /dev/null; done
# In a group of its own: when it ends it ends its group.
setsid smbd --foreground --no-process-group --configfile=$W/smb.conf > $W/smbd.log 2>&1 &
for address in $USMBD_AT $SAMBA_AT; do
  for try in $(seq 300); do (exec 3<> /dev/tcp/$address/445) 2> /dev/null && break; sleep 1; done
done
(exec 3<> /dev/tcp/$USMBD_AT/445) 2> /dev/null || { bad usmbd "$(tail -n 5 $W/usmbd.log)"; exit 1; }
echo "up $(cut -d. -f1 /proc/uptime) s"

# `quotas ADDRESS USER ARGUMENTS`: smbcquotas, with what differs from machine to machine made the same.
quotas() {
  smbcquotas -s /dev/null -m SMB3 -U "$2%pw" "//$1/disk" "${@:3}" 2>&1 |
    sed -E 's/(GUEST|UNIX|Unix User|NT Authority)\\+//Ig; s/[[:space:]]+/ /g; s/ $//
      # -1, as Windows says it, is no limit (MS-FSCC 2.4.41), which smbcquotas has no word for; Samba says 0.
      s/18446744073709551615/NO LIMIT/g; s#/ #/#g' | sort
}
# `same NAME USER ARGUMENTS`: both answer alike.
same() {
  local ours theirs
  # Who has no limits is in usmbd's list, as in that of Windows.
  ours=$(quotas $USMBD_AT "${@:2}" | { [[ "$*" = *-L* ]] && grep -v 'NO LIMIT/NO LIMIT' || cat; }); theirs=$(quotas $SAMBA_AT "${@:2}")
  # What both say of a wrong call is no answer.
  if [ "$ours" = "$theirs" ] && ! grep -q Usage <<< "$ours"; then good "$1"; else bad "$1" "usmbd: $ours; Samba: $theirs"; fi
}
# `says NAME PATTERN USER ARGUMENTS`: usmbd's answer has it.
says() {
  local ours; ours=$(quotas $USMBD_AT "${@:3}")
  if grep -Eq "$2" <<< "$ours"; then good "$1"; else bad "$1" "$ours"; fi
}
is() { if [ "$2" = "$3" ]; then good "$1"; else bad "$1" "$2, not $3"; fi; }
limits() { repquota -u /run/disk 2> /dev/null; }

smbclient -s /dev/null -U ann%pw //$USMBD_AT/disk -c "put $W/usmbd.conf small; mkdir d" > /dev/null
# The first question of all may come before Samba knows its users.
quotas $SAMBA_AT root > /dev/null; quotas $SAMBA_AT root -u ann > /dev/null
same 'own quota of an administrator' root
same 'a quota by name' root -u ann
same 'everybody, before limits are set' root -L
same 'the volume' root -F
says 'limits are set' 'ann.*2097152/ *4194304|4001.*2097152/ *4194304|^$' root -S UQLIM:ann:2097152/4194304
same 'limits that usmbd set' root -u ann
quotas $SAMBA_AT root -S UQLIM:bob:1048576/3145728 > /dev/null
same 'limits that Samba set' root -u bob
same 'everybody, with limits' root -L
says 'others see nothing of others' 'ACCESS_DENIED' ann -u bob
says 'others set nothing' 'ACCESS_DENIED' ann -S UQLIM:ann:0/0
says 'others see their own' '2097152' ann

# Many that are small: smbclient sends one that is large in one request, of which XFS takes nothing where all is too much.
head -c 300000 /dev/zero > $W/much
said=$(smbclient -s /dev/null -U ann%pw //$USMBD_AT/disk -c "$(for n in $(seq 15); do echo "put $W/much much$n; "; done)" 2>&1)
grep -Eq 'DISK_FULL|QUOTA' <<< "$said" && good 'beyond the limit the disk is full' || bad 'beyond the limit the disk is full' "$said"
# XFS counts what has its place on the disk.
sync
said=$(smbclient -s /dev/null -U ann%pw //$USMBD_AT/disk -c 'du' 2>&1 | grep 'blocks of size')
echo "du: $said"
free=$(sed -nE 's/.*[[:space:]]([0-9]+) blocks of size ([0-9]+)\. ([0-9]+) blocks available.*/\3/p' <<< "$said")
total=$(sed -nE 's/.*[[:space:]]([0-9]+) blocks of size ([0-9]+)\..*/\1*\2/p' <<< "$said")
is 'the disk is as large as the quota' $((total)) 4194304
[ "${free:-99999}" -lt 300 ] && good 'what is free is what the quota leaves' || bad 'what is free is what the quota leaves' "$said"
says 'limits are taken away' '.*' root -S UQLIM:ann:0/0
said=$(smbclient -s /dev/null -U root%pw //$USMBD_AT/disk -c 'volume' 2>&1)
kill %1 %2; wait
tail -n 3 $W/usmbd.log | grep -i '"level":50' && bad 'no errors in the log' "$(tail -n 3 $W/usmbd.log)"
umount /run/disk || bad umount "$(fuser -vm /run/disk 2>&1)"
echo finished
