# The elections authority's core opens what is for it. It can sign nothing and open nobody else's.

# Its private keys.
path "isnad/data/nea/+" {
  capabilities = ["read"]
}

# The public halves of the log keys.
path "transit/keys/isnad-log-ed25519" {
  capabilities = ["read"]
}
path "transit/keys/isnad-log-mldsa44" {
  capabilities = ["read"]
}

# Stay logged in: its own next secret_id, for one login, and only inside a wrapper that lives a minute at most.
path "auth/approle/role/isnad-nea/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "60s"
  denied_parameters = { "*" = [] }
}
