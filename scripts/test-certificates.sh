#!/usr/bin/env bash
# Makes test/certificates/ anew, with openssl: `scripts/test-certificates.sh` (no arguments). They are good for a
# hundred years, their keys are public, and nobody must trust them outside the tests.
#
#   ca          the authority that the tests trust         other-ca    one that they do not
#   server      localhost, 127.0.0.1, ::1                  renewed     the same, as it is renewed
#   elsewhere   chat.example                               expired     localhost, until 2001
#   alice       a client's, whose common name is alice     mallory     the same, signed by other-ca
#   twins       a client's with two, alice and bob         nameless    one that has none
#   rsa         localhost, with a key of RSA, signed by itself
set -euo pipefail
cd "$(dirname "$0")/../test/certificates"
rm -f ./*.pem

key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key.pem"; }

# authority NAME
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key.pem" -sha256 -days 36500 -subj "/CN=a-chat test $1" -out "$1.pem"
}

# certificate NAME AUTHORITY SUBJECT ALTERNATIVE-NAMES [OPTIONS OF openssl ca]
certificate() {
  local name=$1 authority=$2 subject=$3 names=$4 work
  shift 4
  work=$(mktemp -d)
  key "$name"
  touch "$work/index" && openssl rand -hex 8 >"$work/serial"
  cat >"$work/conf" <<CONF
[ca]
default_ca = one
[one]
new_certs_dir = $work
database = $work/index
serial = $work/serial
default_md = sha256
unique_subject = no
policy = any
x509_extensions = extensions
[any]
commonName = optional
organizationName = optional
[extensions]
basicConstraints = CA:FALSE
${names:+subjectAltName = $names}
CONF
  openssl req -new -key "$name.key.pem" -subj "$subject" -out "$work/request"
  openssl ca -batch -notext -config "$work/conf" -cert "$authority.pem" -keyfile "$authority.key.pem" \
    -in "$work/request" -out "$name.pem" "$@" 2>"$work/log" || { cat "$work/log" && exit 1; }
  rm -r "$work"
}

here=DNS:localhost,IP:127.0.0.1,IP:::1
long=(-days 36400)
authority ca
authority other-ca
certificate server ca /CN=localhost "$here" "${long[@]}"
certificate renewed ca /CN=localhost "$here" "${long[@]}"
certificate elsewhere ca /CN=chat.example DNS:chat.example "${long[@]}"
certificate expired ca /CN=localhost "$here" -startdate 20000101000000Z -enddate 20010101000000Z
certificate alice ca /CN=alice "" "${long[@]}"
certificate twins ca /CN=alice/CN=bob "" "${long[@]}"
certificate nameless ca /O=nobody "" "${long[@]}"
certificate mallory other-ca /CN=alice "" "${long[@]}"
rm ca.key.pem other-ca.key.pem
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key.pem -days 36500 -subj /CN=localhost -out rsa.pem 2>/dev/null
