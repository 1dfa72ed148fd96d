# Intake seals and signs. It can open nothing that is sealed: no seed is within its reach.

# Sign checkpoints.
path "transit/sign/isnad-log-ed25519" {
  capabilities = ["update"]
}
path "transit/sign/isnad-log-mldsa44" {
  capabilities = ["update"]
}

# The public halves of the log keys.
path "transit/keys/isnad-log-ed25519" {
  capabilities = ["read"]
}
path "transit/keys/isnad-log-mldsa44" {
  capabilities = ["read"]
}

# Seal for recipients, name citizens by pseudonym, remember promises.
path "isnad/data/recipients/+" {
  capabilities = ["read"]
}
path "isnad/data/intake/lanes" {
  capabilities = ["read"]
}
path "isnad/data/intake/promises" {
  capabilities = ["read"]
}

# Keep agencies' files sealed, and be known to their SFTP clients and servers.
path "isnad/data/intake/files" {
  capabilities = ["read"]
}
path "isnad/data/intake/ssh-host" {
  capabilities = ["read"]
}
path "isnad/data/intake/ssh-client" {
  capabilities = ["read"]
}

# The gateway's own TLS certificate, for a key that stays in the process.
path "pki/sign/isnad-intake" {
  capabilities = ["update"]
}

# Sign SOAP messages to agencies, under a certificate of the process: not a key of the log.
path "transit/sign/isnad-messages/sha2-256" {
  capabilities = ["update"]
}
path "transit/keys/isnad-messages" {
  capabilities = ["read"]
}

# Have what agencies encrypted for the gateway decrypted, by RSA-OAEP and not by the older padding, one at a time.
path "transit/decrypt/isnad-envelopes" {
  capabilities      = ["update"]
  denied_parameters = { "padding_scheme" = [], "batch_input" = [] }
}
path "transit/keys/isnad-envelopes" {
  capabilities = ["read"]
}
path "isnad/data/envelopes/+" {
  capabilities = ["read"]
}

# Stay logged in: its own next secret_id, for one login, and only inside a wrapper that lives a minute at most.
path "auth/approle/role/isnad-intake/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "60s"
  denied_parameters = { "*" = [] }
}
