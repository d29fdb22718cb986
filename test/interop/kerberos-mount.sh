# In the guest, by busybox's shell: mounts with sec=krb5, by the kernel's client, request-key and cifs.upcall. Says
# "result NAME VERDICT TEXT" for each case. The tickets of root and of two users are in /tickets.
. /guest.env
bad() { echo "result $1 fail $(echo "$2" | head -c 600 | tr '\n' '~')"; }
good() { echo "result $1 pass"; }
tail_of_dmesg() { dmesg | tail -n 4; }
ticket() { cp /tickets/$1 /tmp/krb5cc_$2 && chown $2 /tmp/krb5cc_$2 && chmod 600 /tmp/krb5cc_$2; }
attach() {
  mount -t cifs -o "ip=$ADDRESS,port=$PORT,username=$1,$2" "//$HOST/$SHARE" /mnt 2>&1
}

if said=$(attach "$USERNAME" vers=3.1.1,sec=krb5); then
  bad 'no ticket, no mount' "it mounted: $said"; umount /mnt
else good 'no ticket, no mount'; fi

ticket "$USERNAME" 0
for options in vers=3.1.1,sec=krb5 vers=3.1.1,sec=krb5i vers=3.1.1,sec=krb5,seal vers=3.0,sec=krb5,seal vers=2.1,sec=krb5i; do
  name="mount -o $options"
  if ! said=$(attach "$USERNAME" $options); then bad "$name" "$said $(tail_of_dmesg)"; continue; fi
  if dd if=/dev/urandom of=/tmp/data bs=64k count=16 2> /dev/null && cp /tmp/data /mnt/data \
    && [ "$(sha256sum < /mnt/data)" = "$(sha256sum < /tmp/data)" ] && mkdir /mnt/d && mv /mnt/data /mnt/d/moved \
    && rm /mnt/d/moved && rmdir /mnt/d
  then good "$name"; else bad "$name" "$(ls -l /mnt) $(tail_of_dmesg)"; fi
  umount /mnt || bad "$name" 'umount'
done

# Each user by its own ticket.
name='multiuser: each by its own ticket'
if ! said=$(attach "$USERNAME" vers=3.1.1,sec=krb5,multiuser); then bad "$name" "$said $(tail_of_dmesg)"
else
  problem=
  ticket "$SECOND" 4001
  su second -c 'echo mine > /mnt/second' || problem="writing with a ticket: $(tail_of_dmesg)"
  # Written and read, not listed: the client of Linux 7.2 lists what it knows by the session of another.
  su third -c 'echo theirs > /mnt/third' 2> /dev/null
  [ -e /mnt/third ] && problem="$problem; who has no ticket wrote"
  echo 3 > /proc/sys/vm/drop_caches
  su third -c 'cat /mnt/second' > /dev/null 2>&1 && problem="$problem; who has no ticket read"
  su second -c 'cat /mnt/second' > /dev/null 2>&1 || problem="$problem; who has one did not read"
  echo "check owner"; read -r owner
  [ "$owner" = "$SECOND" ] || problem="$problem; the file belongs to $owner"
  rm /mnt/second; umount /mnt
  [ -z "$problem" ] && good "$name" || bad "$name" "$problem"
fi

# A ticket ends under a mount: a new one is taken without another mount, and what is open stays so.
name='a ticket that ends under a mount'
echo 'check short'; read -r short
echo "$short" | base64 -d > /tmp/krb5cc_0
if ! said=$(attach "$USERNAME" vers=3.1.1,sec=krb5); then bad "$name" "$said $(tail_of_dmesg)"
else
  problem=
  exec 5> /mnt/open; echo before >&5
  sleep $((SHORT_SECONDS + 5))
  ticket "$USERNAME" 0
  # The first requests may meet the end of the session.
  for i in 1 2 3 4 5 6 7 8; do ls /mnt > /dev/null 2>&1 && break; sleep 1; done
  ls /mnt > /dev/null || problem="ls: $(tail_of_dmesg)"
  echo after >&5 || problem="$problem; writing to what was open"
  exec 5>&-
  [ "$(cat /mnt/open)" = "$(printf 'before\nafter')" ] || problem="$problem; it holds $(cat /mnt/open)"
  rm /mnt/open; umount /mnt
  [ -z "$problem" ] && good "$name" || bad "$name" "$problem"
fi
echo finished
