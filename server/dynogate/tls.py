"""TLS as HTTP clients need it that speak none."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no authority, so that none is read. A client of plain HTTP that is given nothing reads all
certificates of the system first: 20 to 90 ms of a core."""
