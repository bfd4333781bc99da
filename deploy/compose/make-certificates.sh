#!/bin/sh
# Makes an authority and the certificates of compose.tls.yaml in the folder tls beside this script. Needs openssl 3. Run
# again it keeps the authority and renews the rest: members and gateway take new files without a restart.
set -eu
umask 077
days=${DAYS:-365}
cd "$(dirname "$0")"
mkdir -p tls
cd tls

if [ ! -f ca.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.crt -days 3650 \
    -subj '/CN=Quorate compose authority' -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
fi

# make NAME USAGE SUBJECT-ALTERNATIVE-NAMES
make() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$1.key.new" -out "$1.csr" -subj '/O=Quorate' 2>/dev/null
  printf 'extendedKeyUsage=%s\nsubjectAltName=%s\n' "$2" "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile "$1.ext" -out "$1.crt.new" 2>/dev/null
  rm "$1.csr" "$1.ext"
  # Written into the files that are there: containers have those, not their names.
  cat "$1.key.new" >"$1.key"
  cat "$1.crt.new" >"$1.crt"
  rm "$1.key.new" "$1.crt.new"
}

# Nobody's certificate: without a common name it stands for no user.
make members serverAuth,clientAuth DNS:m1,DNS:m2,DNS:m3,DNS:localhost,IP:127.0.0.1
make gateway serverAuth DNS:gateway,DNS:localhost,IP:127.0.0.1

# Containers run as users of their own. Others of this machine do not get into the folder.
chmod 0644 ca.crt members.crt members.key gateway.crt gateway.key
chmod 0700 .
echo "certificates for $days days are in $(pwd)"
