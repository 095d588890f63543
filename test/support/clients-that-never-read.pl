# Clients with a receive buffer of 4 KB that log in and never read: `perl clients-that-never-read.pl PORT NAME...`.
# In Perl, which most machines with git have: Node cannot set SO_RCVBUF.
use strict;
use warnings;
use Socket;

my ($port, @names) = @ARGV;
my @sockets;
for my $name (@names) {
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 4096) or die "setsockopt: $!";
  connect($socket, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
  syswrite($socket, "$name\n") or die "write: $!";
  push @sockets, $socket;
}
$| = 1;
print "ready\n";
sleep;
