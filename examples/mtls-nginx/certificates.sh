#!/bin/sh
# Creates the files that nginx.conf needs, and a client's certificate to try it out. Needs OpenSSL 1.1.1 or later.
set -eu
cd "$(dirname "$0")"

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

new_key clients-ca-key.pem
openssl req -x509 -new -key clients-ca-key.pem -subj '/CN=Clients CA' -days 30 -out clients-ca.pem

new_key server-key.pem
openssl req -x509 -new -key server-key.pem -subj '/CN=localhost' -addext 'subjectAltName=DNS:localhost' -days 30 -out server.pem

new_key client-key.pem
openssl req -new -key client-key.pem -subj '/CN=client' |
  openssl x509 -req -CA clients-ca.pem -CAkey clients-ca-key.pem -CAcreateserial -days 30 -out client.pem

# The `cnf` member of a token that is bound to this certificate: x5t#S256.
openssl x509 -in client.pem -outform der | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '='
