# In the guest, by bash, with this machine's programs: writes a file of text and one of noise with each set of mount options, and
# reads them back. Says "sum MOUNT FILE SHA256" of what was to be written, "read MOUNT FILE SHA256" of what came back.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
mkdir -p /run/mnt
case $(cat /proc/fs/cifs/DebugData) in
  *,COMPRESSION*) ;;
  *) echo "notrun Linux $(uname -r) was built without CONFIG_CIFS_COMPRESSION"; echo finished; exit ;;
esac
echo "kernel $(uname -r)"
seq 100000000 | head -c "$BYTES" > /run/text
head -c "$BYTES" /dev/urandom > /run/noise
sum() { sha256sum "$1" | cut -d' ' -f1; }

for mount in $MOUNTS; do
  mount -t cifs "//$ADDRESS/$SHARE" /run/mnt -o "ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$mount" ||
    { echo "fail $mount $(dmesg | tail -n 3 | tr '\n' ' ')"; continue; }
  echo "begin $mount"
  grep -i 'compression:' /proc/fs/cifs/DebugData | sed "s/^[[:space:]]*/said $mount /"
  read -r
  for file in text noise; do
    dd if=/run/$file of="/run/mnt/$file" bs=1M conv=fsync status=none || echo "fail $mount writing $file"
    echo "sum $mount $file $(sum /run/$file)"
    read -r
  done
  echo 3 > /proc/sys/vm/drop_caches
  umount /run/mnt
  mount -t cifs "//$ADDRESS/$SHARE" /run/mnt -o "ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$mount"
  for file in text noise; do echo "read $mount $file $(sum "/run/mnt/$file")"; done
  rm /run/mnt/text /run/mnt/noise
  umount /run/mnt
  echo "end $mount"
done
echo finished
