# A security officer's console searches the log by citizen. It can neither sign nor open, nor issue certificates.

# What pseudonyms derive from.
path "isnad/data/intake/lanes" {
  capabilities = ["read"]
}

# The public halves of the log keys.
path "transit/keys/isnad-log-ed25519" {
  capabilities = ["read"]
}
path "transit/keys/isnad-log-mldsa44" {
  capabilities = ["read"]
}

# Say who searches: the name under which the key server knows the officer stands in the log.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# Stay logged in: its own next secret_id, for one login, and only inside a wrapper that lives a minute at most.
path "auth/approle/role/isnad-officer/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "60s"
  denied_parameters = { "*" = [] }
}
