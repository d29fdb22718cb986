# In the guest, by bash, with this machine's programs: one folder mounted from usmbd and then from Samba, and every command
# of cifs-utils on it. Says "answer SERVER CASE TEXT" for each, lines of TEXT parted by "~"; the runner compares.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
hostname guest
mkdir -p /run/mnt

# `attach PORT USER PASSWORD OPTIONS`
attach() {
  mount -t cifs "//$ADDRESS/disk" /run/mnt -o "ip=$ADDRESS,port=$1,username=$2,password=$3,$4" ||
    { echo "unmounted $1 $2 $4 $(dmesg | tail -n 3 | tr '\n' ' ')"; exit 1; }
}
# `tell CASE`: its input is the answer.
tell() { echo "answer $SIDE $1 $(sed 's/[[:space:]]*$//' | tr '\n' '~')"; }
# `does CASE COMMAND…`: what it says, and its exit.
does() { { "${@:2}" 2>&1; echo "exit $?"; } | tell "$1"; }

# `acl CASE FILE ARGUMENTS`: setcifsacl, and what the file has then.
acl() { { setcifsacl "${@:3}" "$2" 2>&1; echo "exit $?"; getcifsacl -r "$2" 2>&1; } | sed "s/$2/FILE/" | tell "$1"; }

# What either owner may do; names of the cases begin with WHO.
descriptors() {
  local f=$1-$SIDE.txt
  rm -f "$f"; echo x > "$f"
  { getcifsacl "$f"; getcifsacl -r "$f"; } 2>&1 | sed "s/$f/FILE/" | tell "$1:get"
  acl "$1:set" "$f" -S "ACL:S-1-1-0:ALLOWED/0x0/FULL"
  acl "$1:add" "$f" -a "ACL:S-1-5-11:ALLOWED/0x0/READ"
  acl "$1:add-many" "$f" -a "ACL:S-1-5-4:ALLOWED/OI|CI/0x1e01ff,ACL:S-1-5-2:DENIED/NP/D"
  acl "$1:add-reorder" "$f" -A "ACL:S-1-5-32-545:DENIED/0x0/D"
  acl "$1:modify" "$f" -M "ACL:S-1-5-11:ALLOWED/0x0/CHANGE"
  acl "$1:modify-unknown" "$f" -M "ACL:S-1-5-19:ALLOWED/0x0/CHANGE"
  acl "$1:delete" "$f" -D "ACL:S-1-5-11:ALLOWED/0x0/CHANGE"
  acl "$1:delete-unknown" "$f" -D "ACL:S-1-5-11:ALLOWED/0x0/CHANGE"
  acl "$1:group" "$f" -g S-1-5-32-545
  acl "$1:owner-other" "$f" -o "$OTHER_SID"
  acl "$1:audit-add" "$f" -U -a "ACL:S-1-1-0:AUDIT/SA|FA/FULL"
  acl "$1:audit-modify" "$f" -U -M "ACL:S-1-1-0:AUDIT/SA|FA/READ"
  acl "$1:audit-delete" "$f" -U -D "ACL:S-1-1-0:AUDIT/SA|FA/READ"
  acl "$1:audit-set" "$f" -U -S "ACL:S-1-1-0:AUDIT/SA/CHANGE"
}

for SIDE in usmbd samba; do
  port=PORT_${SIDE}
  attach "${!port}" "$USER_PLAIN" "$PASSWORD_PLAIN" vers=3.1.1,seal
  cd /run/mnt || exit 1
  echo "mounted $SIDE"
  SIDE=$SIDE python3 /run/smbinfo-cases.py "$SMBINFO" . 2>&1 | while read -r name text; do echo "answer $SIDE $name $text"; done
  does 'tree' getcifsacl -R tree
  descriptors plain
  cd /; umount /run/mnt || echo "unmounted $SIDE is busy"
  attach "${!port}" "$USER_ROOT" "$PASSWORD_ROOT" vers=3.1.1
  cd /run/mnt || exit 1
  does 'root:quota' "$SMBINFO" quota file
  does 'root:fsctl-getobjid' "$SMBINFO" fsctl-getobjid file
  does 'root:getcompression' "$SMBINFO" getcompression file
  descriptors root
  cd /; umount /run/mnt || echo "unmounted $SIDE is busy"
done
echo finished
