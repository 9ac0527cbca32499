"""Ports for servers of tests: the rig's way, which is the only one."""

from chaos.rig.ports import free_port

__all__ = ["free_port"]
