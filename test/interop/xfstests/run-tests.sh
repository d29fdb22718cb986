# In the guest, by bash, with this machine's programs: mounts the share and runs each test by itself.
# Says "result NAME VERDICT SECONDS TEXT" for each test, VERDICT pass, fail, notrun or late.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
options="ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$MOUNT"
export FSTYP=cifs TEST_DEV="//$ADDRESS/$SHARE" TEST_DIR=/run/test RESULT_BASE=/run/results
export SCRATCH_DEV="//$ADDRESS/$SCRATCH" SCRATCH_MNT=/run/scratch
export TEST_FS_MOUNT_OPTS="-o $options" MOUNT_OPTIONS="-o $options"
hostname guest
cd "$XFSTESTS" || exit 1

attach() { mountpoint -q "$TEST_DIR" || mount -t cifs "$TEST_DEV" "$TEST_DIR" -o "$options"; }

attach || { echo "unmounted $(dmesg | tail -n 3 | tr '\n' ' ')"; exit 1; }
echo "mounted $(uname -r)"
for name in $TESTS; do
  began=$SECONDS
  said=$(timeout -k 10 "$LIMIT" ./check "$name" 2>&1 < /dev/null)
  status=$?
  detail=$(echo "$said" | grep -E '^ *[-+][^-+]' | head -n 3 | tr '\n' '~')
  if [ $status = 124 ] || [ $status = 137 ]; then verdict=late
  elif echo "$said" | grep -q "^Not run: $name"; then
    verdict=notrun detail=$(echo "$said" | grep -m 1 'not run' | sed 's/.*not run[]:]*//')
  elif echo "$said" | grep -q '^Passed all 1'; then verdict=pass detail=
  else verdict=fail; [ -n "$detail" ] || detail=$(echo "$said" | tail -n 3 | tr '\n' '~')
  fi
  echo "result $name $verdict $((SECONDS - began)) $detail"
  # What a test that was killed left behind.
  cd "$XFSTESTS" && attach || { umount -l "$TEST_DIR"; attach; }
  umount "$SCRATCH_MNT" 2> /dev/null
  find "$TEST_DIR" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2> /dev/null
done
echo finished
