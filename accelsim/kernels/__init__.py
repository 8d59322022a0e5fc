"""Jitted helpers that dataflows and datapath share: masks, window walks, matching, broadcast queues."""
