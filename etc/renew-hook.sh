#!/bin/sh
# Gives the server a renewed certificate:
#   certbot certonly … --deploy-hook "sh /opt/mailapp/share/mailapp/renew-hook.sh"
# certbot's own files are for root alone; the server, which is not root, gets copies. It
# reads them again at SIGHUP, and keeps the old ones if chain and key don't fit together.
set -eu
folder=/var/lib/mailapp/tls
install -o mailapp -g mailapp -m 0600 "$RENEWED_LINEAGE/privkey.pem" "$folder/key.new"
install -o mailapp -g mailapp -m 0644 "$RENEWED_LINEAGE/fullchain.pem" "$folder/chain.new"
mv "$folder/key.new" "$folder/key.pem"
mv "$folder/chain.new" "$folder/chain.pem"
if systemctl --quiet is-active mailapp.service; then
    systemctl kill --kill-who=main --signal=HUP mailapp.service
fi
