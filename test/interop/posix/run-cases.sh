# In the guest, by bash, with this machine's programs: mounts the share and does with it what programs of Linux do.
# Says "result NAME VERDICT SECONDS TEXT" for each case, VERDICT pass, fail, notrun or late.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
hostname guest
mkdir -p /run/mnt
mount -t cifs "//$ADDRESS/$SHARE" /run/mnt -o "ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,$MOUNT" ||
  { echo "unmounted $(dmesg | tail -n 3 | tr '\n' ' ')"; exit 1; }
echo "mounted $(uname -r)"
# With `multiuser` the kernel looks for a user's name and password in that user's own keyring.
for user in $USERS; do
  setpriv --reuid "${user%%:*}" --regid "${user%%:*}" --clear-groups \
    keyctl add logon "cifs:a:$ADDRESS" "${user#*:}:$PASSWORD" @u > /dev/null || echo "no key for $user"
done

# `bad WHAT`: the case fails; it goes on, so that all that is wrong is told.
bad() { echo "bad $*"; }
is() { [ "$1" = "$2" ] || bad "$3: $1, not $2"; }

# Links and special files as a client makes them.
case_links() {
  local release; release=$(uname -r | cut -d. -f1-2)
  if [ "$(printf '%s\n' 6.12 "$release" | sort -V | head -n 1)" != 6.12 ]; then
    echo "notrun Linux $release makes none"; return
  fi
  mkdir d && echo content > d/file || bad 'no folder'
  for pair in plain=d/file folder=d d/up=../plain dangling=nothing/at/all; do
    ln -s "${pair#*=}" "${pair%%=*}" || bad "making $pair"
    is "$(readlink "${pair%%=*}")" "${pair#*=}" "$pair"
  done
  is "$(cat plain) $(cat folder/file) $(cat d/up)" 'content content content' 'followed'
  is "$(stat -c %F dangling)" 'symbolic link' 'dangling'
  [ -e dangling ] && bad 'dangling leads somewhere'
  ln -s x plain 2> /dev/null && bad 'a link over a link'
  mkfifo fifo && mknod null c 1 3 && mknod disk b 8 1 || bad 'making special files'
  perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die' || bad 'a socket'
  sync; echo 3 > /proc/sys/vm/drop_caches
  is "$(stat -c '%F %t:%T' fifo null disk socket | tr '\n' ,)" \
    'fifo 0:0,character special file 1:3,block special file 8:1,socket 0:0,' 'types'
  is "$(ls -l | cut -c1 | sort | tr -d '\nt')" 'bcdlllps' 'listed'
  mv fifo d/moved && mv plain d/plain && is "$(stat -c %F d/moved d/plain | tr '\n' ,)" 'fifo,symbolic link,' 'moved'
  rm dangling folder null disk socket || bad 'removing them'
  is "$(ls)" d 'left'
}

# 100,000 random operations on one file, each read judged by what was written. Linux 6.12 and later, up to its commit
# a41168aef634, does not send all that was written by mmap to a page with a part that was written by write() before: it
# warns of such a page itself, and without mmap'ed writes has to pass as any other.
fsx() { timeout "$LIMIT" "$XFSTESTS/ltp/fsx" -q -S 7 -N "$OPERATIONS" "$@" file > /run/fsx.log 2>&1; }
case_fsx() {
  fsx; local status=$?
  [ $status = 0 ] && return
  if dmesg | grep -q 'WARNING.*netfs_page_mkwrite'; then
    echo "notrun Linux $(uname -r) lost what it was to write by mmap: fsx-unmapped leaves that out"; return
  fi
  bad "fsx ended with $status"; tail -n 3 /run/fsx.log
}
case_fsx-unmapped() { fsx -W || { bad "fsx ended with $?"; tail -n 3 /run/fsx.log; }; }

