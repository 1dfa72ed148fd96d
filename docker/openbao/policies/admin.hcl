# `isnad keys init`, `encryption` and `rotate` need this and no more. It may create secrets but not read or replace
# them. Who holds it can still rewrite the policies, so a token with it is made for one occasion, by two people, and
# every use of it is in the audit log.

path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/mounts/transit" {
  capabilities = ["create", "update"]
}
path "sys/mounts/isnad" {
  capabilities = ["create", "update"]
}
path "sys/mounts/pki" {
  capabilities = ["create", "update"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "sys/auth/approle" {
  capabilities = ["create", "update", "sudo"]
}
path "sys/policies/acl/isnad-*" {
  capabilities = ["create", "update"]
}

path "auth/approle/role/isnad-intake" {
  capabilities = ["create", "update"]
}
path "auth/approle/role/isnad-deliver" {
  capabilities = ["create", "update"]
}
path "auth/approle/role/isnad-nea" {
  capabilities = ["create", "update"]
}
path "auth/approle/role/isnad-officer" {
  capabilities = ["create", "update"]
}
path "auth/approle/role/+/role-id" {
  capabilities = ["read"]
}

path "transit/keys/+" {
  capabilities = ["create", "read", "update"]
}
path "transit/keys/+/rotate" {
  capabilities = ["update"]
}

path "isnad/data/intake/+" {
  capabilities = ["create"]
}
path "isnad/data/delivery/+" {
  capabilities = ["create"]
}
path "isnad/data/nea/+" {
  capabilities = ["create"]
}
path "isnad/data/recipients/+" {
  capabilities = ["create", "read"]
}
path "isnad/data/ssh/+" {
  capabilities = ["create", "read"]
}
path "isnad/data/envelopes/+" {
  capabilities = ["create", "read"]
}
path "isnad/metadata/+/+" {
  capabilities = ["read"]
}

path "pki/issuers" {
  capabilities = ["list"]
}
path "pki/root/generate/internal" {
  capabilities = ["create", "update"]
}
path "pki/roles/isnad-intake" {
  capabilities = ["create", "update"]
}
path "pki/roles/isnad-deliver" {
  capabilities = ["create", "update"]
}
path "pki/roles/isnad-envelopes" {
  capabilities = ["create", "update"]
}
path "pki/sign/isnad-envelopes" {
  capabilities = ["update"]
}
# The request for the certificate is signed with the key that it is for.
path "transit/sign/isnad-envelopes/sha2-256" {
  capabilities = ["update"]
}
path "pki/issuer/default/json" {
  capabilities = ["read"]
}
