"""The pretend networks: one small server on loopback that the real connectors, with the real SDKs, talk to."""
