"""What an experiment needs: real servers on free ports of loopback, gone at the end."""
