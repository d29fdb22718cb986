# In the guest, by bash, with this machine's programs: mounts the share and runs the tests one after another.
# Says "result NAME VERDICT SECONDS TEXT" for each test, VERDICT pass, fail, notrun or late.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
options="ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$MOUNT"
export FSTYP=cifs TEST_DEV="//$ADDRESS/$SHARE" TEST_DIR=/run/test RESULT_BASE=/run/results
export SCRATCH_DEV="//$ADDRESS/$SCRATCH" SCRATCH_MNT=/run/scratch
export TEST_FS_MOUNT_OPTS="-o $options" MOUNT_OPTIONS="-o $options"
hostname guest
cd "$XFSTESTS" || exit 1

mount -t cifs "$TEST_DEV" "$TEST_DIR" -o "$options" ||
  { echo "unmounted $(dmesg | tail -n 3 | tr '\n' ' ')"; exit 1; }
echo "mounted $(uname -r)"

# All descendants of a process, itself last.
family() { local child; for child in $(pgrep -P "$1"); do family "$child"; done; echo "$1"; }

# Ends tests that take longer than they may; `check` goes on with the next one.
watch() {
  local test age
  while sleep 5; do
    test=$(pgrep -o -f '^/bin/bash [^ ]*tests/[a-z]+/[0-9]+$') || continue
    age=$(ps -o etimes= -p "$test") || continue
    [ "$age" -gt "$LIMIT" ] || continue
    touch "/run/late-$(tr '\0' '\n' < "/proc/$test/cmdline" | sed -n 's|.*tests/||p' | tr / -)"
    kill -9 $(family "$test") 2> /dev/null
  done
}
watch & watcher=$!

# One `check` for all, in the order that was asked for: its start takes as long as a small test. It says "NAME 12s" or
# "NAME [not run] why" or "NAME - output mismatch", and after that what differs.
name= verdict= text= took= ended=$SECONDS
told() { [ -n "$name" ] && echo "result $name $verdict $took $text"; name=; }
tell() {
  local line
  while IFS= read -r line; do
    if [[ $line =~ ^((generic|cifs)/[0-9]+)\ +(.*)$ ]]; then
      told
      name=${BASH_REMATCH[1]} text=${BASH_REMATCH[3]} took=$((SECONDS - ended)) ended=$SECONDS
      if [ -e "/run/late-${name/\//-}" ]; then verdict=late text=
      elif [[ $text == *'[not run]'* ]]; then verdict=notrun text=${text#*] }; told
      elif [[ $text =~ ^[0-9]+s$ ]]; then verdict=pass text=; told
      else verdict=fail
      fi
    elif [ -n "$name" ] && [ ${#text} -lt 600 ] && [[ $line =~ ^\ *[-+][^-+] ]]; then text="$text~$line"
    elif [[ $line == check:* ]]; then echo "$line"
    fi
  done
  told
}
./check --exact-order $TESTS 2>&1 < /dev/null | tell
kill $watcher
echo finished
