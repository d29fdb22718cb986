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

# What only a POSIX disk has; each line fails by itself.
posix() {
  mkdir /mnt/p && cd /mnt/p || { fail 'posix: mkdir'; return; }
  umask 027
  for name in a A 'x:y' 'b\\c' '<q>' 'dot.' 'blank ' '"*?|'; do
    echo "$name" > "$name" || fail "posix: making $name"
  done
  [ "$(ls | wc -l)" = 8 ] || fail "posix: listed $(ls | tr '\n' ' ')"
  for name in *; do
    [ "$(cat "$name")" = "$name" ] || fail "posix: $name holds $(cat "$name")"
  done
  # An open leaves the mode that the mount has for all, until the client asks anew.
  sleep 2
  [ "$(stat -c %a a)" = 640 ] || fail "posix: mode $(stat -c %a a)"
  ln a link && [ "$(stat -c %h a)" = 2 ] || fail "posix: $(stat -c %h a) links"
  rm a && [ "$(cat link)" = a ] || fail 'posix: a link went with the other'
  exec 5> open && rm open || fail 'posix: removing what is open'
  [ ! -e open ] || fail 'posix: what was removed while open is there'
  echo later >&5 || fail 'posix: writing what was removed'
  echo new > open && [ "$(cat open)" = new ] || fail 'posix: the name is not free'
  exec 5>&-
  # For writing as well: Linux 6.1 gives who opens for reading what it has open under a name that has moved.
  exec 5<> open
  echo other > other && mv other open || fail 'posix: renaming over what is open'
  [ "$(cat open)" = other ] || fail "posix: renamed over what is open: $(cat open)"
  [ "$(cat <&5)" = new ] || fail 'posix: what was replaced is lost to who has it open'
  exec 5<&-
  mkdir -p from to && echo inside > from/file && exec 5< from/file
  mv -T from to || fail 'posix: renaming a folder over an empty one, with an open file in it'
  [ "$(cat to/file)" = inside ] || fail 'posix: the folder is not there'
  exec 5<&-
  cd /
  rm -r /mnt/p || fail 'posix: deleting'
  step posix
}

# What the Unix extensions of SMB1 make, as a mount with "posix" would.
special() {
  mkdir /mnt/s && cd /mnt/s || { fail 'special: mkdir'; return; }
  echo there > file
  ln -s file soft && [ "$(readlink soft)" = file ] && [ "$(cat soft)" = there ] || fail 'special: a link'
  ln -s nowhere dangling && [ -L dangling ] && [ ! -e dangling ] || fail 'special: a dangling link'
  for mode in 600 444 4755 1777; do
    chmod $mode file && sleep 2 && [ "$(stat -c %a file)" = $mode ] || fail "special: mode $mode is $(stat -c %a file)"
  done
  mknod fifo p && [ -p fifo ] || fail 'special: a FIFO'
  mknod device c 1 3 && [ -c device ] && [ "$(stat -c %t:%T device)" = 1:3 ] || fail 'special: a device'
  touch -d '2001-02-03 04:05:06' file && sleep 2
  [ "$(stat -c %Y file)" = "$(date -d '2001-02-03 04:05:06' +%s)" ] || fail "special: time $(stat -c %Y file)"
  cd /
  rm -r /mnt/s || fail 'special: deleting'
  step special
}

# Links that were made on the server, which leads nobody anywhere: the client follows them.
links() {
  check links || return
  cd /mnt/l || { fail 'links: there is no folder'; return; }
  for pair in relative=d/file folder=d d/up=../relative absolute=../l/d/file dangling=nothing; do
    link=${pair%%=*} target=${pair#*=}
    [ -L "$link" ] || fail "links: $link is none"
    [ "$(readlink "$link")" = "$target" ] || fail "links: $link leads to $(readlink "$link")"
  done
  for path in relative folder/file d/up folder/up absolute; do
    [ "$(cat "$path")" = linked ] || fail "links: $path holds $(cat "$path")"
  done
  [ -L out ] && [ "$(readlink out)" = /etc/passwd ] || fail "links: out leads to $(readlink out)"
  [ ! -e dangling ] && [ -L dangling ] || fail 'links: dangling'
  [ "$(ls -l | grep -c '^l')" = 5 ] || fail "links: listed $(ls -l)"
  cd /
  check unlinked
  step links
}

try() {
  attach "$1" || { fail "mount: $(dmesg | tail -n 3)"; return; }
  mounted=$(grep ' /mnt cifs ' /proc/mounts | cut -d' ' -f4)
  for option in $(echo "$1" | tr , ' '); do
    case ",$mounted," in *",$option,"*) ;; *) fail "$option is not among $mounted" ;; esac
  done
  step mount
  case ",$1," in
    *,posix,*) posix ;;
    *,unix,*) posix; special ;;
  esac
  # The plain SMB1 of 1996 knows no links.
  case ",$1," in *,nounix,*) ;; *) links ;; esac
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
