"""Networks in: every source becomes a quantised graph whose tensors are captured on real inputs."""
