"""The queue between log and recipients: a RabbitMQ broker or the embedded one, and the relay to it."""
