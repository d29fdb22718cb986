# In the guest, by bash: POSIX ACLs and byte ranges as Linux' client has them by the Unix extensions of CIFS. Says "bad WHAT"
# for what is wrong, and "finished" at the end. Lists are read by another mount: the client keeps what it has read once.
. /run/guest.env
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LANG=C.UTF-8
mkdir -p /run/mnt
again() {
  cd / && { umount /run/mnt 2> /dev/null; true; } &&
    mount -t cifs "//$ADDRESS/$SHARE" /run/mnt -o "ip=$ADDRESS,port=$PORT,username=$USERNAME,password=$PASSWORD,vers=1.0,unix" &&
    cd /run/mnt || echo "bad mount: $(dmesg | tail -n 2 | tr '\n' ' ')"
}
is() { [ "$1" = "$2" ] || echo "bad $3: $1, not $2"; }
lists() { getfacl -nc "$1" 2>&1 | tr '\n' ' '; }

again
echo content > file && mkdir folder || echo 'bad writing'
setfacl -m u:1:rw,g:2:r file && setfacl -d -m u:1:rx folder || echo 'bad setfacl'
is "$(getfattr -d file 2>&1)" '' 'a file without extended attributes'
again
is "$(lists file)" 'user::rw- user:1:rw- group::r-- group:2:r-- mask::rw- other::r--  ' 'a list'
is "$(lists folder)" \
  'user::rwx group::r-x other::r-x default:user::rwx default:user:1:r-x default:group::r-x default:mask::r-x default:other::r-x  ' \
  'a default list'
# It cannot take a default list away (posix_acl_to_cifs), but change it.
setfacl -b file && setfacl -d -x u:1,m folder || echo 'bad removing entries'
again
is "$(lists file) $(lists folder)" 'user::rw- group::r-- other::r--   user::rwx group::r-x other::r-x default:user::rwx default:group::r-x default:other::r-x  ' \
  'removed'

# Another mount would be another client: two processes of this one ask the server, since who owns a range is told it.
cat > /run/ranges.pl <<'PERL'
use Fcntl; $| = 1;
my $form = 's s x4 q q i x4';
sub range { my ($file, $command, @range) = @_;
  my $lock = pack $form, $range[0], 0, @range[1, 2], 0;
  fcntl $file, $command, $lock or return 'no';
  return $command == F_GETLK ? join ',', (unpack $form, $lock)[0, 2, 3] : 'yes' }
open my $mine, '+<', 'file' or die; print range($mine, F_SETLK, F_WRLCK, 0, 10);
pipe my $read, my $write;
unless (fork) { close $read; open my $own, '+<', 'file'; my @told;
  push @told, range($own, $_, F_WRLCK, 5, 10) for F_SETLK, F_GETLK;
  push @told, range($own, F_SETLK, F_WRLCK, 20, 10);
  print $write "@told"; close $write; print ' ', range($own, F_SETLKW, F_WRLCK, 0, 5), "\n"; exit }
close $write; print ' ', <$read>; sleep 1; print ' free'; range($mine, F_SETLK, F_UNLCK, 0, 10); wait;
PERL
is "$(perl /run/ranges.pl)" 'yes no 1,0,10 yes free yes' 'byte ranges'
rm -r file folder; cd / && umount /run/mnt
echo finished
