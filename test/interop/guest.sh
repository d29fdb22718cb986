# Runs in the QEMU guest, by busybox's shell; its input and output are the runner.
# Says "step NAME SECONDS" and "fail TEXT"; "check WHAT" asks the runner to look at the folder on
# the server and waits for "go". /tree is the tree to copy, /guest.env says how to mount.
. /guest.env

now() { cut -d' ' -f1 /proc/uptime; }
step() { echo "step $1 $(now)"; }
fail() { echo "fail $1"; }
check() { echo "check $1"; read -r answer; [ "$answer" = go ]; }

attach() {
  mount -t cifs -o "ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$1" \
    "//$ADDRESS/$SHARE" /mnt
}

sums() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

try() {
  attach "$1" || { fail "mount: $(dmesg | tail -n 3)"; return; }
  mounted=$(grep ' /mnt cifs ' /proc/mounts | cut -d' ' -f4)
  for option in $(echo "$1" | tr , ' '); do
    case ",$mounted," in *",$option,"*) ;; *) fail "$option is not among $mounted" ;; esac
  done
  step mount
  cp -r /tree /mnt/in || { fail 'copying in'; return; }
  umount /mnt || { fail umount; return; }
  step 'copy in'
  check in || return
  attach "$1" || { fail 'second mount'; return; }
  rm -rf /out
  cp -r /mnt/in /out || { fail 'copying out'; return; }
  sums /out > /out.sums
  rm -rf /out
  cmp -s /tree.sums /out.sums || { fail 'checksums differ after copying out'; return; }
  step 'copy out'
  mv /mnt/in /mnt/renamed || { fail 'renaming the tree'; return; }
  cd /mnt/renamed || return
  for folder in *; do
    mv "$folder" "r-$folder" || fail "renaming folder $folder"
    cd "r-$folder" || return
    for file in *; do
      mv "$file" "r-$file" || { fail "renaming $file"; break; }
    done
    cd ..
  done
  cd /
  step rename
  check renamed || return
  rm -r /mnt/renamed || { fail 'deleting'; return; }
  [ -z "$(ls /mnt)" ] || fail "left after deleting: $(ls /mnt | head -3)"
  step delete
  umount /mnt || { fail umount; return; }
  check deleted
}

sums /tree > /tree.sums
step boot
for options in $MOUNTS; do
  echo "begin $options"
  try "$options"
  mountpoint -q /mnt && { cd /; umount -l /mnt; }
  echo "end $options"
done
echo finished
