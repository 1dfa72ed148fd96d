"""Services that tests of every room may ask for."""

pytest_plugins = ["services.openbao", "services.rabbitmq"]
