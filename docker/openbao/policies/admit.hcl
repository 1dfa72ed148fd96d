# Whoever starts processes (an operator, or the machine's supervisor) lets them in, and can do nothing else: a
# secret_id is handed out for one login and only inside a wrapper, so the one who asks for it cannot read it unseen.

path "auth/approle/role/isnad-intake/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "300s"
  denied_parameters = { "*" = [] }
}
path "auth/approle/role/isnad-deliver/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "300s"
  denied_parameters = { "*" = [] }
}
path "auth/approle/role/isnad-nea/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "300s"
  denied_parameters = { "*" = [] }
}
path "auth/approle/role/isnad-officer/secret-id" {
  capabilities      = ["update"]
  min_wrapping_ttl  = "1s"
  max_wrapping_ttl  = "300s"
  denied_parameters = { "*" = [] }
}

# Role ids are names, not secrets.
path "auth/approle/role/+/role-id" {
  capabilities = ["read"]
}
