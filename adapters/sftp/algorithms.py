"""What is spoken on both sides: what OpenSSH, WinSCP, PuTTY and paramiko of these years know, and nothing weaker.

AES-GCM alone: a client takes the first of its own list that a server offers, and beside GCM most would take ChaCha20
or CTR, which cost this process twice as much.
"""

KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp256",
)
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com")
MACS = ("hmac-sha2-256-etm@openssh.com",)
"""Never used beside GCM, but something must be named."""
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
