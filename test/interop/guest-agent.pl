# Runs in a QEMU guest, by Debian's perl-base; its input and output are the runner (guest-agent.ts).
#
# A line "here ID HEX" evaluates Perl in this process, whose files in %file stay open and whose locks stay
# held; "apart ID HEX" does it in a process of its own, which may wait. Each is answered by one line,
# "done ID ok|fail HEX": what the code gave, or why it died.
use strict;
use warnings;

our %file;
my ($SETLK, $SETLKW, $RDLCK, $WRLCK, $UNLCK) = (6, 7, 0, 1, 2);
my ($EAGAIN, $SYS_FSYNC) = (11, 74);
my ($LOCK_EX, $LOCK_NB) = (2, 4);
my ($O_WRONLY, $O_RDWR, $O_CREAT, $O_SYNC) = (1, 2, 0100, 04010000);

$| = 1;
# Commands that `run` starts may read from the files that are open.
$^F = 1000;
$SIG{CHLD} = 'IGNORE';

sub run {
  my $output = `($_[0]) 2>&1`;
  die "exit $?: $output" if $? > 0;
  return $output;
}

# Opens for reading and writing; makes the file where it is missing.
sub open_file {
  my ($name, $path) = @_;
  sysopen($file{$name}, $path, $O_RDWR | $O_CREAT) or die "open $path: $!\n";
  return '';
}

sub close_file { close(delete $file{$_[0]}) or die "close: $!\n"; return ''; }

sub write_at {
  my ($name, $offset, $text) = @_;
  sysseek($file{$name}, $offset, 0) // die "seek: $!\n";
  my $written = syswrite($file{$name}, $text) // die "write: $!\n";
  return $written;
}

sub read_at {
  my ($name, $offset, $length) = @_;
  sysseek($file{$name}, $offset, 0) // die "seek: $!\n";
  sysread($file{$name}, my $text, $length) // die "read: $!\n";
  return $text;
}

sub whole {
  my ($path) = @_;
  open(my $in, '<', $path) or die "open $path: $!\n";
  local $/;
  my $text = <$in>;
  return $text // '';
}

sub put {
  my ($path, $text) = @_;
  open(my $out, '>', $path) or die "open $path: $!\n";
  print $out $text or die "write $path: $!\n";
  close($out) or die "close $path: $!\n";
  return '';
}

# All that was written is on the server.
sub sync_file { syscall($SYS_FSYNC, fileno($file{$_[0]})) == 0 or die "fsync: $!\n"; return ''; }

# Piece by piece, each on the server before the next. EAGAIN is Linux's own while it is not connected.
sub copy {
  my ($from, $to) = @_;
  open(my $in, '<:raw', $from) or die "open $from: $!\n";
  sysopen(my $out, $to, $O_WRONLY | $O_CREAT | $O_SYNC) or die "open $to: $!\n";
  while (my $length = sysread($in, my $piece, 256 * 1024)) {
    my $at = 0;
    while ($at < $length) {
      my $written = syswrite($out, $piece, $length - $at, $at);
      if (defined $written) { $at += $written; next; }
      $! == $EAGAIN or die "write: $!\n";
      sleep(1);
    }
  }
  close($out) or die "close: $!\n";
  return '';
}

# fcntl(2), struct flock of x86-64.
sub record_lock {
  my ($name, $command, $type, $start, $length) = @_;
  fcntl($file{$name}, $command, pack('s s x4 q q l x4', $type, 0, $start, $length, 0)) or die "$!\n";
  return '';
}

sub lock_range { return record_lock($_[0], $SETLK, $WRLCK, $_[1], $_[2]); }
sub lock_shared { return record_lock($_[0], $SETLK, $RDLCK, $_[1], $_[2]); }
sub lock_range_waiting { return record_lock($_[0], $SETLKW, $WRLCK, $_[1], $_[2]); }
sub unlock_range { return record_lock($_[0], $SETLK, $UNLCK, $_[1], $_[2]); }
sub lock_file { flock($file{$_[0]}, $LOCK_EX | $LOCK_NB) or die "$!\n"; return ''; }
sub lock_file_waiting { flock($file{$_[0]}, $LOCK_EX) or die "$!\n"; return ''; }

sub answer {
  my ($id, $code) = @_;
  my $given = eval "no strict; $code";
  my ($verdict, $text) = $@ eq '' ? ('ok', $given // '') : ('fail', $@);
  syswrite(STDOUT, "done $id $verdict " . unpack('H*', substr($text, 0, 8000)) . "\n");
}

syswrite(STDOUT, "done 0 ok\n");
while (my $line = <STDIN>) {
  my ($where, $id, $hex) = split(/\s+/, $line);
  my $code = pack('H*', $hex);
  if ($where eq 'here') {
    answer($id, $code);
  } elsif (fork() == 0) {
    # For `run`, whose exit status is wanted.
    $SIG{CHLD} = 'DEFAULT';
    answer($id, $code);
    exit(0);
  }
}
