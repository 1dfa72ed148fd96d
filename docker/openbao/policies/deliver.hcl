# Delivery opens what is for agencies. It can sign nothing.

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

# Stay logged in: its own next secret_id, for one login, and only inside a wrapper that lives a minute at most.
path "auth/approle/role/isnad-deliver/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "60s"
  denied_parameters = { "*" = [] }
}
