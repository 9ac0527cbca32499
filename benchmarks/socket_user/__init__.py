"""The round trips that Locust's WebSocket users make with one core."""
