# Runs in the guest, by busybox's shell; its output is the runner's. The guest's file system is this
# machine's, read only, with a layer of memory over it; what was built here lies where it lies here. /run.sh goes on.
. /guest.env

mkdir -p /host /layer /all
if grep -q hostfs /proc/filesystems; then mount -t hostfs -o ro,/ none /host
else mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro host /host
fi || echo 'no /host'
mount -t tmpfs tmpfs /layer && mkdir /layer/up /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/up,workdir=/layer/work overlay /all || echo 'no overlay'
for folder in proc sys dev; do mount -o bind /$folder /all/$folder; done
ln -s /proc/self/fd /dev/fd
mount -t tmpfs tmpfs /all/run
mkdir -p /all/dev/pts /all/dev/shm /all/run/test /all/run/scratch /all/run/results
mount -t devpts devpts /all/dev/pts
for user in fsgqa fsgqa2 123456-fsgqa; do
  grep -q "^$user:" /all/etc/passwd || echo "$user:x:$((5000 + $(wc -l < /all/etc/passwd))):5000::/:/bin/bash" >> /all/etc/passwd
  grep -q "^$user:" /all/etc/shadow || echo "$user:*:20000::::::" >> /all/etc/shadow
done
grep -q ^fsgqa: /all/etc/group || echo 'fsgqa:x:5000:' >> /all/etc/group
cp /guest.env /run.sh /all/run/
exec chroot /all /bin/bash /run/run.sh
