"""Load tests with Locust: ``locust -f loadtests/locustfile.py``."""
