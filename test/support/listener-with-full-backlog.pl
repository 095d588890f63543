# A listener with a full backlog, so that connects get no answer: `perl listener-with-full-backlog.pl` prints its port.
# In Perl, since Node accepts connections by itself.
use strict;
use warnings;
use Socket;
use Fcntl;

socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($listener, 0) or die "listen: $!";
my ($port) = unpack_sockaddr_in(getsockname($listener));
my @sockets;
for (1 .. 8) {
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "fcntl: $!";
  connect($socket, pack_sockaddr_in($port, INADDR_LOOPBACK));
  push @sockets, $socket;
}
$| = 1;
print "$port\n";
sleep;
