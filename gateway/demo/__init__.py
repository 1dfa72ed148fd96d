"""What the demonstration and the tests run against: real parts, started small."""
