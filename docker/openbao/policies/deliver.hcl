# Delivery opens what is for agencies. It can sign nothing of the log.

# The private keys of the recipients that the gateway delivers to, and what agencies' SFTP servers know it by.
path "isnad/data/delivery/+" {
  capabilities = ["read"]
}

# The public halves of the log keys.
path "transit/keys/isnad-log-ed25519" {
  capabilities = ["read"]
}
path "transit/keys/isnad-log-mldsa44" {
  capabilities = ["read"]
}

# The gateway's own TLS certificate, for a key that stays in the process.
path "pki/sign/isnad-deliver" {
  capabilities = ["update"]
}

# Sign SOAP messages to agencies, under a certificate of the process: not a key of the log.
path "transit/sign/isnad-messages/sha2-256" {
  capabilities = ["update"]
}
path "transit/keys/isnad-messages" {
  capabilities = ["read"]
}

# Stay logged in: its own next secret_id, for one login, and only inside a wrapper that lives a minute at most.
path "auth/approle/role/isnad-deliver/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "60s"
  denied_parameters = { "*" = [] }
}