# A clone of a repository with 300 files in 20 folders, changed, committed, checked, packed.
case_git() {
  rm -rf /run/src; git init -q /run/src
  (
    cd /run/src && git config user.email a@b && git config user.name n
    for folder in $(seq 20); do mkdir "$folder"; for file in $(seq 15); do echo "$folder $file" > "$folder/$file.c"; done; done
    git add -A && git commit -qm one
  ) || bad 'the repository'
  git config --global safe.directory '*'
  git clone -q /run/src clone || bad 'git clone'
  cd clone || return
  git config user.email a@b && git config user.name n
  is "$(git status --short)" '' 'git status'
  echo more >> 3/3.c && git mv 4 four && git rm -q 5/1.c && git commit -qam two || bad 'git commit'
  git checkout -q HEAD~1 && git checkout -q - || bad 'git checkout'
  git gc -q || bad 'git gc'
  git fsck --full --strict > /run/fsck.log 2>&1 || { bad 'git fsck'; tail -n 3 /run/fsck.log; }
}

# A small project of C: make, with dependencies by time, and the program run from the disk.
case_build() {
  for part in 1 2 3 4 5 6; do echo "int part$part(void) { return $part; }" > "part$part.c"; done
  { for part in 1 2 3 4 5 6; do echo "int part$part(void);"; done
    echo 'int main(void) { return part1() + part2() + part3() + part4() + part5() + part6(); }'; } > main.c
  printf 'all: program\nprogram: main.o lib.a\n\t$(CC) -o $@ $^\nlib.a: part1.o part2.o part3.o part4.o part5.o part6.o\n\t$(AR) rcs $@ $^\nclean:\n\trm -f *.o lib.a program\n' > Makefile
  timeout "$LIMIT" make -s > /run/make.log 2>&1 || { bad make; tail -n 3 /run/make.log; }
  ./program; is $? 21 'the program'
  is "$(make)" "make: Nothing to be done for 'all'." 'made anew'
  sleep 2; touch part3.c; make -n | grep -q part3.c || bad 'a changed file is not made anew'
  make -s clean || bad 'make clean'
}

# In a guest a process takes longer to start than what it does: pjdfstest starts several for a step, this way one.
[ -z "$PJDFSTEST" ] || cat "$QUICK" - >> "$PJDFSTEST/tests/misc.sh" << 'END'
call() { answer=$("$maindir/pjdfstest" $* 2> /dev/null); answer=${answer##*$'\n'}; }
END

# One file of pjdfstest: the numbers of the tests in it that fail, and what the first of them say.
case_pjdfstest() {
  [ -e "$PJDFSTEST/tests/$1" ] || { bad "there is no $1"; return; }
  timeout "$LIMIT" bash "$PJDFSTEST/tests/$1" > /run/pjd.log 2>&1
  local status=$?
  [ $status = 124 ] && { echo late; return; }
  local plan failed
  plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' /run/pjd.log)
  failed=$(sed -n 's/^not ok \([0-9]*\).*/\1/p' /run/pjd.log | tr '\n' ' ')
  [ -n "$plan" ] || { bad 'no plan'; tail -n 2 /run/pjd.log; return; }
  [ "$plan" = "$(grep -c '^\(not \)\?ok ' /run/pjd.log)" ] || bad 'ended early'
  [ -z "$failed" ] || { bad "of $plan: $failed"; sed -n "s/^not ok //p" /run/pjd.log; }
}

for name in $CASES; do
  began=$SECONDS
  folder=/run/mnt/case; mkdir -p $folder; chmod 755 $folder
  case $name in */*) work="case_pjdfstest $name" ;; *) work="case_$name" ;; esac
  said=$(cd $folder && $work 2>&1)
  if echo "$said" | grep -q '^late'; then verdict=late
  elif echo "$said" | grep -q '^notrun'; then verdict=notrun
  elif echo "$said" | grep -q '^bad'; then verdict=fail
  else verdict=pass; said=; fi
  echo "result $name $verdict $((SECONDS - began)) $(echo "$said" | head -c 600 | tr '\n' '~')"
  rm -rf $folder
done
umount /run/mnt || echo 'result umount fail 0 '
echo finished
